"""Discounts of a period: what comes off which line, by hand."""

from __future__ import annotations

import tomllib

import polars as pl
import pytest

from rating.period_charges.discounts import CATEGORIES, discounts
from tariffs.discounts import discount
from tariffs.model import NANO, Discount
from tariffs.source import Table


def offered(text: str) -> list[Discount]:
    said = tomllib.loads(text)["discount"]
    problems = []
    made = [discount(Table(said[name], "t", ("discount", name), {}, problems)) for name in said]
    assert not problems
    return made


def lines(text: str) -> pl.DataFrame:
    """Lines such as ``ann p voice 50.00``, or ``ann p fee:rental 20.00``: account, plan, what, amount."""
    rows = []
    for each in text.split(","):
        account, plan, what, amount = each.split()
        service, _, fee = what.partition(":")
        told = {"account": account, "plan": plan, "service": "" if fee else service, "fee": fee, "currency": "EUR"}
        rows.append(dict.fromkeys(CATEGORIES, "") | told | {"amount": round(float(amount) * 100) * (NANO // 100)})
    return pl.DataFrame(rows)


def told(found: pl.DataFrame) -> str:
    return ", ".join(
        f"{name} {line}: {amount / NANO:.4f}".rstrip("0").rstrip(".")
        for line, name, amount in found.select("line", "discount", "amount").iter_rows()
    )


TENTH = '[discount.a]\nplan = "p"\npercent = "10"\n'
EUR = 'currency = "EUR"\n'
FIVE = '[discount.b]\nplan = "p"\namount = "5"\n' + EUR
CENTS = "rounding = { scale = 2 }\n"
BUNDLE = '[discount.a]\nplan = "net"\nfee = "broadband"\npercent = "20"\n' + EUR

# discounts, lines, what comes off each
CASES = [
    (TENTH, "ann p voice 50", "a 0: 5"),
    (TENTH, "ann q voice 50", ""),
    (TENTH, "ann p voice 50, ann p sms 30, ben p voice 7", "a 1: 3, a 0: 5, a 2: 0.7"),
    (TENTH + 'service = "voice"', "ann p voice 50, ann p sms 30", "a 0: 5"),
    (TENTH + 'lines = "usage"', "ann p voice 50, ann p fee:rental 30", "a 0: 5"),
    (TENTH + 'lines = "fees"', "ann p voice 50, ann p fee:rental 30", "a 1: 3"),
    (TENTH + 'fee = "rental"', "ann p fee:other 50, ann p fee:rental 30", "a 1: 3"),
    # above: the part above, or all of it; at the threshold nothing yet
    (TENTH + EUR + 'above = "100"', "ann p voice 150", "a 0: 5"),
    (TENTH + EUR + 'above = "100"\non = "all"', "ann p voice 150", "a 0: 15"),
    (TENTH + EUR + 'above = "100"\non = "all"', "ann p voice 100", ""),
    (TENTH + EUR + 'above = "100"\non = "all"', "ann p voice 60, ann p sms 40.01", "a 1: 4.001, a 0: 6"),
    (TENTH + EUR + 'above = "100"', "ann p voice 60, ben p voice 60", ""),
    # from one category to another
    (BUNDLE + 'when = { plan = "p", lines = "usage", above = "50" }', "ann p voice 51, ann net fee:broadband 30",
     "a 1: 6"),
    (BUNDLE + 'when = { plan = "p", lines = "usage", above = "50" }', "ann p voice 50, ann net fee:broadband 30", ""),
    (BUNDLE + 'when = { plan = "p" }', "ann p fee:rental 0.01, ann net fee:broadband 30", "a 1: 6"),
    (BUNDLE + 'when = { plan = "p" }', "ben p fee:rental 9, ann net fee:broadband 30", ""),
    # amounts, caps, never below zero
    (FIVE, "ann p voice 50", "b 0: 5"),
    (FIVE, "ann p voice 3", "b 0: 3"),
    (FIVE, "ann p voice 2, ann p sms 8", "b 1: 4, b 0: 1"),
    (FIVE + 'above = "20"', "ann p voice 22", "b 0: 2"),
    (FIVE + 'above = "20"\non = "all"', "ann p voice 22", "b 0: 5"),
    (TENTH + EUR + 'cap = "4"', "ann p voice 50", "a 0: 4"),
    ('[discount.a]\nplan = "p"\npercent = "100"\n', "ann p voice 3.33, ann p sms 1", "a 1: 1, a 0: 3.33"),
    # credits lower the sum; nothing comes off them
    (TENTH, "ann p voice 50, ann p sms -20", "a 0: 3"),
    (TENTH, "ann p voice 50, ann p sms -60", ""),
    (FIVE, "ann p voice 50, ann p sms -48", "b 0: 2"),
    # order: what is declared first is taken first, of the net or of the list price
    (TENTH + "order = 1\n" + FIVE + "order = 2\n", "ann p voice 50", "a 0: 5, b 0: 5"),
    (TENTH + "order = 2\n" + FIVE + "order = 1\n", "ann p voice 50", "b 0: 5, a 0: 4.5"),
    (TENTH + 'order = 2\nof = "list"\n' + FIVE + "order = 1\n", "ann p voice 50", "b 0: 5, a 0: 5"),
    (FIVE + TENTH, "ann p voice 50", "a 0: 5, b 0: 5"),
    ('[discount.a]\nplan = "p"\npercent = "60"\nof = "list"\n[discount.b]\nplan = "p"\npercent = "60"\nof = "list"\n',
     "ann p voice 10", "a 0: 6, b 0: 4"),
    (TENTH + EUR + 'order = 2\nabove = "48"\n' + FIVE, "ann p voice 50", "b 0: 5"),
    (TENTH + EUR + 'order = 2\nabove = "48"\nof = "list"\n' + FIVE, "ann p voice 50", "b 0: 5, a 0: 0.2"),
    # rounded once for an account, then split by largest remainder
    (TENTH + CENTS, "ann p voice 0.33, ann p sms 0.33, ann p mms 0.33", "a 2: 0.0333, a 1: 0.0333, a 0: 0.0333"),
    (TENTH + CENTS, "ann p voice 0.15", "a 0: 0.02"),
    (TENTH + 'rounding = { scale = 2, mode = "half_even" }', "ann p voice 0.25", "a 0: 0.02"),
    (TENTH + 'rounding = { scale = 2, mode = "down" }', "ann p voice 0.19", "a 0: 0.01"),
    (TENTH + 'rounding = { scale = 0, mode = "up" }', "ann p voice 0.19", "a 0: 0.19"),
    (TENTH + 'currency = "USD"', "ann p voice 50", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "charged", "expected"), CASES)
def test_what_comes_off(text: str, charged: str, expected: str) -> None:
    assert told(discounts(lines(charged), offered(text))) == expected


def test_currencies_do_not_meet() -> None:
    both = lines("ann p voice 60, ann p voice 60").with_columns(pl.Series("currency", ["EUR", "USD"]))
    assert told(discounts(both, offered(TENTH + EUR + 'above = "100"'))) == ""
    assert told(discounts(both, offered(TENTH))) == "a 0: 6, a 1: 6"


def test_sums_pass_64_bits() -> None:
    rich = lines("ann p voice 1, ann p sms 1").with_columns(pl.lit(2**63 - 1).alias("amount"))
    found = discounts(rich, offered('[discount.a]\nplan = "p"\npercent = "100"\n'))
    assert found["amount"].to_list() == [2**63 - 1] * 2
    richer = pl.concat([rich, rich])
    with pytest.raises(OverflowError, match="127 bits"):
        discounts(richer, offered('[discount.a]\nplan = "p"\npercent = "100"\n'))


def test_no_lines_no_discounts() -> None:
    assert discounts(lines("ann p voice 1").clear(), offered(TENTH)).is_empty()
    assert discounts(lines("ann p voice 1"), []).is_empty()
