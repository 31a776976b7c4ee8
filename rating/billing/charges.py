"""An account's charges of a period: what it owes for its own usage, with no bill run.

Enters: a lake, an account, a period. Leaves: a :class:`Bill`: every charge of the leg ``retail``, their sums by
category, and the totals. Always holds: items, categories and totals are sums of the same rows, one currency
apart from the other, in exact decimals; reversals stand beside what they reverse.
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

_ITEMS: Final = """
SELECT
    start_utc, kind, service, a_number, b_number, zone, band, duration_s, usage, unit, billed_usage, amount, currency,
    plan, note, event_id
FROM rated_usage
WHERE leg = 'retail' AND account = $account AND start_utc >= $start AND start_utc < $end
ORDER BY start_utc, event_id, rating_run, kind DESC"""

_SUMS: Final = """
count(*) FILTER (kind = 'charge') - count(*) FILTER (kind = 'reversal') AS events,
sum(billed_usage)::BIGINT AS billed_usage, sum(amount) AS amount
FROM rated_usage
WHERE leg = 'retail' AND account = $account AND start_utc >= $start AND start_utc < $end"""

_CATEGORIES: Final = f"""
SELECT currency, service, zone, band, unit, {_SUMS}
GROUP BY currency, service, zone, band, unit ORDER BY currency, service, zone, band, unit"""

_TOTALS: Final = f"SELECT currency, {_SUMS} GROUP BY currency ORDER BY currency"


@dataclass(frozen=True, slots=True)
class Bill:
    """What ``account`` owes for ``period``: its charges, their sums by category, and per currency."""

    account: str
    period: Period
    items: pa.Table
    categories: pa.Table
    totals: pa.Table

    def tables(self) -> list[Table]:
        """The bill for a terminal."""
        parts = {"Charges": self.items, "By category": self.categories, f"{self.account}, {self.period}": self.totals}
        return [rich_table(table, title) for title, table in parts.items()]

    def to_json(self) -> dict[str, Any]:
        """The bill as JSON-able values."""
        return {
            "account": self.account,
            "from": self.period.start_utc.isoformat(),
            "until": self.period.end_utc.isoformat(),
            "totals": json_rows(self.totals),
            "categories": json_rows(self.categories),
            "items": json_rows(self.items),
        }


def bill(lake: Lake, account: str, period: Period) -> Bill:
    """The bill of ``account`` for ``period``; empty tables where nothing was charged."""
    values = {"account": account, "start": period.start_utc, "end": period.end_utc}
    return Bill(account, period, *(lake.query(sql, values) for sql in (_ITEMS, _CATEGORIES, _TOTALS)))
