"""The live balances as the lake has them.

Enters: a lake, a catalogue. Leaves: balances. Always holds: they are what the movements in the
lake sum to, in whatever order these came; a snapshot of earlier sums changes how long that takes, nothing else.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rating.balances.candidates import allowed_codes
from rating.balances.holder_codes import HolderCodes
from rating.balances.horizon import first_period, held_since
from rating.balances.live import Balances
from rating.balances.lots import COUNT, Lots, lot_keys
from rating.balances.snapshots import Snapshot, SnapshotError, attempts, refused, summed
from rating.balances.sums import live_units, lots_about, movement_sums
from rating.balances.undone import without_undone
from rating.columns import integers, tariff_starts
from rating.lake import Lake
from tariffs import catalogue as layout
from tariffs.catalogue import NONE, Catalogue, Ints


def live_balances(lake: Lake, catalogue: Catalogue, *, by_snapshot: bool = True) -> Balances | None:
    """The balances that the movements of ``lake`` come to; None for a catalogue without allowances."""
    if not len(catalogue.allowances):
        return None
    since = held_since(lake)
    return Balances(allowed_codes(catalogue), _restored(lake, catalogue, since, by_snapshot=by_snapshot), since)


def reach(balances: Balances | None, lake: Lake, catalogue: Catalogue, usage: pa.RecordBatch) -> None:
    """Let ``balances`` hold all lots on which ``usage`` may draw: those of older usage are read from the lake."""
    if balances is not None and usage.num_rows and (first := int(tariff_starts(usage).min())) < balances.since:
        balances.since = first
        balances.lots = _restored(lake, catalogue, first)


def _restored(lake: Lake, catalogue: Catalogue, since: int, *, by_snapshot: bool = True) -> Lots:
    """The lots for usage from ``since`` on."""
    begin = first_period(catalogue, since)
    for snapshot in attempts(lake) if by_snapshot else (None,):
        try:
            return _summed(lake, catalogue, snapshot, begin)
        except SnapshotError as fault:
            refused(fault)
    raise AssertionError("movements alone can always be summed")


def _summed(lake: Lake, catalogue: Catalogue, snapshot: Snapshot | None, since: int) -> Lots:
    """The lots of ``snapshot`` and what landed after it, part by part."""
    lots = Lots(snapshot.lots if snapshot else lots_about(lake))
    accounts, pools = HolderCodes(catalogue.account_names), HolderCodes(catalogue.pool_names)
    with lake.one_snapshot():
        sums = summed(lake, catalogue, snapshot, since) if snapshot else movement_sums(lake, catalogue, since)
        for part in without_undone(lake, sums):
            names = part["holder"].combine_chunks()
            _take_in(lots, catalogue, part, _holders(part, accounts.of(names), pools.of(names), catalogue))
    return lots


def _holders(rows: pa.Table, own: Ints, pools: Ints, catalogue: Catalogue) -> Ints:
    """The code of the holder of each row, among accounts and pools."""
    shared = rows["shared"].to_numpy()
    return np.where(shared, np.where(pools == NONE, NONE, pools + len(catalogue.account_names)), own)


def _take_in(lots: Lots, catalogue: Catalogue, rows: pa.Table, holder: Ints) -> None:
    """Add ``rows`` to lots; those of holders and allowances that the catalogue has no more are no longer live."""
    allowance, kind = _codes(rows["allowance"], catalogue.allowance_names), rows["lot"].to_numpy()
    period = np.full(rows.num_rows, NONE)
    start = integers(rows["period_utc"].combine_chunks().cast(pa.timestamp("us", "UTC")))
    for code in np.unique(allowance[allowance != NONE]):
        at = allowance == code
        first, end = catalogue.allowances[code, [layout.ALLOWANCE_PERIODS, layout.ALLOWANCE_PERIODS_END]]
        period[at] = np.searchsorted(catalogue.allowance_periods[first : end - 1], start[at], "right") - 1
    counts = catalogue.allowances[allowance, layout.ALLOWANCE_KIND] >= layout.COUNTS_UNITS
    known = (holder != NONE) & (period != NONE) & (counts == (kind == COUNT))
    lots.add(lot_keys(holder, allowance, period, kind)[known], live_units(rows)[known])


def _codes(names: pa.ChunkedArray, known: pa.StringArray) -> Ints:
    """The place of each name in ``known``; NONE where it is not there."""
    found = pc.fill_null(pc.index_in(names.cast(pa.string()), known), NONE)
    return np.array(found, np.int64)
