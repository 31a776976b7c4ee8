"""Chunks of BER files as records, and records as fields: the two stages that text has in ``frame`` and ``decode``.

Enters: a :class:`~mediation.records.Chunk` or :class:`~mediation.records.Records`, and a source. Leaves:
records with a reason number each (0: they go on), and fields whose texts the walk made. Always holds: records and what
is set aside are every byte of the chunk; a record is decoded whole or set aside with the byte at fault.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mediation import stage
from mediation.ber.columns import LONGEST_HEADER, Said, Source, SourceColumn
from mediation.ber.containers import prefix_of
from mediation.ber.elements import (
    CDR_HEADER,
    FILLER,
    NO_ELEMENT,
    PLAIN,
    RECORD,
    TOO_LONG,
    TRUNCATED,
    Stretch,
    find_elements,
    most_rows,
)
from mediation.ber.format import Format
from mediation.ber.meaning import with_header
from mediation.ber.plan import Plan, plan
from mediation.ber.texts import texts_of
from mediation.ber.tlv import FAULTS
from mediation.ber.walk import UNKNOWN_RECORD
from mediation.reasons import CODE
from mediation.records import Bytes, Chunk, Fields, Records, Spans

_REASON = {
    RECORD: 0,
    TRUNCATED: CODE["truncated_record"],
    TOO_LONG: CODE["record_too_long"],
    NO_ELEMENT: CODE["no_element"],
    FILLER: CODE["filler"],
}
_WHAT = dict(enumerate(FAULTS)) | {UNKNOWN_RECORD: "no record of the format has this tag"}
_SHOWN_BYTES = 16
_REASONS = np.array([_REASON[kind] for kind in range(len(_REASON))], np.uint8)


def frame_elements(chunk: Chunk, source: Source, layout: str, limit: int) -> tuple[Records, npt.NDArray[np.uint8]]:
    """Part ``chunk`` into (records, a reason number for each): header, records, trailer."""
    size = len(chunk.bytes)
    first, last = _body(source, chunk.offset, size)
    ends, stops, kinds, behind = _elements(chunk.bytes, first, last, source, limit, final=True)
    if not chunk.last and last == size:
        kinds[kinds == TRUNCATED] = NO_ELEMENT
    head, tail = ([first] if first else []), ([size] if behind < size else [])
    reason = np.concatenate([[CODE["header"]] * len(head), _REASONS[kinds], [CODE["trailer"]] * len(tail)])
    stop = np.concatenate([head, stops, tail]).astype(np.int32)
    begin = np.zeros(len(stop), np.int32)
    begin[1:] = stop[:-1]
    records = Records(
        text=chunk.bytes,
        layout=layout,
        source=stage.constant(chunk.source, len(stop)),
        begin=begin,
        end=np.concatenate([head, ends, tail]).astype(np.int32),
        stop=stop,
        record_no=np.arange(chunk.record_no, chunk.record_no + len(stop), dtype=np.int64),
        offset=begin + np.int64(chunk.offset),
        beyond_ascii=np.zeros(len(stop), np.bool_),
    )
    return records, reason.astype(np.uint8)


def frame_again(
    records: Records, was_cut: npt.NDArray[np.bool_], source: Source, limit: int
) -> tuple[Records, npt.NDArray[np.uint8]]:
    """Records that come one by one, as :func:`frame_elements` gives them; their file may have cut them off."""
    reason, end = np.zeros(len(records), np.uint8), records.stop.copy()
    for row, (begin, stop) in enumerate(zip(records.begin.tolist(), records.stop.tolist(), strict=True)):
        ends, _, kinds, _ = _elements(records.text, begin, stop, source, limit, final=True)
        kind = kinds[0] if len(kinds) == 1 or (len(kinds) and kinds[0] != RECORD) else NO_ELEMENT
        end[row] = ends[0] if len(kinds) else stop
        reason[row] = _REASONS[NO_ELEMENT if kind == TRUNCATED and not was_cut[row] else kind]
    return replace(records, end=end), reason


def whole_bytes(block: Bytes, offset: int, source: Source, limit: int) -> int:
    """How many bytes of ``block``, which begins at ``offset`` and is not the last, are header and whole records."""
    first, last = _body(source, offset, len(block))
    if first == len(block):
        return 0
    if last == 0:  # the trailer alone
        return len(block) if len(block) >= LONGEST_HEADER else 0
    return _elements(block, first, last, source, limit, final=last < len(block))[3]


def _body(source: Source, offset: int, size: int) -> tuple[int, int]:
    """Where the records begin and end among the ``size`` bytes from ``offset`` on."""
    body = (source.said or Said()).body
    first = min(max(body.begin - offset, 0), size)
    return first, size if body.end < 0 else min(max(body.end - offset, first), size)


def _elements(
    text: Bytes, first: int, last: int, source: Source, limit: int, *, final: bool
) -> tuple[Spans, Spans, npt.NDArray[np.uint8], int]:
    """The rows of ``text`` between ``first`` and ``last``: (ends, stops, kinds, the first byte that is in none)."""
    open_end = source.container == "nested" and (source.said or Said()).body.end < 0
    roots = np.array(sorted(source.format.records), np.int64)
    rows = most_rows(last - first)
    ends, stops, kinds = np.empty(rows, np.int32), np.empty(rows, np.int32), np.empty(rows, np.uint8)
    stretch = Stretch(prefix_of(source), open_end, final, limit)
    count, behind = find_elements(text, first, last, stretch, roots, ends, stops, kinds)
    return ends[:count], stops[:count], kinds[:count], behind


def element_begins(records: Records, source: Source) -> Spans:
    """Where the element of each record begins, behind what stands before it."""
    prefix = prefix_of(source)
    if prefix == PLAIN:
        return records.begin
    if prefix != CDR_HEADER:
        return records.begin + np.int32(prefix)
    extended = records.text[np.minimum(records.begin + 2, len(records.text) - 1)] >> 5 == 7
    return records.begin + np.where(extended, np.int32(5), np.int32(4))


def decode_elements(records: Records, names: tuple[str, ...], source: Source) -> tuple[Fields, stage.Fault]:
    """The fields ``names`` of ``records``, and why some of these are rejected."""
    columns = [source.column(name) for name in names]
    drawn = _plan(source.format, tuple(columns))
    texts, first, last, verdict, places = texts_of(
        records.text, records.begin, records.end, prefix_of(source), drawn, len(columns)
    )
    fields = Fields(records, names, texts, first, last)
    reason = np.where(verdict == 0, 0, CODE["bad_ber"]).astype(np.uint8)
    reason[verdict == UNKNOWN_RECORD] = CODE["unknown_record_type"]
    faults = _faults(records, verdict, places)
    return with_header(fields, source, columns), stage.Fault(reason, stage.no_fault, lambda row: faults[row])


def framing_fault(records: Records, reason: npt.NDArray[np.uint8]) -> stage.Fault:
    """``reason``, shown by the bytes with which each row begins."""
    rows = np.flatnonzero(reason)
    lengths = 2 * (records.end - records.begin)[rows]
    octets = zip(rows.tolist(), _octets(records.text, records.begin[rows]), lengths.tolist(), strict=True)
    values = {row: text[:length] for row, text, length in octets}
    return stage.Fault(reason, lambda _: "record", lambda row: values[row])


def _faults(records: Records, verdict: Bytes, places: npt.NDArray[np.int64]) -> dict[int, str]:
    """What is wrong with each record that could not be walked: the byte, those from it on, the fault."""
    rows = np.flatnonzero(verdict)
    at = places[rows]
    what = [_WHAT[v] for v in verdict[rows].tolist()]
    shown = zip(rows.tolist(), (at - records.begin[rows]).tolist(), _octets(records.text, at), what, strict=True)
    return {row: f"byte {offset} of the record, {octets}: {fault}" for row, offset, octets, fault in shown}


def _octets(text: Bytes, at: npt.NDArray[np.integer]) -> list[str]:
    """The few bytes from each place on in hex, zeros behind the last."""
    if not len(at):
        return []
    places = at[:, None] + np.arange(_SHOWN_BYTES)
    shown: bytes = np.where(places < len(text), text[np.minimum(places, len(text) - 1)], 0).tobytes()
    return shown.hex(" ", _SHOWN_BYTES).split(" ")


@lru_cache(maxsize=64)
def _plan(format_: Format, columns: tuple[SourceColumn, ...]) -> Plan:
    return plan(format_, columns)
