"""The scalar rules against fractions, and at the edges of int64."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rating import rules
from rating.rules import AMOUNT_END, OVERFLOW

nano = st.integers(0, AMOUNT_END - 1)
pers = st.integers(1, 2**31)

# whole, rest, denominator, unit, then half_up, half_even, up, down
ROUNDINGS = [
    (15, 0, 1, 10, 20, 20, 20, 10),
    (25, 0, 1, 10, 30, 20, 30, 20),
    (25, 1, 3, 10, 30, 30, 30, 20),
    (24, 2, 3, 10, 20, 20, 30, 20),
    (20, 0, 1, 10, 20, 20, 20, 20),
    (20, 1, 3, 10, 20, 20, 30, 20),
    (7, 1, 2, 1, 8, 8, 8, 7),
    (6, 1, 2, 1, 7, 6, 7, 6),
    (6, 1, 3, 1, 6, 6, 7, 6),
    (6, 2, 3, 1, 7, 7, 7, 6),
    (500_000_000, 0, 7, 1_000_000_000, 1_000_000_000, 0, 1_000_000_000, 0),
    (AMOUNT_END - 1, 0, 1, 10, AMOUNT_END, AMOUNT_END, AMOUNT_END, AMOUNT_END - 10),
]


@pytest.mark.parametrize("row", ROUNDINGS)
def test_rounding_modes(row: tuple[int, ...]) -> None:
    whole, rest, denominator, unit, *expected = row
    modes = (rules.HALF_UP, rules.HALF_EVEN, rules.UP, rules.DOWN)
    assert [rules.rounded(whole, rest, denominator, unit, mode) for mode in modes] == expected


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 2**53), st.integers(0, 2**30), pers, st.integers(1, 1000))
def test_price_is_exact_or_says_overflow(units: int, price: int, per: int, factor: int) -> None:
    denominator = per * factor
    exact = Fraction(units * price, per)
    whole, rest = rules.exact_price(units, price, per, denominator)
    if whole == OVERFLOW:
        assert exact >= AMOUNT_END - price
    else:
        assert whole + Fraction(rest, denominator) == exact
        assert 0 <= rest < denominator


@settings(max_examples=200, deadline=None)
@given(nano, nano, st.integers(1, 2**61), st.integers(0, 2**61), st.integers(0, 2**61))
def test_sum_is_exact_or_says_overflow(a: int, b: int, denominator: int, first: int, second: int) -> None:
    rests = first % denominator, second % denominator
    exact = a + b + Fraction(sum(rests), denominator)
    whole, rest = rules.exact_sum(a, rests[0], b, rests[1], denominator)
    if whole == OVERFLOW:
        assert exact >= AMOUNT_END
    else:
        assert whole + Fraction(rest, denominator) == exact < AMOUNT_END


@settings(max_examples=200, deadline=None)
@given(nano, st.integers(1, 2**61), st.integers(0, 2**61), st.integers(0, 9))
def test_rounding_stays_within_a_unit(whole: int, denominator: int, rest: int, scale: int) -> None:
    unit = 10 ** (9 - scale)
    exact = whole + Fraction(rest % denominator, denominator)
    for mode in (rules.HALF_UP, rules.HALF_EVEN, rules.UP, rules.DOWN):
        amount = rules.rounded(whole, rest % denominator, denominator, unit, mode)
        assert amount % unit == 0
        assert abs(amount - exact) < unit
        assert mode != rules.UP or amount >= exact
        assert mode != rules.DOWN or amount <= exact
        assert mode > rules.HALF_EVEN or abs(amount - exact) * 2 <= unit


@settings(max_examples=500, deadline=None)
@given(
    st.integers(1, rules.USAGE_END - 1),
    nano,
    st.integers(0, rules.USAGE_END - 1),
    st.integers(1, rules.USAGE_END - 1),
    st.integers(0, 2**61),
    st.sampled_from([1, 2, 3, 60, 1024, 2**31, 2**53 - 1]),
    st.integers(0, 9),
)
def test_a_flat_price_is_exact_up_to_the_edges(
    usage: int, setup: int, minimum: int, increment: int, price: int, per: int, scale: int
) -> None:
    price %= 2**62 // per
    billed, amount, note = rules.flat_price(
        usage, setup, minimum, increment, price, per, -1, -1, 10 ** (9 - scale), rules.DOWN
    )
    wanted = minimum + max(0, -(-(usage - minimum) // increment)) * increment
    exact = setup + Fraction(wanted * price, per)
    unit = 10 ** (9 - scale)
    assert amount == (exact // unit * unit if exact < AMOUNT_END else OVERFLOW)
    assert amount == OVERFLOW or (billed, note) == (wanted, rules.NO_NOTE)
