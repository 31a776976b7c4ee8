"""A statement is what SQL makes of the same movements."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from rating.answers import json_rows
from rating.balances.statement import statement
from rating.lake import Lake, MemoryLake
from tests.rating.past import in_order, land_in_batches, world_and_usage

WHOSE = """
WHERE start_utc <= $at AND (
    (holder = $holder AND (NOT shared OR NOT EXISTS (FROM balance_movement WHERE holder = $holder AND NOT shared)))
    OR (shared AND holder IN (SELECT holder FROM balance_movement WHERE account = $holder AND shared)))"""
LOTS = f"""
SELECT holder, allowance, period_utc, rolled, expires_utc, unit,
    coalesce(sum(units) FILTER (kind = 'grant'), 0)::BIGINT AS granted,
    coalesce(sum(units) FILTER (kind = 'rollover'), 0)::BIGINT AS rolled_over,
    coalesce(-sum(units) FILTER (kind IN ('use', 'return')), 0)::BIGINT AS used,
    CASE WHEN expires_utc <= $at THEN 0 ELSE sum(units) END::BIGINT AS "left"
FROM balance_movement {WHOSE} AND kind NOT IN ('count', 'uncount') AND unit = 's'
GROUP BY holder, allowance, period_utc, rolled, expires_utc, unit
ORDER BY expires_utc, holder, allowance, period_utc, rolled"""  # noqa: S608 - ours
TOTALS = f"""
SELECT holder, allowance AS accumulator, period_utc, expires_utc AS until_utc, unit, sum(units)::BIGINT AS units
FROM balance_movement {WHOSE} AND kind IN ('count', 'uncount') AND unit = 's'
GROUP BY holder, allowance, period_utc, expires_utc, unit ORDER BY period_utc, holder, allowance"""  # noqa: S608 - ours


def by_sql(lake: Lake, sql: str, holder: str, at: datetime) -> list[dict[str, object]]:
    return json_rows(lake.query(sql, {"holder": holder, "at": at}))


def test_lots_and_totals_of_accounts_and_pools(tmp_path: Path) -> None:
    _, catalogue, usage = world_and_usage(100, 90, tmp_path / "tariffs")
    with MemoryLake() as lake:
        land_in_batches(lake, catalogue, usage, in_order(usage), [40])
        known = lake.query("SELECT holder AS h FROM balance_movement UNION SELECT account FROM balance_movement")["h"]
        moments = lake.query("SELECT start_utc FROM balance_movement ORDER BY 1")["start_utc"].to_pylist()
        assert lake.query("SELECT count(*) AS n FROM balance_movement WHERE shared")["n"][0].as_py()
        for holder in filter(None, known.to_pylist()):
            for at in (moments[-1], moments[len(moments) // 2]):
                told = statement(lake, holder, at).to_json()
                for sql, rows in ((LOTS, told["lots"]), (TOTALS, told["totals"])):
                    stored = by_sql(lake, sql, holder, at)
                    counted = (row for row in rows if row["unit"] == "s")
                    pairs = list(zip(counted, stored, strict=True))
                    assert [{name: row[name] for name in found} for row, found in pairs] == stored
