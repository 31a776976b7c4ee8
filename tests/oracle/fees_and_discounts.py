"""Fees and discounts a second time: day by day and line by line in fractions, from docs/fees-and-discounts.md alone.

Enters: the TOML of a fee or of discounts, who holds which plan, lines. Leaves: what is due, and what comes off. Always
holds: nothing of the engine is imported; a good tariff is assumed; every fee names its ``time_zone``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any
from zoneinfo import ZoneInfo

Table = dict[str, Any]
DAY = timedelta(days=1)
SINCE, UNTIL = date(2024, 1, 1), date(2029, 1, 1)
"""Nothing before or after is looked at."""


@dataclass(frozen=True)
class Row:
    """A subscription; ``begin`` or ``end`` none: unbounded."""

    kind: str
    key: str
    account: str
    plan: str
    begin: datetime | None
    end: datetime | None


@dataclass(frozen=True, order=True)
class Part:
    account: str
    key: str
    plan: str
    from_day: date
    until_day: date
    due_day: date
    amount: Fraction


def texts(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def rounded(exact: Fraction, mode: str, scale: int) -> Fraction:
    units = exact * 10**scale
    low = floor(units)
    up = {
        "down": False,
        "up": units > low,
        "half_up": units - low >= Fraction(1, 2),
        "half_even": units - low > Fraction(1, 2) or (units - low == Fraction(1, 2) and low % 2 == 1),
    }[mode]
    return Fraction(low + up, 10**scale)


def largest_remainder(whole: Fraction, weights: list[Fraction], unit: Fraction) -> list[Fraction]:
    """Parts in multiples of ``unit`` but for what is less than one; of equal remainders the first go up."""
    exact = [whole * weight / sum(weights) / unit for weight in weights]
    parts = [floor(each) for each in exact]
    order = sorted(range(len(parts)), key=lambda at: (parts[at] - exact[at], at))
    for at in order[: int(whole / unit) - sum(parts)]:
        parts[at] += 1
    return [part * unit for part in parts]


def fees(said: Table, rows: list[Row], first: date, last: date) -> list[Part]:
    """The parts of one fee that are due from ``first`` to ``last``."""
    payers: dict[tuple[str, str], list[Row]] = defaultdict(list)
    per = said.get("per", "account")
    for row in rows:
        if row.plan in texts(said["plan"]) and per in ("account", row.kind):
            payers[row.account, "" if per == "account" else row.key].append(row)
    found = []
    for (account, key), theirs in payers.items():
        held = _held(said, theirs)
        parts = _once(said, theirs, held) if said.get("period") == "once" else _parts(said, held)
        found += [Part(account, key, *each) for each in parts if first <= each[3] <= last]
    return sorted(found)


def _day(moment: datetime, said: Table) -> date:
    return moment.astimezone(ZoneInfo(said["time_zone"])).date()


def _held(said: Table, rows: list[Row]) -> dict[date, str]:
    """The plan of each day that is held."""
    spans = []
    for row in rows:
        begin = _day(row.begin, said) if row.begin else SINCE
        end = _day(row.end, said) if row.end else UNTIL
        spans.append((begin, texts(said["plan"]).index(row.plan), end, row.plan))
    held: dict[date, str] = {}
    for begin, _, end, plan in sorted(spans):
        day = begin
        while day < end:
            held.setdefault(day, plan)
            day += DAY
    return held


def _once(said: Table, rows: list[Row], held: dict[date, str]) -> Iterator[tuple[str, date, date, date, Fraction]]:
    known = {_day(row.begin, said) for row in rows if row.begin}
    for day, plan in held.items():
        if day - DAY not in held and day in known:
            yield plan, day, day + DAY, day, Fraction(said["amount"])


def _runs(days: list[date], held: dict[date, str], *, by_plan: bool) -> list[list[date]]:
    runs: list[list[date]] = []
    for day in days:
        if runs and runs[-1][-1] == day - DAY and (not by_plan or held[runs[-1][-1]] == held[day]):
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs


def _parts(said: Table, held: dict[date, str]) -> Iterator[tuple[str, date, date, date, Fraction]]:
    proration = said.get("proration", "none")
    periods: dict[date, list[date]] = defaultdict(list)
    for day in sorted(held):
        periods[_period(day, said)[0]].append(day)
    for since, days in periods.items():
        runs = _runs(days, held, by_plan=proration != "none")
        length = (_period(since, said)[1] - since).days
        amount = Fraction(said["amount"])
        if proration == "none":
            runs, amounts = runs[:1], [amount]
        else:
            scale = said.get("scale", 9)
            whole = rounded(amount * len(days) / length, proration, scale)
            amounts = largest_remainder(whole, [Fraction(len(run)) for run in runs], Fraction(1, 10**scale))
        for run, share in zip(runs, amounts, strict=True):
            begins = run[0] - DAY not in held
            late = run[0] if begins else run[0] - DAY
            due = run[-1] if said.get("due") == "arrears" else late
            yield held[run[0]], run[0], run[-1] + DAY, due, share


def _period(day: date, said: Table) -> tuple[date, date]:
    kind = said.get("period", "month")
    if kind == "month":
        first = day.replace(day=1)
        return first, (first + 31 * DAY).replace(day=1)
    if kind == "day":
        return day, day + DAY
    if kind == "week":
        return day - day.weekday() * DAY, day + (7 - day.weekday()) * DAY
    length = int(kind.split()[0])
    into = (day - date.fromisoformat(said["anchor"])).days % length
    return day - into * DAY, day + (length - into) * DAY


@dataclass
class Line:
    account: str
    currency: str
    amount: Fraction
    category: dict[str, str]
    off: dict[str, Fraction] = field(default_factory=dict)

    def worth(self, of: str) -> Fraction:
        return self.amount - (sum(self.off.values(), Fraction(0)) if of == "net" else 0)


def discount(offered: dict[str, Table], lines: list[Line]) -> None:
    """Note in every line what each discount takes off it."""
    groups: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in lines:
        groups[line.account, line.currency].append(line)
    for name, said in sorted(offered.items(), key=lambda each: (each[1].get("order", 0), each[0])):
        for (_, currency), group in groups.items():
            if said.get("currency", currency) == currency:
                _discount(name, said, group)


def _matches(said: Table, line: Line) -> bool:
    columns = ("plan", "service", "zone", "band", "rate", "fee")
    kind = "fees" if line.category["fee"] else "usage"
    named = all(line.category[column] in texts(said[column]) for column in columns if column in said)
    return named and said.get("lines", "all") in ("all", kind)


def _discount(name: str, said: Table, group: list[Line]) -> None:
    of, mine = said.get("of", "net"), [line for line in group if _matches(said, line)]
    base, left = (sum((line.worth(what) for line in mine), Fraction(0)) for what in (of, "net"))
    if "when" in said:
        reached = sum((line.worth(of) for line in group if _matches(said["when"], line)), Fraction(0))
        if reached <= Fraction(said["when"].get("above", "0")):
            return
    if "above" in said:
        over = base - Fraction(said["above"])
        if over <= 0:
            return
        base = over if said.get("on", "excess") == "excess" else base
    if "percent" in said:
        terms = said.get("rounding", {})
        off = rounded(base * Fraction(said["percent"]) / 100, terms.get("mode", "half_up"), terms.get("scale", 9))
    else:
        off = Fraction(said["amount"])
    off = min(off, base, left, *([Fraction(said["cap"])] if "cap" in said else []))
    if off <= 0:
        return
    columns = ("plan", "service", "zone", "band", "rate", "fee")
    above = [line for line in mine if line.worth("net") > 0]
    above.sort(key=lambda line: (*(line.category[column] for column in columns), line.amount))
    nano = Fraction(1, 10**9)
    for line, part in zip(above, largest_remainder(off, [x.worth("net") for x in above], nano), strict=True):
        if part:
            line.off[name] = part
