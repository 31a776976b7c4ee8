"""Windows: stretches of time that lie side by side, each with a number.

Enters: instants (int64 microseconds UTC). Leaves: the number of the window of each, and where a window begins. Always
holds: every instant is in exactly one window; numbers grow with time; a civil window is all instants whose
date in its zone is its own, whatever the clock did meanwhile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from mediation.zones import utc_offsets

Ints = npt.NDArray[np.int64]

SECOND_US: Final = 1_000_000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
CIVIL: Final = ("day", "month")
_LENGTH: Final = re.compile(r"([1-9]\d{0,4})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LONGEST_S: Final = 31 * 86_400


@dataclass(frozen=True, slots=True)
class Window:
    """Windows of ``length_us`` from the epoch on; if that is 0, the days or months (``civil``) of ``zone``."""

    length_us: int
    civil: str = ""
    zone: str = "UTC"

    def numbers(self, at_us: Ints) -> Ints:
        """The number of each instant's window."""
        if self.length_us:
            return at_us // self.length_us
        offsets, at_s = utc_offsets(self.zone), at_us // SECOND_US
        local = at_s + offsets.offset_s[np.searchsorted(offsets.since_s, at_s, "right") - 1]
        days = (local // 86_400).astype("datetime64[D]")
        return days.astype(f"datetime64[{'D' if self.civil == 'day' else 'M'}]").astype(np.int64)

    def number(self, at_us: int) -> int:
        """The number of one instant's window."""
        return int(self.numbers(np.array([at_us], np.int64))[0])

    def start_us(self, number: int) -> int:
        """The first instant of window ``number``: where midnight comes twice the one that begins the date."""
        if self.length_us:
            return number * self.length_us
        date = EPOCH + timedelta(days=number)
        if self.civil == "month":
            date = EPOCH.replace(year=1970 + number // 12, month=number % 12 + 1)
        midnight = date.replace(tzinfo=ZoneInfo(self.zone))
        first, second = (_us(midnight.replace(fold=fold)) for fold in (0, 1))
        return first if self.number(first) == number else second


def _us(at: datetime) -> int:
    since = at.astimezone(UTC) - EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND_US


def length_us(text: str) -> int:
    """A length such as ``90s``, ``15m``, ``6h``, ``7d`` in microseconds; 0 if it is none, or above 31 days."""
    found = _LENGTH.fullmatch(text)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    return seconds * SECOND_US if seconds <= _LONGEST_S else 0
