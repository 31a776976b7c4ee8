"""Source coordinates of a stream: which partition, which message, which record within it.

Enters: a topic, a partition number, a message offset, a position. Leaves: the ``source`` and ``record_no``
that the lake keeps, and back. Always holds: coordinates depend on the message alone, never on how messages were
batched, so a message that is read again gives the same ones (ADR 7).

``record_no`` is ``offset << 20 | position``: records of a message are counted from 1; 0 stands for a message
that was set aside as a whole.
"""

from __future__ import annotations

from typing import Final, NamedTuple

POSITION_BITS: Final = 20
MOST_RECORDS: Final = (1 << POSITION_BITS) - 1
"""Records that one message may hold."""
MOST_OFFSET: Final = (1 << (63 - POSITION_BITS)) - 1
"""The last offset that has coordinates: at 100,000 messages a second in one partition, after almost three years."""
_SCHEME: Final = "kafka:"


class Partition(NamedTuple):
    """One partition of a topic; sorts by topic and number."""

    topic: str
    number: int

    @property
    def source(self) -> str:
        """The partition as the lake names it."""
        return f"{_SCHEME}{self.topic}/{self.number}"


def partition_of(source: str) -> Partition:
    """The partition that ``source`` names. Raises :class:`ValueError` if it is no stream's."""
    topic, _, number = source.removeprefix(_SCHEME).rpartition("/")
    if not is_stream(source) or not topic:
        raise ValueError(f"{source!r} is no partition of a stream")
    return Partition(topic, int(number))


def is_stream(source: str) -> bool:
    """Whether ``source`` is a partition of a stream."""
    return source.startswith(_SCHEME)


def record_no(offset: int, position: int) -> int:
    """The coordinate of the record ``position`` of the message at ``offset``."""
    return offset << POSITION_BITS | position


def offset_of(number: int) -> int:
    """The offset of the message that the record ``number`` came in."""
    return number >> POSITION_BITS


def position_of(number: int) -> int:
    """Where in its message the record ``number`` stands, from 1; 0: it is the whole message."""
    return number & MOST_RECORDS
