"""A holder's lots, totals and movements, at any moment.

Enters: a lake, an account or a pool, a moment. Leaves: a :class:`Statement`. Always holds: it is made of movements
alone, and what is left of a lot is what was granted and rolled over, less what was used and expired; a lot that ended
before the moment has expired, whether or not that is written down yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa

from rating.answers import json_rows
from rating.lake import Lake
from tariffs.model import UNITS

_WHOSE: Final = """
FROM balance_movement
WHERE start_utc <= $at AND (
    (holder = $holder AND (NOT shared OR NOT EXISTS (FROM balance_movement WHERE holder = $holder AND NOT shared)))
    OR (shared AND holder IN (SELECT holder FROM balance_movement WHERE account = $holder AND shared)))"""
_UNITS: Final = f"unit IN {UNITS}"
_MONEY: Final = "(({})::DECIMAL(28, 0) * 0.000000001::DECIMAL(10, 9))"
_LOTS: Final = f"""
SELECT
    holder, allowance, period_utc, rolled, expires_utc, unit, granted, rolled_over, used,
    written_off + CASE WHEN over THEN rest ELSE 0 END AS expired, CASE WHEN over THEN 0 ELSE rest END AS "left"
FROM (
    SELECT
        holder, allowance, period_utc, rolled, expires_utc, unit,
        coalesce(sum(units) FILTER (kind = 'grant'), 0)::BIGINT AS granted,
        coalesce(sum(units) FILTER (kind = 'rollover'), 0)::BIGINT AS rolled_over,
        -coalesce(sum(units) FILTER (kind IN ('use', 'return')), 0)::BIGINT AS used,
        -coalesce(sum(units) FILTER (kind = 'expire'), 0)::BIGINT AS written_off,
        sum(units)::BIGINT AS rest, expires_utc <= $moment AS over
    {_WHOSE} AND kind NOT IN ('count', 'uncount')
    GROUP BY ALL
)
WHERE {_UNITS} = $units
ORDER BY expires_utc, holder, allowance, period_utc, rolled"""  # noqa: S608 - our own conditions
_TOTALS: Final = f"""
SELECT
    holder, allowance AS accumulator, period_utc, expires_utc AS until_utc, unit,
    CASE WHEN {_UNITS} THEN sum(units)::BIGINT END AS units,
    CASE WHEN NOT {_UNITS} THEN {_MONEY.format("sum(units)")} END AS amount
{_WHOSE} AND kind IN ('count', 'uncount')
GROUP BY holder, allowance, period_utc, expires_utc, unit ORDER BY period_utc, holder, allowance"""
_MOVEMENTS: Final = f"""
SELECT
    start_utc, kind, holder, allowance, period_utc, rolled, account, CASE WHEN {_UNITS} THEN units END AS units,
    CASE WHEN NOT {_UNITS} THEN {_MONEY.format("units")} END AS amount, unit, free_usage, event_id
{_WHOSE}
ORDER BY start_utc, event_id, kind, holder, allowance, period_utc, rolled"""
_LAST: Final = f"SELECT max(start_utc) AS last {_WHOSE}"
_QUANTITIES: Final = ("granted", "rolled_over", "used", "expired", '"left"')
_AMOUNTS: Final = ", ".join(f"{_MONEY.format(name)} AS {name}" for name in _QUANTITIES)
PARTS: Final = {
    "lots": _LOTS,
    "money": f"SELECT * REPLACE ({_AMOUNTS}) FROM ({_LOTS})",  # noqa: S608 - our own columns
    "totals": _TOTALS,
    "movements": _MOVEMENTS,
}
"""The query of each table of a statement."""
_ALWAYS: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Statement:
    """The lots of ``holder`` (and those of its pool), its totals and its movements for usage up to a moment.

    ``lots`` are of units, ``money`` of amounts.
    """

    holder: str
    lots: pa.Table
    money: pa.Table
    totals: pa.Table
    movements: pa.Table

    def tables(self) -> dict[str, pa.Table]:
        """Every table by its name."""
        return {"lots": self.lots, "money": self.money, "totals": self.totals, "movements": self.movements}

    def to_json(self) -> dict[str, Any]:
        """The statement as JSON-able values."""
        return {"holder": self.holder} | {name: json_rows(table) for name, table in self.tables().items()}


def statement(lake: Lake, holder: str, at: datetime | None = None) -> Statement:
    """What ``holder`` had at the moment ``at`` (None: when what is rated last began), by the starts of usage."""
    moment = at or lake.query(_LAST, {"holder": holder, "at": _ALWAYS})["last"][0].as_py()
    return Statement(holder, **{name: part_of_statement(lake, name, holder, at or _ALWAYS, moment) for name in PARTS})


def part_of_statement(lake: Lake, name: str, holder: str, at: datetime, moment: datetime | None = None) -> pa.Table:
    """The table ``name``, a key of :data:`PARTS`, of usage up to ``at``; lots as of ``moment`` (None: as of ``at``)."""
    values: dict[str, Any] = {"holder": holder, "at": at}
    if name in {"lots", "money"}:
        values |= {"moment": moment or at, "units": name == "lots"}
    return lake.query(PARTS[name], values)
