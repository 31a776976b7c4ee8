"""The band of an instant: what the clocks in the calendar's zone show, looked up in the week.

Enters: a calendar's TOML and an instant. Leaves: the band, or None outside the years that calendars cover.
Always holds: civil time comes from the zone database, instant by instant; nothing is computed ahead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FIRST = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp())
LAST = int(datetime(2060, 1, 1, tzinfo=UTC).timestamp())


@dataclass(frozen=True)
class Calendar:
    zone: ZoneInfo
    default: str
    spans: dict[str, list[tuple[str, int, int]]]
    """By day: band, first minute, the minute after the last; that is not after the first if the span wraps."""
    special: dict[date, str]
    seen: dict[int, str] = field(default_factory=dict)
    """Bands of minutes looked up before: only so that the oracle is not slower than it need be."""

    def band(self, second: int) -> str | None:
        """The band at ``second`` of UTC. Bands and offsets from UTC change at whole minutes only."""
        if {band for spans in self.spans.values() for band, _, _ in spans} <= {self.default}:
            return self.default
        if not FIRST <= second < LAST:
            return None
        minute = second // 60
        if minute not in self.seen:
            clock = datetime.fromtimestamp(minute * 60, self.zone)
            self.seen[minute] = self._civil(clock.date(), clock.hour * 60 + clock.minute)
        return self.seen[minute]

    def _civil(self, today: date, minute: int) -> str:
        for band, begin, end in self.spans.get(self._day(today), []):
            if begin <= minute and (minute < end or end <= begin):
                return band
        if today not in self.special:
            for band, begin, end in self.spans.get(self._day(today - timedelta(days=1)), []):
                if minute < end <= begin:
                    return band
        return self.default

    def _day(self, day: date) -> str:
        return self.special.get(day) or WEEK[day.weekday()]


def calendar(entry: dict[str, Any]) -> Calendar:
    spans: dict[str, list[tuple[str, int, int]]] = {}
    for band, texts in entry.get("bands", {}).items():
        for text in texts:
            days, _, hours = text.partition(" ")
            begin, end = hours.split("-") if hours else ("00:00", "24:00")
            for part in days.split(","):
                for day in days_of(part):
                    spans.setdefault(day, []).append((band, minutes(begin), minutes(end)))
    special = {date.fromisoformat(day): name for name, days in entry.get("special", {}).items() for day in days}
    return Calendar(ZoneInfo(entry.get("zone", "UTC")), entry.get("default", "any"), spans, special)


def days_of(part: str) -> list[str]:
    first, dash, last = part.partition("-")
    if not dash:
        return [part]
    begin, end = WEEK.index(first), WEEK.index(last)
    return [WEEK[day % 7] for day in range(begin, (end if end >= begin else end + 7) + 1)]


def minutes(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)
