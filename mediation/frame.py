"""Framing: a chunk of bytes becomes records and control lines.

Enters: a :class:`~mediation.records.Chunk`. Leaves: the records that go on to decoding, and as rejected
rows the control lines (headers, trailers, comments, blank lines) and the lines that are no record (too
long, NUL bytes, cut off). Always holds: records and rejected rows together are every byte of the chunk.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation import stage
from mediation.documents import find_documents
from mediation.layout import Framing, Kind, Layout
from mediation.reasons import CODE
from mediation.records import Chunk, Records, set_aside
from mediation.text_kernels import BEYOND_ASCII, HAS_NUL, count_byte, find_lines

_NAME, _VALUE_BYTES = "record", 80


def frame(chunk: Chunk, layout: Layout) -> tuple[Records, pa.RecordBatch]:
    """Part ``chunk`` into (records, rejected rows)."""
    records, marks = _lines(chunk, layout)
    reason = _verdicts(records, marks, layout.framing)
    if not reason.any():
        return records, stage.empty("rejected")
    return records.take(reason == 0), set_aside(records, reason, _fault(records, reason))


def control_lines(chunk: Chunk, layout: Layout) -> Records:
    """The header and trailer records of ``chunk``, for the file's control totals."""
    records, marks = _lines(chunk, layout)
    reason = _verdicts(records, marks, layout.framing)
    return records.take((reason == CODE["header"]) | (reason == CODE["trailer"]))


def _lines(chunk: Chunk, layout: Layout) -> tuple[Records, npt.NDArray[np.uint8]]:
    framing = layout.framing
    room = count_byte(chunk.bytes, framing.line_end) + 1
    end, stop, marks = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.uint8)
    find = find_documents if framing.kind is Kind.JSON and framing.multi_line else find_lines
    count = find(chunk.bytes, framing.line_end, end, stop, marks)
    end, stop, marks = end[:count], stop[:count], marks[:count]
    begin = np.zeros(count, np.int32)
    begin[1:] = stop[:-1]
    numbers = np.arange(chunk.record_no, chunk.record_no + count, dtype=np.int64)
    records = Records(chunk, layout.name, begin, np.maximum(begin, end), stop, numbers, marks & BEYOND_ASCII != 0)
    return records, marks


def _verdicts(records: Records, marks: npt.NDArray[np.uint8], framing: Framing) -> npt.NDArray[np.uint8]:
    reason = np.zeros(len(records), np.uint8)
    text, lengths = records.chunk.bytes, records.end - records.begin
    reason[marks & HAS_NUL != 0] = CODE["nul_byte"]
    reason[lengths > framing.max_record_bytes] = CODE["record_too_long"]
    unended = len(records) > 0 and text[records.stop[-1] - 1] != framing.line_end
    if unended and framing.final_newline and framing.kind is not Kind.JSON:
        reason[-1] = CODE["truncated_record"]
    for prefix, code in (
        (framing.comment, "comment"),
        (framing.header_prefix, "header"),
        (framing.trailer_prefix, "trailer"),
    ):
        if prefix:
            reason[_begins_with(text, records, prefix)] = CODE[code]
    reason[_blank(text, records, lengths)] = CODE["blank"]
    if records.chunk.offset == 0:
        reason[: framing.header_lines] = CODE["header"]
    return reason


def _begins_with(text: npt.NDArray[np.uint8], records: Records, prefix: bytes) -> npt.NDArray[np.bool_]:
    """Which records begin with ``prefix``."""
    found = records.end - records.begin >= len(prefix)
    for i, byte in enumerate(prefix):
        found[found] = text[records.begin[found] + i] == byte
    return found


def _blank(
    text: npt.NDArray[np.uint8], records: Records, lengths: npt.NDArray[np.int32]
) -> npt.NDArray[np.bool_]:
    """Which records hold nothing but blanks."""
    found = lengths == 0
    starts_blank = np.flatnonzero(~found & (text[np.minimum(records.begin, len(text) - 1)] <= 32))
    for row in starts_blank.tolist():
        found[row] = not bytes(text[records.begin[row] : records.end[row]]).strip()
    return found


def _fault(records: Records, reason: npt.NDArray[np.uint8]) -> stage.Fault:
    text = records.chunk.bytes

    def value(row: int) -> str:
        begin = records.begin[row]
        return bytes(text[begin : min(records.end[row], begin + _VALUE_BYTES)]).decode("latin-1").replace("\0", "\\0")

    return stage.Fault(reason, lambda _: _NAME, value)
