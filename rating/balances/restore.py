"""The live balances as the lake has them.

Enters: a lake, a catalogue, what to leave out. Leaves: balances. Always holds: they are what the movements in the
lake sum to, in whatever order these came; a snapshot of earlier sums changes how long that takes, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rating.balances.candidates import allowed_codes
from rating.balances.holder_codes import HolderCodes
from rating.balances.live import Balances, no_balances
from rating.balances.lots import CAP, COUNT, Lots, lot_keys
from rating.balances.snapshots import Snapshot, SnapshotError, refused, snapshots, summed
from rating.balances.sums import LOT_SUMS, capped, live_units
from rating.columns import integers
from rating.lake import Lake
from tariffs import catalogue as layout
from tariffs.catalogue import NONE, Catalogue, Ints

_KEPT: Final = """
NOT (start_utc >= $since AND
    ($holders IS NULL OR list_contains($holders, {'name': holder::VARCHAR, 'shared': shared})))"""
_CAPS: Final = f"""
SELECT
    account AS holder, allowance, start_utc AS period_utc, {CAP} AS lot, -sum(units)::BIGINT AS units,
    0::BIGINT AS expired
FROM balance_movement
WHERE {_KEPT} AND kind IN ('use', 'return') AND shared AND list_contains($capped, allowance) GROUP BY ALL"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Without:
    """Movements that are to be as if they had never been: those of usage that starts at ``since`` or later.

    Of ``accounts`` and ``pools`` alone, where these are given. Lots that begin, roll over or end before ``since`` have
    done so; the later ones are opened again by whoever draws on them next.
    """

    since: datetime
    accounts: frozenset[str] | None = None
    pools: frozenset[str] = frozenset()

    def values(self) -> dict[str, Any]:
        """The values of the condition for what is kept."""
        if self.accounts is None:
            return {"since": self.since, "holders": None}
        whose = [(name, False) for name in sorted(self.accounts)] + [(name, True) for name in sorted(self.pools)]
        return {"since": self.since, "holders": [{"name": name, "shared": shared} for name, shared in whose]}


NOTHING_LEFT_OUT: Final = Without(datetime.max.replace(tzinfo=UTC), frozenset())


def live_balances(lake: Lake, catalogue: Catalogue, without: Without = NOTHING_LEFT_OUT) -> Balances | None:
    """The balances that the movements of ``lake`` come to; None for a catalogue without allowances."""
    if not len(catalogue.allowances):
        return None
    if without is NOTHING_LEFT_OUT and (restored := _from_snapshot(lake, catalogue)):
        return restored
    balances, kept = no_balances(catalogue), without.values()
    left = lake.query(LOT_SUMS.format(kept=_KEPT), kept)
    own, pools = (_codes(left["holder"], known) for known in (catalogue.account_names, catalogue.pool_names))
    _take_in(balances, catalogue, left, _holders(left, own, pools, catalogue))
    codes = capped(catalogue)
    if len(codes):
        named = kept | {"capped": catalogue.allowance_names.take(pa.array(codes)).to_pylist()}
        drew = lake.query(_CAPS, named)
        _take_in(balances, catalogue, drew, _codes(drew["holder"], catalogue.account_names))
    return balances


def _from_snapshot(lake: Lake, catalogue: Catalogue) -> Balances | None:
    """The balances by the newest snapshot that can be used; None if there is none."""
    for snapshot in snapshots(lake):
        try:
            return _after(lake, catalogue, snapshot)
        except SnapshotError as fault:
            refused(fault)
    return None


def _after(lake: Lake, catalogue: Catalogue, snapshot: Snapshot) -> Balances:
    """The balances of ``snapshot`` and what landed after it, part by part."""
    balances = Balances(allowed_codes(catalogue), Lots(snapshot.lots))
    accounts, pools = HolderCodes(catalogue.account_names), HolderCodes(catalogue.pool_names)
    with lake.one_snapshot():
        for part in summed(lake, catalogue, snapshot):
            names = part["holder"].combine_chunks()
            _take_in(balances, catalogue, part, _holders(part, accounts.of(names), pools.of(names), catalogue))
    return balances


def _holders(rows: pa.Table, own: Ints, pools: Ints, catalogue: Catalogue) -> Ints:
    """The code of the holder of each row, among accounts and pools."""
    shared = rows["shared"].to_numpy()
    return np.where(shared, np.where(pools == NONE, NONE, pools + len(catalogue.account_names)), own)


def _take_in(balances: Balances, catalogue: Catalogue, rows: pa.Table, holder: Ints) -> None:
    """Sum ``rows`` into lots; those of holders and allowances that the catalogue has no more are no longer live."""
    allowance, kind = _codes(rows["allowance"], catalogue.allowance_names), rows["lot"].to_numpy()
    period = np.full(rows.num_rows, NONE)
    start = integers(rows["period_utc"].combine_chunks().cast(pa.timestamp("us", "UTC")))
    for code in np.unique(allowance[allowance != NONE]):
        at = allowance == code
        first, end = catalogue.allowances[code, [layout.ALLOWANCE_PERIODS, layout.ALLOWANCE_PERIODS_END]]
        period[at] = np.searchsorted(catalogue.allowance_periods[first : end - 1], start[at], "right") - 1
    counts = catalogue.allowances[allowance, layout.ALLOWANCE_KIND] >= layout.COUNTS_UNITS
    known = (holder != NONE) & (period != NONE) & (counts == (kind == COUNT))
    keys = lot_keys(holder, allowance, period, 0)[known] | kind[known]
    distinct, place = np.unique(keys, return_inverse=True)
    sums = np.zeros(len(distinct), np.int64)
    np.add.at(sums, place, live_units(rows)[known])
    balances.lots.put(distinct, sums)


def _codes(names: pa.ChunkedArray, known: pa.StringArray) -> Ints:
    """The place of each name in ``known``; NONE where it is not there."""
    found = pc.fill_null(pc.index_in(names.cast(pa.string()), known), NONE)
    return np.array(found, np.int64)
