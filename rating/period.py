"""A period: the days that a bill or a settlement covers.

Enters: its text. Leaves: two instants. Always holds: half-open, whole days of one civil zone, so that periods
that follow each other neither overlap nor leave a gap.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTH: Final = re.compile(r"(\d{4})-(\d{2})")
_DAYS: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:/(\d{4}-\d{2}-\d{2}))?")


class PeriodError(ValueError):
    """Not a period; the text says what one looks like."""


@dataclass(frozen=True, slots=True)
class Period:
    """From the start of ``first`` to the end of ``last``, both days of ``zone``."""

    first: date
    last: date
    zone: str = "UTC"

    @classmethod
    def parse(cls, text: str, zone: str = "UTC") -> Self:
        """Read ``2026-10`` (a month), ``2026-10-05`` (a day) or ``2026-10-05/2026-10-11`` (both days included)."""
        try:
            ZoneInfo(zone)
            if found := _MONTH.fullmatch(text):
                first = date(int(found[1]), int(found[2]), 1)
                return cls(first, (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1), zone)
            if found := _DAYS.fullmatch(text):
                first, last = date.fromisoformat(found[1]), date.fromisoformat(found[2] or found[1])
                if first <= last:
                    return cls(first, last, zone)
        except ZoneInfoNotFoundError as error:
            raise PeriodError(f"{zone!r} is no time zone: name one like Europe/London") from error
        except ValueError:
            pass  # a date that the calendar does not have: told with the rest
        raise PeriodError(f"{text!r} is no period: write 2026-10, 2026-10-05 or 2026-10-05/2026-10-11")

    @property
    def start_utc(self) -> datetime:
        """The first instant of the period."""
        return datetime.combine(self.first, time(), ZoneInfo(self.zone)).astimezone(UTC)

    @property
    def end_utc(self) -> datetime:
        """The first instant after the period."""
        return datetime.combine(self.last + timedelta(days=1), time(), ZoneInfo(self.zone)).astimezone(UTC)

    def __str__(self) -> str:
        return f"{self.first} to {self.last} ({self.zone})"
