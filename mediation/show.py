"""A file in its parts: header, records with their values by name, trailer, bytes that are none of them.

Enters: a recognised file. Leaves: its parts, in order. Always holds: every byte is in one part; memory is bounded by
the block, never by the file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from mediation.ber.named import Code, Names, code_object
from mediation.ber.show import element_parts
from mediation.decode import decode
from mediation.frame import frame
from mediation.layout import Kind as Framed
from mediation.layout import Layout
from mediation.part import Kind, Part, Undecodable
from mediation.pickup import blocks
from mediation.reasons import BY_CODE, Disposition
from mediation.recognise import Recognised
from mediation.records import Chunk, Fields

BLOCK_BYTES = 1 << 20
"""Parts are shown one by one, so the first should come soon."""

Watch = Callable[[int], None]
"""Called with the bytes that are done so far."""


def no_watch(_: int) -> None:
    """Nobody watches."""


def parts(known: Recognised, code: Code = code_object, watch: Watch = no_watch) -> Iterator[Part]:
    """The parts of the file ``known``; codes become what ``code`` makes of them.

    Raises:
        InputError: the file cannot be read on.

    """
    framing, number = known.layout.framing, 1
    names = Names(framing.ber.format, code) if framing.ber else None
    for block in blocks(known.file, framing, 0, BLOCK_BYTES):
        chunk = Chunk(known.file.source, block.offset, number, block.bytes, block.last)
        if framing.ber and names:
            found = element_parts(chunk, framing.ber, known.layout, names)
        else:
            found = text_parts(chunk, with_all_columns(known.layout))
        for part in found:
            number = part.record_no + 1
            if part.kind is not Kind.SILENT:
                yield part
        watch(block.offset + len(block.bytes))


def with_all_columns(layout: Layout) -> Layout:
    """``layout``, which then decodes every column that its records have, in their order."""
    return replace(layout, mappings=(), identity=layout.framing.columns or layout.source_columns(), billable=())


def text_parts(chunk: Chunk, layout: Layout) -> Iterator[Part]:
    """The parts of a chunk of text."""
    records, unframed = frame(chunk, layout)
    fields, undecoded = decode(records, layout)
    rows = [_aside(row) for part in (unframed, undecoded) for row in part.to_pylist()]
    rows += [_record(fields, row, layout) for row in range(len(fields.records))]
    yield from sorted(rows, key=lambda part: part.record_no)


def _record(fields: Fields, row: int, layout: Layout) -> Part:
    records = fields.records
    return Part(Kind.RECORD, int(records.record_no[row]), int(records.offset[row]), values=_values(fields, row, layout))


def _values(fields: Fields, row: int, layout: Layout) -> Any:  # noqa: ANN401 - whatever a document holds
    if layout.framing.kind is Framed.JSON:
        return json.loads(fields.records.content(row))
    return {name: fields.value(name, row) for name in fields.names}


def _aside(row: dict[str, Any]) -> Part:
    """A control line, or a line that cannot be read."""
    reason = BY_CODE[row["reason"]]
    if reason.disposition is Disposition.CONTROL:
        kind = Kind(reason.code) if reason.code in set(Kind) else Kind.SILENT
        text = row["raw"].decode("utf-8", "replace").rstrip("\r\n")
        return Part(kind, row["record_no"], row["offset_bytes"], values={"text": text})
    fault = Undecodable(reason.meaning, row["offset_bytes"], row["raw"])
    return Part(Kind.UNDECODABLE, row["record_no"], row["offset_bytes"], fault=fault)
