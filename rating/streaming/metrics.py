"""Every metric of the service, declared once; and what the health endpoints answer.

Enters: what the service tells after each step. Leaves: Prometheus metrics, and whether the service is alive and ready.
Always holds: no label and no value tells of a subscriber; labels are sources, dispositions, reasons, topics.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from mediation.reasons import Disposition
from rating.streaming.coordinates import Partition
from rating.streaming.landing import Landed

ALIVE_S: Final = 60
"""A service whose loop has not turned for so long is not alive."""
_SECONDS: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


@dataclass(slots=True, eq=False)
class Metrics:
    """The service's metrics in a registry of their own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    records: Counter = field(init=False)
    rejected: Counter = field(init=False)
    messages: Counter = field(init=False)
    commit_s: Histogram = field(init=False)
    batch_s: Histogram = field(init=False)
    committed: Gauge = field(init=False)
    lag: Gauge = field(init=False)
    watermark: Gauge = field(init=False)
    alerts: Counter = field(init=False)
    published: Counter = field(init=False)
    unpublished: Counter = field(init=False)
    fenced: Counter = field(init=False)
    rebalances: Counter = field(init=False)
    partitions: Gauge = field(init=False)
    paused: Gauge = field(init=False)
    turned: float = field(default_factory=time.monotonic)
    owned: int = 0
    waiting: bool = False

    def __post_init__(self) -> None:
        to = self.registry
        self.records = Counter("toll_records", "records landed, by where their way ended", ["disposition"], registry=to)
        self.rejected = Counter("toll_rejected", "records set aside, by reason", ["reason"], registry=to)
        self.messages = Counter("toll_messages", "messages landed", ["source"], registry=to)
        self.commit_s = Histogram(
            "toll_commit_seconds", "time of one commit to the lake", buckets=_SECONDS, registry=to
        )
        self.batch_s = Histogram(
            "toll_batch_seconds", "time of one batch: rate, commit, publish", buckets=_SECONDS, registry=to
        )
        self.committed = Gauge("toll_committed_offset", "next offset, as the lake has it", ["source"], registry=to)
        self.lag = Gauge("toll_lag_messages", "messages in the log that have not landed", ["source"], registry=to)
        self.watermark = Gauge(
            "toll_watermark_seconds", "broker's time of the last message landed", ["source"], registry=to
        )
        self.alerts = Counter("toll_alerts", "thresholds reached, by the name of the rule", ["alert"], registry=to)
        self.published = Counter("toll_published", "messages published and acknowledged", registry=to)
        self.unpublished = Counter("toll_publish_failures", "attempts to publish that failed", registry=to)
        self.fenced = Counter("toll_fenced", "batches refused because the partition has another owner", registry=to)
        self.rebalances = Counter("toll_rebalances", "changes of the assignment", ["kind"], registry=to)
        self.partitions = Gauge("toll_partitions", "partitions owned", registry=to)
        self.paused = Gauge("toll_paused", "1 while the lake takes nothing (disk full, locked)", registry=to)

    def landed(self, landed: Landed) -> None:
        """Count a committed batch."""
        rated = landed.rated
        self.commit_s.observe(landed.commit_s)
        self.records.labels(Disposition.RATED.value).inc(rated.usage.num_rows)
        for column, counter in (("disposition", self.records), ("reason", self.rejected)):
            for row in pc.value_counts(rated.rejected[column].cast(pa.string())).to_pylist():
                counter.labels(row["values"]).inc(row["counts"])
        for row in landed.rows.get("alert", ()):
            self.alerts.labels(str(row["alert"])).inc()
        for intake in landed.batch:
            source = intake.partition.source
            self.messages.labels(source).inc(intake.messages)
            self.committed.labels(source).set(intake.next_offset)
            self.watermark.labels(source).set(intake.last_ms / 1000)

    def turn(self, ends: Mapping[Partition, int], next_offsets: Mapping[Partition, int]) -> None:
        """Note that the loop turned, and how far each partition is behind its log."""
        self.turned = time.monotonic()
        for partition, end in ends.items():
            self.lag.labels(partition.source).set(max(0, end - next_offsets.get(partition, end)))

    def owns(self, kind: str, owned: int, gone: Iterable[Partition] = ()) -> None:
        """Note a change of the assignment."""
        self.owned = owned
        self.rebalances.labels(kind).inc()
        self.partitions.set(owned)
        for partition in gone:
            for gauge in (self.lag, self.committed, self.watermark):
                gauge.remove_by_labels({"source": partition.source})

    def wait(self, *, waiting: bool) -> None:
        """Note that the lake takes nothing, or takes batches again."""
        self.waiting = waiting
        self.paused.set(int(waiting))

    @property
    def alive(self) -> bool:
        """Whether the loop turns."""
        return time.monotonic() - self.turned < ALIVE_S

    @property
    def ready(self) -> bool:
        """Whether batches land: partitions are assigned and the lake takes them."""
        return self.alive and self.owned > 0 and not self.waiting
