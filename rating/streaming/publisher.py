"""Publishing: what has landed goes to the topics, once it is certain, and what could not go follows.

Enters: landed batches, the lake. Leaves: published messages, and a mark a partition of how far they are. Always holds:
a mark moves only after the acknowledgement, so what is not certain is published again, from the lake; a broker that
is away holds up nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from rating.lake import Lake
from rating.streaming.coordinates import Partition
from rating.streaming.landing import Landed
from rating.streaming.metrics import Metrics
from rating.streaming.outbox import Mark, Outbox
from rating.streaming.source import PublishError

_LOG: Final = logging.getLogger("toll.stream")


@dataclass(slots=True, eq=False)
class Publisher:
    """Publishes what ``lake`` has of the partitions that were begun; ``marks`` says how far each is."""

    outbox: Outbox
    lake: Lake
    metrics: Metrics
    marks: dict[Partition, Mark] = field(default_factory=dict)

    def begin(self, partition: Partition) -> None:
        """Take ``partition`` up where the lake says that it is published."""
        self.marks[partition] = self.outbox.published(self.lake, partition)

    def end(self, partitions: Iterable[Partition]) -> None:
        """Forget ``partitions``."""
        for partition in partitions:
            self.marks.pop(partition, None)

    def publish(self, landed: Landed) -> None:
        """Publish what has landed; from the lake, with what was not published before, if anything was not."""
        offsets = {intake.partition: intake.next_offset for intake in landed.batch}
        if all(self.marks[intake.partition].offset == intake.first for intake in landed.batch):
            rows = landed.rows.get("alert", ())
            self._sent(offsets, lambda: self.outbox.publish(landed.rated, rows))
        else:
            self.catch_up(offsets)

    def catch_up(self, committed: Mapping[Partition, int]) -> None:
        """Publish what the lake has before the offsets ``committed`` and what could not be published before."""
        for partition, offset in committed.items():
            first = self.marks[partition].offset
            if first < offset:
                self._sent({partition: offset}, lambda: self._stored(partition, first, offset))  # noqa: B023 - called at once

    def _stored(self, partition: Partition, first: int, end: int) -> int:
        return self.outbox.publish_stored(self.lake, partition, first, end)

    def follow_recycles(self, partitions: Iterable[Partition]) -> None:
        """Publish what recycles rated of records of ``partitions``, whoever did them."""
        for partition in partitions if self.outbox.open else ():
            for batch in self.outbox.recycles(self.lake, partition, self.marks[partition].batch):
                if not self._tried(lambda: self.outbox.publish_recycled(self.lake, partition, batch)):  # noqa: B023 - same
                    break
                self.marks[partition] = self.marks[partition]._replace(batch=batch)

    def ahead(self, committed: Mapping[Partition, int]) -> dict[Partition, int]:
        """Those of ``committed`` that are published further than the lake knows."""
        if not self.outbox.open:
            return {}
        return {
            partition: offset
            for partition, offset in committed.items()
            if offset and self.outbox.published(self.lake, partition) < self.marks[partition]
        }

    def _sent(self, committed: Mapping[Partition, int], publish: Callable[[], int]) -> None:
        """Publish what became of the messages before ``committed``."""
        if not self.outbox.open or self._tried(publish):
            for partition, offset in committed.items():
                self.marks[partition] = self.marks[partition]._replace(offset=offset)

    def _tried(self, publish: Callable[[], int]) -> bool:
        """Whether publishing went well; a failure is made up for later, from the lake."""
        try:
            self.metrics.published.inc(publish())
        except PublishError as fault:
            _LOG.warning("not published", extra={"says": str(fault)})
            self.metrics.unpublished.inc()
            return False
        return True
