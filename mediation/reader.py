"""The reader for records that spans of the source cannot show: escapes, other encodings, JSON.

Enters: rows of :class:`~mediation.records.Fields`. Leaves: the same fields, with these rows' texts
appended to the buffer as UTF-8. Always holds: a row is read whole or rejected; other rows do not change.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mediation.layout import Framing, Kind
from mediation.reasons import CODE
from mediation.records import Fields


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads one record's wanted ``columns`` by the rules of ``framing``."""

    framing: Framing
    columns: tuple[str, ...]

    def read(self, record: bytes) -> list[str] | str:
        """The texts of the wanted columns, or the reason code for which the record is refused."""
        try:
            text = record.decode(self.framing.encoding)
        except UnicodeDecodeError:
            return "bad_encoding"
        if self.framing.kind is Kind.JSON:
            return self._document(text)
        if self.framing.kind is Kind.FIXED:
            return self._positions(text)
        return self._separated(text)

    def names(self, header: bytes) -> list[str]:
        """The column names that a header line gives."""
        values = self._cells(header.decode(self.framing.encoding, "replace"))
        return [] if isinstance(values, str) else [v.strip(" ") for v in values]

    def _separated(self, text: str) -> list[str] | str:
        values = self._cells(text)
        if isinstance(values, str):
            return values
        values += [""] * self.framing.missing_fields
        return [values[self.framing.columns.index(c)].strip(" ") for c in self.columns]

    def _cells(self, text: str) -> list[str] | str:
        framing = self.framing
        rows = csv.reader(
            [text],
            delimiter=chr(framing.separator),
            quotechar=chr(framing.quote) if framing.quote >= 0 else None,
            quoting=csv.QUOTE_MINIMAL if framing.quote >= 0 else csv.QUOTE_NONE,
            escapechar=chr(framing.escape) if framing.escape >= 0 else None,
            doublequote=framing.escape < 0,
            skipinitialspace=True,
            strict=True,
        )
        try:
            return next(rows)
        except (csv.Error, StopIteration):
            return "unbalanced_quote"

    def _positions(self, text: str) -> list[str] | str:
        cuts = (self.framing.positions[self.framing.columns.index(c)] for c in self.columns)
        return [text[p.start : p.start + p.length].strip(" ") for p in cuts]

    def _document(self, text: str) -> list[str] | str:
        try:
            document = json.loads(text, parse_float=str, parse_int=str)
        except (ValueError, RecursionError):
            return "bad_json"
        return [_at_path(document, c.split(".")) for c in self.columns] if isinstance(document, dict) else "bad_json"


def _at_path(document: object, path: list[str]) -> str:
    """The scalar at ``path`` (a number indexes a list); empty where there is none."""
    here: Any = document
    for key in path:
        if isinstance(here, dict):
            here = here.get(key)
        elif isinstance(here, list) and key.isdigit() and int(key) < len(here):
            here = here[int(key)]
        else:
            return ""
    if isinstance(here, bool):
        return "true" if here else "false"
    return here.strip(" ") if isinstance(here, str) else ""


def read_rows(fields: Fields, rows: npt.NDArray[np.int64], reader: RowReader) -> tuple[Fields, npt.NDArray[np.uint8]]:
    """Read ``rows`` again by ``reader``: the fields with their texts, and a reason code number per row."""
    begin, end = fields.begin.copy(), fields.end.copy()
    spill, at = bytearray(), len(fields.text)
    failed = np.zeros(len(rows), np.uint8)
    for i, row in enumerate(rows.tolist()):
        values = reader.read(fields.records.content(row))
        if isinstance(values, str):
            failed[i] = CODE[values]
            continue
        for slot, value in enumerate(values):
            text = value.encode("utf-8", "replace")
            begin[slot, row] = at + len(spill)
            spill += text
            end[slot, row] = at + len(spill)
    text_with_spill = np.concatenate([fields.text, np.frombuffer(bytes(spill), np.uint8)])
    return replace(fields, text=text_with_spill, begin=begin, end=end), failed
