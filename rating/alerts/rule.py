"""What an alert watches: its rule as a value.

Enters: nothing. Leaves: :class:`Rule`, frozen. Always holds: thresholds are whole numbers of the measure's smallest
unit (nano-units of money, seconds, bytes, events, calls); docs/alerts.md is what a rule means.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from rating.alerts.windows import SECOND_US, Window


class Measure(NamedTuple):
    """What is summed: the unit in which it is told, and how many of the smallest unit a threshold's one is."""

    unit: str
    scale: int


NANO: Final = 10**9
MEASURES: Final = {
    "spend": Measure("", NANO),
    "minutes": Measure("s", 60),
    "bytes": Measure("byte", 1),
    "events": Measure("event", 1),
    "simultaneous": Measure("call", 1),
}
SUBJECTS: Final = ("account", "plan", "zone", "prefix", "trunk_in", "trunk_out", "a_number", "b_number")
"""What thresholds can be per."""
CONDITIONS: Final = (*SUBJECTS, "rate", "service", "direction", "network")
"""What events can be chosen by; numbers by how they begin, all else by equality."""
LONGEST_US: Final = 86_400 * SECOND_US
"""A call counts as in progress for a day at most: what bounds the past that simultaneous calls need."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One ``[alert.NAME]``: a ``measure`` of chosen events, per subject and window, against ``thresholds``."""

    name: str
    measure: str
    per: str
    window: Window
    thresholds: tuple[int, ...]
    leg: str = "retail"
    currency: str = ""
    sliding: bool = False
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    shortest_s: int = 0
    longest_s: int | None = None
    keep_us: int = 86_400 * SECOND_US

    @property
    def unit(self) -> str:
        """The unit in which thresholds and measured values are told."""
        return self.currency or MEASURES[self.measure].unit

    @property
    def is_level(self) -> bool:
        """Whether events count for a time of their own (sliding, simultaneous), not for a window as a whole."""
        return self.sliding or self.measure == "simultaneous"

    @property
    def reach_us(self) -> int:
        """For how long an event can count after its start; 0: within its window."""
        if self.measure == "simultaneous":
            return LONGEST_US
        return self.window.length_us if self.sliding else 0

    def told(self, value: int) -> Decimal:
        """``value`` of the smallest unit, in :attr:`unit`."""
        return Decimal(value).scaleb(-9) if self.measure == "spend" else Decimal(value)
