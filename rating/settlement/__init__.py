"""Settlement: what each carrier or roaming partner owes us, and what we owe it.

Enters: a lake, a period, and a carrier or all. Leaves: a :class:`Settlement`: lines by direction, route (trunk group,
or visited network) and zone, and the net per carrier and currency. Always holds: lines and nets are sums of the same
rows, one currency apart from the other, in exact decimals; a positive net is owed to us.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rating.answers import json_rows, rich_table

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.table import Table

    from rating.lake import Lake
    from rating.period import Period

_ROWS: Final = """
FROM rated_usage
WHERE leg IN ('wholesale_in', 'wholesale_out', 'roaming_in', 'roaming_out') AND ($carrier IS NULL OR account = $carrier)
    AND start_utc >= $start AND start_utc < $end"""

_LINES: Final = f"""
SELECT
    account AS carrier, CASE WHEN leg IN ('wholesale_in', 'roaming_out') THEN 'owes us' ELSE 'we owe' END AS direction,
    CASE leg WHEN 'wholesale_in' THEN trunk_in WHEN 'wholesale_out' THEN trunk_out WHEN 'roaming_in' THEN network
        ELSE 'visitors' END AS route, service, zone, currency, unit,
    count(*) FILTER (kind = 'charge') - count(*) FILTER (kind = 'reversal') AS events,
    sum(CASE kind WHEN 'charge' THEN duration_s WHEN 'reversal' THEN -duration_s ELSE 0 END)::BIGINT AS duration_s,
    sum(billed_usage)::BIGINT AS billed_usage, sum(amount) AS amount
{_ROWS}
GROUP BY ALL ORDER BY ALL"""

_NETS: Final = f"""
SELECT
    account AS carrier, currency, coalesce(sum(amount) FILTER (leg IN ('wholesale_in', 'roaming_out')), 0) AS owes_us,
    coalesce(sum(amount) FILTER (leg IN ('wholesale_out', 'roaming_in')), 0) AS we_owe, owes_us - we_owe AS net
{_ROWS}
GROUP BY account, currency ORDER BY account, currency"""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What stands between us and ``carrier`` (all carriers, if none) for ``period``."""

    carrier: str | None
    period: Period
    lines: pa.Table
    nets: pa.Table

    def tables(self) -> list[Table]:
        """The settlement for a terminal."""
        parts = {"By direction and route": self.lines, f"Net, {self.period}": self.nets}
        return [rich_table(table, title) for title, table in parts.items()]

    def to_json(self) -> dict[str, Any]:
        """The settlement as JSON-able values."""
        return {
            "carrier": self.carrier,
            "from": self.period.start_utc.isoformat(),
            "until": self.period.end_utc.isoformat(),
            "nets": json_rows(self.nets),
            "lines": json_rows(self.lines),
        }


def settle(lake: Lake, carrier: str | None, period: Period) -> Settlement:
    """The settlement with ``carrier``, or with all carriers; empty tables where nothing was charged."""
    values = {"carrier": carrier, "start": period.start_utc, "end": period.end_utc}
    return Settlement(carrier, period, *(lake.query(sql, values) for sql in (_LINES, _NETS)))
