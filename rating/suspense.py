"""Suspense: the records that could not be rated, and the ways out of it.

Enters: a lake and filters. Leaves: lists, one record in full, its bytes as they came, write-offs, and the
rows to recycle with the delta that their second way through the pipeline makes. Always holds: a record
leaves suspense once, because every action moves the offset of the reserved source :data:`SUSPENSE` in its
transaction; a record that fails again stays, with its new reason; no total is lost (a recycled record counts
-1 where it was and +1 where it went).
"""

# ruff: noqa: S608  (queries are made of our own column names; values are bound)
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from mediation.fields import TABLES, schema
from mediation.reasons import Disposition
from mediation.stage import empty
from rating.lake import SUSPENSE, Delta, Lake, LayoutVersion, TariffVersion
from rating.lake.delta import Row
from rating.stored import stored_layout

RECYCLE_ROWS: Final = 100_000
"""Records that one recycling batch takes at most."""

_LISTED: Final = "suspense_id, reason, stage, field, value, layout, start_utc, duration_s, failed_recycles"
_SPLIT: Final = "CASE WHEN starts_with(s.source, 'kafka:') AND s.stage <> 'unpack' THEN s.layout ELSE '' END"
"""SQL: the layout by which a message was split into records; empty for files, and messages that wait whole."""
_ROW: Final = ", ".join(f'r."{f.name}"' for f in TABLES["rejected"])


class SuspenseError(Exception):
    """A record that is not in suspense was named; the text says so."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which suspended records are meant: all that match every given part.

    ``since`` compares with the start of the usage, so it leaves out records whose start is unknown.
    """

    reason: str | None = None
    source: str | None = None
    layout: str | None = None
    since: datetime | None = None
    suspense_id: str | None = None
    sources: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    first_reason: str | None = None

    def where(self) -> tuple[str, dict[str, Any]]:
        """The SQL condition over the view ``suspense`` and its values."""
        given = {"reason": self.reason, "source": self.source, "layout": self.layout, "suspense_id": self.suspense_id}
        given["first_reason"] = self.first_reason
        values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        tests = [f"s.{name} = ${name}" for name in values]
        if self.since is not None:
            values["since"] = self.since
            tests.append("s.start_utc >= $since")
        for name, column, wanted in (("sources", "source", self.sources), ("ids", "suspense_id", self.ids)):
            if wanted is not None:
                values[name] = list(wanted)
                tests.append(f"s.{column} IN (SELECT unnest(${name}))")
        return " AND ".join(tests) or "true", values


EVERYTHING: Final = Filter()


@dataclass(frozen=True, slots=True)
class Suspended:
    """One suspended record in full."""

    columns: Row
    raw: bytes

    def readable(self) -> str:
        """The record's bytes as text, with escapes for what is no text."""
        return self.raw.decode("utf-8", "backslashreplace")

    def hex_lines(self, width: int = 16) -> list[str]:
        """The record's bytes as a hex dump: offset, bytes, printable characters."""
        lines = []
        for at in range(0, len(self.raw), width):
            part = self.raw[at : at + width]
            shown = "".join(chr(b) if 32 <= b < 127 else "." for b in part)
            lines.append(f"{at:08x}  {part.hex(' '):<{3 * width}} {shown}")
        return lines


def listed(lake: Lake, which: Filter = EVERYTHING, limit: int = 1_000) -> pa.Table:
    """The suspended records that match, in the order of their sources, without their bytes."""
    where, values = which.where()
    return lake.query(
        f"SELECT {_LISTED} FROM suspense s WHERE {where} ORDER BY source, record_no LIMIT {limit:d}",
        values,
    )


def by_reason(lake: Lake, which: Filter = EVERYTHING) -> pa.Table:
    """How many records wait, by reason and layout."""
    where, values = which.where()
    return lake.query(
        "SELECT reason, layout, count(*) AS records, min(start_utc) AS first_start, max(start_utc) AS last_start "
        f"FROM suspense s WHERE {where} GROUP BY reason, layout ORDER BY records DESC, reason, layout",
        values,
    )


def shown(lake: Lake, suspense_id: str) -> Suspended:
    """The record ``suspense_id``. Raises :class:`SuspenseError` if it does not wait there."""
    found = lake.query("SELECT * FROM suspense WHERE suspense_id = $id", {"id": suspense_id}).to_pylist()
    if not found:
        raise SuspenseError(f"{suspense_id} is not in suspense: `toll suspense list` shows what is")
    raw = found[0].pop("raw")
    return Suspended(found[0], raw)


def exported(lake: Lake, path: Path, which: Filter = EVERYTHING) -> int:
    """Write the matching records to ``path``, byte for byte, in source order; return how many.

    A record that its message ended, and no line end, gets that of its layout: else the next one would join it.
    """
    where, values = which.where()
    ends = _line_ends(lake)
    count = 0
    with path.open("wb") as file:
        order = f"SELECT raw, {_SPLIT} AS split FROM suspense s WHERE {where} ORDER BY source, record_no"
        for batch in lake.stream(order, values):
            for raw, split in zip(batch["raw"].to_pylist(), batch["split"].to_pylist(), strict=True):
                end = ends.get(split, b"")
                file.write(raw if raw.endswith(end) else raw + end)
            count += batch.num_rows
    return count


def _line_ends(lake: Lake) -> dict[str, bytes]:
    """What ends a record of each layout that messages were read by."""
    names = lake.query(f"SELECT DISTINCT {_SPLIT} AS name FROM suspense s WHERE {_SPLIT} <> ''")["name"].to_pylist()
    return {name: stored_layout(lake, name).framing.record_end for name in names}


def written_off(lake: Lake, which: Filter, why: str) -> int:
    """Give the matching records up, for the reason ``why``; return how many.

    They keep their bytes and their place in the totals (as suspended), but wait no longer. Raises
    :class:`rating.lake.StaleOffset` if another action on suspense came between.
    """
    sequence = lake.offset(SUSPENSE).next_offset
    where, values = which.where()
    rows = lake.query(f"SELECT source, record_no FROM suspense s WHERE {where} ORDER BY ALL", values)
    if rows.num_rows:
        actions = tuple(row | {"action": "written_off", "reason": why} for row in rows.to_pylist())
        lake.commit(_action(sequence, rows.num_rows, actions=actions))
    return int(rows.num_rows)


def _action(sequence: int, records: int, **parts: Any) -> Delta:  # noqa: ANN401  (fields of Delta, checked there)
    """The delta of the suspense action number ``sequence``."""
    return Delta.numbered(SUSPENSE, sequence, next_record_no=1, records=records, **parts)


@dataclass(frozen=True, slots=True)
class Recyclable:
    """Suspended rows of one layout, in the ``rejected`` schema and source order, and the action number they need."""

    layout: str
    rows: pa.Table
    sequence: int


def recyclable(lake: Lake, which: Filter = EVERYTHING, batch_rows: int = RECYCLE_ROWS) -> Iterator[Recyclable]:
    """The matching records in batches to be sent through the pipeline again, layout by layout.

    A batch may span sources, so that the halves of a call from two files meet. The action number is read
    before the rows: if anyone else acts between, the commit of the batch's delta is refused.
    """
    where, values = which.where()
    layouts = lake.query(f"SELECT DISTINCT layout FROM suspense s WHERE {where} ORDER BY layout", values)
    for layout in layouts["layout"].to_pylist():
        after = ("", 0)
        while True:
            sequence = lake.offset(SUSPENSE).next_offset
            rows = lake.query(
                f"SELECT {_ROW} FROM rejected r SEMI JOIN (SELECT source, record_no FROM suspense s WHERE {where} "
                "AND s.layout = $of AND (s.source, s.record_no) > ($source_after, $record_after)) s "
                "ON s.source = r.source AND s.record_no = r.record_no WHERE r.disposition = 'suspended' "
                f"ORDER BY r.source, r.record_no LIMIT {batch_rows:d}",
                values | {"of": layout, "source_after": after[0], "record_after": after[1]},
            )
            if not rows.num_rows:
                break
            yield Recyclable(layout, rows.cast(schema("rejected")), sequence)
            after = rows["source"][-1].as_py(), rows["record_no"][-1].as_py()
            if rows.num_rows < batch_rows:
                break


def _coordinates(rows: pa.RecordBatch | pa.Table) -> list[tuple[str, int]]:
    return list(zip(rows["source"].to_pylist(), rows["record_no"].to_pylist(), strict=True))


def recycling(
    tried: Recyclable,
    *,
    usage: pa.RecordBatch | pa.Table,
    charges: pa.RecordBatch | pa.Table,
    rejected: pa.RecordBatch | pa.Table,
    movements: pa.RecordBatch | pa.Table | None = None,
    tariff: TariffVersion | None = None,
    layout: LayoutVersion | None = None,
    rating_run: int = 0,
) -> Delta:
    """The delta of a recycle: ``usage``, ``charges`` and ``rejected`` are what came of the rows ``tried``.

    Rows that the stages suspended again stay where they are, with a ``failed`` action and the new reason;
    all others leave suspense. Raises :class:`ValueError` if a tried record is missing or came out twice.
    """
    again = pc.equal(rejected["disposition"].cast(pa.string()), Disposition.SUSPENDED.value)
    failed, settled = rejected.filter(again), rejected.filter(pc.invert(again))
    stay = set(_coordinates(failed))
    came = [*_coordinates(usage), *_coordinates(settled), *stay]
    went = _coordinates(tried.rows)
    if sorted(came) != went:
        raise ValueError(
            f"{len(went)} records were recycled, {len(came)} came out, {len(set(went) - set(came))} are lost"
        )
    leaves = pa.array([at not in stay for at in went], pa.bool_())
    actions = tuple(
        {"source": at[0], "record_no": at[1], "action": "failed", "reason": reason}
        for at, reason in zip(_coordinates(failed), failed["reason"].to_pylist(), strict=True)
    )
    return _action(
        tried.sequence,
        len(went),
        usage=usage,
        charges=charges,
        rejected=settled,
        movements=empty("balance_movement") if movements is None else movements,
        recycled=tried.rows.filter(leaves),
        actions=actions,
        tariff=tariff,
        layout=layout,
        rating_run=rating_run,
        turns_epoch=any(leaves.to_pylist()),
    )
