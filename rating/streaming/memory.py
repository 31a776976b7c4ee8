"""A broker within the process: the twin of Kafka, for tests and for trying things out.

Enters: messages. Leaves: what :mod:`rating.streaming.source` promises. Always holds: partitions move between members
as under cooperative rebalancing: one is given to a member only after the member before has given it up, or was
declared dead (:meth:`MemoryBroker.expire`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from threading import RLock

from rating.streaming.coordinates import Partition
from rating.streaming.keys import partition_for
from rating.streaming.source import Headers, Listener, Messages, Outgoing, PublishError, StreamError

_TICK_S = 0.005


@dataclass(slots=True)
class _Log:
    """A partition's messages from ``first`` on."""

    first: int = 0
    messages: list[tuple[bytes, bytes | None, Headers | None, int]] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.first + len(self.messages)


@dataclass(slots=True)
class MemoryBroker:
    """Topics, their logs, and the members of groups."""

    logs: dict[Partition, _Log] = field(default_factory=dict)
    members: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    owners: dict[tuple[str, Partition], int] = field(default_factory=dict)
    noted: dict[tuple[str, Partition], int] = field(default_factory=dict)
    down: bool = False
    lock: RLock = field(default_factory=RLock)
    _names: count[int] = field(default_factory=lambda: count(1))

    def create(self, topic: str, partitions: int) -> None:
        """Make ``topic``."""
        for number in range(partitions):
            self.logs[Partition(topic, number)] = _Log()

    def size(self, topic: str) -> int:
        """How many partitions ``topic`` has."""
        return sum(partition.topic == topic for partition in self.logs)

    def known(self, topic: str) -> int:
        """The same. Raises :class:`StreamError` if there is no such topic."""
        if not (partitions := self.size(topic)):
            raise StreamError(f"there is no topic {topic!r}")
        return partitions

    def append(self, topic: str, message: Outgoing) -> int:
        """Add ``message`` to its partition; its offset."""
        with self.lock:
            number = message.partition
            if number is None:
                number = partition_for(message.key or b"", self.size(topic))
            log = self.logs[Partition(topic, number)]
            log.messages.append((message.value, message.key, message.headers, time.time_ns() // 1_000_000))
            return log.end - 1

    def trim(self, partition: Partition, first: int) -> None:
        """Let everything before the offset ``first`` expire."""
        log = self.logs[partition]
        del log.messages[: first - log.first]
        log.first = first

    def join(self, group: str, topic: str) -> int:
        """A new member of ``group``; its name."""
        with self.lock:
            name = next(self._names)
            self.members.setdefault((group, topic), []).append(name)
            return name

    def expire(self, group: str, name: int) -> None:
        """Declare a member dead: its partitions are free at once, and it learns of it only later."""
        with self.lock:
            for names in self.members.values():
                if name in names:
                    names.remove(name)
            self.owners = {k: owner for k, owner in self.owners.items() if (k[0], owner) != (group, name)}

    def share(self, group: str, topic: str, name: int) -> set[Partition] | None:
        """The partitions that the member should own by now; None if it is no member (any more)."""
        names = self.members.get((group, topic), [])
        if name not in names:
            return None
        return {p for p in self.logs if p.topic == topic and p.number % len(names) == names.index(name)}


@dataclass(slots=True)
class MemorySource:
    """A :class:`rating.streaming.source.Source` of a :class:`MemoryBroker`."""

    broker: MemoryBroker
    topic: str
    group: str = "toll"
    name: int = 0
    _listener: Listener | None = None
    _at: dict[Partition, int] = field(default_factory=dict)
    _paused: set[Partition] = field(default_factory=set)

    def open(self, listener: Listener) -> None:
        """As :meth:`Source.open`."""
        self.broker.known(self.topic)
        self._listener = listener
        self.name = self.broker.join(self.group, self.topic)

    def take(self, most: int, wait_s: float) -> dict[Partition, Messages]:
        """As :meth:`Source.take`."""
        late = time.monotonic() + wait_s
        self._rebalance()
        while not (taken := self._taken(most)) and time.monotonic() < late:
            time.sleep(_TICK_S)
        return taken

    def _rebalance(self) -> None:
        if self._listener is None:
            raise StreamError("the source is not open")
        share = self.broker.share(self.group, self.topic, self.name)
        if share is None:
            if self._at:
                self._listener.lost(self._drop(self._at))
            self.name = self.broker.join(self.group, self.topic)
            return
        if gone := self._drop(set(self._at) - share):
            self._listener.revoked(gone)
            self._release(gone)
        fresh = [p for p in sorted(share - set(self._at)) if (self.group, p) not in self.broker.owners]
        if fresh:
            self.broker.owners |= {(self.group, p): self.name for p in fresh}
            for partition, offset in self._listener.assigned(fresh).items():
                self.seek(partition, offset)

    def _drop(self, partitions: Iterable[Partition]) -> list[Partition]:
        gone = sorted(partitions)
        self._at = {p: at for p, at in self._at.items() if p not in gone}
        self._paused -= set(gone)
        return gone

    def _release(self, partitions: Iterable[Partition]) -> None:
        with self.broker.lock:
            for partition in partitions:
                if self.broker.owners.get((self.group, partition)) == self.name:
                    del self.broker.owners[self.group, partition]

    def _taken(self, most: int) -> dict[Partition, Messages]:
        taken: dict[Partition, Messages] = {}
        for partition in sorted(set(self._at) - self._paused) if not self.broker.down else ():
            log, at = self.broker.logs[partition], self._at[partition]
            if not log.first <= at <= log.end:
                raise StreamError(f"{partition.source}: offset {at} is not in the log ({log.first} to {log.end})")
            for offset, (value, _, headers, stamp) in enumerate(log.messages[at - log.first :][:most], at):
                taken.setdefault(partition, Messages()).add(offset, value, headers, stamp)
                self._at[partition] = offset + 1
                most -= 1
        return taken

    def seek(self, partition: Partition, offset: int | None) -> None:
        """As :meth:`Source.seek`."""
        self._at[partition] = self.broker.logs[partition].first if offset is None else offset

    def pause(self, partitions: Iterable[Partition]) -> None:
        """As :meth:`Source.pause`."""
        self._paused |= set(partitions)

    def resume(self, partitions: Iterable[Partition]) -> None:
        """As :meth:`Source.resume`."""
        self._paused -= set(partitions)

    def note(self, offsets: Mapping[Partition, int]) -> None:
        """As :meth:`Source.note`."""
        self.broker.noted |= {(self.group, p): offset for p, offset in offsets.items()}

    def ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """As :meth:`Source.ends`."""
        return {p: self.broker.logs[p].end for p in partitions}

    def close(self) -> None:
        """As :meth:`Source.close`."""
        gone = self._drop(self._at)
        if gone and self._listener:
            self._listener.revoked(gone)
        self._release(gone)
        self.broker.expire(self.group, self.name)


@dataclass(frozen=True, slots=True)
class MemorySink:
    """A :class:`rating.streaming.source.Sink` into a :class:`MemoryBroker`."""

    broker: MemoryBroker

    def send(self, topic: str, messages: Iterable[Outgoing]) -> int:
        """As :meth:`Sink.send`."""
        if self.broker.down:
            raise PublishError("the broker is down")
        return sum(self.broker.append(topic, message) >= 0 for message in messages)

    def partitions(self, topic: str) -> int:
        """As :meth:`Sink.partitions`."""
        return self.broker.known(topic)

    def close(self) -> None:
        """Nothing to end."""
