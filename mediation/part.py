"""A part of a file, for people and programs that look at it: header, record, trailer, bytes that are none.

Enters: nothing but values. Leaves: the model that ``show.py`` and ``ber/show.py`` fill. Always holds: parts are
numbered as a run numbers records, from 1, header and trailer with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a part is; ``SILENT``: filler, a blank line, a comment."""

    HEADER = "header"
    RECORD = "record"
    TRAILER = "trailer"
    UNDECODABLE = "undecodable"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Undecodable:
    """Bytes that cannot be read: why, and at which byte of the file the fault is."""

    error: str
    offset_bytes: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """A part that begins at byte ``offset_bytes``; ``cdr_header`` is what stands before a record of TS 32.297."""

    kind: Kind
    record_no: int
    offset_bytes: int
    record: str = ""
    values: Any = field(default_factory=dict)
    cdr_header: Mapping[str, str] = field(default_factory=dict)
    fault: Undecodable | None = None

    def row(self) -> dict[str, Any]:
        """The part as JSON has it."""
        row: dict[str, Any] = {"part": self.kind, "record_no": self.record_no, "offset_bytes": self.offset_bytes}
        if self.record:
            row["record"] = self.record
        if self.cdr_header:
            row["cdr_header"] = dict(self.cdr_header)
        if self.fault is None:
            return row | {"values": self.values}
        fault = {"error": self.fault.error, "offset_bytes": self.fault.offset_bytes, "hex": self.fault.octets.hex()}
        return row | {"undecodable": fault}
