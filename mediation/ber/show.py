"""The parts of a chunk of BER records: each record as a tree of named values.

Enters: a :class:`~mediation.records.Chunk` and its source. Leaves: its parts. Always holds: a record that a run would
set aside for its bytes is undecodable here too; every row that framing makes is one part.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mediation.ber.columns import Said, Source
from mediation.ber.containers import prefix_of
from mediation.ber.elements import CDR_HEADER
from mediation.ber.named import Names
from mediation.ber.records import element_begins, frame_elements
from mediation.ber.tlv import FAULTS, FINE, INDEFINITE, LEFT_OVER, element_end, read_head
from mediation.ber.tree import Tree, TreeError, tree_of
from mediation.ber.ts32297 import read_cdr_header
from mediation.layout import Layout
from mediation.part import Kind, Part, Undecodable
from mediation.reasons import REASONS
from mediation.records import Chunk, Records

_KINDS = {"header": Kind.HEADER, "trailer": Kind.TRAILER, "filler": Kind.SILENT}
_END_OF_CONTENTS = b"\0\0"


def element_parts(chunk: Chunk, source: Source, layout: Layout, names: Names) -> Iterator[Part]:
    """The parts of ``chunk``."""
    records, reasons = frame_elements(chunk, source, layout.name, layout.framing.max_record_bytes)
    begins = element_begins(records, source).tolist()
    with_headers = prefix_of(source) == CDR_HEADER
    for row, reason in enumerate(reasons.tolist()):
        if not reason:
            yield _record(records, row, begins[row], names, with_header=with_headers)
            continue
        meant = REASONS[reason - 1]
        kind = _KINDS.get(meant.code, Kind.UNDECODABLE)
        if kind is Kind.UNDECODABLE:
            yield _undecodable(records, row, meant.meaning, 0)
        elif kind is Kind.TRAILER:
            yield _trailer(records, row, names)
        else:
            said = (source.said or Said()).header if kind is Kind.HEADER else {}
            yield _part(records, row, kind, values=names.named(said))


def _part(records: Records, row: int, kind: Kind, **more: Any) -> Part:  # noqa: ANN401 - fields of a part
    return Part(kind, int(records.record_no[row]), int(records.offset[row]), **more)


def _undecodable(
    records: Records,
    row: int,
    error: str,
    at: int,
    kind: Kind = Kind.UNDECODABLE,
    **more: Any,  # noqa: ANN401 - as above
) -> Part:
    """The record (or the part of ``kind``) of ``row``, whose fault is at its byte ``at``."""
    octets = records.text[int(records.begin[row]) : int(records.stop[row])].tobytes()
    return _part(records, row, kind, fault=Undecodable(error, int(records.offset[row]) + at, octets), **more)


def _record(records: Records, row: int, begin: int, names: Names, *, with_header: bool) -> Part:
    """One record, which is one element."""
    first, end = int(records.begin[row]), int(records.end[row])
    more: dict[str, Any] = {}
    if with_header:
        more["cdr_header"] = read_cdr_header(records.text[first:begin].tobytes())
    key, constructed, _, stop = read_head(records.text, begin, end)
    known = names.format.records.get(key)
    if key < 0:
        return _undecodable(records, row, FAULTS[-key], begin - first, **more)
    if known is None or not constructed:
        return _undecodable(records, row, "no record of the format has this tag", begin - first, **more)
    more["record"] = known.name
    stop, fault = (stop, FINE) if stop != INDEFINITE else element_end(records.text, begin, end)
    if not fault and stop < end:
        fault = LEFT_OVER
    if fault:
        return _undecodable(records, row, FAULTS[fault], stop - first, **more)
    try:
        tree = tree_of(records.text[begin:stop].tobytes(), names.format)
    except TreeError as wrong:
        return _undecodable(records, row, wrong.what, begin - first + wrong.place, **more)
    return _part(records, row, Kind.RECORD, values=names.named(tree)[known.name], **more)


def _trailer(records: Records, row: int, names: Names) -> Part:
    """What stands behind the list of the records; ends-of-contents say nothing and are left out."""
    trailer = records.content(row)
    octets, at = np.frombuffer(trailer, np.uint8), 0
    tree: dict[str, list[Tree | str]] = {}
    while at < len(trailer):
        if trailer.startswith(_END_OF_CONTENTS, at):
            at += len(_END_OF_CONTENTS)
            continue
        stop, fault = element_end(octets, at, len(trailer))
        try:
            if fault:
                return _undecodable(records, row, FAULTS[fault], stop, Kind.TRAILER)
            found = tree_of(trailer[at:stop], names.format)
        except TreeError as wrong:
            return _undecodable(records, row, wrong.what, at + wrong.place, Kind.TRAILER)
        for name, occurrences in found.items():
            tree.setdefault(name, []).extend(occurrences)
        at = stop
    return _part(records, row, Kind.TRAILER, values=names.named(tree))
