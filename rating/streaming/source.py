"""What the service needs of a broker: a source of messages and a sink for them.

Enters: nothing; these are promises that :mod:`rating.streaming.kafka` keeps for Kafka and
:mod:`rating.streaming.memory` within a process. Always holds: ``tests/streaming/test_contract.py`` runs over both.
"""

from __future__ import annotations

from bisect import bisect_left as bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from rating.streaming.coordinates import Partition

Headers = Sequence[tuple[str, bytes]]


class StreamError(Exception):
    """The stream cannot go on; the text says what is wrong and what to do."""


class PublishError(Exception):
    """Messages were not acknowledged; they may be sent again."""


@dataclass(slots=True)
class Messages:
    """Messages of one partition in the order of their offsets, as columns.

    ``stamps_ms`` are the broker's times, ``size_bytes`` is the length of all values.
    """

    offsets: list[int] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    headers: list[Headers | None] = field(default_factory=list)
    stamps_ms: list[int] = field(default_factory=list)
    size_bytes: int = 0

    def __len__(self) -> int:
        return len(self.offsets)

    def add(self, offset: int, value: bytes | None, headers: Headers | None, stamp_ms: int) -> None:
        """Append one message; a message without a value (a tombstone) has an empty one."""
        self.offsets.append(offset)
        self.values.append(value or b"")
        self.headers.append(headers)
        self.stamps_ms.append(stamp_ms)
        self.size_bytes += len(self.values[-1])

    def extend(self, more: Messages) -> None:
        """Append the messages of ``more``."""
        self.offsets += more.offsets
        self.values += more.values
        self.headers += more.headers
        self.stamps_ms += more.stamps_ms
        self.size_bytes += more.size_bytes

    def since(self, offset: int) -> Messages:
        """The messages at ``offset`` and after it."""
        return (
            self
            if not self.offsets or self.offsets[0] >= offset
            else self.part(bisect(self.offsets, offset), len(self))
        )

    def part(self, first: int, end: int) -> Messages:
        """The messages number ``first`` to ``end``."""
        cut = slice(first, end)
        values = self.values[cut]
        return Messages(self.offsets[cut], values, self.headers[cut], self.stamps_ms[cut], sum(map(len, values)))


class Listener(Protocol):
    """Who is told that partitions come and go; always called from within the source's own methods."""

    def assigned(self, partitions: list[Partition]) -> dict[Partition, int | None]:
        """Take over ``partitions``; the offset where each begins, None for the beginning of its log."""

    def revoked(self, partitions: list[Partition]) -> None:
        """Give ``partitions`` up in order: nothing of theirs may be under way afterwards."""

    def lost(self, partitions: list[Partition]) -> None:
        """Note that ``partitions`` went to somebody else some time ago."""


class Source(Protocol):
    """One member of a consumer group. Not for use by two threads at once."""

    def open(self, listener: Listener) -> None:
        """Join the group. Raises :class:`StreamError` if there is no such topic, or no broker answers."""

    def take(self, most: int, wait_s: float) -> dict[Partition, Messages]:
        """Up to about ``most`` messages, after at most ``wait_s`` seconds; tells the listener of changes.

        Raises :class:`StreamError` if an offset is no longer, or not yet, in the log, or the broker refuses.
        """

    def seek(self, partition: Partition, offset: int | None) -> None:
        """Go on at ``offset`` (None: the beginning of the log)."""

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Take nothing of ``partitions`` for now."""

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Take from ``partitions`` again."""

    def note(self, offsets: Mapping[Partition, int]) -> None:
        """Tell the group how far its partitions are committed: advisory, nothing is read from it."""

    def ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The offset after the last message of each partition, where it is known."""

    def close(self) -> None:
        """Leave the group; gives the partitions up first."""


class Outgoing(NamedTuple):
    """A message to send; ``partition`` None: chosen by the key."""

    value: bytes
    key: bytes | None = None
    headers: Headers | None = None
    partition: int | None = None


class Sink(Protocol):
    """An idempotent producer."""

    def send(self, topic: str, messages: Iterable[Outgoing]) -> int:
        """Send all and wait for their acknowledgement; how many. Raises :class:`PublishError` if one is missing."""

    def partitions(self, topic: str) -> int:
        """How many partitions ``topic`` has. Raises :class:`StreamError` if there is no such topic."""

    def close(self) -> None:
        """End the producer."""
