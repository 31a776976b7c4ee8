"""Usage that nobody recorded: events as people write them, as a ``usage`` batch.

Enters: one JSON object per event, as ``toll quote`` takes them. Leaves: a usage row; ValueError says what is
wrong. Always holds: numbers follow the rule for quotes (bare digits longer than 6 are E.164), a naive start is UTC.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa

from mediation.fields import EVENT_ID, INSTANT, LABEL, USAGE
from mediation.stage import labels

LOCAL_DIGITS_MAX: Final = 6
"""A bare number of up to so many digits is a local one; a longer one is E.164."""

KEYS: Final = ("imsi", "trunk_in", "trunk_out", "direction", "plan", "leg")
SUBJECT_KEYS: Final = ("tenant", "category", "subject")
"""Keys that together are an account key, ``tenant/category/subject``."""

_INSTANT: Final = "an ISO 8601 date and time"
_DEFAULT_UNITS: Final = {"voice": "s", "data": "byte"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Event:
    """A hypothetical event; ``plan`` (with ``leg``) prices it directly, else it is guided."""

    id: object
    service: str
    unit: str
    usage: int
    start_us: int
    a_number: str
    b_number: str
    direction: str = "originated"
    account: str = ""
    imsi: str = ""
    trunk_in: str = ""
    trunk_out: str = ""
    plan: str = ""
    leg: str = "retail"
    usage_offset: int = 0


def parse_object(line: str) -> dict[str, object]:
    """The JSON object of one line."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected a JSON object: {error}") from error
    if not isinstance(said, dict):
        raise _wrong("event", "a JSON object", said)
    return said


def parse_event(said: dict[str, object]) -> Event:
    """The event that a JSON object describes."""
    keys = said.get("keys") or {}
    if not isinstance(keys, dict):
        raise _wrong("keys", "an object", keys)
    service = _text(said, "service", "voice")
    return Event(
        id=said.get("id"),
        service=service,
        unit=_text(said, "unit", _DEFAULT_UNITS.get(service, "event")),
        usage=_usage("usage", said.get("usage")),
        usage_offset=_usage("usage_offset", said.get("usage_offset", 0)),
        start_us=_start(said.get("start")),
        a_number=number(_text(said, "a_number")),
        b_number=number(_text(said, "b_number")),
        account=_account(keys),
        **{key: _text(keys, key, {"direction": "originated", "leg": "retail"}.get(key, "")) for key in KEYS},
    )


def _account(keys: dict[str, object]) -> str:
    """The account key: all SUBJECT_KEYS where any is given, with the account for a subject that is not."""
    account = _text(keys, "account")
    tenant, category, subject = (_text(keys, key) for key in SUBJECT_KEYS)
    return "/".join((tenant, category, subject or account)) if tenant or category or subject else account


def number(text: str) -> str:
    """A number as usage has it: ``+E.164``, or bare digits if it is short."""
    bare = text.isdecimal() and len(text) > LOCAL_DIGITS_MAX
    return f"+{text}" if bare else text


def _wrong(key: str, wanted: str, value: object) -> ValueError:
    return ValueError(f"{key}: expected {wanted}, not {value!r}")


def _text(said: dict[str, object], key: str, default: str = "") -> str:
    value = said.get(key, default)
    if value is None:
        return default
    if not isinstance(value, str):
        raise _wrong(key, "a string", value)
    return value


def _usage(key: str, value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise _wrong(key, "a whole number of units", value)
    return value


def _start(value: object) -> int:
    if not isinstance(value, str):
        raise _wrong("start", _INSTANT, value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise _wrong("start", _INSTANT, value) from error
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def usage_batch(events: list[Event]) -> pa.RecordBatch:
    """``events`` as usage; row ``i`` is record ``i + 1``, fields that an event does not have are empty."""
    said: dict[str, Sequence[object]] = {
        "event_id": [row.to_bytes(16) for row in range(len(events))],
        "record_no": range(1, len(events) + 1),
        "start_utc": [event.start_us for event in events],
        "account_key": [event.account for event in events],
    }
    for name in (
        "service",
        "direction",
        "unit",
        "usage",
        "usage_offset",
        "a_number",
        "b_number",
        "imsi",
        "trunk_in",
        "trunk_out",
    ):
        said[name] = [getattr(event, name) for event in events]
    columns = [
        pa.nulls(len(events), field.type) if field.nullable else _column(field.type, said.get(field.name), len(events))
        for field in USAGE
    ]
    return pa.RecordBatch.from_arrays(columns, names=[field.name for field in USAGE])


def _column(kind: pa.DataType, values: Sequence[object] | None, rows: int) -> pa.Array:
    if kind == EVENT_ID:
        return pa.ExtensionArray.from_storage(kind, pa.array(values, pa.binary(16)))
    if kind == LABEL:
        return labels([str(value) for value in values or [""] * rows])
    if kind == INSTANT:
        return pa.array(values, pa.int64()).cast(kind)
    if kind in (pa.string(), pa.binary()):
        return pa.array(values or [""] * rows, kind)
    return pa.array(values or np.zeros(rows, kind.to_pandas_dtype()), kind)
