"""Control totals: what a delta says it holds, summed before it lands.

Enters: a delta. Leaves: ``control_total`` and ``charge_total`` rows without their ``batch_id``, sorted. Always
holds: a delta's totals are sums over its rows and nothing else, so that ``toll audit`` can take them from
the rows again; a record that a recycle takes out of suspense counts -1 there.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mediation.fields import INSTANT, schema
from mediation.reasons import Disposition
from rating.lake.delta import Delta

RATED_STAGE: Final = "price"
"""The stage where a rated record's way ends."""

_HOUR_US: Final = 3_600_000_000
_NO_START: Final = -(1 << 60)
"""Stands for a start that is not known: microseconds, long before the year 0."""

_CONTROL_KEY: Final = ["source", "hour_utc", "stage", "disposition", "reason"]
_CHARGE_KEY: Final = ["source", "hour_utc", "leg", "currency"]


def without_batch(table: str) -> pa.Schema:
    """The schema of ``table`` as a delta knows it: the batch id comes with the commit."""
    return pa.schema([f for f in schema(table) if f.name != "batch_id"])


def _table(rows: pa.RecordBatch | pa.Table, columns: list[str]) -> pa.Table:
    """The named columns as a table that can be grouped: one dictionary a column, whatever the chunks."""
    table = pa.table(rows) if isinstance(rows, pa.RecordBatch) else rows
    return table.select(columns).unify_dictionaries().combine_chunks()


def _summed(table: pa.Table, labels: list[str], sums: list[str]) -> pa.Table:
    """Rows and the ``sums`` of ``table`` by its ``labels`` and the hour of ``start_utc``.

    Hours and labels are numbered into one integer, which groups several times faster than the texts.
    """
    hours = table["start_utc"].cast(pa.int64()).fill_null(_NO_START).to_numpy() // _HOUR_US
    first = int(hours.min())
    key, sizes, dictionaries = hours - first, [], []
    for name in labels:
        column = table[name].chunk(0)
        dictionaries.append(column.dictionary)
        sizes.append(max(len(column.dictionary), 1))
        key = key * sizes[-1] + np.asarray(column.indices)
    grouped = (
        pa.table({"key": key, **{name: table[name] for name in sums}})
        .group_by("key", use_threads=False)
        .aggregate([([], "count_all"), *((name, "sum") for name in sums)])
    )
    key = grouped["key"].to_numpy()
    columns = {}
    for name, size, dictionary in zip(labels[::-1], sizes[::-1], dictionaries[::-1], strict=True):
        key, code = np.divmod(key, size)
        columns[name] = dictionary.take(pa.array(code))
    start = (key + first) * _HOUR_US
    columns["hour_utc"] = pa.array(start, mask=start < _NO_START // 2).cast(INSTANT)
    return pa.table(columns | {name: grouped[name] for name in ("count_all", *(f"{name}_sum" for name in sums))})


def _records(rows: pa.RecordBatch | pa.Table, labels: list[str], sign: int) -> pa.Table:
    """Records, seconds and bytes of ``rows`` by ``labels`` and hour, times ``sign``."""
    table = _table(rows, [*labels, "start_utc", "duration_s", "raw"])
    table = table.append_column("bytes", pc.binary_length(table["raw"]))
    sums = _summed(table, labels, ["duration_s", "bytes"])
    signed = [pc.multiply_checked(sums[n], sign) for n in ("count_all", "duration_s_sum", "bytes_sum")]
    names = ["records", "duration_s", "raw_bytes"]
    return pa.table([*(sums[n] for n in (*labels, "hour_utc")), *signed], [*labels, "hour_utc", *names])


def _rated(rows: pa.RecordBatch | pa.Table) -> pa.Table:
    sums = _records(rows, ["source"], 1)
    for name, value in (("stage", RATED_STAGE), ("disposition", Disposition.RATED.value), ("reason", "")):
        sums = sums.append_column(name, pa.repeat(pa.scalar(value), sums.num_rows))
    return sums


def _control_total(delta: Delta) -> pa.Table:
    out = without_batch("control_total")
    aside = ["source", "stage", "disposition", "reason"]
    parts = [_rated(delta.usage)] if delta.usage.num_rows else []
    parts += [
        _records(rows, aside, sign) for rows, sign in ((delta.rejected, 1), (delta.recycled, -1)) if rows.num_rows
    ]
    whole = pa.concat_tables([p.select(out.names).cast(out) for p in parts] or [out.empty_table()])
    return whole.sort_by([(k, "ascending") for k in [*_CONTROL_KEY, "records"]])


def _charge_total(delta: Delta) -> pa.Table:
    out = without_batch("charge_total")
    if not delta.charges.num_rows:
        return out.empty_table()
    table = _table(delta.charges, ["source", "leg", "currency", "start_utc", "amount"])
    sums = _summed(table, ["source", "leg", "currency"], ["amount"])
    whole = sums.rename_columns({"count_all": "charges", "amount_sum": "amount"}).select(out.names).cast(out)
    return whole.sort_by([(k, "ascending") for k in _CHARGE_KEY])


def control_totals(delta: Delta) -> tuple[pa.Table, pa.Table]:
    """The ``control_total`` and ``charge_total`` rows of ``delta``, sorted by key, without ``batch_id``.

    Records, seconds and bytes are per (source, hour, stage, disposition, reason); charges and their exact
    DECIMAL sum per (source, hour, leg, currency). Rows of ``delta.recycled`` count negative.
    """
    return _control_total(delta), _charge_total(delta)
