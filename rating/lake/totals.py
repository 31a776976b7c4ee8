"""Control totals: what a delta says it holds, summed before it lands.

Enters: a delta. Leaves: ``control_total`` and ``charge_total`` rows without their ``batch_id``, sorted. Always
holds: a delta's totals are sums over its rows and nothing else, so that ``toll audit`` can take them from
the rows again; a record that a recycle takes out of suspense counts -1 there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mediation.amounts import nano, total
from mediation.fields import INSTANT, schema
from mediation.reasons import Disposition
from rating.lake.delta import Delta

Ints = npt.NDArray[np.int64]

RATED_STAGE: Final = "price"
"""The stage where a rated record's way ends."""

_HOUR_US: Final = 3_600_000_000
_NO_START: Final = -(1 << 60)
"""Stands for a start that is not known: microseconds, long before the year 0."""

_LOW: Final = (1 << 32) - 1

_CONTROL_KEY: Final = ["source", "hour_utc", "stage", "disposition", "reason"]
_CHARGE_KEY: Final = ["source", "hour_utc", "leg", "currency"]


def without_batch(table: str) -> pa.Schema:
    """The schema of ``table`` as a delta knows it: the batch id comes with the commit."""
    return pa.schema([f for f in schema(table) if f.name != "batch_id"])


def _table(rows: pa.RecordBatch | pa.Table, columns: list[str]) -> pa.Table:
    """The named columns as a table that can be grouped: one dictionary a column, whatever the chunks."""
    table = pa.table(rows) if isinstance(rows, pa.RecordBatch) else rows
    return table.select(columns).unify_dictionaries().combine_chunks()


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """Rows by their ``labels`` and hour: of each group its ``columns`` and how many ``rows``; which one a row is of."""

    columns: dict[str, pa.Array]
    rows: Ints
    of_row: Ints

    def sums(self, values: Ints) -> list[int]:
        """The sum of ``values`` by group: of their halves of 32 bits each for itself, so that nothing wraps."""
        high, low = np.zeros((2, len(self.rows)), np.int64)
        np.add.at(high, self.of_row, values >> 32)
        np.add.at(low, self.of_row, values & _LOW)
        return [(upper << 32) + lower for upper, lower in zip(high.tolist(), low.tolist(), strict=True)]


def _grouped(table: pa.Table, labels: list[str]) -> _Groups:
    """The rows of ``table`` by its ``labels`` and the hour of ``start_utc``, which are numbered into one integer."""
    key = table["start_utc"].cast(pa.int64()).fill_null(_NO_START).to_numpy() // _HOUR_US
    dictionaries = {name: table[name].chunk(0).dictionary for name in labels}
    for name, dictionary in dictionaries.items():
        key = key * max(len(dictionary), 1) + np.asarray(table[name].chunk(0).indices)
    key, of_row, rows = _numbered(key)
    columns = {}
    for name, dictionary in reversed(dictionaries.items()):
        key, code = np.divmod(key, max(len(dictionary), 1))
        columns[name] = dictionary.take(pa.array(code))
    start = key * _HOUR_US
    columns["hour_utc"] = pa.array(start, mask=start < _NO_START // 2).cast(INSTANT)
    return _Groups(columns, rows, of_row)


def _numbered(key: Ints) -> tuple[Ints, Ints, Ints]:
    """The distinct values of ``key`` in order, the number of each row's among them, and how many rows each has."""
    place = key - key.min()
    if place.max() > 4 * len(key):  # far apart, such as where a start is not known
        return np.unique(key, return_inverse=True, return_counts=True)
    rows = np.bincount(place)
    there = rows > 0
    number = np.cumsum(there) - 1
    return np.flatnonzero(there) + key.min(), number[place], rows[there]


def _records(rows: pa.RecordBatch | pa.Table, labels: list[str], sign: int) -> pa.Table:
    """Records, seconds and bytes of ``rows`` by ``labels`` and hour, times ``sign``."""
    table = _table(rows, [*labels, "start_utc", "duration_s", "raw"])
    groups = _grouped(table, labels)
    sums = {
        "records": groups.rows.tolist(),
        "duration_s": groups.sums(table["duration_s"].to_numpy()),
        "raw_bytes": groups.sums(pc.binary_length(table["raw"]).cast(pa.int64()).to_numpy()),
    }
    signed = {name: pa.array([sign * each for each in of_groups], pa.int64()) for name, of_groups in sums.items()}
    return pa.table(groups.columns | signed)


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
    groups = _grouped(table, ["source", "leg", "currency"])
    amount = total(groups.sums(nano(table["amount"].chunk(0))))
    whole = pa.table(groups.columns | {"charges": groups.rows, "amount": amount}).select(out.names).cast(out)
    return whole.sort_by([(k, "ascending") for k in _CHARGE_KEY])


def control_totals(delta: Delta) -> tuple[pa.Table, pa.Table]:
    """The ``control_total`` and ``charge_total`` rows of ``delta``, sorted by key, without ``batch_id``.

    Records, seconds and bytes are per (source, hour, stage, disposition, reason); charges and their exact
    DECIMAL sum per (source, hour, leg, currency). Rows of ``delta.recycled`` count negative.
    """
    return _control_total(delta), _charge_total(delta)
