"""Fees and discounts equal a second program on random tariffs; sums are exact, nothing goes below zero."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from rating.period import Period
from rating.period_charges.discounts import CATEGORIES, SCHEMA, discounts
from rating.period_charges.fees import fees
from rating.period_charges.shares import shares
from tariffs.discounts import discount
from tariffs.load import load
from tariffs.model import NANO, Tariff
from tariffs.source import Table
from tests.oracle import fees_and_discounts as oracle
from tests.oracle.fees_and_discounts import Line, Part, Row

PLANS = ["p", "q", "r"]
ZONES = ["UTC", "Europe/London", "America/New_York", "Pacific/Auckland"]
quick = settings(max_examples=60, deadline=None)


@st.composite
def fee_tables(draw: st.DrawFn) -> dict[str, Any]:
    period = draw(st.sampled_from(["month", "month", "week", "day", "30 days", "once"]))
    made: dict[str, Any] = {
        "plan": draw(st.lists(st.sampled_from(PLANS), min_size=1, max_size=3, unique=True)),
        "amount": draw(st.sampled_from(["10", "0.01", "19.99", "999999999.99"])),
        "currency": "EUR",
        "period": period,
        "per": draw(st.sampled_from(["account", "account", "number", "imsi"])),
        "time_zone": draw(st.sampled_from(ZONES)),
    }
    if period == "30 days":
        made["anchor"] = draw(st.sampled_from(["2026-01-05", "2027-06-30"]))
    if period != "once":
        made["due"] = draw(st.sampled_from(["advance", "arrears"]))
        made["proration"] = draw(st.sampled_from(["none", "down", "half_up", "up"]))
        if made["proration"] != "none":
            made["scale"] = draw(st.sampled_from([2, 9]))
    return made


@st.composite
def holdings(draw: st.DrawFn) -> list[Row]:
    """Keys of two accounts, each on one plan after the other, with and without days between."""
    rows = []
    for number in range(draw(st.integers(1, 4))):
        kind, account = draw(st.sampled_from(["number", "imsi"])), draw(st.sampled_from(["ann", "ben"]))
        hours = sorted(draw(st.lists(st.integers(0, 24 * 100), min_size=2, max_size=5, unique=True)))
        moments = [datetime(2026, 1, 20, tzinfo=UTC) + timedelta(hours=each) for each in hours]
        edges: list[datetime | None] = [*moments]
        if draw(st.booleans()):
            edges[0] = None
        if draw(st.booleans()):
            edges[-1] = None
        for begin, end in pairwise(edges):
            if draw(st.integers(0, 3)):
                rows.append(Row(kind, f"{number}", account, draw(st.sampled_from(PLANS)), begin, end))
    return rows


def tariff(fee: dict[str, Any], rows: list[Row]) -> Tariff:
    plan = {name: {"currency": "EUR", "rule": [{"rate": "x"}]} for name in PLANS}
    said = {"plan": plan, "rate": {"x": {"currency": "EUR", "price": "1"}}, "fee": {"f": fee}}
    lines = ["kind,key,account,plan,valid_from,valid_to"]
    for row in rows:
        since, until = (moment.isoformat() if moment else "" for moment in (row.begin, row.end))
        lines.append(f"{row.kind},{row.key},{row.account},{row.plan},{since},{until}")
    with TemporaryDirectory() as folder:
        (Path(folder) / "t.toml").write_text(tomli_w.dumps(said))
        (Path(folder) / "subscriptions.csv").write_text("\n".join(lines))
        made, problems = load(Path(folder))
    assert not problems
    return made


def parts(made: Tariff, first: date, last: date) -> list[Part]:
    columns = ("account", "key", "plan", "from_day", "until_day", "due_day", "amount")
    found = fees(made, Period(first, last)).select(columns).rows()
    return sorted(Part(*row[:-1], Fraction(row[-1], NANO)) for row in found)


@quick
@given(fee_tables(), holdings(), st.integers(0, 120), st.lists(st.integers(1, 60), min_size=1, max_size=3))
def test_fees_are_those_of_the_oracle_whatever_the_periods(
    fee: dict[str, Any], rows: list[Row], begin: int, lengths: list[int]
) -> None:
    made = tariff(fee, rows)
    days = [date(2026, 1, 1) + timedelta(days=begin + sum(lengths[:many])) for many in range(len(lengths) + 1)]
    every = parts(made, days[0], days[-1] - timedelta(days=1))
    assert every == oracle.fees(fee, rows, days[0], days[-1] - timedelta(days=1))
    spans = pairwise(days)
    apart = [part for first, until in spans for part in parts(made, first, until - timedelta(days=1))]
    assert sorted(apart) == every


@quick
@given(holdings(), st.sampled_from(["down", "half_up", "up"]))
def test_the_parts_of_a_fee_sum_to_that_of_all_their_days(rows: list[Row], proration: str) -> None:
    fee = {"plan": PLANS, "amount": "10", "currency": "EUR", "due": "arrears", "time_zone": "UTC"}
    made = tariff(fee | {"proration": proration, "scale": 2}, rows)
    found = fees(made, Period(date(2026, 3, 1), date(2026, 3, 31))).group_by("account")
    for days, amount in found.agg(pl.col("days").sum(), pl.col("amount").sum()).select("days", "amount").rows():
        assert days <= 31
        assert amount == oracle.rounded(Fraction(10 * days, 31), proration, 2) * NANO


MONEY = st.sampled_from(["0", "0.01", "5", "12.345", "100"])


@st.composite
def matches(draw: st.DrawFn, said: dict[str, Any]) -> dict[str, Any]:
    if draw(st.booleans()):
        said["lines"] = draw(st.sampled_from(["all", "usage", "fees"]))
    if draw(st.booleans()) and said.get("lines") != "usage":
        said["fee"] = draw(st.sampled_from(["rental", ["rental", "line"]]))
    elif draw(st.booleans()) and said.get("lines") != "fees":
        said["service"] = draw(st.sampled_from(["voice", ["voice", "sms"]]))
    return said


@st.composite
def discount_tables(draw: st.DrawFn) -> dict[str, Any]:
    made = draw(matches({"plan": draw(st.sampled_from([["p"], ["p", "q"]]))}))
    made |= {"order": draw(st.integers(0, 2)), "of": draw(st.sampled_from(["net", "list"]))}
    made["rounding"] = {
        "mode": draw(st.sampled_from(["half_up", "half_even", "up", "down"])),
        "scale": draw(st.sampled_from([0, 2, 9])),
    }
    if draw(st.booleans()):
        made["percent"] = draw(st.sampled_from(["10", "33.3333", "100", "0.0001"]))
    else:
        made |= {"amount": draw(st.sampled_from(["5", "30"])), "currency": "EUR"}
    if draw(st.booleans()):
        made |= {"above": draw(MONEY), "currency": "EUR", "on": draw(st.sampled_from(["excess", "all"]))}
    if draw(st.booleans()):
        made |= {"when": draw(matches({"above": draw(MONEY)})), "currency": "EUR"}
    if draw(st.booleans()):
        made |= {"cap": draw(st.sampled_from(["1", "7"])), "currency": "EUR"}
    return made


@st.composite
def sums(draw: st.DrawFn) -> list[Line]:
    made = []
    for _ in range(draw(st.integers(1, 8))):
        fee = draw(st.sampled_from(["", "", "rental", "line"]))
        category = dict.fromkeys(CATEGORIES, "") | {"plan": draw(st.sampled_from(["p", "q"])), "fee": fee}
        category["service"] = "" if fee else draw(st.sampled_from(["voice", "sms"]))
        nano = draw(st.one_of(st.integers(-(10**10), 10**12), st.sampled_from([0, 1, 10**18, 333_333_333])))
        currency = draw(st.sampled_from(["EUR", "EUR", "USD"]))
        made.append(Line(draw(st.sampled_from(["ann", "ben"])), currency, Fraction(nano, NANO), category))
    return made


def taken(lines: list[Line], offered: dict[str, Any]) -> pl.DataFrame:
    told = [
        {"account": each.account, "currency": each.currency, "amount": int(each.amount * NANO)} | each.category
        for each in lines
    ]
    made = [discount(Table(said, "t", ("discount", name), {}, [])) for name, said in offered.items()]
    return discounts(pl.DataFrame(told), made)


@quick
@given(st.lists(discount_tables(), max_size=4), sums(), st.randoms(use_true_random=False))
def test_discounts_are_those_of_the_oracle(tables: list[dict[str, Any]], lines: list[Line], random: Random) -> None:
    offered = {f"d{number}": said for number, said in enumerate(tables)}
    random.shuffle(lines)
    found = taken(lines, offered)
    oracle.discount(offered, lines)
    told = {
        (line, name): Fraction(nano, NANO) for line, name, nano in found.select("line", "discount", "amount").rows()
    }
    expected = {(number, name): off for number, line in enumerate(lines) for name, off in line.off.items()}
    assert _alike(told, lines) == _alike(expected, lines)
    assert all(line.worth("net") >= min(line.amount, 0) for line in lines)
    orders = [offered[name].get("order", 0) for name in found["discount"]]
    assert orders == sorted(orders)
    assert found.schema == SCHEMA


def _alike(off: dict[tuple[int, str], Fraction], lines: list[Line]) -> list[tuple[object, ...]]:
    """What came off, by what its line says: which of two equal lines has the last nano is not told."""
    said = [(line.account, line.currency, line.amount, *line.category.values()) for line in lines]
    return sorted((name, *said[number], nano) for (number, name), nano in off.items())


@quick
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 10**18)), min_size=1, max_size=12),
    st.integers(-(10**18), 10**18),
)
def test_shares_sum_to_the_whole(weighted: list[tuple[int, int]], whole: int) -> None:
    rows = pl.DataFrame(weighted, schema=["group", "weight"], orient="row").with_columns(pl.lit(whole).alias("whole"))
    split = rows.with_columns(shares(rows, "group", "whole", "weight").alias("part"))
    for (group,), part in split.group_by("group"):
        assert part["part"].sum() == whole, group
        every = part["weight"].cast(pl.Int128).sum()
        for weight, share in part.select("weight", "part").rows():
            exact = Fraction(whole * weight, every) if every else Fraction(whole, part.height)
            assert abs(share - exact) < 1
