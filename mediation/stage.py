"""The stage contract: a batch in, an accepted and a rejected batch out.

Enters: a ``usage`` batch and a verdict per row. Leaves: the rows that go on, and the rows that are set
aside in the ``rejected`` schema. Always holds: rows in = accepted + rejected, order kept, and every
rejected row carries its own bytes, coordinates, stage, reason, field and value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mediation.fields import EVENT_ID, INSTANT, LABEL, schema
from mediation.reasons import REASONS

VALUE_LIMIT = 400
"""Characters of a failed value that are kept beside the raw record."""

Verdicts = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why rows were rejected: a reason code number per row (0: accepted), with the field and value at fault."""

    reason: Verdicts
    field: Callable[[int], str]
    value: Callable[[int], str]


def no_fault(_: int) -> str:
    """The field or value of a fault that concerns the record as a whole."""
    return ""


def labels(values: Sequence[str]) -> pa.DictionaryArray:
    """``values`` as a dictionary-encoded column."""
    return pa.array(values, pa.string()).dictionary_encode().cast(LABEL)


C = TypeVar("C", pa.Array, pa.ChunkedArray)


def typed(column: C, kind: pa.DataType) -> C:
    """``column`` as one of ``kind``; as labels its texts are numbered anew."""
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type).dictionary_encode().cast(kind)
    return column if column.type == kind else column.cast(kind)


def constant(value: str, rows: int) -> pa.DictionaryArray:
    """A dictionary-encoded column of ``rows`` equal values."""
    return pa.DictionaryArray.from_arrays(zeros(pa.int32(), rows), pa.array([value], pa.string()), safe=False)


def zeros(kind: pa.DataType, rows: int) -> pa.Array:
    """A column of ``rows`` zeros of a type of fixed width; all of them are the same memory."""
    return pa.Array.from_buffers(kind, rows, [None, _zeros((rows * kind.bit_width).bit_length())])


def nulls(kind: pa.DataType, rows: int) -> pa.Array:
    """A column of ``rows`` nulls of a type of fixed width (or of labels), in the same memory."""
    if kind == LABEL:
        return pa.DictionaryArray.from_arrays(nulls(kind.index_type, rows), pa.array([], pa.string()), safe=False)
    buffer = _zeros((rows * kind.bit_width).bit_length())
    return pa.Array.from_buffers(kind, rows, [buffer, buffer], null_count=rows)


@cache
def _zeros(bits: int) -> pa.Buffer:
    """At least 2^bits bits, none of them set."""
    return pa.py_buffer(bytes((1 << bits) + 7 >> 3))


@cache
def empty(table: str) -> pa.RecordBatch:
    """A batch of no rows in the schema of ``table``."""
    return pa.RecordBatch.from_pylist([], schema(table))


def rejected(rows: pa.RecordBatch, fault: Fault, at: npt.NDArray[np.int64]) -> pa.RecordBatch:
    """Rows ``rows`` (already filtered; ``at`` are their row numbers in the verdict) as ``rejected`` rows.

    Columns that an early stage does not know yet (event_id, start) become null.
    """
    codes = fault.reason[at]
    count = rows.num_rows
    have = set(rows.schema.names)
    columns = {
        "disposition": _named(codes, [reason.disposition.value for reason in REASONS]),
        "stage": _named(codes, [reason.stage for reason in REASONS]),
        "reason": _named(codes, [reason.code for reason in REASONS]),
        "field": labels([fault.field(i) for i in at.tolist()]),
        "value": pa.array([fault.value(i)[:VALUE_LIMIT] for i in at.tolist()], pa.string()),
        "event_id": rows["event_id"] if "event_id" in have else pa.nulls(count, EVENT_ID),
        "content_hash": rows["content_hash"] if "content_hash" in have else pa.array(np.zeros(count, np.int64)),
        "start_utc": rows["start_utc"] if "start_utc" in have else pa.nulls(count, INSTANT),
        "duration_s": rows["duration_s"] if "duration_s" in have else pa.array(np.zeros(count, np.int64)),
    }
    out = schema("rejected")
    return pa.RecordBatch.from_arrays([columns[n] if n in columns else rows[n] for n in out.names], schema=out)


def _named(codes: Verdicts, names: list[str]) -> pa.DictionaryArray:
    """A label per row: the one of ``names`` that its reason code (from 1) stands for."""
    distinct = list(dict.fromkeys(names))
    place = np.array([distinct.index(name) for name in names], np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(place[codes.astype(np.int64) - 1]), pa.array(distinct, pa.string()))


def split(batch: pa.RecordBatch, fault: Fault) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Part ``batch`` by the verdicts of ``fault`` into accepted rows and rejected rows."""
    bad = np.flatnonzero(fault.reason)
    if not len(bad):
        return batch, empty("rejected")
    aside = batch.take(pa.array(bad))
    return _kept(batch, pc.equal(pa.array(fault.reason), 0), batch.num_rows - len(bad)), rejected(aside, fault, bad)


def _kept(batch: pa.RecordBatch, good: pa.BooleanArray, count: int) -> pa.RecordBatch:
    """The ``count`` rows of ``batch`` that are ``good``; a column that nothing fills need not be copied for it."""
    columns = [c[:count] if c.null_count == len(c) else c.filter(good) for c in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)
