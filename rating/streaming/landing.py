"""Landing: one batch of one partition, rated and committed.

Enters: an :class:`Intake`. Leaves: a committed batch, remembered ids, and its rows for the outputs. Always holds,
in this order: rate against state that stays as it is; commit (the offset check fences a stale owner); only then
move state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mediation.dedup import SeenIds
from mediation.layout import Layout
from rating.after import Rows, land
from rating.balances.live import Balances
from rating.balances.restore import live_balances
from rating.job import Job
from rating.lake import Delta, LayoutVersion
from rating.lake.delta import Row
from rating.pipeline import Rated, rate
from rating.seen import load_days, oldest_us, seen_ids
from rating.sessions import earlier_partials
from rating.streaming.coordinates import Partition, record_no
from rating.streaming.intake import Intake


@dataclass(slots=True, eq=False)
class Landing:
    """Where batches land: the lake, tariff and keepers of ``job``, the ids seen, the balances."""

    job: Job
    seen: SeenIds = field(init=False)
    balances: Balances | None = field(init=False)

    def __post_init__(self) -> None:
        self.seen, self.balances = self.job.seen, self.job.balances

    def assigned(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Take over ``partitions``: where each is committed."""
        self.restore(partitions)
        return {p: self.job.lake.offset(p.source).next_offset for p in partitions}

    def restore(self, partitions: Sequence[Partition]) -> None:
        """Take all state from the lake: others, who had these partitions or turned the epoch, may have moved it.

        The ids are dropped, to be loaded again by day; the balances are read anew.
        """
        lake = self.job.lake
        lake.enter_epoch()
        self.seen = seen_ids(lake)
        self.balances = live_balances(lake, self.job.catalogue)
        for keeper in self.job.keepers:
            keeper.restore(lake, [p.source for p in partitions])

    def rated(self, intake: Intake) -> Rated:
        """``intake`` rated against the state as it is."""
        lake = self.job.lake
        load_days(lake, self.seen, intake.mediated.usage)
        layout = replace(self.job.layout, pairing=intake.pairing)
        oldest = oldest_us(lake, self.job.window_days)
        partials = earlier_partials(lake, intake.mediated.usage)
        known = (intake.mediated, layout, self.job.catalogue, self.seen)
        return rate(*known, oldest_us=oldest, partials=partials, balances=self.balances)

    def commit(self, intake: Intake, rated: Rated, published: int) -> Rows:
        """Land ``rated``; what came of messages before ``published`` has been published. Returns the keepers' rows.

        Raises :class:`rating.lake.StaleOffset` if the partition has another owner, else :class:`rating.lake.LakeError`.
        """
        delta = self._delta(intake, rated, published)
        return land(self.job.lake, delta, rated, self.seen, self.balances, self.job.keepers)

    def note_published(self, partition: Partition, committed: int, published: int) -> None:
        """Land that what came of messages before ``published`` has been published: a batch of no extent."""
        delta = Delta(
            source=partition.source,
            first_offset=committed,
            next_offset=committed,
            next_record_no=record_no(committed, 1),
            complete=False,
            records=0,
            intake=_intake_row(partition.source, published),
        )
        self.job.lake.commit(delta)

    def _delta(self, intake: Intake, rated: Rated, published: int) -> Delta:
        layouts = [_version(layout) for layout in intake.layouts]
        source = intake.partition.source
        late = {"source": source, "finding": "log_begins", "expected": "0", "found": str(intake.log_began)}
        return Delta(
            source=source,
            first_offset=intake.first,
            next_offset=intake.next_offset,
            next_record_no=record_no(intake.next_offset, 1),
            complete=False,
            records=rated.records,
            usage=rated.usage,
            charges=rated.charges,
            rejected=rated.rejected,
            movements=rated.drawn.movements,
            findings=(late,) if intake.log_began else (),
            tariff=self.job.tariff,
            layout=layouts[0] if layouts else None,
            further_layouts=tuple(layouts[1:]),
            intake=_intake_row(source, published, intake),
        )


def _version(layout: Layout) -> LayoutVersion:
    return LayoutVersion(layout.version, layout.name, layout.text)


def _intake_row(source: str, published: int, intake: Intake | None = None) -> Row:
    return {
        "source": source,
        "messages": intake.messages if intake else 0,
        "record_bytes": intake.record_bytes if intake else 0,
        "first_utc": intake.first_ms * 1_000 if intake else None,
        "last_utc": intake.last_ms * 1_000 if intake else None,
        "published_offset": published,
    }
