"""A small format of our own, and what its records become in any container."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mediation.ber.columns import Repeat, Source, SourceColumn, parse_path
from mediation.ber.containers import opened
from mediation.ber.format import parse_format
from mediation.ber.records import decode_elements, frame_elements
from mediation.reasons import REASONS
from mediation.records import Chunk

FORMAT = parse_format(
    {
        "name": "small",
        "title": "for tests",
        "standard": "none",
        "container": "bare",
        "records": {"0": "call: Call", "1": "session: Session", "a4": "event: group"},
        "types": {
            "Call": {
                "0": "served: tbcd",
                "1": "called: isdn",
                "2": "parts: list Part",
                "3": "codes: list integer",
                "4": "address: Address",
                "5": "other: Part",
                "6": "duration: integer",
                "300": "vendor: octets",
            },
            "Session": {"0": "served: tbcd", "1": "volumes: list Volume", "6": "duration: integer"},
            "Part": {"0": "kind: integer", "1": "text: text", "2": "inner: Part", "3": "answered: boolean"},
            "Volume": {"0": "up: integer", "1": "down: integer"},
        },
        "choices": {"Address": {"0": "v4: ip", "1": "name: text"}},
        "tags": {"a4": "event: group", "a5": "amount: integer", "a6": "code: text", "a7": "detail: group"},
    },
    "small",
)
LIMIT = 4096
CALL, SESSION, EVENT = 0 << 2 | 2, 1 << 2 | 2, 4 << 2 | 1


def field(number: int) -> int:
    """The key of a context tag."""
    return number << 2 | 2


def source(container: str = "bare", prefix_bytes: int = 2, list_path: str = "", *columns: SourceColumn) -> Source:
    path = parse_path(list_path) if list_path else ()
    return Source(FORMAT, container, path, prefix_bytes, columns)


def column(name: str, *paths: str, repeat: str = "first") -> SourceColumn:
    return SourceColumn(name, tuple(parse_path(path) for path in paths), Repeat(repeat))


def chunk(content: bytes, *, last: bool = True) -> Chunk:
    return Chunk("here", 0, 1, np.frombuffer(bytearray(content), np.uint8), last)


def rows(content: bytes, by: Source, limit: int = LIMIT) -> list[tuple[bytes, str]]:
    """Every row of a file: its bytes, and why it goes no further ("": it does)."""
    bound = replace(by, said=opened(by, content, len(content)))
    records, reason = frame_elements(chunk(content), bound, "small", limit)
    pieces = [content[b:s] for b, s in zip(records.begin.tolist(), records.stop.tolist(), strict=True)]
    assert b"".join(pieces) == content
    assert records.offset.tolist() == records.begin.tolist()
    assert records.record_no.tolist() == list(range(1, len(pieces) + 1))
    names = ["", *(r.code for r in REASONS)]
    return list(zip(pieces, [names[r] for r in reason.tolist()], strict=True))


def decoded(content: bytes, by: Source, *names: str) -> list[tuple[str, ...]]:
    """The columns ``names`` of every record of ``content``, or the reason and text of its fault."""
    bound = replace(by, said=opened(by, content, len(content)))
    records, reason = frame_elements(chunk(content), bound, "small", LIMIT)
    fields, fault = decode_elements(records.take(reason == 0), names, bound)
    found = []
    for row, code in enumerate(fault.reason.tolist()):
        good = tuple(fields.value(name, row) for name in names)
        found.append((REASONS[code - 1].code, fault.value(row)) if code else good)
    return found
