"""Control totals: what a delta says it holds, summed before it lands.

Enters: a delta. Leaves: ``control_total`` and ``charge_total`` rows without their ``batch_id``, sorted. Always
holds: a delta's totals are sums over its rows and nothing else, so that ``toll audit`` can take them from
the rows again; a record that a recycle takes out of suspense counts -1 there.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from mediation.fields import schema
from mediation.reasons import Disposition
from rating.lake.delta import Delta

RATED_STAGE: Final = "price"
"""The stage where a rated record's way ends."""

_CONTROL_KEY: Final = ["source", "hour_utc", "stage", "disposition", "reason"]
_CHARGE_KEY: Final = ["source", "hour_utc", "leg", "currency"]


def without_batch(table: str) -> pa.Schema:
    """The schema of ``table`` as a delta knows it: the batch id comes with the commit."""
    return pa.schema([f for f in schema(table) if f.name != "batch_id"])


def _hour(rows: pa.Table) -> pa.ChunkedArray:
    return pc.floor_temporal(rows["start_utc"], unit="hour")


def _table(rows: pa.RecordBatch | pa.Table, columns: list[str]) -> pa.Table:
    """The named columns as a table that can be grouped: one dictionary a column, whatever the chunks."""
    table = pa.table(rows) if isinstance(rows, pa.RecordBatch) else rows
    return table.select(columns).unify_dictionaries()


def _records(rows: pa.RecordBatch | pa.Table, columns: list[str], sign: int) -> pa.Table:
    """Records, seconds and bytes of ``rows`` by ``columns`` and hour, times ``sign``."""
    table = _table(rows, [*columns, "start_utc", "duration_s", "raw"])
    table = table.append_column("hour_utc", _hour(table)).append_column("bytes", pc.binary_length(table["raw"]))
    sums = table.group_by([*columns, "hour_utc"], use_threads=False).aggregate(
        [([], "count_all"), ("duration_s", "sum"), ("bytes", "sum")]
    )
    signed = [pc.multiply_checked(sums[n], sign) for n in ("count_all", "duration_s_sum", "bytes_sum")]
    names = ["records", "duration_s", "raw_bytes"]
    return pa.table([*(sums[n] for n in (*columns, "hour_utc")), *signed], [*columns, "hour_utc", *names])


def _rated(rows: pa.RecordBatch | pa.Table) -> pa.Table:
    sums = _records(rows, ["source"], 1)
    for name, value in (("stage", RATED_STAGE), ("disposition", Disposition.RATED.value), ("reason", "")):
        sums = sums.append_column(name, pa.repeat(pa.scalar(value), sums.num_rows))
    return sums


def _control_total(delta: Delta) -> pa.Table:
    out = without_batch("control_total")
    aside = ["source", "stage", "disposition", "reason"]
    parts = (_rated(delta.usage), _records(delta.rejected, aside, 1), _records(delta.recycled, aside, -1))
    whole = pa.concat_tables([p.select(out.names).cast(out) for p in parts if p.num_rows] or [out.empty_table()])
    return whole.sort_by([(k, "ascending") for k in [*_CONTROL_KEY, "records"]])


def _charge_total(delta: Delta) -> pa.Table:
    table = _table(delta.charges, ["source", "leg", "currency", "start_utc", "amount"])
    table = table.append_column("hour_utc", _hour(table))
    sums = table.group_by(_CHARGE_KEY, use_threads=False).aggregate([([], "count_all"), ("amount", "sum")])
    out = without_batch("charge_total")
    whole = sums.rename_columns({"count_all": "charges", "amount_sum": "amount"}).select(out.names).cast(out)
    return whole.sort_by([(k, "ascending") for k in _CHARGE_KEY])


def control_totals(delta: Delta) -> tuple[pa.Table, pa.Table]:
    """The ``control_total`` and ``charge_total`` rows of ``delta``, sorted by key, without ``batch_id``.

    Records, seconds and bytes are per (source, hour, stage, disposition, reason); charges and their exact
    DECIMAL sum per (source, hour, leg, currency). Rows of ``delta.recycled`` count negative.
    """
    return _control_total(delta), _charge_total(delta)
