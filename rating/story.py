"""The words of a story: its facts as a tree, and money and time as people read them.

Enters: facts. Leaves: ``Node``s, as text or as plain dicts. Always holds: an amount is told with all its digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tariffs.model import EVER_FROM, EVER_TO, NANO

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Node:
    """One fact of the story, and what it rests on."""

    label: str
    value: str = ""
    children: tuple[Node, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """The tree as plain values, for JSON."""
        return {"label": self.label, "value": self.value, "children": [child.as_dict() for child in self.children]}

    def lines(self, depth: int = 0) -> Iterator[str]:
        """The tree as indented lines of text."""
        yield f"{'  ' * depth}{self.label}{': ' if self.value else ''}{self.value}"
        for child in self.children:
            yield from child.lines(depth + 1)


def money(nano: int) -> str:
    """Nano-units as a decimal string of nine places."""
    whole, part = divmod(abs(nano), NANO)
    return f"{'-' if nano < 0 else ''}{whole}.{part:09d}"


def micros(instant: datetime) -> int:
    """``instant`` in microseconds since 1970."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def instant(micros: int) -> str:
    """Microseconds since 1970 as a date and time of UTC."""
    return (EPOCH + timedelta(microseconds=micros)).isoformat(sep=" ")


def period(first: int, last: int) -> str:
    """A half-open period in microseconds, in words."""
    if first <= EVER_FROM and last >= EVER_TO:
        return "always"
    since = "ever" if first <= EVER_FROM else instant(first)
    return f"from {since} to {'ever' if last >= EVER_TO else instant(last)}"
