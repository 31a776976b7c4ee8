"""The audit: nothing is lost, nothing is counted twice, and the books say what the rows say.

Enters: a lake. Leaves: an :class:`AuditReport` with the conservation of records, seconds and bytes per file,
hour and stage, and every difference found. Always holds: each check is a query or a stream over all rows,
memory does not grow with them; one record too many or too few makes the lake unbalanced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
from rich.table import Table

from rating.answers import json_rows, rich_table
from rating.balances.proof import snapshot_faults
from rating.lake import Lake
from rating.sections import sections

DIFFERENCES_SHOWN: Final = 20
"""Differences that a check lists; it counts all of them."""

_SQL: Final = sections("rating", "audit.sql")
"""What audit.sql says and asks, by name."""

_CHECKS: Final = (
    "entered",
    "control_totals",
    "charge_totals",
    "batches",
    "sizes",
    "messages",
    "taken",
    "charged",
    "unique",
    "balances",
    "reversals",
    "partials",
    "billed",
    "bills",
    "numbers",
)
"""The sections of audit.sql that find differences: no row means balanced."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold: its name, what it says, how many differences, and the first of them."""

    name: str
    says: str
    count: int
    differences: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What the audit found; ``files``, ``streams``, ``stages`` and ``hours`` tell where the records went."""

    checks: tuple[Check, ...]
    files: pa.Table
    streams: pa.Table
    stages: pa.Table
    hours: pa.Table

    @property
    def balanced(self) -> bool:
        """Whether no check found a difference."""
        return all(check.count == 0 for check in self.checks)

    def tables(self) -> list[Table]:
        """The report for a terminal: where the records went, each check, and the first differences."""
        verdicts = pa.table(
            {"check": [c.name for c in self.checks], "must hold": [c.says for c in self.checks]}
            | {"differences": pa.array([c.count for c in self.checks], pa.int64())}
        )
        parts = {"Files": self.files, "Streams": self.streams, "Stages": self.stages, "Hours (UTC)": self.hours}
        parts["Checks"] = verdicts
        faults = {f"{c.name}: {c.says}": pa.Table.from_pylist(c.differences) for c in self.checks if c.count}
        return [rich_table(table, title) for title, table in (parts | faults).items()]

    def to_json(self) -> dict[str, Any]:
        """The report as JSON-able values."""
        return {
            "balanced": self.balanced,
            "checks": [
                {"name": c.name, "says": c.says, "differences": c.count, "first": c.differences} for c in self.checks
            ],
            "files": json_rows(self.files),
            "streams": json_rows(self.streams),
            "stages": json_rows(self.stages),
            "hours": json_rows(self.hours),
        }


def _counted(lake: Lake, name: str) -> Check:
    says, sql = _SQL[name].says, _SQL[name].sql
    count = lake.query(f"SELECT count(*) AS found FROM ({sql})")["found"][0].as_py()  # noqa: S608  (ours)
    first = lake.query(f"SELECT * FROM ({sql}) LIMIT {DIFFERENCES_SHOWN}") if count else None  # noqa: S608  (ours)
    return Check(name, says, count, [] if first is None else json_rows(first))


def _content(lake: Lake, source: str) -> Iterator[tuple[int, bytes]]:
    """(offset, bytes) of every record of ``source`` in order; a batch at a time, so that sorting stays small."""
    for span in lake.query(_SQL["spans"].sql, {"source": source}).to_pylist():
        for batch in lake.stream(_SQL["content"].sql, {"source": source, **span}):
            yield from zip(batch["offset_bytes"].to_pylist(), batch["raw"].to_pylist(), strict=True)


def _fault(lake: Lake, file: dict[str, Any]) -> str:
    """What differs when the records of ``file`` are laid end to end; nothing if they are the file."""
    digest, at = hashlib.sha256(), 0
    for offset, raw in _content(lake, file["source"]):
        if offset != at:
            return f"the record at byte {at} is missing: the next one begins at {offset}"
        digest.update(raw)
        at += len(raw)
    if at != file["next_offset"] or (file["complete"] and at != file["content_bytes"]):
        return f"{file['content_bytes']} bytes came, {file['next_offset']} are committed, {at} are kept"
    hashed = file["complete"] and file["size_bytes"] == file["content_bytes"]  # else of the compressed bytes
    return "the bytes kept have another SHA-256" if hashed and digest.hexdigest() != file["sha256"] else ""


def _content_check(lake: Lake) -> Check:
    says, sql = _SQL["content"].says, _SQL["files"].sql
    faults = [
        {"source": file["source"], "name": file["name"], "fault": fault}
        for file in lake.query(sql).to_pylist()
        if (fault := _fault(lake, file))
    ]
    return Check("content", says, len(faults), faults[:DIFFERENCES_SHOWN])


def _snapshot_check(lake: Lake) -> Check:
    faults = list(snapshot_faults(lake))
    return Check("snapshots", "a snapshot of balances is what the movements up to it come to", len(faults), faults)


def audit(lake: Lake, *, content: bool = True) -> AuditReport:
    """Check everything that must hold of ``lake``; without ``content`` the bytes of the files are not read."""
    checks = [*(_counted(lake, name) for name in _CHECKS), _snapshot_check(lake)]
    if content:
        checks.append(_content_check(lake))
    return AuditReport(tuple(checks), *(lake.query(_SQL[name].sql) for name in ("files", "streams", "stages", "hours")))
