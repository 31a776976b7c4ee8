"""Allowances worked by hand: a row is what a plan includes and what a call then costs, the outcome last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mediation.stage import empty
from rating import hypothetical
from rating.balances.live import Balances, no_balances, price_drawing
from rating.guide import guide
from tariffs.catalogue import Catalogue
from tests.tariff_folder import compiled

PLAN = """
[calendar.uk]
zone = "Europe/London"
[rate.r]
currency = "GBP"
setup_fee = "0.05"
steps = [{ price = "0.10", per = 60, increment = 60 }, { from = 120, price = "0.01", per = 60, increment = 60 }]
[plan.p]
currency = "GBP"
calendar = "uk"
[[plan.p.rule]]
rate = "r"
"""
PEOPLE = """kind,key,account,plan,valid_from,valid_to,pool
number,+441,ann,p,2024-03-01,,fam
number,+442,ben,p,2024-03-01,,fam
number,+443,new,p,2024-03-16 12:00+00:00,,
"""
ANN, BEN, NEW = "+441", "+442", "+443"
MARCH, LAST, APRIL = "2024-03-10T10:00", "2024-03-31T22:59:59", "2024-03-31T23:00"
FREE = "allowance"
POOL = "amount = 100\npool = true"
Call = tuple[str, str, int]


def batch(
    catalogue: Catalogue, balances: Balances, calls: Sequence[Call], offset: int = 0
) -> list[tuple[int, str, str]]:
    """(free usage, amount, note) of each call, which have then landed."""
    events = [
        hypothetical.Event(None, "voice", "s", usage, micros(start), number, "+4479", usage_offset=offset)
        for number, start, usage in calls
    ]
    guided, _ = guide(hypothetical.usage_batch(events), catalogue)
    outcome = price_drawing(guided, catalogue, balances, lambda priced: (priced, empty("rejected")))
    balances.landed(outcome.drawn)
    rows = outcome.priced.charges.select(["free_usage", "amount", "note"]).to_pylist()
    return [(row["free_usage"], f"{row['amount'].normalize():f}", row["note"]) for row in rows]


def micros(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def made(folder: Path, *allowances: str) -> Catalogue:
    terms = [f'[allowance.a{number}]\nplan = "p"\nunit = "s"\n{text}\n' for number, text in enumerate(allowances)]
    return compiled(folder, {"plan.toml": PLAN, "allowances.toml": "".join(terms), "subscriptions.csv": PEOPLE})


# allowances, calls of a batch, (free usage, amount, note) of each
CARDS = [
    (["amount = 300"], [(ANN, MARCH, 150)], [(150, "0", FREE)]),
    (["amount = 300\nsetup_fee_on_free = true"], [(ANN, MARCH, 150)], [(150, "0.05", FREE)]),
    (["amount = 60"], [(ANN, MARCH, 0)], [(0, "0", "zero_usage")]),
    # exhausted within an increment: what is left of the lot stays, or the increment is split
    (["amount = 100\nincrement = 60"], [(ANN, MARCH, 150), (ANN, LAST, 40)], [(60, "0.16", ""), (0, "0.15", "")]),
    (["amount = 100\nincrement = 60\nsplit = true"], [(ANN, MARCH, 150)], [(100, "0.15", "")]),
    # the steps go on from where the free usage ends, or begin again
    (["amount = 120"], [(ANN, MARCH, 180)], [(120, "0.06", "")]),
    (['amount = 120\nremainder = "restart"'], [(ANN, MARCH, 180)], [(120, "0.15", "")]),
    # two units drawn for one; half a unit
    (['amount = 100\nfactor = "2"'], [(ANN, MARCH, 60)], [(50, "0.15", "")]),
    (['amount = 29\nfactor = "1/2"'], [(ANN, MARCH, 60)], [(58, "0.15", "")]),
    # by priority, else by end, else by id
    (["amount = 30\npriority = 1", "amount = 300"], [(ANN, MARCH, 360)], [(330, "0.06", "")]),
    ([POOL, POOL], [(ANN, MARCH, 150), (BEN, LAST, 60)], [(150, "0", FREE), (50, "0.15", "")]),
    # members draw in the order of their calls, up to their cap
    ([POOL], [(BEN, LAST, 60), (ANN, MARCH, 60)], [(40, "0.15", ""), (60, "0", FREE)]),
    ([POOL + "\nmember_cap = 50"], [(ANN, MARCH, 60), (BEN, LAST, 50)], [(50, "0.15", ""), (50, "0", FREE)]),
    ([POOL], [(NEW, APRIL, 60)], [(0, "0.15", "")]),
    # clocks in London go forward on 31 March: the month ends an hour early
    (["amount = 60\nrollover.limit = 20"], [(ANN, LAST, 50), (ANN, APRIL, 90)], [(50, "0", FREE), (70, "0.15", "")]),
    (["amount = 60"], [(ANN, LAST, 60), (ANN, APRIL, 60)], [(60, "0", FREE), (60, "0", FREE)]),
    # who comes in mid-month: 15.5 days less an hour of 31 days less an hour
    (['amount = 743\nproration = "down"'], [(NEW, LAST, 743)], [(371, "0.12", "")]),
    (["amount = 743"], [(NEW, LAST, 743)], [(743, "0", FREE)]),
]  # fmt: skip


@pytest.mark.parametrize(("allowances", "calls", "expected"), CARDS)
def test_card(allowances: list[str], calls: list[Call], expected: list[tuple[int, str, str]], tmp_path: Path) -> None:
    catalogue = made(tmp_path, *allowances)
    assert batch(catalogue, no_balances(catalogue), calls) == expected


def test_the_first_message_of_each_day_is_free(tmp_path: Path) -> None:
    """As docs/fees-and-discounts.md has it; a day in London, where clocks go forward on 31 March."""
    text = '[allowance.first]\nplan = "p"\nunit = "event"\namount = 1\nperiod = "day"\nservice = "sms"\n'
    plan = PLAN + '[rate.sms]\ncurrency = "GBP"\nprice = "0.20"\n[[plan.p.rule]]\nservice = "sms"\nrate = "sms"\n'
    catalogue = compiled(tmp_path, {"plan.toml": plan + text, "subscriptions.csv": PEOPLE})
    starts = ["2024-03-30T23:58", "2024-03-30T23:59", "2024-03-31T00:00", "2024-03-31T22:59", "2024-03-31T23:00"]
    events = [hypothetical.Event(None, "sms", "event", 1, micros(start), ANN, "+4479") for start in starts]
    guided, _ = guide(hypothetical.usage_batch(events), catalogue)
    priced = price_drawing(guided, catalogue, no_balances(catalogue), lambda each: (each, empty("rejected"))).priced
    costs = [f"{row['amount'].normalize():f}" for row in priced.charges.select(["amount"]).to_pylist()]
    assert costs == ["0", "0.2", "0", "0.2", "0"]


def test_a_late_call_draws_on_its_own_period_what_has_not_rolled_over(tmp_path: Path) -> None:
    catalogue = made(tmp_path, "amount = 300\nrollover = { limit = 240 }")
    balances = no_balances(catalogue)
    assert batch(catalogue, balances, [(ANN, APRIL, 300)]) == [(300, "0", FREE)]
    assert batch(catalogue, balances, [(ANN, MARCH, 120)]) == [(60, "0.15", "")]
    assert batch(catalogue, balances, [(ANN, APRIL, 240)]) == [(240, "0", FREE)]


def test_a_later_partial_pays_no_setup_fee(tmp_path: Path) -> None:
    catalogue = made(tmp_path, "amount = 90")
    balances = no_balances(catalogue)
    assert batch(catalogue, balances, [(ANN, MARCH, 60)]) == [(60, "0", FREE)]
    assert batch(catalogue, balances, [(ANN, MARCH, 120)], offset=60) == [(30, "0.01", "")]
