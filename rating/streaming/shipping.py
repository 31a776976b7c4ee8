"""Shipping: mediated records become keyed messages of their own bytes.

Enters: mediated records, which usage field is the key. Leaves: messages with their partition, one record each or
packed. Always holds: every record but control lines is in exactly one message, byte for byte; records of one key keep
their order; a record that is no usage has no key and goes by its ordinal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import pyarrow as pa

from mediation.reasons import Disposition
from rating.pipeline import Mediated
from rating.streaming.keys import partition_for
from rating.streaming.source import Outgoing, StreamError
from rating.streaming.unpack import LAYOUT_HEADER, PACKING_HEADER

KEYS: Final = ("a_number", "b_number", "account_key", "imsi", "call_reference", "trunk_in", "trunk_out")
"""Usage fields that may choose the partition; normalised, so that two spellings of a number are one key."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where records go: a topic of so many partitions, by the usage field ``key`` (or in turn), ``pack`` a message."""

    topic: str
    partitions: int
    key: str = ""
    pack: int = 1

    def __post_init__(self) -> None:
        if self.key and self.key not in KEYS:
            raise StreamError(f"no key {self.key!r}: one of {', '.join(KEYS)}")


class _Record(NamedTuple):
    number: int
    raw: bytes
    key: str
    layout: str
    packing: str


def messages(mediated: Mediated, source: str, route: Route) -> list[Outgoing]:
    """The messages of ``mediated`` records, which came from ``source``."""
    usage = mediated.usage
    count = usage.num_rows
    keys = usage[route.key].cast(pa.string()).to_pylist() if route.key and count else [""] * count
    numbers, raws, layouts = (usage[n].to_pylist() if count else [] for n in ("record_no", "raw", "layout"))
    found = [_Record(*row, "raw") for row in zip(numbers, raws, keys, layouts, strict=True)]
    for batch in mediated.rejected:
        found += _rejected(batch)
    return list(_packed(sorted(found), source, route))


def shippable(mediated: Mediated) -> int:
    """How many of the ``mediated`` records go into messages: all but control lines."""
    return sum(1 for batch in mediated.rejected for _ in _rejected(batch)) + int(mediated.usage.num_rows)


def _rejected(batch: pa.RecordBatch) -> Iterator[_Record]:
    for row in batch.select(["record_no", "raw", "layout", "reason", "disposition"]).to_pylist():
        if row["disposition"] != Disposition.CONTROL:
            packing = "arrow" if row["reason"] == "bad_packing" else "raw"
            yield _Record(row["record_no"], row["raw"], "", row["layout"], packing)


def _packed(records: list[_Record], source: str, route: Route) -> Iterator[Outgoing]:
    """Up to ``route.pack`` records a message, each partition's in order; only records with a line end share one."""
    waiting: dict[tuple[int, str, str], list[_Record]] = {}
    for record in records:
        place = record.number >> 20 or record.number  # of a stream the message, of a file the record
        partition = partition_for(record.key.encode(), route.partitions) if record.key else place % route.partitions
        to = (partition, record.layout, record.packing)
        waiting.setdefault(to, []).append(record)
        if len(waiting[to]) == route.pack or not record.raw.endswith(b"\n"):
            yield _message(waiting.pop(to), source, partition)
    for (partition, _, _), rest in waiting.items():
        yield _message(rest, source, partition)


def _message(records: list[_Record], source: str, partition: int) -> Outgoing:
    first = records[0]
    headers = [(LAYOUT_HEADER, first.layout.encode()), (PACKING_HEADER, first.packing.encode())]
    origin = [("toll-source", source.encode()), ("toll-record", str(first.number).encode())]
    key = first.key.encode() if len(records) == 1 and first.key else None
    return Outgoing(b"".join(r.raw for r in records), key, [*headers, *origin], partition)
