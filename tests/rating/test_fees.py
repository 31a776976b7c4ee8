"""Fees of a period: what is due, for which days, and how much, in months of every length."""

from __future__ import annotations

from pathlib import Path

import pytest

from rating.period import Period
from rating.period_charges.fees import fees
from tariffs.load import load
from tariffs.model import Tariff
from tests.tariff_folder import loaded

PLANS = """
[calendar.ny]
zone = "America/New_York"
[tax.vat]
percent = "20"
[rate.r]
currency = "EUR"
price = "1"
[plan.p]
currency = "EUR"
calendar = "ny"
tax = "vat"
[[plan.p.rule]]
rate = "r"
[plan.q]
currency = "EUR"
calendar = "ny"
tax_mode = "inclusive"
[[plan.q.rule]]
rate = "r"
[tariff]
zone = "America/New_York"
[fee.f]
plan = ["p", "q"]
amount = "10.00"
currency = "EUR"
"""
HALF_UP = 'proration = "half_up"\nscale = 2\n'
LATE = 'due = "arrears"\n'
LATE_SHARE = LATE + HALF_UP
ONE = "number,+1,ann,p,{},{}\n"


def tariff(folder: Path, keys: str, subscriptions: str) -> Tariff:
    head = "kind,key,account,plan,valid_from,valid_to\n"
    return loaded(folder, {"t.toml": PLANS + keys, "subscriptions.csv": head + subscriptions})


def due(made: Tariff, period: str) -> list[str]:
    """``key plan from/until days/of amount`` of each fee that is due."""
    rows = fees(made, Period.parse(period)).select(
        "key", "plan", "from_day", "until_day", "days", "of_days", "amount", "due_day"
    )
    return [
        f"{key or '-'} {plan} {since:%m-%d}/{until:%m-%d} {days}/{of} {amount // 10**7 / 100:.2f}"
        for key, plan, since, until, days, of, amount, _ in rows.iter_rows()
    ]


# keys of the fee, subscriptions, period, what is due in it
CASES = [
    # whole months, of 31, 30, 28 and 29 days; in advance the next one is due
    (LATE, ONE.format("", ""), "2026-01", ["- p 01-01/02-01 31/31 10.00"]),
    (LATE, ONE.format("", ""), "2026-04", ["- p 04-01/05-01 30/30 10.00"]),
    (LATE, ONE.format("", ""), "2026-02", ["- p 02-01/03-01 28/28 10.00"]),
    (LATE, ONE.format("", ""), "2024-02", ["- p 02-01/03-01 29/29 10.00"]),
    ("", ONE.format("", ""), "2026-01", ["- p 02-01/03-01 28/28 10.00"]),
    # a beginning in the middle of a month: the rest of it, and the next month in advance
    (HALF_UP, ONE.format("2026-02-15", ""), "2026-02", ["- p 02-15/03-01 14/28 5.00", "- p 03-01/04-01 31/31 10.00"]),
    (HALF_UP, ONE.format("2024-02-15", ""), "2024-02", ["- p 02-15/03-01 15/29 5.17", "- p 03-01/04-01 31/31 10.00"]),
    (HALF_UP, ONE.format("2026-02-01", ""), "2026-01", []),
    (HALF_UP, ONE.format("2026-02-01", ""), "2026-02", ["- p 02-01/03-01 28/28 10.00", "- p 03-01/04-01 31/31 10.00"]),
    ("", ONE.format("2026-02-15", ""), "2026-02", ["- p 02-15/03-01 14/28 10.00", "- p 03-01/04-01 31/31 10.00"]),
    ('proration = "up"\nscale = 2\n' + LATE, ONE.format("2026-01-31", ""), "2026-01", ["- p 01-31/02-01 1/31 0.33"]),
    ('proration = "down"\nscale = 2\n' + LATE, ONE.format("2026-01-31", ""), "2026-01", ["- p 01-31/02-01 1/31 0.32"]),
    ('proration = "up"\nscale = 0\n' + LATE, ONE.format("2026-01-31", ""), "2026-01", ["- p 01-31/02-01 1/31 1.00"]),
    # an end, known beforehand, in the middle of a month
    (LATE_SHARE, ONE.format("", "2026-04-11"), "2026-04", ["- p 04-01/04-11 10/30 3.33"]),
    (HALF_UP, ONE.format("", "2026-04-11"), "2026-03", ["- p 04-01/04-11 10/30 3.33"]),
    (HALF_UP, ONE.format("", "2026-04-11"), "2026-04", []),
    # hours count for nothing: the day of the change is that of the new plan
    (LATE_SHARE, ONE.format("2026-04-11 23:59", "2026-04-12 00:01"), "2026-04", ["- p 04-11/04-12 1/30 0.33"]),
    (LATE_SHARE, ONE.format("2026-04-11 08:00", "2026-04-11 18:00"), "2026-04", []),
    # a change of plan: the parts sum to the fee; not divided, the first plan pays
    (LATE_SHARE, ONE.format("", "2026-01-11") + "number,+1,ann,q,2026-01-11,\n", "2026-01",
     ["- p 01-01/01-11 10/31 3.23", "- q 01-11/02-01 21/31 6.77"]),
    (LATE_SHARE, ONE.format("", "2026-01-11 12:00") + "number,+1,ann,q,2026-01-11 12:00,2026-01-21\n"
     "number,+1,ann,p,2026-01-21,\n", "2026-01",
     ["- p 01-01/01-11 10/31 3.23", "- q 01-11/01-21 10/31 3.22", "- p 01-21/02-01 11/31 3.55"]),
    (LATE, ONE.format("", "2026-01-11") + "number,+1,ann,q,2026-01-11,\n", "2026-01", ["- p 01-01/02-01 31/31 10.00"]),
    (LATE, ONE.format("", "2026-01-11") + "number,+1,ann,q,2026-01-11,\n", "2026-02", ["- q 02-01/03-01 28/28 10.00"]),
    # away and back: no fee for the days between; not divided, one fee
    (LATE_SHARE, ONE.format("", "2026-04-06") + "number,+1,ann,p,2026-04-26,\n", "2026-04",
     ["- p 04-01/04-06 5/30 1.67", "- p 04-26/05-01 5/30 1.66"]),
    (LATE, ONE.format("", "2026-04-06") + "number,+1,ann,p,2026-04-26,\n", "2026-04", ["- p 04-01/04-06 5/30 10.00"]),
    # an account pays once for two numbers, on two plans, too; each number pays where the fee says so
    (LATE_SHARE, ONE.format("", "") + "number,+2,ann,q,2026-01-11,\nimsi,7,ann,p,,\n", "2026-01",
     ["- p 01-01/02-01 31/31 10.00"]),
    (LATE_SHARE, ONE.format("", "2026-01-21") + "number,+2,ann,q,2026-01-11,\n", "2026-01",
     ["- p 01-01/01-21 20/31 6.45", "- q 01-21/02-01 11/31 3.55"]),
    (LATE_SHARE + 'per = "number"', ONE.format("", "") + "number,+2,ann,q,2026-01-11,\nimsi,7,ann,p,,\n", "2026-01",
     ["+1 p 01-01/02-01 31/31 10.00", "+2 q 01-11/02-01 21/31 6.77"]),
    # other periods: weeks from Monday, so many days, days; 23- and 25-hour days are days
    (LATE_SHARE + 'period = "week"', ONE.format("2026-03-04", ""), "2026-03-01/2026-03-15",
     ["- p 03-04/03-09 5/7 7.14", "- p 03-09/03-16 7/7 10.00"]),
    (LATE_SHARE + 'period = "30 days"\nanchor = "2026-01-05"', ONE.format("2026-03-31", ""), "2026-04",
     ["- p 03-31/04-05 5/30 1.67"]),
    (LATE + 'period = "day"', ONE.format("2026-03-07 12:00", "2026-03-09"), "2026-03",
     ["- p 03-07/03-08 1/1 10.00", "- p 03-08/03-09 1/1 10.00"]),
    (LATE_SHARE, ONE.format("2026-03-08 03:00", "2026-11-01 23:00"), "2026-03", ["- p 03-08/04-01 24/31 7.74"]),
    (LATE_SHARE, ONE.format("2026-03-09T03:59:59Z", ""), "2026-03", ["- p 03-08/04-01 24/31 7.74"]),
    (LATE_SHARE, ONE.format("2026-03-09T04:00:00Z", ""), "2026-03", ["- p 03-09/04-01 23/31 7.42"]),
    # once: where a holding begins, on the first of its plans; a change of plan is no beginning
    ('period = "once"', ONE.format("2026-03-08", "2026-03-20") + "number,+1,ann,q,2026-03-20,\n", "2026-03",
     ["- p 03-08/03-09 1/1 10.00"]),
    ('period = "once"', ONE.format("2026-03-08", "2026-03-20") + "number,+1,ann,q,2026-03-21,\n", "2026-03",
     ["- p 03-08/03-09 1/1 10.00", "- q 03-21/03-22 1/1 10.00"]),
    ('period = "once"', ONE.format("", ""), "2026-03", []),
    ('period = "once"', ONE.format("2026-03-08", ""), "2026-04", []),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "subscriptions", "period", "expected"), CASES)
def test_what_is_due(keys: str, subscriptions: str, period: str, expected: list[str], tmp_path: Path) -> None:
    assert due(tariff(tmp_path, keys, subscriptions), period) == expected


def test_a_fee_has_the_tax_of_its_plan_or_its_own(tmp_path: Path) -> None:
    made = tariff(tmp_path, LATE_SHARE, ONE.format("", "2026-01-11") + "number,+1,ann,q,2026-01-11,\n")
    rows = fees(made, Period.parse("2026-01")).select("fee", "tax", "tax_mode", "currency").rows()
    assert rows == [("f", "vat", "exclusive", "EUR"), ("f", "", "inclusive", "EUR")]
    own = tariff(tmp_path, LATE + 'tax = "none"', ONE.format("", ""))
    assert fees(own, Period.parse("2026-01"))["tax"].to_list() == [""]


def test_the_sample_as_it_is_billed_in_may() -> None:
    made, problems = load(Path(__file__).parents[2] / "samples" / "tariffs" / "packages")
    assert not problems
    assert due(made, "2026-05") == [
        "+491711000001 mobile 06-01/07-01 30/30 9.99",
        "+491711000003 mobile 05-20/06-01 12/31 3.87",
        "+491711000003 mobile 06-01/07-01 30/30 9.99",
        "+491711000002 mobile 05-11/06-01 21/31 6.77",
        "+491711000002 mobile 06-01/07-01 30/30 9.99",
        "- broadband 05-11/06-01 21/31 20.25",
        "- broadband 06-01/07-01 30/30 29.90",
        "- broadband 05-11/05-12 1/1 49.00",
    ]


def test_nobody_pays_nothing(tmp_path: Path) -> None:
    made = tariff(tmp_path, "", "")
    assert fees(made, Period.parse("2026-01")).is_empty()
