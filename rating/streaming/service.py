"""The streaming service: messages into the lake, by the commit protocol.

Enters: a source, a landing, an outbox. Leaves: committed batches. Always holds, for every batch:

1. messages of all partitions are gathered, so many or so long, and mediated while the batch before lands;
2. they are rated and committed together: one transaction that checks and moves the offset of each partition;
3. only then are their ids remembered, their rows published, and the group told (advisory).

One thread consumes and mediates; one lands, a batch at a time: that is the back-pressure. While a batch takes long, the
partitions are paused and the group is told that this member lives. A partition is given up only when nothing
is under way. One whose offset somebody else has moved is left alone, what came of it thrown away; the rest lands.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event
from typing import Final, TypeVar

from mediation.layout import Pairing
from rating.lake import LakeUnavailable, StaleOffset, StaleState
from rating.streaming.coordinates import Partition, partition_of
from rating.streaming.intake import Intake, take_in
from rating.streaming.landing import Landed, Landing
from rating.streaming.metrics import Metrics
from rating.streaming.outbox import Outbox, Topics
from rating.streaming.publisher import Publisher
from rating.streaming.source import Messages, Source
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
    tend_s: float = 5.0
    """How often records that waited are brought together, and what recycles rated is published."""


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
    _publisher: Publisher = field(init=False)
    _tended: float = 0.0
    _busy: float = 0.0
    _fenced: dict[Partition, float] = field(default_factory=dict)
    _under_way: Future[Landed] | None = None
    _lander: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "landing"))

    def __post_init__(self) -> None:
        self._publisher = Publisher(self.outbox, self.landing.job.lake, self.metrics)

    def stop(self) -> None:
        """Finish the batch under way, give the partitions up, return from :meth:`run`."""
        self.stopping.set()

    def run(self, idle_s: float | None = None) -> None:
        """Serve until stopped, or until nothing has come for ``idle_s`` seconds.

        Raises :class:`StreamError` where the stream cannot go on, :class:`rating.lake.LakeError` where the lake cannot.
        """
        self.landing.warm(self.reading)  # before the group knows this member: the first batch would have to wait for it
        self.source.open(self)
        self._busy = time.monotonic()
        try:
            while not self.stopping.is_set():
                gathered = self._gathered()
                self._take_in(gathered)
                self._take_up_fenced()
                if gathered or not self._next:
                    self._busy = time.monotonic()
                if gathered or self._under_way:
                    continue
                self._catch_up()
                if idle_s is not None and time.monotonic() - self._busy > idle_s:
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
        if self._under_way and self._under_way.done():
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
        return self._under_way is not None and not self._under_way.done()

    def _hold(self, taken: dict[Partition, Messages]) -> None:
        for partition, messages in taken.items():
            self._held.setdefault(partition, Messages()).extend(messages)

    def _take_in(self, gathered: dict[Partition, Messages]) -> None:
        """Mediate what was ``gathered``, and let it land when the batch before has: in one batch, if it pairs alike."""
        while intakes := self._mediated(gathered):
            alike: dict[Pairing | None, list[Intake]] = {}
            for intake in intakes:
                alike.setdefault(intake.pairing, []).append(intake)
            for batch in alike.values():
                self._begin(batch)

    def _mediated(self, gathered: dict[Partition, Messages]) -> list[Intake]:
        """An intake of each partition that has messages; they are taken out of ``gathered``."""
        intakes = []
        for partition, messages in gathered.items():
            if (first := self._next.get(partition)) is not None and (fresh := messages.since(first)):
                intake, gathered[partition] = take_in(partition, first, fresh, self.reading)
                intakes.append(intake)
        return intakes

    def _begin(self, batch: list[Intake]) -> None:
        """Let ``batch`` land, without partitions that were given up, or fenced, meanwhile."""
        self._settle()
        held = [intake for intake in batch if self._next.get(intake.partition) == intake.first]
        if held:
            self._next |= {intake.partition: intake.next_offset for intake in held}
            self._under_way = self._lander.submit(self._land, held)

    # --- landing, in a thread of its own

    def _land(self, batch: Sequence[Intake]) -> Landed:
        began = time.monotonic()
        landed = self._patiently(lambda: self.landing.land(batch, self._publisher.marks))
        self.metrics.landed(landed)
        self._publisher.publish(landed)
        self._tend()
        took = time.monotonic() - began
        self.metrics.batch_s.observe(took)
        offsets = {intake.partition.source: intake.next_offset for intake in landed.batch}
        figures = {"records": landed.rated.records, "rated": landed.rated.usage.num_rows}
        figures |= {"batch_s": round(took, 3), "commit_s": round(landed.commit_s, 3)}
        _LOG.info("landed", extra={"offsets": offsets} | figures)
        return landed

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

    # --- waiting for it

    def _settle(self, *, beat: bool = True) -> None:
        """Wait until nothing is under way; with ``beat``, tell the group meanwhile that this member lives."""
        paused: set[Partition] = set()
        while self._under_way:
            landing = self._under_way
            wait([landing], _BEAT_S)
            if landing.done():
                self._under_way = None
                self._settled(landing)
            elif beat:
                if not paused:
                    paused = set(self._next)
                    self.source.pause(paused)
                self._hold(self.source.take(1, 0))
                self.metrics.turn({}, {})
        if paused:
            self.source.resume(paused & set(self._next))

    def _settled(self, landing: Future[Landed]) -> None:
        try:
            landed = landing.result()
        except StaleOffset as fault:
            self._fence(fault.sources)
        else:
            self._fence(landed.fenced)
            self.source.note({intake.partition: intake.next_offset for intake in landed.batch})

    def _catch_up(self) -> None:
        """Publish what could not be published before, while nothing is under way."""
        self._publisher.catch_up(self._next)
        self._tend()

    def _tend(self) -> None:
        """Bring together what waited for each other, and publish what recycles rated, whoever did them."""
        if time.monotonic() - self._tended < self.limits.tend_s:
            return
        self._tended, owned = time.monotonic(), dict(self._next)
        try:
            done = self.landing.bring_together(owned)
        except (StaleOffset, StaleState, LakeUnavailable) as fault:  # the next time will do, or the next owner's
            _LOG.info("not brought together", extra={"says": str(fault)})
        else:
            if done.left:
                _LOG.info("brought together", extra={"tried": done.tried, "left": done.left})
        self._publisher.follow_recycles(owned)

    # --- fencing

    def _fence(self, sources: Iterable[str]) -> None:
        """Leave the partitions ``sources`` alone: somebody else has moved their offsets."""
        for partition in map(partition_of, sources):
            _LOG.warning("fenced", extra={"source": partition.source})
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
        self._busy = time.monotonic()
        self.metrics.owns("assigned", len(self._next))
        _LOG.info("assigned", extra={"sources": [p.source for p in partitions], "offsets": list(starts.values())})
        return starts

    def _begun(self, partitions: list[Partition]) -> dict[Partition, int | None]:
        committed = self._patiently(lambda: self.landing.assigned(partitions))
        for partition, offset in committed.items():
            self._next[partition] = offset
            self._publisher.begin(partition)
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
        for kept in (self._next, self._held, self._fenced):
            for partition in partitions:
                kept.pop(partition, None)
        self._publisher.end(partitions)
        self.metrics.owns(kind, len(self._next), partitions)
        _LOG.info(kind, extra={"sources": [p.source for p in partitions]})

    def _note_published(self, partitions: list[Partition]) -> None:
        """Land how far the outputs are, so that the next owner publishes nothing twice."""
        ahead = self._publisher.ahead({p: self._next[p] for p in partitions if p in self._next})
        if ahead:
            try:
                self.landing.note_published(ahead, self._publisher.marks)
            except (StaleOffset, StaleState, LakeUnavailable) as fault:  # the next owner publishes a batch again
                _LOG.warning("mark not landed", extra={"sources": [p.source for p in ahead], "says": str(fault)})
