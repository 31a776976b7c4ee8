"""Lots that a re-rating has undone: nothing draws on them any more, and whoever meets one next opens it.

Enters: a lake, sums of its movements. Leaves: the sums without those of such lots. Always holds: a lot is undone where
what it was granted, or what rolled over into it, has been taken back whole. Its sums are nought, as are those of a lot
that is used up: only its rows tell.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from rating.balances.lots import OWN, ROLLED
from rating.balances.sums import Parts
from rating.lake import Lake

_OPENING: Final = "kind = CASE WHEN rolled THEN 'rollover' ELSE 'grant' END"
_UNDONE: Final = f"""
WITH reduced AS (
    SELECT DISTINCT holder, shared, allowance, period_utc, rolled FROM balance_movement
    WHERE rating_run > 0 AND units < 0 AND {_OPENING})
SELECT holder, shared, allowance, period_utc, CASE WHEN rolled THEN {ROLLED} ELSE {OWN} END AS lot
FROM balance_movement SEMI JOIN reduced USING (holder, shared, allowance, period_utc, rolled)
WHERE {_OPENING} GROUP BY ALL HAVING sum(units) = 0"""  # noqa: S608 - our own kinds


def without_undone(lake: Lake, sums: Parts) -> Parts:
    """``sums`` of the movements of ``lake``, without the lots that are undone."""
    undone = lake.query(_UNDONE)
    for part in sums:
        names = undone.cast(pa.schema([part.schema.field(name) for name in undone.column_names]))
        yield part.join(names, names.column_names, join_type="left anti") if names.num_rows else part
