"""The live balances as the lake has them.

Enters: a lake, a catalogue, what to leave out. Leaves: balances. Always holds: they are what the movements in the
lake sum to, in whatever order these came.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rating.balances.live import Balances, no_balances
from rating.balances.lots import CAP, COUNT, OWN, ROLLED, lot_keys
from rating.columns import integers
from rating.lake import Lake
from tariffs import catalogue as layout
from tariffs.catalogue import NONE, Catalogue, Ints

_KEPT: Final = """
NOT (start_utc >= $since AND
    ($holders IS NULL OR list_contains($holders, {'name': holder::VARCHAR, 'shared': shared})))"""
_LEFT: Final = f"""
SELECT
    holder, shared, allowance, period_utc AS start_utc, rolled, kind IN ('count', 'uncount') AS counted,
    coalesce(sum(units) FILTER (kind <> 'expire'), 0)::BIGINT
        * CASE WHEN bool_or(kind = 'expire') AND sum(units) = 0 THEN -1 ELSE 1 END AS units
FROM balance_movement WHERE {_KEPT} GROUP BY ALL"""  # noqa: S608 - our own condition
_CAPS: Final = f"""
SELECT account AS holder, allowance, start_utc, -sum(units)::BIGINT AS units FROM balance_movement
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
    balances, kept = no_balances(catalogue), without.values()
    left = lake.query(_LEFT, kept).combine_chunks()
    shared, rolled, counted = (left[name].to_numpy(zero_copy_only=False) for name in ("shared", "rolled", "counted"))
    own, pools = (_codes(left["holder"], known) for known in (catalogue.account_names, catalogue.pool_names))
    pools[pools != NONE] += len(catalogue.account_names)
    _restore(
        balances, catalogue, left, np.where(shared, pools, own), np.where(counted, COUNT, np.where(rolled, ROLLED, OWN))
    )
    terms = catalogue.allowances
    counts = terms[:, layout.ALLOWANCE_KIND] >= layout.COUNTS_UNITS
    capped = np.flatnonzero((terms[:, layout.ALLOWANCE_CAP] != NONE) & ~counts)
    if len(capped):
        named = kept | {"capped": catalogue.allowance_names.take(pa.array(capped)).to_pylist()}
        drew = lake.query(_CAPS, named)
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
    counts = catalogue.allowances[allowance, layout.ALLOWANCE_KIND] >= layout.COUNTS_UNITS
    known = (holder != NONE) & (period != NONE) & (counts == (kind == COUNT))
    keys = lot_keys(holder, allowance, period, 0)[known] | kind[known]
    distinct, place = np.unique(keys, return_inverse=True)
    sums = np.zeros(len(distinct), np.int64)
    np.add.at(sums, place, rows["units"].to_numpy()[known])
    balances.lots.put(distinct, sums)


def _codes(names: pa.ChunkedArray, known: pa.StringArray) -> Ints:
    """The place of each name in ``known``; NONE where it is not there."""
    found = pc.fill_null(pc.index_in(names.cast(pa.string()), known), NONE)
    return np.array(found, np.int64)
