"""Allowances as text: what is refused, and where; when periods begin."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tariffs.allowances import boundaries, factor
from tariffs.load import load
from tariffs.model import Period
from tests.tariff_folder import compiled, wrong

TARIFF = """
[calendar.uk]
zone = "Europe/London"
[rate.r]
currency = "GBP"
price = "1"
[plan.p]
currency = "GBP"
calendar = "uk"
[[plan.p.rule]]
rate = "r"
[plan.q]
currency = "GBP"
[[plan.q.rule]]
rate = "r"
[allowance.a]
"""
GOOD = 'plan = "p"\nunit = "s"\namount = 1\n'

TIERED = """plan = "p"
unit = "s"
[rate.s]
currency = "GBP"
price = "1"
{}
"""
USED_BY_Q = """[plan.z]
currency = "GBP"
[[plan.z.rule]]
rate = "s"
"""

# text of the allowance (from line 16 on), line, key, part of the message
WRONG = [
    ('plan = "p"\nunit = "s"', 15, "amount", "is required"),
    ('plan = "p"\nunit = "minute"\namount = 1', 17, "unit", "expected one of s, byte, event"),
    (GOOD + "increment = 0", 19, "increment", "from 1"),
    (f'plan = "p"\nunit = "s"\namount = {2**48}', 18, "amount", "less than 2^48"),
    (GOOD + 'period = "year"', 19, "period", "a number of days"),
    (GOOD + 'period = "30 days"', 15, "anchor", "a day on which a period begins"),
    (GOOD + 'anchor = "2024-01-01"', 19, "anchor", "belongs to a period"),
    (GOOD + 'factor = "0"', 19, "factor", "above 0"),
    (GOOD + 'factor = "257/256"', 19, "factor", "below 256"),
    (GOOD + "rollover = { periods = 1 }", 19, "rollover.limit", "is required"),
    (GOOD + "rollover = { limit = 5, periods = 13 }", 19, "rollover", "at most 12"),
    (GOOD + 'period = "once"\nrollover = { limit = 5 }', 20, "rollover", "no next period"),
    (GOOD + "valid_days = 3", 19, "valid_days", "belongs to the period"),
    (GOOD + "member_cap = 3", 19, "member_cap", "of a pool"),
    (GOOD + 'plan_s = "p"', 19, "plan_s", "is unknown"),
    ('plan = "x"\nunit = "s"\namount = 1', 15, "plan", "there is no plan x"),
    (GOOD + 'zone = "moon"', 15, "zone", "there is no zone moon"),
    (GOOD + 'class = "vip"', 15, "class", "there is no class vip"),
    (GOOD + 'band = "peak"', 15, "band", "there is no band peak"),
    ('plan = ["p", "q"]\nunit = "s"\namount = 1', 15, "time_zone", "several zones"),
    ('plan = "p"\namount = 1', 15, "unit", "either unit or currency"),
    ('plan = "p"\ncurrency = "GBP"\namount = 1', 18, "amount", "money as a string"),
    ('plan = "p"\ncurrency = "GBP"\namount = "0"', 18, "amount", "more than 0"),
    ('plan = "p"\ncurrency = "EUR"\namount = "1"', 15, "currency", "a plan charges GBP"),
    ('plan = "p"\ncurrency = "GBP"\namount = "1"\nfactor = "2"', 19, "factor", "of units, not of money"),
]

# text of an accumulator (from line 19 on) and of a rate over it, line, key, part of the message
WRONG_TOTALS = [
    ('plan = "p"', 19, "accumulator.t.unit", "either unit or currency"),
    ('plan = "p"\nunit = "s"\ncurrency = "GBP"', 21, "accumulator.t.unit", "either unit or currency"),
    ('plan = "p"\nunit = "s"\ncap = "1"', 22, "accumulator.t.cap", "of money"),
    ('plan = "p"\ncurrency = "GBP"\ncap = "0"', 22, "accumulator.t.cap", "more than 0"),
    ('plan = "p"\ncurrency = "GBP"\ncount_free = true', 22, "accumulator.t.count_free", "of units"),
    ('plan = "p"\ncurrency = "EUR"', 19, "accumulator.t.currency", "a plan charges GBP"),
    ('plan = "x"\nunit = "s"', 19, "accumulator.t.plan", "there is no plan x"),
    ('plan = "p"\nunit = "s"\namount = 5', 22, "accumulator.t.amount", "is unknown"),
    ('plan = "p"\nunit = "s"\n[accumulator.a]\nplan = "p"\nunit = "s"', 22, "accumulator.a", "of an allowance already"),
    (TIERED.format('accumulator = "x"'), 22, "rate.s.accumulator", "there is no accumulator x"),
    (TIERED.format('accumulator = "t"\ntiers = "steep"'), 26, "rate.s.tiers", "graduated, volume"),
    (TIERED.format('tiers = "volume"'), 25, "rate.s.tiers", "belongs to a rate with an accumulator"),
    (TIERED.format('accumulator = "t"\nstep_counter = "isolated"'), 26, "rate.s.step_counter", "do not count"),
    (TIERED.format('accumulator = "t"').replace('unit = "s"', 'currency = "GBP"'), 22, "rate.s.accumulator", "money"),
    (TIERED.format('accumulator = "t"') + USED_BY_Q, 28, "plan.z.rule.rate", "which does not count plan z"),
]


@pytest.mark.parametrize(("text", "line", "key", "message"), WRONG_TOTALS)
def test_wrong_totals(text: str, line: int, key: str, message: str, tmp_path: Path) -> None:
    found = wrong(tmp_path, {"t.toml": TARIFF.lstrip() + GOOD + "[accumulator.t]\n" + text})
    assert [(each.place.line, each.key) for each in found if message in each.message] == [(line, key)], found


@pytest.mark.parametrize(("text", "line", "key", "message"), WRONG)
def test_wrong(text: str, line: int, key: str, message: str, tmp_path: Path) -> None:
    found = wrong(tmp_path, {"t.toml": TARIFF.lstrip() + text})
    told = [(each.place.line, each.key) for each in found if message in each.message]
    assert told == [(line, f"allowance.a.{key}")], found


def test_an_account_is_in_one_pool(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text(TARIFF + GOOD)
    rows = "number,+441,ann,p,one\nnumber,+442,ann,p,\nnumber,+443,ann,p,two\nnumber,+444,ben,p,two\n"
    (tmp_path / "subscriptions.csv").write_text("kind,key,account,plan,pool\n" + rows)
    assert [str(each) for each in load(tmp_path)[1]] == [
        "subscriptions.csv:4: pool: account ann is in another pool already, not two"
    ]


def test_a_tariff_without_allowances_has_no_trace_of_them(tmp_path: Path) -> None:
    catalogue = compiled(tmp_path, {"t.toml": TARIFF.removesuffix("[allowance.a]\n")})
    assert not [name for name, *_ in catalogue.parts() if "allowance" in name or "pool" in name]


# period, zone, an instant, when its period begins and when the next one does (UTC)
PERIODS = [
    (Period("day"), "Europe/London", "2024-03-31T12:00", "2024-03-31T00:00", "2024-03-31T23:00"),
    (Period("day"), "Europe/London", "2024-10-27T12:00", "2024-10-26T23:00", "2024-10-28T00:00"),
    (Period("day"), "America/Sao_Paulo", "2018-11-04T12:00", "2018-11-04T03:00", "2018-11-05T02:00"),  # no midnight
    (Period("week"), "UTC", "2024-03-03T23:59", "2024-02-26T00:00", "2024-03-04T00:00"),
    (Period("month"), "Asia/Kathmandu", "2024-02-29T18:15", "2024-02-29T18:15", "2024-03-31T18:15"),
    (Period("days", 30, datetime(2024, 1, 5, tzinfo=UTC).date()), "UTC", "2024-01-04", "2023-12-06", "2024-01-05"),
]


@pytest.mark.parametrize(("period", "zone", "instant", "begin", "end"), PERIODS)
def test_periods(period: Period, zone: str, instant: str, begin: str, end: str) -> None:
    at, *expected = (
        int(datetime.fromisoformat(each).replace(tzinfo=UTC).timestamp()) * 10**6 for each in (instant, begin, end)
    )
    found = boundaries(period, zone)
    place = max(number for number, each in enumerate(found) if each <= at)
    assert [found[place], found[place + 1]] == expected


@pytest.mark.parametrize(("text", "terms"), [("0.5", (1, 2)), ("6/4", (3, 2)), ("2", (2, 1)), ("255/254", (255, 254))])
def test_factors(text: str, terms: tuple[int, int]) -> None:
    assert factor(text) == terms
