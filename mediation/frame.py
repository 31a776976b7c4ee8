"""Framing: a chunk of bytes becomes records and control lines.

Enters: a :class:`~mediation.records.Chunk`. Leaves: the records that go on to decoding, and as rejected
rows the control lines (headers, trailers, comments, blank lines) and the lines that are no record (too
long, NUL bytes, cut off). Always holds: records and rejected rows together are every byte of the chunk.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mediation import stage
from mediation.ber.records import frame_again, frame_elements, framing_fault
from mediation.documents import document_end, find_documents
from mediation.layout import Framing, Kind, Layout
from mediation.parting import BEYOND_ASCII, HAS_NUL, count_byte, find_lines, mark_lines
from mediation.reasons import CODE
from mediation.records import Chunk, Records, set_aside
from mediation.words import eightfold, words_of

_VALUE_BYTES = 80
_BRACE = 0x7D


def frame(chunk: Chunk, layout: Layout) -> tuple[Records, pa.RecordBatch]:
    """Part ``chunk`` into (records, rejected rows)."""
    framing = layout.framing
    if framing.ber:
        return _told(*frame_elements(chunk, framing.ber, layout.name, framing.max_record_bytes))
    records, marks = _lines(chunk, layout)
    reason = _verdicts(records, marks, layout.framing)
    if chunk.offset == 0:
        lines = np.flatnonzero((reason != CODE["comment"]) & (reason != CODE["blank"]))
        reason[lines[: layout.framing.header_lines]] = CODE["header"]
    return _parted(records, reason)


def reframe(rows: pa.Table, layout: Layout) -> tuple[Records, pa.RecordBatch]:
    """Part rows of the ``rejected`` schema, which carry their bytes, into (records, rejected rows)."""
    records, framing = _rows(rows, layout), layout.framing
    if framing.ber:
        return _told(*frame_again(records, _was_cut(rows), framing.ber, framing.max_record_bytes))
    text, begin, stop = records.text, records.begin, records.stop
    contents = [bytes(text[b:s]) for b, s in zip(begin.tolist(), stop.tolist(), strict=True)]
    lengths = np.array([_content_bytes(c, framing) for c in contents], np.int32)
    marks = np.array([(HAS_NUL if 0 in c else 0) | (0 if c.isascii() else BEYOND_ASCII) for c in contents], np.uint8)
    records = replace(records, end=begin + lengths, beyond_ascii=marks & BEYOND_ASCII != 0)
    return _parted(records, _verdicts(records, marks, framing))


def _rows(rows: pa.Table, layout: Layout) -> Records:
    """The bytes of ``rows``, each a record that ends where its bytes do; a byte follows, for a record may have none."""
    raw = rows["raw"].combine_chunks()
    bounds = np.frombuffer(raw.buffers()[1], np.int32, len(raw) + 1, 4 * raw.offset)
    text = np.frombuffer(raw.buffers()[2] or b"", np.uint8)[bounds[0] : bounds[-1]]
    return Records(
        text=np.append(text, np.uint8(0)),
        layout=layout.name,
        source=rows["source"].combine_chunks(),
        begin=bounds[:-1] - bounds[0],
        end=bounds[1:] - bounds[0],
        stop=bounds[1:] - bounds[0],
        record_no=np.asarray(rows["record_no"]),
        offset=np.asarray(rows["offset_bytes"]),
        beyond_ascii=np.zeros(len(raw), np.bool_),
    )


def _was_cut(rows: pa.Table) -> npt.NDArray[np.bool_]:
    """Which of ``rows`` the end of their file had cut off."""
    if "reason" not in rows.column_names:
        return np.zeros(rows.num_rows, np.bool_)
    return np.asarray(pc.equal(rows["reason"].cast(pa.string()), "truncated_record"))


def _content_bytes(raw: bytes, framing: Framing) -> int:
    """How many bytes of ``raw`` are content, as the first framing saw it."""
    if framing.kind is Kind.JSON and framing.multi_line:
        return document_end(np.frombuffer(raw, np.uint8), 0)
    return len(raw.rstrip(b"\r\n"))


def control_lines(rejected: pa.RecordBatch, reason: str) -> list[bytes]:
    """The bytes of the control lines of one kind, ``header`` or ``trailer``, among ``rejected`` rows."""
    lines: list[bytes] = rejected.filter(pc.equal(rejected["reason"].cast(pa.string()), reason))["raw"].to_pylist()
    return lines


def _parted(records: Records, reason: npt.NDArray[np.uint8]) -> tuple[Records, pa.RecordBatch]:
    return _split(records, _fault(records, reason))


def _told(records: Records, reason: npt.NDArray[np.uint8]) -> tuple[Records, pa.RecordBatch]:
    return _split(records, framing_fault(records, reason))


def _split(records: Records, fault: stage.Fault) -> tuple[Records, pa.RecordBatch]:
    if not fault.reason.any():
        return records, stage.empty("rejected")
    return records.take(fault.reason == 0), set_aside(records, fault.reason, fault)


def _lines(chunk: Chunk, layout: Layout) -> tuple[Records, npt.NDArray[np.uint8]]:
    framing, text = layout.framing, chunk.bytes
    room = count_byte(text, framing.line_end) + 1
    end, stop, marks = np.empty(room, np.int32), np.empty(room, np.int32), np.zeros(room, np.uint8)
    if framing.kind is Kind.JSON and framing.multi_line:
        count = find_documents(text, framing.line_end, end, stop, marks)
    else:
        count = find_lines(text, words_of(text), framing.line_end, eightfold(framing.line_end), end, stop)
        mark_lines(text, stop[:count], marks)
    stop, marks = stop[:count], marks[:count]
    begin = np.zeros(count, np.int32)
    begin[1:] = stop[:-1]
    records = Records(
        text=text,
        layout=layout.name,
        source=stage.constant(chunk.source, count),
        begin=begin,
        end=np.maximum(begin, end[:count]),
        stop=stop,
        record_no=np.arange(chunk.record_no, chunk.record_no + count, dtype=np.int64),
        offset=begin + np.int64(chunk.offset),
        beyond_ascii=marks & BEYOND_ASCII != 0,
    )
    return records, marks


def _verdicts(records: Records, marks: npt.NDArray[np.uint8], framing: Framing) -> npt.NDArray[np.uint8]:
    reason = np.zeros(len(records), np.uint8)
    text, lengths = records.text, records.end - records.begin
    reason[marks & HAS_NUL != 0] = CODE["nul_byte"]
    reason[lengths > framing.max_record_bytes] = CODE["record_too_long"]
    unended = text[records.stop - 1] != framing.line_end
    if framing.kind is Kind.JSON:
        unended &= text[np.maximum(records.end - 1, 0)] != _BRACE
    if framing.final_newline:
        reason[unended] = CODE["truncated_record"]
    for prefixes, code in (
        (framing.comment, "comment"),
        (framing.header_prefix, "header"),
        (framing.trailer_prefix, "trailer"),
    ):
        for prefix in prefixes:
            reason[records.begin_with(prefix)] = CODE[code]
    reason[_blank(records, lengths)] = CODE["blank"]
    return reason


def _blank(records: Records, lengths: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Which records hold nothing but blanks."""
    found: npt.NDArray[np.bool_] = lengths == 0
    for row in np.flatnonzero(~found & (records.text[records.begin] <= 32)).tolist():
        found[row] = not records.content(row).strip()
    return found


def _fault(records: Records, reason: npt.NDArray[np.uint8]) -> stage.Fault:
    def value(row: int) -> str:
        return records.content(row, _VALUE_BYTES).decode("latin-1").replace("\0", "\\0")

    return stage.Fault(reason, lambda _: "record", value)
