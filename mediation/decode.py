"""Decoding: records become spans of fields, by the layout's framing.

Enters: records. Leaves: :class:`~mediation.records.Fields` with a span for every source column that the
layout reads, and the records that could not be parted. Always holds: fields are UTF-8; records in =
fields + rejected; text that needs a reader (escapes, other encodings, JSON) is read by the standard
library and gives spans of the same kind.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation import stage
from mediation.ber.records import decode_elements
from mediation.layout import Framing, Kind, Layout
from mediation.parting import NEEDS_READER, UNBALANCED, WRONG_COUNT, split_delimited
from mediation.reader import RowReader, read_rows
from mediation.reasons import CODE
from mediation.records import Fields, Records, set_aside
from mediation.words import eightfold, words_of

_WITHOUT_READER = np.array([0, 0, CODE["wrong_field_count"], CODE["unbalanced_quote"]], np.uint8)


def decode(records: Records, layout: Layout) -> tuple[Fields, pa.RecordBatch]:
    """Part each record into its fields: (fields, rejected rows)."""
    names = layout.source_columns()
    if layout.framing.ber:
        return _parted(*decode_elements(records, names, layout.framing.ber))
    shape = (len(names), len(records))
    fields = Fields(records, names, records.text, np.zeros(shape, np.int32), np.zeros(shape, np.int32))
    reason, slow = _part(fields, layout.framing)
    reason[_unknown(records, layout.framing)] = CODE["unknown_record_type"]
    foreign = records.beyond_ascii & (reason == 0)
    rows = np.flatnonzero(slow | foreign)
    if len(rows):
        fields, failed = read_rows(fields, rows, RowReader(layout.framing, names))
        reason[rows] = np.where(reason[rows] == 0, failed, reason[rows])
    fault = stage.Fault(reason, stage.no_fault, lambda row: records.content(row, stage.VALUE_LIMIT).decode("latin-1"))
    return _parted(fields, fault)


def _parted(fields: Fields, fault: stage.Fault) -> tuple[Fields, pa.RecordBatch]:
    if not fault.reason.any():
        return fields, stage.empty("rejected")
    return fields.take(fault.reason == 0), set_aside(fields.records, fault.reason, fault)


def _part(fields: Fields, framing: Framing) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Fill the spans of ``fields``: a reason per record, and which records need the reader."""
    count = len(fields.records)
    if framing.kind is Kind.JSON:
        return np.zeros(count, np.uint8), np.ones(count, np.bool_)
    if framing.kind is Kind.FIXED:
        return _cut_fixed(fields, framing), np.zeros(count, np.bool_)
    return _split(fields, framing)


def _unknown(records: Records, framing: Framing) -> npt.NDArray[np.bool_]:
    """Which records begin like no detail record of the layout."""
    known = np.full(len(records), not framing.detail_prefix)
    for prefix in framing.detail_prefix:
        known |= records.begin_with(prefix)
    return ~known


def _split(fields: Fields, framing: Framing) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    records, verdict = fields.records, np.zeros(len(fields.records), np.uint8)
    columns = len(framing.columns)
    slots = np.full(columns, -1, np.int64)
    for row, name in enumerate(fields.names):
        slots[framing.columns.index(name)] = row
    split_delimited(
        fields.text,
        words_of(fields.text),
        records.begin,
        records.end,
        framing.separator,
        eightfold(framing.separator),
        framing.quote,
        framing.escape,
        slots,
        columns - framing.missing_fields,
        1 << 30 if framing.extra_fields else columns,
        fields.begin,
        fields.end,
        verdict,
    )
    assert max(WRONG_COUNT, UNBALANCED) < len(_WITHOUT_READER)  # noqa: S101 - a new verdict needs its reason
    return _WITHOUT_READER[verdict], verdict == NEEDS_READER


def _cut_fixed(fields: Fields, framing: Framing) -> npt.NDArray[np.uint8]:
    records = fields.records
    lengths, needed = records.end - records.begin, max(p.start + p.length for p in framing.positions)
    short = lengths != framing.record_length if framing.record_length else lengths < needed
    for row, name in enumerate(fields.names):
        position = framing.positions[framing.columns.index(name)]
        begin = np.where(short, records.begin, records.begin + position.start)
        fields.begin[row], fields.end[row] = begin, np.where(short, begin, begin + position.length)
        _trim_blanks(fields.text, fields.begin[row], fields.end[row])
    return np.where(short, CODE["wrong_record_length"], 0).astype(np.uint8)


def _trim_blanks(text: npt.NDArray[np.uint8], begin: npt.NDArray[np.int32], end: npt.NDArray[np.int32]) -> None:
    """Narrow each span by its leading and trailing blanks, all rows at a time."""
    last = len(text) - 1
    while (blank := (begin < end) & (text[np.minimum(begin, last)] == 32)).any():
        begin += blank
    while (blank := (begin < end) & (text[np.maximum(end - 1, 0)] == 32)).any():
        end -= blank
