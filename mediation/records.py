"""What flows before a record is usage: chunks of bytes, framed records, spans of fields.

Always holds: spans point into their buffer and never copy it; ``raw`` of consecutive records is the
source's own bytes without a gap, so a rejected record is stored as it came.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation import stage
from mediation.reasons import CODE

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Spans = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
_BINARY = pa.binary()


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Consecutive whole records of one source; ``offset`` and ``record_no`` are those of the first byte."""

    source: str
    offset: int
    record_no: int
    bytes: Bytes
    last: bool


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Records as spans of ``text``: content in ``begin:end``, bytes as they came in ``begin:stop``.

    ``source``, ``record_no`` and ``offset`` (bytes) say where each came from.
    """

    text: Bytes
    layout: str
    source: pa.DictionaryArray
    begin: Spans
    end: Spans
    stop: Spans
    record_no: Ints
    offset: Ints
    beyond_ascii: Mask

    def __len__(self) -> int:
        return len(self.begin)

    def take(self, rows: Ints | Mask) -> Records:
        """The records of ``rows`` (row numbers or a mask); a run of them is not copied."""
        at = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        run = slice(int(at[0]), int(at[-1]) + 1) if len(at) and (np.diff(at) == 1).all() else None
        kept = at if run is None else run
        return replace(
            self,
            source=self.source.take(pa.array(at)) if run is None else self.source[run],
            begin=self.begin[kept],
            end=self.end[kept],
            stop=self.stop[kept],
            record_no=self.record_no[kept],
            offset=self.offset[kept],
            beyond_ascii=self.beyond_ascii[kept],
        )

    def content(self, row: int, most: int | None = None) -> bytes:
        """The bytes of one record without its line end, at most ``most``."""
        begin, end = int(self.begin[row]), int(self.end[row])
        return self.text[begin : end if most is None else min(end, begin + most)].tobytes()

    def begin_with(self, prefix: bytes) -> Mask:
        """Which records begin with ``prefix``."""
        return spans_hold(self.text, self.begin, np.minimum(self.end, self.begin + len(prefix)), prefix)

    def coordinates(self) -> dict[str, pa.Array]:
        """The columns that say where each record came from, with its bytes."""
        return {
            "source": self.source,
            "record_no": pa.array(self.record_no),
            "offset_bytes": pa.array(self.offset),
            "layout": stage.constant(self.layout, len(self)),
            "raw": apart(self.text, self.begin, self.stop),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """Source fields as spans of ``text``: ``begin`` and ``end`` have a row per name of ``names``."""

    records: Records
    names: tuple[str, ...]
    text: Bytes
    begin: Spans
    end: Spans

    def row(self, name: str) -> int:
        """The row of ``begin`` and ``end`` that holds the source field ``name``."""
        return self.names.index(name)

    def value(self, name: str, record: int) -> str:
        """One field of one record as text."""
        return self.texts(name, np.array([record]))[0]

    def texts(self, name: str, at: Ints) -> list[str]:
        """One field of the records ``at`` as text."""
        row = self.row(name)
        column = gather(self.text, self.begin[row, at], self.end[row, at], _BINARY)
        return [value.decode("utf-8", "replace") for value in column.to_pylist()]

    def take(self, rows: Ints | Mask) -> Fields:
        """The fields of the records ``rows``."""
        records = self.records.take(rows)
        at = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return replace(self, records=records, begin=self.begin.take(at, axis=1), end=self.end.take(at, axis=1))


def spans_hold(text: Bytes, begin: Spans, end: Spans, word: bytes) -> Mask:
    """Which spans are exactly ``word``."""
    same: Mask = end - begin == len(word)
    for i, byte in enumerate(word):
        same[same] = text[begin[same] + i] == byte
    return same


def gather(text: Bytes, begin: Spans, end: Spans, to: pa.DataType) -> pa.Array:
    """The spans of ``text`` as one binary or string column (``to``); strings are not validated."""
    from mediation.text_kernels import copy_spans

    if (begin[1:] >= end[:-1]).all():
        return apart(text, begin, end, to)

    lengths = (end - begin).astype(np.int64)
    offsets = np.zeros(len(begin) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    copied = np.empty(int(offsets[-1]), np.uint8)
    copy_spans(text, begin, end, copied)
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(copied)]
    return pa.Array.from_buffers(to, len(begin), buffers)


def apart(text: Bytes, begin: Spans, end: Spans, to: pa.DataType = _BINARY) -> pa.Array:
    """Spans that follow each other in ``text`` as one column, as :func:`gather`.

    The spans and the gaps between them are a column as they stand; taking every other value copies each
    span in one move.
    """
    bounds = np.empty(2 * len(begin) + 1, np.int32)
    bounds[:-1:2], bounds[1::2] = begin, end
    bounds[-1] = bounds[-2] if len(begin) else 0
    whole = pa.Array.from_buffers(to, 2 * len(begin), [None, pa.py_buffer(bounds), pa.py_buffer(text)])
    return whole.take(pa.array(np.arange(0, 2 * len(begin), 2, dtype=np.int32)))


def set_aside(records: Records, reason: npt.NDArray[np.uint8], fault: stage.Fault | None = None) -> pa.RecordBatch:
    """The records whose ``reason`` is not 0, as ``rejected`` rows."""
    at = np.flatnonzero(reason)
    if not len(at):
        return stage.empty("rejected")
    rows = pa.RecordBatch.from_pydict(records.take(at).coordinates())
    return stage.rejected(rows, fault or stage.Fault(reason, stage.no_fault, stage.no_fault), at)


def codes(*names: str) -> npt.NDArray[np.uint8]:
    """The code numbers of reason ``names``, for kernels that write an index into them."""
    return np.array([0, *(CODE[n] for n in names)], np.uint8)
