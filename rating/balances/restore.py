"""The live balances as the lake has them.

Enters: a lake and a catalogue. Leaves: balances. Always holds: they are what the movements in the lake sum to, in
whatever order these came.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rating.balances.live import Balances, no_balances
from rating.balances.lots import CAP, OWN, ROLLED, lot_keys
from rating.columns import integers
from rating.lake import Lake
from tariffs import catalogue as layout
from tariffs.catalogue import NONE, Catalogue, Ints

_LEFT: Final = """
SELECT holder, shared, allowance, period_utc AS start_utc, rolled, sum(units)::BIGINT AS units
FROM balance_movement GROUP BY ALL"""
_CAPS: Final = """
SELECT account AS holder, allowance, start_utc, -sum(units)::BIGINT AS units FROM balance_movement
WHERE kind IN ('use', 'return') AND shared AND list_contains($capped, allowance) GROUP BY ALL"""


def live_balances(lake: Lake, catalogue: Catalogue) -> Balances | None:
    """The balances that the movements of ``lake`` come to; None for a catalogue without allowances."""
    if not len(catalogue.allowances):
        return None
    balances = no_balances(catalogue)
    left = lake.query(_LEFT).combine_chunks()
    shared, rolled = (left[name].to_numpy(zero_copy_only=False) for name in ("shared", "rolled"))
    own, pools = (_codes(left["holder"], known) for known in (catalogue.account_names, catalogue.pool_names))
    pools[pools != NONE] += len(catalogue.account_names)
    _restore(balances, catalogue, left, np.where(shared, pools, own), np.where(rolled, ROLLED, OWN))
    capped = np.flatnonzero(catalogue.allowances[:, layout.ALLOWANCE_CAP] != NONE)
    if len(capped):
        drew = lake.query(_CAPS, {"capped": catalogue.allowance_names.take(pa.array(capped)).to_pylist()})
        _restore(balances, catalogue, drew, _codes(drew["holder"], catalogue.account_names), np.full(len(drew), CAP))
    return balances


def _restore(balances: Balances, catalogue: Catalogue, rows: pa.Table, holder: Ints, kind: Ints) -> None:
    """Sum ``rows`` into lots; those of holders and allowances that the catalogue has no more are no longer live."""
    allowance = _codes(rows["allowance"], catalogue.allowance_names)
    period = np.full(rows.num_rows, NONE)
    start = integers(rows["start_utc"].combine_chunks().cast(pa.timestamp("us", "UTC")))
    for code in np.unique(allowance[allowance != NONE]):
        at = allowance == code
        first, end = catalogue.allowances[code, [layout.ALLOWANCE_PERIODS, layout.ALLOWANCE_PERIODS_END]]
        period[at] = np.searchsorted(catalogue.allowance_periods[first : end - 1], start[at], "right") - 1
    known = (holder != NONE) & (period != NONE)
    keys = lot_keys(holder, allowance, period, 0)[known] | kind[known]
    distinct, place = np.unique(keys, return_inverse=True)
    sums = np.zeros(len(distinct), np.int64)
    np.add.at(sums, place, rows["units"].to_numpy()[known])
    balances.lots.put(distinct, sums)


def _codes(names: pa.ChunkedArray, known: pa.StringArray) -> Ints:
    """The place of each name in ``known``; NONE where it is not there."""
    found = pc.fill_null(pc.index_in(names.cast(pa.string()), known), NONE)
    return np.array(found, np.int64)
