"""Shipping: framed records become keyed messages.

Enters: a chunk of whole records, a layout, which source column is the key. Leaves: messages with their partition, one
record each or packed. Always holds: every record but control lines is in exactly one message, byte for byte; records
of one key keep their order; a record without a readable key goes by its ordinal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mediation.decode import decode
from mediation.frame import frame
from mediation.layout import Layout
from mediation.reasons import Disposition
from mediation.records import Chunk, gather
from rating.streaming.keys import partition_for
from rating.streaming.source import Outgoing, StreamError
from rating.streaming.unpack import LAYOUT_HEADER, PACKING_HEADER


@dataclass(frozen=True, slots=True)
class Route:
    """Where records go: a topic of so many partitions, by the column ``key`` (or in turn), ``pack`` a message."""

    topic: str
    partitions: int
    key: str = ""
    pack: int = 1

    def checked(self, layout: Layout) -> Route:
        """The route itself. Raises :class:`StreamError` if ``layout`` does not read the key's column."""
        if self.key and self.key not in layout.source_columns():
            raise StreamError(f"layout {layout.name} has no column {self.key!r}: {', '.join(layout.source_columns())}")
        return self


def messages(chunk: Chunk, layout: Layout, route: Route) -> tuple[list[Outgoing], int]:
    """The messages of ``chunk``, and how many records and control lines it has."""
    records, aside = frame(chunk, layout)
    fields, undecoded = decode(records, layout)
    row = fields.row(route.key) if route.key else None
    keys: list[bytes | None] = [None] * len(fields.records)
    if row is not None:
        keys = gather(fields.text, fields.begin[row], fields.end[row], pa.binary()).to_pylist()
    found = _rows(pa.RecordBatch.from_pydict(fields.records.coordinates()), keys)
    for batch in (aside, undecoded):
        shipped = batch.filter(pc.not_equal(batch["disposition"].cast(pa.string()), Disposition.CONTROL.value))
        found += _rows(shipped, [None] * shipped.num_rows)
    headers = [(LAYOUT_HEADER, layout.name.encode()), (PACKING_HEADER, b"raw"), ("toll-source", chunk.source.encode())]
    return list(_packed(sorted(found), route, headers)), len(records) + aside.num_rows


def _rows(batch: pa.RecordBatch, keys: list[bytes | None]) -> list[tuple[int, bytes, bytes | None]]:
    return list(zip(batch["record_no"].to_pylist(), batch["raw"].to_pylist(), keys, strict=True))


def _packed(
    rows: list[tuple[int, bytes, bytes | None]], route: Route, headers: list[tuple[str, bytes]]
) -> Iterator[Outgoing]:
    """Up to ``route.pack`` records a message, each partition's in order."""
    waiting: dict[int, list[tuple[int, bytes, bytes | None]]] = {}
    for number, raw, key in rows:
        partition = partition_for(key, route.partitions) if key else number % route.partitions
        waiting.setdefault(partition, []).append((number, raw, key))
        if len(waiting[partition]) == route.pack:
            yield _message(waiting.pop(partition), partition, headers)
    for partition, rest in waiting.items():
        yield _message(rest, partition, headers)


def _message(rows: list[tuple[int, bytes, bytes | None]], partition: int, headers: list[tuple[str, bytes]]) -> Outgoing:
    number, _, key = rows[0]
    value = b"".join(raw for _, raw, _ in rows)
    return Outgoing(
        value, key if len(rows) == 1 else None, [*headers, ("toll-record", str(number).encode())], partition
    )
