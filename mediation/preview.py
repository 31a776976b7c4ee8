"""How records map, field by field: for ``toll layout check`` and ``toll explain``.

Enters: records and a layout. Leaves: for each record the source texts, the rule of each field, the usage
values, and the fault, if any. Always holds: the stages are those of a real run; nothing is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mediation.decode import decode
from mediation.fields import USAGE
from mediation.frame import frame, reframe
from mediation.layout import Layout, Mapping
from mediation.normalise import normalise
from mediation.pickup import blocks, bound, pick_up
from mediation.records import Chunk, Fields, Records
from mediation.tap_file import check, judged
from mediation.validate import validate

_HIDDEN = {"source", "record_no", "offset_bytes", "layout", "raw", "content_hash"}
_FAULT = ("stage", "reason", "field", "value")


@dataclass(frozen=True, slots=True)
class PreviewField:
    """One usage field: the rule that made it, the source text, and what it became."""

    name: str
    rule: str
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
        parts = {name: getattr(self, name) for name in ("record_no", "offset_bytes", "raw", *_FAULT)}
        return parts | {"fields": {f.name: {"rule": f.rule, "came": f.came, "became": f.became} for f in self.fields}}


def preview_file(path: str, layout: Layout, records: int, most_bytes: int) -> list[Preview]:
    """The first ``records`` records of the file at ``path`` (within its first ``most_bytes``) by ``layout``.

    Control lines are left out. Raises :class:`mediation.pickup.InputError`.
    """
    file = pick_up(path, layout)
    layout, _ = judged(file, bound(file, layout))
    block = next(blocks(file, layout.framing, 0, most_bytes), None)
    if block is None:
        return []
    chunk = Chunk(file.source, 0, 1, block.bytes, block.last)
    return _previews(*frame(chunk, layout), layout, records)


def preview_row(row: dict[str, Any], layout: Layout) -> Preview | None:
    """One stored record (a ``usage`` or ``rejected`` row with its bytes), mapped again; None for a control line."""
    names = ("source", "record_no", "offset_bytes", "raw")
    table = pa.table({name: [row[name]] for name in names})
    table = table.set_column(0, "source", table["source"].dictionary_encode())
    return next(iter(_previews(*reframe(table, layout), layout, 1)), None)


def _previews(records: Records, unframed: pa.RecordBatch, layout: Layout, most: int) -> list[Preview]:
    fields, undecoded = decode(records, layout)
    sound, broken = check(fields, layout)
    usage, abnormal = normalise(sound, layout)
    valid, implausible = validate(usage, layout.limits)
    shown = [_preview(row, fields, layout) for row in valid.slice(0, most).to_pylist()]
    for part in (unframed, undecoded, broken, abnormal, implausible):
        aside = [r for r in part.to_pylist() if r["disposition"] != "control"]
        shown += [_preview(row, fields, layout) for row in aside[:most]]
    return sorted(shown, key=lambda r: r.record_no)[:most]


def _preview(row: dict[str, Any], fields: Fields, layout: Layout) -> Preview:
    at = (fields.records.record_no == row["record_no"]).nonzero()[0]
    mapped = {m.target: (rule(m, layout), _came(m, fields, int(at[0])) if len(at) else "") for m in layout.mappings}
    shown = tuple(
        PreviewField(f.name, *mapped.get(f.name, ("derived", "")), str(row.get(f.name, "")))
        for f in USAGE
        if f.name not in _HIDDEN and (f.name in mapped or row.get(f.name) not in (None, "", 0))
    )
    raw = row["raw"].decode("utf-8", "backslashreplace").rstrip("\r\n")
    fault = {name: row[name] for name in _FAULT if "reason" in row}
    return Preview(row["record_no"], row["offset_bytes"], raw, shown, **fault)


def _came(mapping: Mapping, fields: Fields, record: int) -> str:
    columns = [*mapping.columns, *([mapping.fallback] if mapping.fallback else [])]
    return " | ".join(fields.value(c, record) for c in columns)


def rule(mapping: Mapping, layout: Layout) -> str:
    """How ``layout`` makes one usage field, in words."""
    if not mapping.columns:
        return f"always {mapping.default!r}"
    parts = [f"column {' and '.join(mapping.columns)}"]
    if mapping.fallback:
        parts.append(f"else {mapping.fallback}")
    if mapping.time:
        parts.append(f"format {mapping.time.pattern}, zone {mapping.time.zone.zone} where the text has no offset")
    if mapping.duration:
        parts.append(f"{mapping.duration.form}, part of a second {'up' if mapping.duration.up else 'down'}")
    if mapping.values:
        parts.append("by its map")
    if mapping.target == "partial_no" and layout.partials:
        parts.append(f"the first is {layout.partials.first}")
    if mapping.target in {"a_number", "b_number"}:
        parts.append(f"number rules (country {layout.numbers.country or 'none'}, bare digits {layout.numbers.bare})")
        if layout.swap_numbers_when:
            parts.append(f"A and B swapped when {', '.join(sorted(layout.swap_numbers_when))}")
    return "; ".join(parts)
