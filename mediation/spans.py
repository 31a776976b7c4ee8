"""One source column as spans, by a mapping; and its distinct texts.

Enters: fields and a mapping. Leaves: a :class:`Column`. Always holds: the fields' own spans are not
changed; joined columns live in a buffer of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation.jit import kernel
from mediation.layout import Mapping
from mediation.records import Fields, gather, spans_hold
from mediation.text_kernels import cut_spans, label_codes
from mediation.words import words_at

Bytes = npt.NDArray[np.uint8]
Spans = npt.NDArray[np.int32]

_MOST_LABELS = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Texts as spans of ``text``."""

    text: Bytes
    begin: Spans
    end: Spans

    def where_not(self, mask: npt.NDArray[np.bool_], other: Column) -> Column:
        """The column, and where ``mask`` holds the ``other`` one, which shares the buffer."""
        return Column(self.text, np.where(mask, other.begin, self.begin), np.where(mask, other.end, self.end))

    def value(self, row: int) -> str:
        """One text."""
        return bytes(self.text[self.begin[row] : self.end[row]]).decode("utf-8", "replace")


@kernel
def _join(
    text: Bytes, begin: Spans, end: Spans, rows: npt.NDArray[np.int64], out: Bytes, first: Spans, last: Spans
) -> None:
    """Join the spans of ``rows`` by a space, for each record."""
    at = 0
    for i in range(begin.shape[1]):
        first[i] = at
        for r in rows:
            if at > first[i] and end[r, i] > begin[r, i]:
                out[at] = 32
                at += 1
            for j in range(begin[r, i], end[r, i]):
                out[at] = text[j]
                at += 1
        last[i] = at


def column_of(fields: Fields, mapping: Mapping) -> Column:
    """The spans that ``mapping`` reads: all empty if it names no column."""
    count = len(fields.records)
    if not mapping.columns:
        return Column(fields.text, np.zeros(count, np.int32), np.zeros(count, np.int32))
    if len(mapping.columns) > 1:
        return _joined(fields, mapping.columns)
    row = fields.row(mapping.columns[0])
    column = Column(fields.text, fields.begin[row], fields.end[row])
    column = _without(column, mapping.absent)
    if mapping.fallback:
        other = fields.row(mapping.fallback)
        empty = column.begin == column.end
        column = column.where_not(empty, Column(fields.text, fields.begin[other], fields.end[other]))
    return _cut(_without(column, mapping.absent), mapping)


def _without(column: Column, absent: tuple[str, ...]) -> Column:
    """The column with the texts that stand for nothing made empty."""
    for word in absent:
        nothing = spans_hold(column.text, column.begin, column.end, word.encode())
        column = Column(column.text, column.begin, np.where(nothing, column.begin, column.end))
    return column


def _cut(column: Column, mapping: Mapping) -> Column:
    marks = [ord(m) if m else -1 for m in (mapping.after, mapping.before, mapping.before_last)]
    if max(marks) < 0:
        return column
    cut = Column(column.text, column.begin.copy(), column.end.copy())
    cut_spans(cut.text, cut.begin, cut.end, *marks)
    return cut


def _joined(fields: Fields, names: tuple[str, ...]) -> Column:
    rows = np.array([fields.row(n) for n in names], np.int64)
    count = len(fields.records)
    room = int((fields.end[rows] - fields.begin[rows]).sum()) + count * len(rows)
    out = np.empty(room, np.uint8)
    first, last = np.zeros(count, np.int32), np.zeros(count, np.int32)
    _join(fields.text, fields.begin, fields.end, rows, out, first, last)
    return Column(out, first, last)


def distinct(column: Column) -> tuple[Spans, list[str]]:
    """Number the distinct texts of ``column``: (a code per row, the text of each code)."""
    codes = np.empty(len(column.begin), np.int32)
    most = min(len(codes), _MOST_LABELS)
    first, heads = np.empty(most, np.int32), np.empty(most, np.int64)
    table = np.full(1 << (2 * most).bit_length(), -1, np.int32)
    count = label_codes(column.text, words_at(column.text), column.begin, column.end, table, heads, first, codes)
    if count >= 0:
        return codes, [column.value(i) for i in first[:count].tolist()]
    encoded = gather(column.text, column.begin, column.end, pa.string()).dictionary_encode()
    return np.asarray(encoded.indices), encoded.dictionary.to_pylist()
