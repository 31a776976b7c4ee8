"""The outbox: rated events, suspense notices and alerts, from rows of the lake to topics.

Enters: the rows of a committed batch, or on a restart those that the lake has of it. Leaves: messages on the output
topics. Always holds: a message is made of the rows alone, so a second time gives the same bytes; per partition
messages go out in the order of their records; nothing is sent before it is committed. At least once: consumers
drop repeats by the headers ``toll-source``, ``toll-record`` and, of what a recycle rated, ``toll-recycle``
(docs/streaming.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Final, NamedTuple

import duckdb
import pyarrow as pa

from rating.lake import Lake
from rating.lake.delta import Row
from rating.lake.totals import without_batch
from rating.pipeline import Rated
from rating.streaming.coordinates import Partition, record_no
from rating.streaming.source import Outgoing, Sink

RATED_SCHEMA: Final = b"toll.rated/1"
SUSPENSE_SCHEMA: Final = b"toll.suspense/1"
ALERT_SCHEMA: Final = b"toll.alert/1"
_RATED, _SUSPENDED, _ALERTS = (
    files("rating.streaming").joinpath(f"{name}.sql").read_text("utf-8") for name in ("rated", "suspended", "alerts")
)
_PUBLISHED: Final = """
SELECT coalesce(max(published_offset), 0)::BIGINT AS offset, coalesce(max(published_batch), 0)::BIGINT AS batch
FROM intake WHERE source = $source"""
_PLACE: Final = "source = $source AND record_no >= $first AND record_no < $end"
_STORED: Final = {
    "usage": f"SELECT * FROM usage WHERE {_PLACE}",  # noqa: S608 - our own condition
    "charge": "SELECT c.* FROM charge c SEMI JOIN (SELECT event_id, start_utc FROM usage "  # noqa: S608 - same
    f"WHERE {_PLACE}) u ON u.event_id = c.event_id AND u.start_utc = c.start_utc WHERE c.rating_run = 0",
    "rejected": f"SELECT * FROM rejected WHERE {_PLACE}",  # noqa: S608 - our own condition
    "alert": f"SELECT * FROM alert WHERE {_PLACE}",  # noqa: S608 - our own condition
}
_LEFT: Final = "SELECT DISTINCT batch_id FROM suspense_action WHERE source = $source AND action = 'recycled' AND "
_RECYCLES: Final = f"{_LEFT} batch_id > $after ORDER BY batch_id"
_OF_RECYCLE: Final = """source = $source AND record_no IN (
    SELECT record_no FROM suspense_action WHERE source = $source AND batch_id = $batch AND action = 'recycled')"""
_RECYCLED: Final = {
    "usage": f"SELECT * FROM usage WHERE {_OF_RECYCLE}",  # noqa: S608 - our own condition
    "charge": "SELECT c.* FROM charge c SEMI JOIN (SELECT event_id, start_utc FROM usage "  # noqa: S608 - same
    f"WHERE {_OF_RECYCLE}) u ON u.event_id = c.event_id AND u.start_utc = c.start_utc WHERE c.rating_run = 0",
    "rejected": "SELECT * FROM rejected WHERE source = $source AND $batch < 0",  # its notice went out when it came
    "alert": "SELECT * FROM alert WHERE source = $source AND batch_id = $batch",
}


class Mark(NamedTuple):
    """How far a partition is published: what came of messages before ``offset``, and of recycles up to ``batch``."""

    offset: int = 0
    batch: int = 0


def _connected() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET disabled_optimizers = 'join_filter_pushdown,filter_pushdown'")  # Arrow scans know no UUID
    return connection


@dataclass(frozen=True, slots=True)
class Topics:
    """Where outputs go; an empty name: nowhere."""

    rated: str = ""
    suspense: str = ""
    alerts: str = ""

    def named(self) -> list[str]:
        """The topics that there are."""
        return [topic for topic in (self.rated, self.suspense, self.alerts) if topic]


@dataclass(slots=True, eq=False)
class Outbox:
    """Publishes to ``topics`` through ``sink``."""

    topics: Topics
    sink: Sink | None = None
    _sql: duckdb.DuckDBPyConnection = field(default_factory=_connected)

    @property
    def open(self) -> bool:
        """Whether there is anything to publish to."""
        return self.sink is not None and bool(self.topics.named())

    def published(self, lake: Lake, partition: Partition) -> Mark:
        """How far ``partition`` is known to be published."""
        return Mark(**lake.query(_PUBLISHED, {"source": partition.source}).to_pylist()[0])

    def publish(self, rated: Rated, alerts: Sequence[Row]) -> int:
        """Publish the rows of a committed batch; how many messages. Raises :class:`PublishError`."""
        rows = pa.Table.from_pylist([dict(row) for row in alerts], without_batch("alert"))
        return self._send(pa.table(rated.usage), pa.table(rated.charges), rated.rejected, rows)

    def publish_stored(self, lake: Lake, partition: Partition, first: int, end: int) -> int:
        """Publish what ``lake`` has of the messages ``first`` to ``end``; how many messages."""
        place = {"source": partition.source, "first": record_no(first, 0), "end": record_no(end, 0)}
        return self._send(*(lake.query(sql, place) for sql in _STORED.values()))

    def recycles(self, lake: Lake, partition: Partition, after: int) -> list[int]:
        """The batches after ``after`` in which records of ``partition`` left suspense."""
        rows = lake.query(_RECYCLES, {"source": partition.source, "after": after})
        batches: list[int] = rows["batch_id"].to_pylist()
        return batches

    def publish_recycled(self, lake: Lake, partition: Partition, batch: int) -> int:
        """Publish what the recycle ``batch`` made of records of ``partition``; how many messages."""
        place = {"source": partition.source, "batch": batch}
        usage, charges, rejected, alerts = (lake.query(sql, place) for sql in _RECYCLED.values())
        return self._send(usage, charges, rejected, alerts, recycle=batch)

    def _send(
        self, usage: pa.Table, charges: pa.Table, rejected: pa.Table, alerts: pa.Table, recycle: int | None = None
    ) -> int:
        if self.sink is None:
            return 0
        sent = 0
        for name, rows in zip(_STORED, (usage, charges, rejected, alerts), strict=True):
            self._sql.register(name, rows)
        if self.topics.rated and usage.num_rows:
            sent += self.sink.send(self.topics.rated, self._made(_RATED, RATED_SCHEMA, recycle))
        if self.topics.suspense and rejected.num_rows:
            sent += self.sink.send(self.topics.suspense, self._made(_SUSPENDED, SUSPENSE_SCHEMA, recycle))
        if self.topics.alerts and alerts.num_rows:
            sent += self.sink.send(self.topics.alerts, self._made(_ALERTS, ALERT_SCHEMA, recycle))
        return sent

    def _made(self, sql: str, schema: bytes, recycle: int | None) -> Iterator[Outgoing]:
        again = [] if recycle is None else [("toll-recycle", str(recycle).encode())]
        for batch in self._sql.execute(sql).to_arrow_reader(10_000):
            keys, values, sources, numbers = (batch[n].to_pylist() for n in ("key", "value", "source", "record_no"))
            for key, value, source, number in zip(keys, values, sources, numbers, strict=True):
                place = [("toll-source", source.encode()), ("toll-record", str(number).encode())]
                yield Outgoing(value.encode(), key.encode(), [("toll-schema", schema), *place, *again])
