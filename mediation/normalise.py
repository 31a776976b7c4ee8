"""Normalisation: source fields become usage events in one form.

Enters: :class:`~mediation.records.Fields`. Leaves: a ``usage`` batch: E.164 numbers, UTC instants with
the source's offset, whole seconds and bytes, an event id. Always holds: rows in = accepted + rejected;
the first fault of a row, in the order of the field table, is the one reported; what the layout calls
not billable is filtered before any other fault counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation import stage
from mediation.fields import EVENT_ID, GIVEN, INSTANT, LABEL, USAGE, schema
from mediation.given import given, nothing_given
from mediation.hashing import hash_spans
from mediation.layout import Ambiguous, Condition, Layout, Mapping, TimeFormat
from mediation.numbering import BAD as BAD_NUMBER
from mediation.numbering import ROOM, normalise_numbers, number_tables
from mediation.reasons import CODE, REASONS
from mediation.records import Fields, codes, gather
from mediation.spans import Column, column_of, distinct
from mediation.text_kernels import CLOCK, NUMBER, SUFFIXED, durations_s, whole_numbers
from mediation.timestamps import compile_pattern, parse_instants

SERVICES = ("voice", "sms", "mms", "data", "content")
DIRECTIONS = ("originated", "terminated", "forwarded", "transit")
UNITS = {"voice": "s", "sms": "event", "mms": "event", "data": "byte", "content": "event"}
"""The unit of each service's usage."""

_KNOWN = {"service": SERVICES, "direction": DIRECTIONS}
_NEEDS_B = ("voice", "sms", "mms")
_FORMS = {"number": NUMBER, "clock": CLOCK, "suffixed": SUFFIXED}
_TIME_FAULTS = codes("bad_timestamp", "nonexistent_time")
_TYPES = {f.name: f.type for f in USAGE}


@dataclass(slots=True, eq=False)
class _Draft:
    """The usage columns made so far, and the first fault of each row."""

    fields: Fields
    layout: Layout
    reason: npt.NDArray[np.uint8]
    at_fault: npt.NDArray[np.uint8]
    columns: dict[str, pa.Array] = field(default_factory=dict)

    def note(self, bad: npt.NDArray[np.bool_], code: str, target: str) -> None:
        """Give the rows ``bad`` that have no fault yet the reason ``code`` at ``target``."""
        fresh = bad & (self.reason == 0)
        self.reason[fresh] = CODE[code]
        self.at_fault[fresh] = schema("usage").get_field_index(target)


def normalise(fields: Fields, layout: Layout) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Make usage of ``fields``: (usage, rejected rows)."""
    rows = len(fields.records)
    draft = _Draft(fields, layout, np.zeros(rows, np.uint8), np.zeros(rows, np.uint8))
    draft.columns.update(fields.records.coordinates())
    _filter(draft)
    for target, type_ in _TYPES.items():
        if type_ == LABEL and target not in draft.columns and target not in {"unit", *GIVEN}:
            draft.columns[target] = _labels(draft, target)
    _start(draft)
    _duration(draft)
    for target in ("partial_no", "usage_offset", "volume_up_bytes", "volume_down_bytes"):
        _whole(draft, target)
    _session(draft)
    _numbers(draft)
    for target in ("call_reference", "imsi"):
        column = _column(draft, target)
        draft.columns[target] = gather(column.text, column.begin, column.end, pa.string())
    _usage(draft)
    _given(draft)
    _identity(draft)
    usage = pa.RecordBatch.from_arrays([draft.columns[f.name] for f in USAGE], schema=schema("usage"))
    return stage.split(usage, _fault(draft))


def _column(draft: _Draft, target: str) -> Column:
    return column_of(draft.fields, draft.layout.mapping(target) or Mapping(target))


def _filter(draft: _Draft) -> None:
    """Filter the records that no billable condition holds for."""
    for condition in draft.layout.billable:
        codes_, texts = distinct(column_of(draft.fields, Mapping("cause", (condition.column,))))
        draft.note(~_holds(condition, texts)[codes_], "not_billable", "cause")


def _holds(condition: Condition, texts: list[str]) -> npt.NDArray[np.bool_]:
    return np.array([(t in condition.any_of) != condition.negated for t in texts], np.bool_)


def _labels(draft: _Draft, target: str) -> pa.DictionaryArray:
    mapping = draft.layout.mapping(target)
    rows = len(draft.fields.records)
    default = "originated" if target == "direction" else ""
    if mapping is None or not mapping.columns:
        return stage.constant(mapping.default if mapping else default, rows)
    row_codes, texts = distinct(column_of(draft.fields, mapping))
    values = dict(mapping.values)
    mapped = [_mapped(text, mapping, values) for text in texts]
    known = _KNOWN.get(target)
    wrong = np.array([m is None or (known is not None and m not in known) for m in mapped], np.bool_)
    if wrong.any():
        draft.note(wrong[row_codes], "unmapped_value", target)
    dictionary, positions = np.unique([m or "" for m in mapped], return_inverse=True)
    indices = pa.array(positions.astype(np.int32).take(row_codes))
    return pa.DictionaryArray.from_arrays(indices, pa.array(dictionary.tolist(), pa.string()), safe=False)


def _mapped(text: str, mapping: Mapping, values: dict[str, str]) -> str | None:
    if text in values:
        return values[text]
    if not text:
        return mapping.default
    return mapping.otherwise if values else text


def _start(draft: _Draft) -> None:
    mapping = draft.layout.mapping("start_utc")
    assert mapping is not None  # noqa: S101 - check_layout refuses a layout without it
    assert mapping.time is not None  # noqa: S101 - layout_file reads it for this target
    column = column_of(draft.fields, mapping)
    instant, offset, verdict = _instants(column, mapping.time)
    draft.note(column.begin == column.end, "missing_field", "start_utc")
    for status in (1, 2):
        draft.note(verdict == status, REASONS[_TIME_FAULTS[status] - 1].code, "start_utc")
    draft.columns["start_utc"] = pa.array(instant, mask=verdict != 0 if verdict.any() else None).cast(INSTANT)
    draft.columns["utc_offset_min"] = pa.array(offset)


def _instants(
    column: Column, time: TimeFormat
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int16], npt.NDArray[np.uint8]]:
    """The texts of ``column`` as times: microseconds in UTC, offset in minutes, verdict."""
    pattern = compile_pattern(time.pattern)
    rows = len(column.begin)
    instant, offset = np.zeros(rows, np.int64), np.zeros(rows, np.int16)
    verdict = np.zeros(rows, np.uint8)
    parse_instants(
        column.text,
        column.begin,
        column.end,
        pattern.places,
        pattern.literals,
        pattern.width,
        pattern.middle,
        pattern.fraction,
        pattern.zone,
        pattern.tick_us,
        time.zone.since_s,
        time.zone.offset_s,
        time.ambiguous is Ambiguous.LATER,
        instant,
        offset,
        verdict,
    )
    return instant, offset, verdict


def _duration(draft: _Draft) -> None:
    mapping = draft.layout.mapping("duration_s")
    seconds = np.zeros(len(draft.fields.records), np.int64)
    if mapping is not None and mapping.duration is not None:
        column, form = column_of(draft.fields, mapping), mapping.duration
        begun = column_of(draft.fields, Mapping("duration_s", (mapping.since,))) if mapping.since else column
        if mapping.time is not None:
            seconds = _between_s(begun, column, mapping.time, up=form.up)
        else:
            durations_s(column.text, column.begin, column.end, _FORMS[form.form], form.ticks_per_s, form.up, seconds)
        seconds[(begun.begin == begun.end) & (seconds > 0)] = 0
        draft.note(seconds < 0, "bad_duration", "duration_s")
        seconds[seconds < 0] = 0  # control totals add them up
        if mapping.required:
            draft.note(column.begin == column.end, "missing_field", "duration_s")
    draft.columns["duration_s"] = pa.array(seconds)


def _between_s(begun: Column, ended: Column, time: TimeFormat, *, up: bool) -> npt.NDArray[np.int64]:
    """Seconds from ``begun`` to ``ended``: 0 where one of them is absent, negative where they are no span of time."""
    first, _, first_verdict = _instants(begun, time)
    last, _, last_verdict = _instants(ended, time)
    seconds = -((first - last) // 1_000_000) if up else (last - first) // 1_000_000
    seconds[(first_verdict != 0) | (last_verdict != 0)] = -1
    seconds[(begun.begin == begun.end) | (ended.begin == ended.end)] = 0
    return seconds


def _whole(draft: _Draft, target: str) -> None:
    values = np.zeros(len(draft.fields.records), np.int64)
    if draft.layout.mapping(target):
        column = _column(draft, target)
        whole_numbers(column.text, column.begin, column.end, 0, values)
        narrow = np.iinfo(np.int32).max if _TYPES[target] == pa.int32() else np.iinfo(np.int64).max
        draft.note((values < 0) | (values > narrow), "bad_integer", target)
        values[values > narrow] = 0
    draft.columns[target] = pa.array(values).cast(_TYPES[target])


def _session(draft: _Draft) -> None:
    """The session of each partial, and its place there, from 1; when it began is for :mod:`mediation.partials`."""
    fields, partials = draft.fields, draft.layout.partials
    rows = len(fields.records)
    draft.columns["session_start_utc"] = pa.nulls(rows, INSTANT)
    if partials is None:
        draft.columns["session_id"] = pa.nulls(rows, EVENT_ID)
        return
    column = _column(draft, "partial_no")
    part = column.begin != column.end
    place = np.asarray(draft.columns["partial_no"]).astype(np.int64) + 1 - partials.first
    known = part & (place > 0) & (place <= np.iinfo(np.int32).max)
    draft.note(part & ~known, "bad_integer", "partial_no")
    draft.columns["partial_no"] = pa.array(np.where(known, place, 0).astype(np.int32))
    columns = [fields.row(c) for c in partials.session]
    session, _ = hash_spans(fields.text, fields.begin, fields.end, columns, [], draft.layout.namespace.encode())
    draft.columns["session_id"] = _ids(session, pa.array(known).buffers()[1])


def _numbers(draft: _Draft) -> None:
    a, b = _column(draft, "a_number"), _column(draft, "b_number")
    if draft.layout.swap_numbers_when:
        swap = _has_label(draft.columns["direction"], draft.layout.swap_numbers_when)
        a, b = a.where_not(swap, b), b.where_not(swap, a)
    for target, column in (("a_number", a), ("b_number", b)):
        draft.columns[target] = _number(draft, target, column)
        mapping = draft.layout.mapping(target)
        needed = _has_label(draft.columns["service"], frozenset(_NEEDS_B)) if target == "b_number" else False
        required = mapping.required if mapping else None
        if required or (required is None and target == "b_number" and draft.layout.pairing is None):
            absent = np.asarray(pa.compute.binary_length(draft.columns[target])) == 0
            draft.note(absent & (needed if required is None else True), "missing_field", target)


def _number(draft: _Draft, target: str, column: Column) -> pa.StringArray:
    tables = number_tables(draft.layout.numbers)
    rows = len(column.begin)
    out = np.empty((rows + 1) * ROOM, np.uint8)
    offsets, verdict = np.zeros(rows + 1, np.int32), np.zeros(rows, np.uint8)
    normalise_numbers(
        column.text,
        column.begin,
        column.end,
        tables.classes,
        tables.international,
        tables.trunk,
        tables.country,
        tables.anonymous,
        tables.settings,
        out,
        offsets,
        verdict,
    )
    draft.note(verdict == BAD_NUMBER, "bad_number", target)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(out[: offsets[-1]].copy()))


def _has_label(column: pa.DictionaryArray, wanted: frozenset[str]) -> npt.NDArray[np.bool_]:
    hit = np.array([v in wanted for v in column.dictionary.to_pylist()], np.bool_)
    found: npt.NDArray[np.bool_] = hit[np.asarray(column.indices)]
    return found


def _usage(draft: _Draft) -> None:
    """The quantity that rates apply to: seconds, bytes or one event, by service."""
    service = draft.columns["service"]
    units = [UNITS.get(s, "s") for s in service.dictionary.to_pylist()]
    unit = np.array([["s", "byte", "event"].index(u) for u in units], np.int32)[np.asarray(service.indices)]
    up, down = np.asarray(draft.columns["volume_up_bytes"]), np.asarray(draft.columns["volume_down_bytes"])
    room = np.iinfo(np.int64).max - up
    draft.note(down > room, "volume_out_of_range", "volume_down_bytes")
    volume = up + np.minimum(down, room)
    quantity = np.where(unit == 0, np.asarray(draft.columns["duration_s"]), np.where(unit == 1, volume, 1))
    draft.columns["usage"] = pa.array(quantity)
    draft.columns["unit"] = pa.DictionaryArray.from_arrays(pa.array(unit), pa.array(["s", "byte", "event"]))


def _given(draft: _Draft) -> None:
    """What the other network charges, where the layout says that records tell."""
    if draft.layout.given is None:
        draft.columns.update(nothing_given(len(draft.fields.records)))
        return
    columns, bad = given(draft.fields, draft.layout.given)
    draft.columns.update(columns)
    draft.note(bad, "bad_amount", "given_amount")


def _identity(draft: _Draft) -> None:
    """The event's id by its identity columns, and the hash of these and all mapped columns."""
    fields, layout = draft.fields, draft.layout
    mapped = dict.fromkeys(c for m in layout.mappings for c in (*m.columns, m.fallback, m.since) if c)
    identifying = [fields.row(c) for c in layout.identity]
    others = [fields.row(c) for c in mapped if c not in layout.identity]
    event, content = hash_spans(fields.text, fields.begin, fields.end, identifying, others, layout.namespace.encode())
    draft.columns["event_id"] = _ids(event)
    draft.columns["content_hash"] = pa.array(np.ascontiguousarray(content.view(np.int64)[:, 0]))


def _ids(hashes: npt.NDArray[np.uint32], known: pa.Buffer | None = None) -> pa.ExtensionArray:
    """Hashes of 16 bytes as a column of ids, null where a bit of ``known`` is 0."""
    storage = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(hashes), [known, pa.py_buffer(hashes)])
    return pa.ExtensionArray.from_storage(EVENT_ID, storage)


def _fault(draft: _Draft) -> stage.Fault:
    names = [f.name for f in USAGE]
    texts: dict[int, str] = {}
    bad = np.flatnonzero(draft.reason)
    for number in np.unique(draft.at_fault[bad]).tolist():
        rows = bad[draft.at_fault[bad] == number]
        mapping = draft.layout.mapping(names[number])
        columns = [draft.fields.texts(c, rows) for c in (mapping.columns if mapping else ())]
        texts |= zip(rows.tolist(), map(" ".join, zip(*columns, strict=True)), strict=False)
    return stage.Fault(draft.reason, lambda row: names[draft.at_fault[row]], lambda row: texts.get(row, ""))
