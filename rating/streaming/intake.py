"""Intake: messages of one partition become mediated usage with the coordinates of the stream.

Enters: messages and how to read them. Leaves: an :class:`Intake`: usage, rejected rows, what was taken. Always holds:
records and rejected rows are every record of every message, byte for byte; their coordinates depend on the
message alone (:mod:`rating.streaming.coordinates`); pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mediation.fields import schema
from mediation.frame import frame
from mediation.layout import Layout, Pairing
from mediation.records import Bytes, Chunk, Records, apart
from mediation.timestamps import END_US
from rating.pipeline import Mediated, mediate_framed
from rating.streaming.coordinates import POSITION_BITS, Partition
from rating.streaming.source import Messages
from rating.streaming.unpack import Pieces, Reading, named, unpack

Ints = npt.NDArray[np.int64]

Framed = tuple[Records, pa.RecordBatch]

_BEFORE: Final = 1
"""Where a chunk begins: past 0, where a file's header lines would be expected."""
_LAST_MS: Final = END_US // 1_000 - 1
"""Where calendars end; producers may stamp a message with any number."""


@dataclass(frozen=True, slots=True, eq=False)
class Intake:
    """Messages of ``partition``, mediated: all that its log has from ``first`` to ``next_offset``."""

    partition: Partition
    first: int
    next_offset: int
    mediated: Mediated
    layouts: tuple[Layout, ...]
    pairing: Pairing | None
    messages: int
    record_bytes: int
    first_ms: int
    last_ms: int
    log_began: int = 0
    """The offset where the log began, if it was not 0 when the partition was first read."""


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Mediated pieces: usage and rejected rows with their coordinates."""

    usage: pa.RecordBatch
    rejected: tuple[pa.RecordBatch, ...]
    fitting: int


def take_in(partition: Partition, first: int, messages: Messages, reading: Reading) -> tuple[Intake, Messages]:
    """Mediate ``messages``, the first that follow the committed offset ``first``; also those that are left.

    A batch pairs by one rule, so it ends before the first message whose layout pairs otherwise.
    """
    now, later = _alike(messages, reading)
    pieces, poison = unpack(partition.source, now, reading)
    parts = [_mediated(partition.source, p) for p in pieces]
    rejected = (poison, *(batch for part in parts for batch in part.rejected))
    usage = _merged([part.usage for part in parts])
    records = usage.num_rows + sum(batch.num_rows for batch in rejected)
    layouts = tuple(p.layout for p in pieces)
    return (
        Intake(
            partition=partition,
            first=first,
            next_offset=now.offsets[-1] + 1,
            mediated=Mediated(usage, rejected, records, sum(p.fitting for p in parts)),
            layouts=layouts,
            pairing=layouts[0].pairing if layouts else None,
            messages=len(now),
            record_bytes=sum(p.size_bytes for p in pieces) + _bytes(poison["raw"]),
            first_ms=_on_calendar(min(now.stamps_ms)),
            last_ms=_on_calendar(max(now.stamps_ms)),
            log_began=now.offsets[0] if first == 0 else 0,
        ),
        later,
    )


def _on_calendar(stamp_ms: int) -> int:
    """The nearest time from 1970 on that the lake can hold and people can read."""
    return min(max(stamp_ms, 0), _LAST_MS)


def together(batch: Sequence[Intake]) -> Mediated:
    """What several partitions gave as one, partition by partition."""
    parts = [intake.mediated for intake in batch]
    usage = _joined([part.usage for part in parts])
    rejected = tuple(rows for part in parts for rows in part.rejected)
    return Mediated(usage, rejected, sum(part.records for part in parts), sum(part.fitting for part in parts))


def _alike(messages: Messages, reading: Reading) -> tuple[Messages, Messages]:
    """The messages up to the first whose layout pairs by another rule, and the rest."""
    if len({layout.pairing for layout in reading.layouts.values()}) < 2:
        return messages, Messages()
    known = reading.layouts
    rules = [
        known[name].pairing if name in known else None for name, _ in (named(h, reading) for h in messages.headers)
    ]
    cut = next((row for row, rule in enumerate(rules) if rule != rules[0]), len(rules))
    return messages.part(0, cut), messages.part(cut, len(rules))


def _bytes(column: pa.BinaryArray) -> int:
    return int(pc.sum(pc.binary_length(column)).as_py() or 0)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """The rows of ``batches``, one after the other."""
    filled = [batch for batch in batches if batch.num_rows]
    if len(filled) < 2:
        return filled[0] if filled else pa.RecordBatch.from_pylist([], schema("usage"))
    return pa.Table.from_batches(filled).unify_dictionaries().combine_chunks().to_batches()[0]


def _merged(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """The rows of ``batches``, of one partition, in the order of their coordinates."""
    joined = _joined(batches)
    return joined.sort_by("record_no") if len(batches) > 1 else joined


def _mediated(source: str, pieces: Pieces) -> _Part:
    """Mediate ``pieces`` as one chunk."""
    framed, begins = _framed(source, pieces.layout, pieces.text, pieces.starts, 0)
    places = _Places.of(pieces, begins)
    read = [
        mediate_framed(places.recorded(records), places.placed(unframed), pieces.layout) for records, unframed in framed
    ]
    usage = _merged([m.usage for m in read])
    return _Part(usage, tuple(b for m in read for b in m.rejected), sum(m.fitting for m in read))


def _framed(source: str, layout: Layout, text: Bytes, starts: Ints, ordinal: int) -> tuple[list[Framed], Ints]:
    """Frame the pieces that begin at ``starts`` (the last is their end), in halves where a record runs over its own.

    Also returns where each record begins; ``ordinal`` counts the records before.
    """
    first = int(starts[0])
    records, unframed = frame(Chunk(source, _BEFORE + first, ordinal, text[first : starts[-1]], last=False), layout)
    begins = np.zeros(len(records) + unframed.num_rows, np.int64)
    begins[records.record_no - ordinal] = records.offset - _BEFORE
    begins[np.asarray(unframed["record_no"]) - ordinal] = np.asarray(unframed["offset_bytes"]) - _BEFORE
    at = np.searchsorted(begins, starts[1:-1])
    if (at < len(begins)).all() and (begins[at] == starts[1:-1]).all():
        return [(records, unframed)], begins
    middle = len(starts) // 2
    one, head = _framed(source, layout, text, starts[: middle + 1], ordinal)
    other, tail = _framed(source, layout, text, starts[middle:], ordinal + len(head))
    return [*one, *other], np.concatenate([head, tail])


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """The coordinates in the stream of each record of a chunk, by its number there, from 0.

    ``added`` says which ones end with a line end that was added.
    """

    record_no: Ints
    offset: Ints
    added: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, pieces: Pieces, begins: Ints) -> _Places:
        """The places of the records of ``pieces`` that begin at ``begins``."""
        starts = pieces.starts[:-1]
        first = np.searchsorted(begins, starts)  # the first record of each piece
        head = np.searchsorted(pieces.offset, pieces.offset)  # the first piece of each one's message
        counts = np.diff(first, append=len(begins))
        before: Ints = np.cumsum(pieces.added) - pieces.added
        position = np.arange(len(begins)) - np.repeat(first[head] - 1, counts)
        last = np.zeros(len(begins), np.bool_)
        last[(first + counts - 1)[pieces.added]] = True
        return cls(
            record_no=np.repeat(pieces.offset << POSITION_BITS, counts) | position,
            offset=begins - np.repeat(starts[head] + before - before[head], counts),
            added=last,
        )

    def recorded(self, records: Records) -> Records:
        """``records`` with the coordinates of the stream, and without the line ends that were added."""
        at = records.record_no
        return replace(
            records, record_no=self.record_no[at], offset=self.offset[at], stop=records.stop - self.added[at]
        )

    def placed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """As :meth:`recorded`, of rows that carry their bytes."""
        if not batch.num_rows:
            return batch
        at, raw = np.asarray(batch["record_no"]), batch["raw"]
        bounds = np.frombuffer(raw.buffers()[1], np.int32, len(raw) + 1, 4 * raw.offset)
        columns = {
            "record_no": pa.array(self.record_no[at]),
            "offset_bytes": pa.array(self.offset[at]),
            "raw": apart(np.frombuffer(raw.buffers()[2], np.uint8), bounds[:-1], bounds[1:] - self.added[at]),
        }
        return pa.RecordBatch.from_arrays([columns.get(n, batch[n]) for n in batch.schema.names], schema=batch.schema)
