"""The streaming service: messages into the lake, by the commit protocol.

Enters: a source, a landing, an outbox. Leaves: committed batches. Always holds, for every batch of every partition:

1. messages are gathered for so many messages or milliseconds, and mediated while the batch before lands;
2. the batch is rated and committed: one transaction that checks and moves the partition's offset;
3. only then are its ids remembered, its rows published, and the group told (advisory).

One thread consumes and mediates; one lands, a batch at a time: that is the back-pressure. While a batch takes long, the
partitions are paused and the group is told that this member lives. A partition is given up only when nothing of it
is under way. A batch whose offset somebody else has moved is thrown away, and its partition left alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event
from typing import Final, TypeVar

from rating.after import Rows
from rating.lake import LakeUnavailable, StaleOffset, StaleState
from rating.pipeline import Rated
from rating.streaming.coordinates import Partition
from rating.streaming.intake import Intake, take_in
from rating.streaming.landing import Landing
from rating.streaming.metrics import Metrics
from rating.streaming.outbox import Outbox, Topics
from rating.streaming.source import Messages, PublishError, Source
from rating.streaming.unpack import Reading

T = TypeVar("T")

_LOG: Final = logging.getLogger("toll.stream")
_TAKE: Final = 1_000
"""Messages asked for at a time: more of them alive at once cost the cycle collector more than they save."""
_BEAT_S: Final = 1.0
_LONGER_S: Final = 2.0
"""How much longer is gathered while the batch before still lands: a commit costs the same for more messages."""
_GLANCE_S: Final = 0.02
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is gathered before it lands, and how long a fenced partition is left alone."""

    messages: int = 400_000
    size_bytes: int = 64 << 20
    gather_ms: int = 500
    fence_s: float = 5.0


@dataclass(slots=True, eq=False)
class Service:
    """One member of the group. :meth:`run` it in the thread that made it; :meth:`stop` from anywhere."""

    source: Source
    landing: Landing
    reading: Reading
    outbox: Outbox = field(default_factory=lambda: Outbox(Topics()))
    limits: Limits = field(default_factory=Limits)
    metrics: Metrics = field(default_factory=Metrics)
    stopping: Event = field(default_factory=Event)
    _held: dict[Partition, Messages] = field(default_factory=dict)
    _next: dict[Partition, int] = field(default_factory=dict)
    _published: dict[Partition, int] = field(default_factory=dict)
    _fenced: dict[Partition, float] = field(default_factory=dict)
    _under_way: tuple[Intake, Future[None]] | None = None
    _lander: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "landing"))

    def stop(self) -> None:
        """Finish the batch under way, give the partitions up, return from :meth:`run`."""
        self.stopping.set()

    def run(self, idle_s: float | None = None) -> None:
        """Serve until stopped, or until nothing has come for ``idle_s`` seconds.

        Raises :class:`StreamError` where the stream cannot go on, :class:`rating.lake.LakeError` where the lake cannot.
        """
        self.source.open(self)
        busy = time.monotonic()
        try:
            while not self.stopping.is_set():
                gathered = self._gathered()
                for partition, messages in gathered.items():
                    self._take_in(partition, messages)
                self._take_up_fenced()
                if gathered or not self._next:
                    busy = time.monotonic()
                if gathered or self._under_way:
                    continue
                self._catch_up()
                if idle_s is not None and time.monotonic() - busy > idle_s:
                    break
            self._settle()
        finally:
            self.stopping.set()
            self.source.close()
            self._lander.shutdown()

    # --- gathering

    def _gathered(self) -> dict[Partition, Messages]:
        """What came within the limits, by partition."""
        late = time.monotonic() + self.limits.gather_ms / 1_000
        while (room := self._room()) and not self.stopping.is_set():
            left = late - time.monotonic()
            if left <= 0 and (left < -_LONGER_S or not self._lands()):
                break
            self._hold(self.source.take(min(_TAKE, room), max(left, _GLANCE_S)))
        if self._under_way and self._under_way[1].done():
            self._settle()
        self.metrics.turn(self.source.ends(self._next), self._next)
        gathered, self._held = self._held, {}
        return gathered

    def _room(self) -> int:
        """How many more messages may be held."""
        if sum(messages.size_bytes for messages in self._held.values()) >= self.limits.size_bytes:
            return 0
        return max(self.limits.messages - sum(map(len, self._held.values())), 0)

    def _lands(self) -> bool:
        return self._under_way is not None and not self._under_way[1].done()

    def _hold(self, taken: dict[Partition, Messages]) -> None:
        for partition, messages in taken.items():
            self._held.setdefault(partition, Messages()).extend(messages)

    def _take_in(self, partition: Partition, messages: Messages) -> None:
        """Mediate ``messages``, and let them land when the batch before has."""
        while (first := self._next.get(partition)) is not None and (fresh := messages.since(first)):
            intake, messages = take_in(partition, first, fresh, self.reading)
            self._settle()
            if self._next.get(partition) != first:
                return  # given up, or fenced, meanwhile
            self._next[partition] = intake.next_offset
            self._under_way = intake, self._lander.submit(self._land, intake)

    # --- landing, in a thread of its own

    def _land(self, intake: Intake) -> None:
        began = time.monotonic()
        partition = intake.partition
        rated, rows = self._patiently(lambda: self._rated_and_committed(intake))
        self.metrics.landed(intake, rated)
        alerts = rows.get("alert", ())
        self.metrics.alerted(str(row["alert"]) for row in alerts)
        if self._published[partition] == intake.first:
            self._publish(partition, intake.next_offset, lambda: self.outbox.publish(rated, alerts))
        else:
            self._publish_stored(partition, intake.next_offset)
        self.metrics.batch_s.observe(time.monotonic() - began)
        figures = {"source": partition.source, "next_offset": intake.next_offset, "records": rated.records}
        _LOG.info("landed", extra=figures | {"rated": rated.usage.num_rows})

    def _rated_and_committed(self, intake: Intake) -> tuple[Rated, Rows]:
        """Rate and commit ``intake``; again, from state read anew, where others have changed it since it was read."""
        while True:
            rated = self.landing.rated(intake)
            began = time.monotonic()
            try:
                rows = self.landing.commit(intake, rated, self._published[intake.partition])
            except StaleState as fault:
                _LOG.info("restored", extra={"says": str(fault)})
                self.landing.restore(list(self._next))
            else:
                self.metrics.commit_s.observe(time.monotonic() - began)
                return rated, rows

    def _patiently(self, work: Callable[[], T]) -> T:
        """The result of ``work``, which is tried again for as long as the lake is full or locked."""
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                result = work()
            except LakeUnavailable as fault:
                _LOG.warning("paused", extra={"says": str(fault)})
                self.metrics.wait(waiting=True)
                if self.stopping.wait(wait_s):
                    raise
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            else:
                self.metrics.wait(waiting=False)
                return result

    def _publish(self, partition: Partition, committed: int, publish: Callable[[], int]) -> None:
        """Publish what became of the messages before ``committed``; a failure is made up for later, from the lake."""
        try:
            sent = publish() if self.outbox.open else 0
        except PublishError as fault:
            _LOG.warning("not published", extra={"source": partition.source, "says": str(fault)})
            self.metrics.unpublished.inc()
            return
        self.metrics.published.inc(sent)
        self._published[partition] = committed

    def _publish_stored(self, partition: Partition, committed: int) -> None:
        lake, first = self.landing.job.lake, self._published[partition]
        self._publish(partition, committed, lambda: self.outbox.publish_stored(lake, partition, first, committed))

    # --- waiting for it

    def _settle(self, *, beat: bool = True) -> None:
        """Wait until nothing is under way; with ``beat``, tell the group meanwhile that this member lives."""
        paused: set[Partition] = set()
        while self._under_way:
            intake, landing = self._under_way
            wait([landing], _BEAT_S)
            if landing.done():
                self._under_way = None
                self._settled(intake, landing)
            elif beat:
                if not paused:
                    paused = set(self._next)
                    self.source.pause(paused)
                self._hold(self.source.take(1, 0))
                self.metrics.turn({}, {})
        if paused:
            self.source.resume(paused & set(self._next))

    def _settled(self, intake: Intake, landing: Future[None]) -> None:
        try:
            landing.result()
        except StaleOffset as fault:
            self._fence(intake.partition, str(fault))
        else:
            self.source.note({intake.partition: intake.next_offset})

    def _catch_up(self) -> None:
        """Publish what could not be published before, while nothing is under way."""
        for partition, committed in self._next.items():
            if self._published[partition] < committed:
                self._publish_stored(partition, committed)

    # --- fencing

    def _fence(self, partition: Partition, why: str) -> None:
        """Leave ``partition`` alone: somebody else has moved its offset."""
        _LOG.warning("fenced", extra={"source": partition.source, "says": why})
        self.metrics.fenced.inc()
        if self._next.pop(partition, None) is not None:
            self._held.pop(partition, None)
            self._fenced[partition] = time.monotonic() + self.limits.fence_s
            self.source.pause([partition])

    def _take_up_fenced(self) -> None:
        """Go on with partitions that, after the pause, the group still gives to this member: from the lake's offset."""
        for partition in [p for p, until in self._fenced.items() if time.monotonic() > until]:
            self._settle()
            if self._fenced.pop(partition, None) is not None:
                self.source.seek(partition, self._begun([partition])[partition])
                self.source.resume([partition])

    # --- the group's changes: called from within the source's methods

    def assigned(self, partitions: list[Partition]) -> dict[Partition, int | None]:
        """Take over ``partitions`` where the lake has them."""
        self._settle(beat=False)
        starts = self._begun(partitions)
        self.metrics.owns("assigned", len(self._next))
        _LOG.info("assigned", extra={"sources": [p.source for p in partitions], "offsets": list(starts.values())})
        return starts

    def _begun(self, partitions: list[Partition]) -> dict[Partition, int | None]:
        committed = self._patiently(lambda: self.landing.assigned(partitions))
        for partition, offset in committed.items():
            self._next[partition] = offset
            self._published[partition] = self.outbox.published(self.landing.job.lake, partition)
        return {partition: offset or None for partition, offset in committed.items()}

    def revoked(self, partitions: list[Partition]) -> None:
        """Give ``partitions`` up, when nothing of them is under way."""
        self._settle(beat=False)
        self._note_published(partitions)
        self._give_up("revoked", partitions)

    def lost(self, partitions: list[Partition]) -> None:
        """Give ``partitions`` up: they have another owner already."""
        self._settle(beat=False)
        self._give_up("lost", partitions)

    def _give_up(self, kind: str, partitions: list[Partition]) -> None:
        for kept in (self._next, self._held, self._published, self._fenced):
            for partition in partitions:
                kept.pop(partition, None)
        self.metrics.owns(kind, len(self._next), partitions)
        _LOG.info(kind, extra={"sources": [p.source for p in partitions]})

    def _note_published(self, partitions: list[Partition]) -> None:
        """Land how far the outputs are, so that the next owner publishes nothing twice."""
        for partition in partitions if self.outbox.open else ():
            committed, lake = self._next.get(partition, 0), self.landing.job.lake
            if committed and self.outbox.published(lake, partition) < self._published[partition]:
                try:
                    self.landing.note_published(partition, committed, self._published[partition])
                except (StaleOffset, StaleState, LakeUnavailable) as fault:  # the next owner publishes a batch again
                    _LOG.warning("mark not landed", extra={"source": partition.source, "says": str(fault)})
