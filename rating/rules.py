"""The rules of price, as functions of integers: how units become nano, and exact nano become an amount.

Enters: integers. Leaves: integers. Always holds: no function here reads an array, a clock or a float; none
wraps; the same source runs jitted in rating/kernels.py and as plain Python where the jit is off.

An exact amount is ``whole + rest / denominator`` nano, ``0 <= rest < denominator``, where the denominator
is a multiple of every ``per`` of the plan. Bounds that hold by tariffs/check.py: ``price x per < 2^62`` and
``denominator < 2^62``.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mediation.jit import inlined, kernel

AMOUNT_END: Final = 10**18
"""Amounts are below it: nano-units of DECIMAL(18, 9)."""
USAGE_END: Final = 2**53
"""Usage and increments are below it, so that sums of a few of them stay within int64."""
OVERFLOW: Final = -1
_SMALL: Final = 2**31
"""The product of two numbers below it is below 2^62, which saves divisions."""

START, END, CARRY, CUT = range(4)
CONSECUTIVE, ISOLATED = range(2)
HALF_UP, HALF_EVEN, UP, DOWN = range(4)
STAGE_CHARGE, STAGE_STEP, STAGE_INCREMENT = range(3)

NOTES: Final = ("", "zero_usage", "free_under", "min_charge", "max_charge", "allowance", "spend_cap")
NO_NOTE, ZERO_USAGE, FREE_UNDER, MIN_CHARGE, MAX_CHARGE, ALLOWANCE, SPEND_CAP = range(7)

RESTARTS: Final = 1
"""What is left to charge after an allowance counts its steps from 0."""
FEE_ON_FREE: Final = 2
"""Usage that is free altogether pays the setup fee."""
GRADUATED: Final = 4
"""Steps are tiers: the step counter begins at what was counted."""
VOLUME: Final = 8
"""Steps are tiers: that of the last unit counted prices all."""


@inlined
def quotient(amount: int, divisor: int) -> int:
    """The whole part of ``amount / divisor``, neither below zero: for kernels half the work that signed numbers are."""
    return int(np.int64(np.uint64(amount) // np.uint64(divisor)))


@kernel
def increments_before(limit: int, position: int, increment: int) -> int:
    """How many increments, laid end to end from ``position``, begin before ``limit``, which is not before it."""
    return quotient(limit - position + increment - 1, increment)


@kernel
def exact_price(units: int, price: int, per: int, denominator: int) -> tuple[int, int]:
    """``units x price / per`` as (whole, rest); whole is OVERFLOW where it reaches AMOUNT_END."""
    if 0 <= units < _SMALL and price < _SMALL:
        product = units * price
        whole = quotient(product, per)
        if whole >= AMOUNT_END:
            return OVERFLOW, 0
        return whole, (product - whole * per) * quotient(denominator, per)
    times = quotient(units, per)
    if price > 0 and times > (AMOUNT_END - 1) // price:
        return OVERFLOW, 0
    part = (units - times * per) * price
    more = quotient(part, per)
    return times * price + more, (part - more * per) * quotient(denominator, per)


@kernel
def exact_sum(whole: int, rest: int, more: int, more_rest: int, denominator: int) -> tuple[int, int]:
    """The sum of two exact amounts; whole is OVERFLOW where one is, or where it reaches AMOUNT_END."""
    if more == OVERFLOW:
        return OVERFLOW, 0
    total = whole + more
    over = rest + more_rest
    if over >= denominator:
        total += 1
        over -= denominator
    if total >= AMOUNT_END:
        return OVERFLOW, 0
    return total, over


@kernel
def rounded(whole: int, rest: int, denominator: int, unit: int, mode: int) -> int:
    """The multiple of ``unit`` nano to which ``mode`` takes an exact amount (not below zero)."""
    if unit == 1:
        count, left, over, rest_over = whole, rest, rest - (denominator - rest), 0
    else:
        count = quotient(whole, unit)
        left = whole - count * unit
        over, rest_over = left - unit // 2, rest  # every unit but 1 is even
    # no branches: which way an amount goes is not to be predicted
    above = (over > 0) | ((over == 0) & (rest_over > 0))
    tie = (over == 0) & (rest_over == 0)
    nearest = above | (tie & ((mode == HALF_UP) | (count & 1 == 1)))
    goes_up = ((left > 0) | (rest > 0)) & ((mode == UP) | ((mode != DOWN) & nearest))
    return (count + int(goes_up)) * unit


@kernel
def run_price(
    count: int, increment: int, price: int, per: int, denominator: int, stage: int, unit: int, mode: int
) -> tuple[int, int]:
    """The price of ``count`` increments of one step, rounded if the rate rounds at the increment or the step."""
    if stage == STAGE_CHARGE:
        return exact_price(count * increment, price, per, denominator)
    priced = increment if stage == STAGE_INCREMENT else count * increment
    whole, rest = exact_price(priced, price, per, denominator)
    if whole == OVERFLOW:
        return OVERFLOW, 0
    amount = rounded(whole, rest, denominator, unit, mode)
    return exact_price(count, amount, 1, 1) if stage == STAGE_INCREMENT else (amount, 0)


@kernel
def limited(whole: int, rest: int, least: int, most: int) -> tuple[int, int, int]:
    """An exact amount within the charge's limits (below zero: none), and the note that says which one held."""
    if whole < least:
        return least, 0, MIN_CHARGE
    if most >= 0 and (whole > most or (whole == most and rest > 0)):
        return most, 0, MAX_CHARGE
    return whole, rest, NO_NOTE


@kernel
def flat_price(
    usage: int,
    setup: int,
    minimum: int,
    increment: int,
    price: int,
    per: int,
    least: int,
    most: int,
    unit: int,
    mode: int,
) -> tuple[int, int, int]:
    """(billed usage, amount, note) of usage above 0 in one step and one band, rounded at the charge.

    The amount is OVERFLOW where it reaches AMOUNT_END. Just what the walk over increments comes to.
    """
    billed = minimum + increments_before(max(usage, minimum), minimum, increment) * increment
    more, more_rest = exact_price(billed, price, per, per)
    whole, rest = exact_sum(setup, 0, more, more_rest, per)
    if whole == OVERFLOW:
        return 0, OVERFLOW, NO_NOTE
    whole, rest, note = limited(whole, rest, least, most)
    amount = rounded(whole, rest, per, unit, mode)
    return billed, (amount if amount < AMOUNT_END else OVERFLOW), note
