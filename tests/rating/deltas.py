"""Small deltas that balance, made from one line per record: where its way ended, and why."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pyarrow as pa

from mediation.fields import TABLES, schema
from mediation.reasons import BY_CODE
from rating.lake import Delta, LayoutVersion, TariffVersion

START = datetime(2026, 10, 5, 8, 30, tzinfo=UTC)
TARIFF = TariffVersion("tariff-1", "catalogue/tariff-1.bin", b"compiled")
LAYOUT = LayoutVersion("layout-1", "csv", 'name = "csv"\n')


def rows(table: str, given: Sequence[dict[str, object]]) -> pa.Table:
    """Rows of ``table``; columns that are not given are zero, empty or null."""

    def column(name: str, kind: pa.DataType, *, nullable: bool) -> pa.Array:
        text = pa.types.is_dictionary(kind) or pa.types.is_string(kind)
        blank = None if nullable else "" if text else b"" if pa.types.is_binary(kind) else 0
        values = [row.get(name, blank) for row in given]
        return pa.array(values, pa.string()).dictionary_encode().cast(kind) if text else pa.array(values, kind)

    return pa.table([column(f.name, f.type, nullable=f.nullable) for f in TABLES[table]], schema=schema(table))


def event_id(name: str) -> bytes:
    return UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()).bytes


def source_of(name: str) -> str:
    return "file:" + hashlib.sha256(name.encode()).hexdigest()[:24]


def record(name: str, number: int) -> bytes:
    return f"{name},record {number:03}\n".encode()


def usage_row(name: str, number: int, **given: object) -> dict[str, object]:
    """A rated call of ``name``'s record ``number`` (from 1): 60 s, its event id from name and number."""
    raw = record(name, number)
    return {
        "source": source_of(name),
        "record_no": number,
        "offset_bytes": (number - 1) * len(raw),
        "layout": "csv",
        "event_id": event_id(f"{name}:{number}"),
        "content_hash": number,
        "start_utc": START + timedelta(minutes=20 * number),
        "duration_s": 60,
        "service": "voice",
        "usage": 60,
        "unit": "s",
        "trunk_in": "TG1",
        "trunk_out": "TG2",
        "raw": raw,
    } | given


def charge_rows(event: dict[str, object], **given: object) -> list[dict[str, object]]:
    """A retail charge of 0.10 and a cost of 0.04 for ``event``."""
    legs = (("retail", "alice", "0.100000000"), ("wholesale_out", "carrier-b", "0.040000000"))
    return [
        {name: event[name] for name in ("event_id", "source", "start_utc")}
        | {"leg": leg, "kind": "charge", "account": account, "plan": "p", "zone": "uk", "currency": "GBP"}
        | {"amount": Decimal(amount), "billed_usage": 60, "tariff_version": TARIFF.version}
        | given
        for leg, account, amount in legs
    ]


def aside_row(name: str, number: int, reason: str, **given: object) -> dict[str, object]:
    """Record ``number`` of ``name`` as the stage of ``reason`` rejects it."""
    kept = (
        "source",
        "record_no",
        "offset_bytes",
        "layout",
        "event_id",
        "content_hash",
        "start_utc",
        "duration_s",
        "raw",
    )
    known = usage_row(name, number)
    why = BY_CODE[reason]
    told = {"disposition": why.disposition.value, "stage": why.stage, "reason": reason, "field": "", "value": "x"}
    return {key: known[key] for key in kept} | told | given


def delta(name: str, ends: Sequence[str], first: int = 1, total: int | None = None) -> Delta:
    """The delta of the records ``first``... of file ``name``, whose ways end as ``ends`` says.

    An end is ``rated`` or a reason code; ``total`` is the number of records in the whole file.
    """
    size = len(record(name, 1))
    whole = first + len(ends) - 1 if total is None else total
    numbered = list(enumerate(ends, first))
    rated = [usage_row(name, number) for number, end in numbered if end == "rated"]
    content = b"".join(record(name, number) for number in range(1, whole + 1))
    file = {
        "source": source_of(name),
        "name": name,
        "size_bytes": len(content),
        "content_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "layout": "csv",
        "stream": "",
        "sequence_no": None,
    }
    return Delta(
        source=source_of(name),
        first_offset=(first - 1) * size,
        next_offset=(first - 1 + len(ends)) * size,
        next_record_no=first + len(ends),
        complete=first + len(ends) - 1 == whole,
        records=len(ends),
        usage=rows("usage", rated),
        charges=rows("charge", [charge for event in rated for charge in charge_rows(event)]),
        rejected=rows("rejected", [aside_row(name, number, end) for number, end in numbered if end != "rated"]),
        source_file=file if first == 1 else None,
        tariff=TARIFF,
        layout=LAYOUT,
    )
