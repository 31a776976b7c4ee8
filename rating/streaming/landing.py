"""Landing: what came of the partitions of a member, rated and committed as one batch.

Enters: an :class:`Intake` a partition. Leaves: a committed batch, remembered ids, and its rows for the outputs. Always
holds, in this order: rate against state that stays as it is; commit all or nothing (offset checks fence stale owners);
only then move state. A fenced partition takes nothing of the others with it: they are rated and committed without it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from mediation.dedup import SeenIds
from mediation.layout import Layout
from rating.after import Rows, land
from rating.balances.live import no_balances
from rating.balances.restore import reach
from rating.job import Job
from rating.lake import Delta, Extent, LayoutVersion, StaleOffset, StaleState
from rating.lake.delta import Row
from rating.pipeline import Rated, rate
from rating.recycle import Recycled, recycle
from rating.seen import load_days, oldest_us
from rating.sessions import earlier_partials
from rating.streaming.coordinates import Partition, record_no
from rating.streaming.intake import Intake, take_in, together
from rating.streaming.late import Late
from rating.streaming.outbox import Mark
from rating.streaming.source import Messages
from rating.streaming.unpack import Reading
from rating.suspense import Filter


@dataclass(frozen=True, slots=True)
class Landed:
    """What landed: of which partitions, what it was, the keepers' rows; and the sources that others own."""

    batch: Sequence[Intake]
    rated: Rated
    rows: Rows
    commit_s: float
    fenced: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Landing:
    """Where batches land: the lake, tariff and keepers of ``job``, the ids seen, the balances."""

    job: Job
    sources: set[str] = field(default_factory=set)
    """All that were ever assigned."""
    late: Late = field(default_factory=Late)

    def assigned(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Take over ``partitions``: where each is committed."""
        self.sources |= {partition.source for partition in partitions}
        self.late.forget()
        self.restore()
        return {p: self.job.lake.offset(p.source).next_offset for p in partitions}

    def restore(self) -> None:
        """Take all state from the lake: others, who had some partition or turned the epoch, may have moved it."""
        self.job.lake.enter_epoch()
        self.job.renew(sorted(self.sources))

    def land(self, batch: Sequence[Intake], published: Mapping[Partition, Mark]) -> Landed:
        """Rate and commit ``batch``, which pairs by one rule; up to ``published`` its partitions are published.

        Partitions that have another owner are left out, and the others rated again without them; all are, from state
        read anew, if the epoch has turned: then alone, lest it turn again and again. Raises
        :class:`rating.lake.StaleOffset` if no partition is left, else :class:`rating.lake.LakeError`.
        """
        fenced: tuple[str, ...] = ()
        turn: AbstractContextManager[None] = nullcontext()
        while True:
            try:
                with turn:
                    landed = self._landed(batch, published)
            except StaleState:
                turn = self._restored()
            except StaleOffset as fault:
                fenced += fault.sources
                batch = [intake for intake in batch if intake.partition.source not in fenced]
                if not batch or not fault.sources:
                    raise StaleOffset(str(fault), fenced) from fault
                turn = nullcontext()
            else:
                self.late.landed(landed.rated)
                return replace(landed, fenced=fenced)

    @contextmanager
    def _restored(self) -> Iterator[None]:
        """All state is as the lake has it, and stays so."""
        with self.job.lake.alone():
            self.restore()
            yield

    def _landed(self, batch: Sequence[Intake], published: Mapping[Partition, Mark]) -> Landed:
        rated, job = self.rated(batch), self.job
        began = time.monotonic()
        rows = land(job.lake, self._delta(batch, rated, published), rated, job.seen, job.balances, job.keepers)
        return Landed(batch, rated, rows, time.monotonic() - began)

    def rated(self, batch: Sequence[Intake]) -> Rated:
        """``batch`` rated against the state as it is."""
        lake, mediated = self.job.lake, together(batch)
        load_days(lake, self.job.seen, mediated.usage)
        reach(self.job.balances, lake, self.job.catalogue, mediated.usage)
        layout = replace(self.job.layout, pairing=batch[0].pairing)
        oldest = oldest_us(lake, self.job.window_days)
        partials = earlier_partials(lake, mediated.usage)
        known = (mediated, layout, self.job.catalogue, self.job.seen)
        return rate(*known, oldest_us=oldest, partials=partials, balances=self.job.balances)

    def warm(self, reading: Reading) -> None:
        """Have the kernels loaded, and compiled where they never were, by a message that is no record."""
        nothing = Messages()
        nothing.add(0, b"-", None, 0)
        intake, _ = take_in(Partition("", 0), 0, nothing, reading)
        catalogue = self.job.catalogue
        balances = no_balances(catalogue) if len(catalogue.allowances) else None
        rate(together([intake]), self.job.layout, catalogue, SeenIds(), balances=balances)

    def bring_together(self, committed: Mapping[Partition, int]) -> Recycled:
        """Rate what waited for a record that has come since; ``committed`` says which partitions are whose, and where.

        Raises :class:`rating.lake.StaleOffset` if one of them has another owner, or another recycle came between.
        """
        sources = tuple(partition.source for partition in committed)
        ids = self.late.found(self.job.lake, sources)
        done = Recycled()
        if ids:
            held = [_place(partition, offset) for partition, offset in committed.items()]
            done = recycle(self.job, Filter(sources=sources, ids=tuple(ids)), held=held)
        self.late.tried(ids)
        return done

    def note_published(self, committed: Mapping[Partition, int], published: Mapping[Partition, Mark]) -> None:
        """Land that ``published`` says how far outputs are: a batch of no length."""
        places = [(p, _place(p, offset)) for p, offset in committed.items()]
        self.job.lake.commit(Delta.over([replace(at, intake=_intake_row(p.source, published[p])) for p, at in places]))

    def _delta(self, batch: Sequence[Intake], rated: Rated, published: Mapping[Partition, Mark]) -> Delta:
        return Delta.over(
            [_extent(intake, published[intake.partition]) for intake in batch],
            usage=rated.usage,
            charges=rated.charges,
            rejected=rated.rejected,
            movements=rated.drawn.movements,
            findings=tuple(_begins_late(intake) for intake in batch if intake.log_began),
            tariff=self.job.tariff,
        )


def _place(partition: Partition, offset: int) -> Extent:
    """An extent of no length: that ``partition`` is at ``offset``."""
    return Extent(
        source=partition.source,
        first_offset=offset,
        next_offset=offset,
        next_record_no=record_no(offset, 1),
        complete=False,
        records=0,
    )


def _extent(intake: Intake, published: Mark) -> Extent:
    layouts = [_version(layout) for layout in intake.layouts]
    source = intake.partition.source
    return Extent(
        source=source,
        first_offset=intake.first,
        next_offset=intake.next_offset,
        next_record_no=record_no(intake.next_offset, 1),
        complete=False,
        records=intake.mediated.records,
        layout=layouts[0] if layouts else None,
        further_layouts=tuple(layouts[1:]),
        intake=_intake_row(source, published, intake),
    )


def _begins_late(intake: Intake) -> Row:
    found = str(intake.log_began)
    return {"source": intake.partition.source, "finding": "log_begins", "expected": "0", "found": found}


def _version(layout: Layout) -> LayoutVersion:
    return LayoutVersion(layout.version, layout.name, layout.text)


def _intake_row(source: str, published: Mark, intake: Intake | None = None) -> Row:
    return {
        "source": source,
        "messages": intake.messages if intake else 0,
        "record_bytes": intake.record_bytes if intake else 0,
        "first_utc": intake.first_ms * 1_000 if intake else None,
        "last_utc": intake.last_ms * 1_000 if intake else None,
        "published_offset": published.offset,
        "published_batch": published.batch,
    }
