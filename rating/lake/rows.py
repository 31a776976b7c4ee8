"""The small tables of a delta, as the rows that its transaction inserts.

Enters: a delta. Leaves: Arrow tables by table name, without ``batch_id`` (the transaction knows it). Always
holds: pure; the columns are the field table's.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from rating.lake.delta import Delta, Extent, Row
from rating.lake.totals import control_totals, without_batch


def _batches(delta: Delta, extent: Extent) -> list[Row]:
    """The batch's ``extent``; for each further layout a row of no length at its end, so that the layout is found."""
    row: dict[str, str | int | bool | None] = {
        "source": extent.source,
        "first_offset": extent.first_offset,
        "next_offset": extent.next_offset,
        "records": extent.records,
        "layout": extent.layout.name if extent.layout else "",
        "layout_version": extent.layout.version if extent.layout else "",
        "tariff_version": delta.tariff.version if delta.tariff else "",
        "rating_run": delta.rating_run,
    }
    end: Row = {"first_offset": extent.next_offset, "records": 0}
    return [row, *({**row, **end, "layout": v.name, "layout_version": v.version} for v in extent.further_layouts)]


def _took(delta: Delta, extent: Extent) -> bool:
    """Whether ``extent`` is more than a place that its owner holds."""
    return extent is delta or extent.intake is not None or extent.next_offset > extent.first_offset


def _recycled(delta: Delta) -> list[Row]:
    """The actions that take ``delta.recycled`` out of suspense."""
    sources, numbers = (delta.recycled[n].to_pylist() for n in ("source", "record_no"))
    return [
        {"source": s, "record_no": n, "action": "recycled", "reason": ""} for s, n in zip(sources, numbers, strict=True)
    ]


def _versions(delta: Delta) -> dict[str, Sequence[Row]]:
    tariff = delta.tariff
    return {
        "tariff_version": [{"tariff_version": tariff.version, "file": tariff.file}] if tariff else [],
        "layout_version": [
            {"layout_version": v.version, "name": v.name, "text": v.text} for v in delta.all_layouts().values()
        ],
    }


def small_rows(delta: Delta) -> dict[str, pa.Table]:
    """The rows of ``delta`` for each small table that it adds to."""
    rows: dict[str, Sequence[Row]] = {
        "batch": [row for extent in delta.extents() if _took(delta, extent) for row in _batches(delta, extent)],
        "source_file": [delta.source_file] if delta.source_file else [],
        "intake": [extent.intake for extent in delta.extents() if extent.intake],
        "suspense_action": [*_recycled(delta), *delta.actions],
        "finding": delta.findings,
        **_versions(delta),
        **delta.small,
    }
    control, charge = control_totals(delta)
    tables = {name: pa.Table.from_pylist(list(r), schema=without_batch(name)) for name, r in rows.items() if r}
    return tables | {n: t for n, t in (("control_total", control), ("charge_total", charge)) if t.num_rows}
