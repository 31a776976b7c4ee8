"""A holder's lots and movements, at any moment.

Enters: a lake, an account or a pool, a moment. Leaves: a :class:`Statement`. Always holds: it is made of movements
alone, and what is left of a lot is what was granted and rolled over, less what was used and expired.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa

from rating.answers import json_rows
from rating.lake import Lake

_WHOSE: Final = """
FROM balance_movement
WHERE start_utc <= $at AND (
    (holder = $holder AND (NOT shared OR NOT EXISTS (FROM balance_movement WHERE holder = $holder AND NOT shared)))
    OR (shared AND holder IN (SELECT holder FROM balance_movement WHERE account = $holder AND shared)))"""
_LOTS: Final = f"""
SELECT
    holder, allowance, period_utc, rolled, expires_utc, unit,
    coalesce(sum(units) FILTER (kind = 'grant'), 0)::BIGINT AS granted,
    coalesce(sum(units) FILTER (kind = 'rollover'), 0)::BIGINT AS rolled_over,
    -coalesce(sum(units) FILTER (kind IN ('use', 'return')), 0)::BIGINT AS used,
    -coalesce(sum(units) FILTER (kind = 'expire'), 0)::BIGINT AS expired,
    sum(units)::BIGINT AS "left"
{_WHOSE}
GROUP BY ALL ORDER BY expires_utc, holder, allowance, period_utc, rolled"""
_MOVEMENTS: Final = f"""
SELECT start_utc, kind, holder, allowance, period_utc, rolled, account, units, unit, free_usage, event_id
{_WHOSE}
ORDER BY start_utc, event_id, kind, holder, allowance, period_utc, rolled"""
_ALWAYS: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Statement:
    """The lots of ``holder`` (and those of its pool) and their movements for usage up to a moment."""

    holder: str
    lots: pa.Table
    movements: pa.Table

    def to_json(self) -> dict[str, Any]:
        """The statement as JSON-able values."""
        return {"holder": self.holder, "lots": json_rows(self.lots), "movements": json_rows(self.movements)}


def statement(lake: Lake, holder: str, at: datetime | None = None) -> Statement:
    """What ``holder`` had at the moment ``at`` (None: after all that is rated), by the starts of usage."""
    values = {"holder": holder, "at": at or _ALWAYS}
    return Statement(holder, lake.query(_LOTS, values), lake.query(_MOVEMENTS, values))
