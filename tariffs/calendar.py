"""A calendar as a sorted list of instants at which the band changes.

Enters: a ``Calendar``. Leaves: UTC seconds and, for each, the band from there on. Always holds: the band
at an instant is that of the civil time which clocks show then, so days of 23 and 25 hours, special days
and spans over midnight are all one binary search.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from tariffs.model import Calendar, Span
from tariffs.values import WEEK

HORIZON_FROM: Final = date(1990, 1, 1)
HORIZON_TO: Final = date(2060, 1, 1)

_EPOCH: Final = date(1970, 1, 1)
_MINUTES: Final = 1440
_DAY_S: Final = 86_400

Times = npt.NDArray[np.int64]
Bands = npt.NDArray[np.int64]


def horizon() -> tuple[int, int]:
    """The UTC seconds from and before which calendars are compiled."""
    return (HORIZON_FROM - _EPOCH).days * _DAY_S, (HORIZON_TO - _EPOCH).days * _DAY_S


def compile_calendar(calendar: Calendar) -> tuple[Times, Bands]:
    """Instants (UTC seconds) and the band from each on, as an index into ``calendar.band_names``.

    The first instant is the beginning of the horizon; a calendar of one band everywhere gives one instant.
    """
    times, bands = _civil_changes(calendar)
    parts = [_between(times, bands, *piece) for piece in _offsets(calendar.zone)]
    instants = np.concatenate([part[0] for part in parts])
    found = np.concatenate([part[1] for part in parts])
    changes = np.flatnonzero(np.r_[True, found[1:] != found[:-1]])
    return instants[changes], found[changes]


def _between(times: Times, bands: Bands, start: int, end: int, offset: int) -> tuple[Times, Bands]:
    """The changes in ``[start, end)``, over which clocks are ``offset`` ahead of UTC, the first at ``start``."""
    first, last = np.searchsorted(times, [start + offset, end + offset], side="left")
    inside = times[first:last] - offset
    before = bands[np.searchsorted(times, start + offset, side="right") - 1]
    if len(inside) and inside[0] == start:
        return inside, bands[first:last]
    return np.r_[start, inside], np.r_[before, bands[first:last]]


@cache
def _offsets(name: str) -> tuple[tuple[int, int, int], ...]:
    """Periods (from, to) of the horizon and the offset of zone ``name`` from UTC in each, all in seconds."""
    zone, (start, end) = ZoneInfo(name), horizon()
    since, offset = start, _offset(zone, start)
    periods = []
    for midnight in range(start + _DAY_S, end, _DAY_S):
        if (now := _offset(zone, midnight)) != offset:
            change = _first_second(zone, midnight - _DAY_S, midnight, now)
            periods.append((since, change, offset))
            since, offset = change, now
    return (*periods, (since, end, offset))


def _first_second(zone: ZoneInfo, low: int, high: int, offset: int) -> int:
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _offset(zone, middle) == offset else (middle, high)
    return high


def _offset(zone: ZoneInfo, second: int) -> int:
    moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)).astimezone(zone)
    offset = moment.utcoffset()
    assert offset is not None  # noqa: S101 (a ZoneInfo always has one)
    return offset // timedelta(seconds=1)


def _civil_changes(calendar: Calendar) -> tuple[Times, Bands]:
    """Civil seconds since 1970-01-01 00:00 on the wall clock, and the band from each on."""
    patterns = _patterns(calendar)
    special = {day: name for name, days in calendar.special for day in days}
    first, days = HORIZON_FROM - timedelta(days=2), (HORIZON_TO - HORIZON_FROM).days + 4
    kinds = [special.get(day) or WEEK[day.weekday()] for day in (first + timedelta(days=n) for n in range(days))]
    marked = [first + timedelta(days=n) in special for n in range(days)]
    epoch = (first - _EPOCH).days * _DAY_S
    lines = {
        (a, b, m): _day_line(patterns, a, b, m) for a, b, m in set(zip(kinds, kinds[1:], marked[1:], strict=False))
    }
    chosen = [lines[key] for key in zip(kinds, kinds[1:], marked[1:], strict=False)]
    counts = [len(line[0]) for line in chosen]
    midnights = np.repeat(epoch + _DAY_S * np.arange(1, days, dtype=np.int64), counts)
    return midnights + np.concatenate([line[0] for line in chosen]), np.concatenate([line[1] for line in chosen])


def _day_line(patterns: dict[str, Times], before: str, kind: str, special: bool) -> tuple[Times, Bands]:
    """One day's changes in seconds after midnight: its own spans, else what runs over, else the default (0)."""
    own = patterns[kind][:_MINUTES]
    over = np.full(_MINUTES, -1) if special else patterns[before][_MINUTES:]
    bands = np.maximum(np.where(own >= 0, own, over), 0)
    changes = np.flatnonzero(np.r_[True, bands[1:] != bands[:-1]])
    return changes * 60, bands[changes]


def _patterns(calendar: Calendar) -> dict[str, Times]:
    """For each kind of day the band of its 2,880 minutes from midnight, -1 where no span applies."""
    kinds = (*WEEK, *(name for name, _ in calendar.special))
    patterns = {kind: np.full(2 * _MINUTES, -1, np.int64) for kind in kinds}
    for day, band, span in _spans(calendar):
        patterns[day][span.start_min : span.end_min] = calendar.band_names.index(band)
    return patterns


def _spans(calendar: Calendar) -> Iterator[tuple[str, str, Span]]:
    for band, spans in calendar.bands:
        for span in spans:
            for day in span.days:
                yield day, band, span


def overlaps(calendar: Calendar) -> list[str]:
    """What covers the same time twice with different bands, within a day or over the midnight between weekdays."""
    found = list(_spans(calendar))
    messages = []
    for number, (day, band, span) in enumerate(found):
        for other_day, other_band, other in found[:number]:
            for shift in _shifts(day, other_day):
                starts, ends = other.start_min + shift, other.end_min + shift
                if band != other_band and span.start_min < ends and starts < span.end_min:
                    messages.append(f"bands {other_band} and {band} both cover part of {day}")
    return list(dict.fromkeys(messages))


def _shifts(day: str, other: str) -> list[int]:
    """By how many minutes ``other``'s midnight lies after ``day``'s, where one can run into the other."""
    if day == other:
        return [0]
    if day in WEEK and other in WEEK:
        gap = (WEEK.index(other) - WEEK.index(day)) % 7
        return {1: [_MINUTES], 6: [-_MINUTES]}.get(gap, [])
    return []
