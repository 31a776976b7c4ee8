"""How the first records of a sample map, field by field.

Enters: a file and a layout. Leaves: for each record the source texts, the usage values and the fault, if
any. Always holds: the stages are those of a real run; nothing is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mediation.decode import decode
from mediation.fields import USAGE
from mediation.frame import frame
from mediation.layout import Layout
from mediation.normalise import normalise
from mediation.pickup import blocks, named_columns, pick_up
from mediation.records import Chunk, Fields
from mediation.validate import validate

_HIDDEN = {"source", "record_no", "offset_bytes", "layout", "raw", "content_hash"}


@dataclass(frozen=True, slots=True)
class PreviewField:
    """One usage field: the source columns it comes from, their text, and what it became."""

    name: str
    columns: str
    came: str
    became: str


@dataclass(frozen=True, slots=True)
class Preview:
    """One record: where it stands, its fields, and why it is rejected (``reason`` empty: accepted)."""

    record_no: int
    offset_bytes: int
    raw: str
    fields: tuple[PreviewField, ...]
    stage: str = ""
    reason: str = ""
    field: str = ""
    value: str = ""

    def headline(self) -> str:
        """One line that says what became of the record."""
        fault = f"{self.stage}: {self.reason} {self.field} {self.value!r}" if self.reason else "accepted"
        return f"record {self.record_no} at byte {self.offset_bytes}: {fault}"

    def row(self) -> dict[str, Any]:
        """The record as ``--json`` gives it."""
        parts = {name: getattr(self, name) for name in ("record_no", "offset_bytes", "raw", "stage", "reason", "field", "value")}
        return parts | {"fields": {f.name: {"from": f.columns, "came": f.came, "became": f.became} for f in self.fields}}


def preview(path: str, layout: Layout, records: int, most_bytes: int) -> list[Preview]:
    """The first ``records`` records of the file at ``path`` (within its first ``most_bytes``) by ``layout``.

    Control lines are left out. Raises :class:`mediation.pickup.InputError`.
    """
    file = pick_up(path, layout)
    layout = named_columns(file, layout)
    block = next(blocks(file, layout.framing, 0, most_bytes), None)
    if block is None:
        return []
    framed, unframed = frame(Chunk(file.source, 0, 1, block.bytes, block.last), layout)
    fields, undecoded = decode(framed, layout)
    usage, abnormal = normalise(fields, layout)
    valid, implausible = validate(usage, layout.limits)
    shown = [_accepted(row, fields, layout) for row in valid.slice(0, records).to_pylist()]
    for part in (unframed, undecoded, abnormal, implausible):
        aside = [r for r in part.to_pylist() if r["disposition"] != "control"]
        shown += [_rejected(row, fields, layout) for row in aside[:records]]
    return sorted(shown, key=lambda r: r.record_no)[:records]


def _source_texts(record_no: int, fields: Fields, layout: Layout) -> dict[str, tuple[str, str]]:
    """Per mapped target: its source columns, and their texts in this record (empty if it was not decoded)."""
    rows = (fields.records.record_no == record_no).nonzero()[0]
    texts = {}
    for mapping in layout.mappings:
        columns = [*mapping.columns, *([mapping.fallback] if mapping.fallback else [])]
        came = " | ".join(fields.value(c, int(rows[0])) for c in columns) if len(rows) else ""
        texts[mapping.target] = (", ".join(columns) or "constant", came)
    return texts


def _accepted(row: dict[str, Any], fields: Fields, layout: Layout) -> Preview:
    texts = _source_texts(row["record_no"], fields, layout)
    shown = tuple(
        PreviewField(f.name, *texts.get(f.name, ("", "")), str(row[f.name]))
        for f in USAGE
        if f.name not in _HIDDEN and (f.name in texts or row[f.name] not in ("", 0))
    )
    return Preview(row["record_no"], row["offset_bytes"], _readable(row["raw"]), shown)


def _rejected(row: dict[str, Any], fields: Fields, layout: Layout) -> Preview:
    texts = _source_texts(row["record_no"], fields, layout)
    shown = tuple(PreviewField(name, columns, came, "") for name, (columns, came) in texts.items())
    fault = {name: row[name] for name in ("stage", "reason", "field", "value")}
    return Preview(row["record_no"], row["offset_bytes"], _readable(row["raw"]), shown, **fault)


def _readable(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace").rstrip("\r\n")

