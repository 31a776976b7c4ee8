"""Timings of CGRateS as instants of the civil week, and as the bands of a calendar.

Enters: rows of Timings. Leaves: ``Timing``s, the kinds of days that they tell apart, and calendars. Always holds:
every minute of the compiled horizon is in one part of one kind of day; within a part the same timings are in force.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

from tariffs.calendar import HORIZON_FROM, HORIZON_TO
from tariffs.importers.cgrates.rows import ANY, TimingRow
from tariffs.values import WEEK

DAY_MIN: Final = 1440

InForce = frozenset[str]
"""Ids of the timings in force at one time."""

Line = tuple[tuple[int, int, InForce], ...]
"""A day from midnight to midnight: minutes from and to, and what is in force between them."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When lines of a plan are in force: empty sets are any; from ``start_min`` to before ``end_min`` of the day."""

    id: str
    years: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    start_min: int = 0
    end_min: int = DAY_MIN

    @property
    def dated(self) -> bool:
        """Whether it holds on some dates only."""
        return bool(self.years or self.months or self.month_days)

    def on(self, day: date) -> bool:
        """Whether it is in force at some time of ``day``."""
        parts = (
            (self.years, day.year),
            (self.months, day.month),
            (self.month_days, day.day),
            (self.weekdays, day.isoweekday()),
        )
        return all(not wanted or part in wanted for wanted, part in parts)


ALWAYS: Final = Timing(ANY)


def read_timing(row: TimingRow) -> Timing:
    """The timing of a row; ValueError where it cannot be expressed."""
    starts, _, ends = row.time.partition(";")
    start_min, end_min = _start(starts), _end(ends)
    if start_min >= end_min:
        raise ValueError(f"a day's parts end after they begin, not as {row.time}")
    return Timing(
        id=row.id,
        years=_numbers(row.years, range(1970, 2200)),
        months=_numbers(row.months, range(1, 13)),
        month_days=_numbers(row.month_days, range(1, 32)),
        weekdays=_numbers(row.weekdays, range(1, 8)),
        start_min=start_min,
        end_min=end_min,
    )


def _numbers(text: str, allowed: range) -> frozenset[int]:
    if text in ("", ANY):
        return frozenset()
    parts = [part.strip() for part in text.split(";")]
    wrong = [part for part in parts if not part.isdecimal() or int(part) not in allowed]
    if wrong:
        raise ValueError(f"expected numbers from {allowed[0]} to {allowed[-1]}, not {wrong[0]!r}")
    return frozenset(map(int, parts))


def _seconds(text: str) -> int:
    match = re.fullmatch(r"([01]\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?", text.strip())
    if match is None:
        raise ValueError(f"expected a time such as 08:00:00, not {text!r}")
    return int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3] or 0)


def _start(text: str) -> int:
    minute, rest = divmod(0 if text in ("", ANY) else _seconds(text), 60)
    if rest or minute >= DAY_MIN:
        raise ValueError(f"a day's parts begin at whole minutes, not at {text}")
    return minute


def _end(text: str) -> int:
    """The minute before which it ends; the last second of a minute means all of that minute."""
    if text in ("", ANY):
        return DAY_MIN
    minute, rest = divmod(_seconds(text), 60)
    if rest not in (0, 59):
        raise ValueError(f"a day's parts end at whole minutes, not at {text}")
    return (minute + (rest == 59)) or DAY_MIN


@dataclass(frozen=True)
class Days:
    """The kinds of days of some timings: a line for each weekday, and lines of dates that have their own."""

    weekdays: tuple[Line, ...]
    dates: dict[tuple[str, Line], list[date]]

    @property
    def lines(self) -> tuple[Line, ...]:
        """Every line, those of the week first."""
        return (*self.weekdays, *(line for _, line in self.dates))


def days(timings: Iterable[Timing]) -> Days:
    """The lines of the week, and of the horizon's dates on which a dated timing changes them."""
    known = sorted(timings, key=lambda each: each.id)
    undated = [each for each in known if not each.dated]
    dated = [each for each in known if each.dated]
    week = tuple(
        _line([each for each in undated if not each.weekdays or number in each.weekdays]) for number in range(1, 8)
    )
    dates: dict[tuple[str, Line], list[date]] = defaultdict(list)
    for number in range((HORIZON_TO - HORIZON_FROM).days if dated else 0):
        day = HORIZON_FROM + timedelta(days=number)
        if special := [each for each in dated if each.on(day)]:
            line = _line([*special, *(each for each in undated if each.on(day))])
            dates["+".join(each.id for each in special), line].append(day)
    return Days(week, dict(dates))


def _line(timings: list[Timing]) -> Line:
    cuts = sorted({0, DAY_MIN, *(each.start_min for each in timings), *(each.end_min for each in timings)})
    return tuple(
        (start, end, frozenset(each.id for each in timings if each.start_min <= start < each.end_min))
        for start, end in pairwise(cuts)
    )


def calendar(found: Days, band: Callable[[InForce], str], zone: str) -> dict[str, object]:
    """The table of ``[calendar.ID]`` in which each part of each day is of the band that ``band`` names."""
    default = band(found.weekdays[0][0][2])
    spans: dict[tuple[str, int, int], list[str]] = defaultdict(list)
    special: dict[str, list[str]] = {}
    kinds = [*zip(WEEK, found.weekdays, strict=True)]
    for (name, line), dates in found.dates.items():
        day = f"{re.sub(r'[^A-Za-z0-9_+-]', '_', name)}-{len(special) + 1}"
        special[day] = [each.isoformat() for each in dates]
        kinds.append((day, line))
    for day, line in kinds:
        for start, end, in_force in line:
            spans[band(in_force), start, end].append(day)
    bands: dict[str, list[str]] = defaultdict(list)
    for (name, start, end), on in spans.items():
        if name != default:
            bands[name].append(f"{','.join(on)} {_clock(start)}-{_clock(end)}")
    table: dict[str, object] = {"zone": zone, "default": default, "bands": dict(bands)}
    return table | ({"special": special} if special else {})


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
