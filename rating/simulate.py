"""What-if: the usage of a period priced by another tariff, beside what was charged for it.

Enters: a lake, a catalogue, a period. Leaves: a :class:`Simulation`. Always holds: the lake is only read; both sides
are of the same events, those that the candidate can price, and what it cannot is counted by reason with what it
earned; amounts are exact decimals, one currency apart from the other; memory grows with accounts and zones, not
with usage.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rating.guide import guide
from rating.lake import Lake
from rating.period import Period
from rating.price import price
from rating.stored import USAGE_COLUMNS, stored_usage
from tariffs.catalogue import KEY_ACCOUNT, KEY_SEGMENT, Catalogue
from tariffs.compare import HUNDRED_PERCENT, percent_text

REVENUE: Final = ("retail", "wholesale_in", "roaming_out")
COST: Final = ("wholesale_out", "roaming_in")
DIMENSIONS: Final = ("leg", "plan", "zone", "account")
NOTHING: Final = Decimal("0.000000000")

_USAGE: Final = f"SELECT {USAGE_COLUMNS} FROM usage_now u WHERE start_utc >= $start AND start_utc < $end"  # noqa: S608 (own names)
_BEFORE: Final = """
SELECT leg, {by} AS key, currency,
    count(*) FILTER (kind = 'charge') - count(*) FILTER (kind = 'reversal') AS events, sum(amount) AS amount
FROM charge ANTI JOIN read_parquet($unpriced) USING (event_id)
WHERE start_utc >= $start AND start_utc < $end GROUP BY ALL"""
_UNPRICED: Final = """
SELECT reason, count(DISTINCT event_id) AS events, leg, currency, coalesce(sum(amount), 0) AS before
FROM read_parquet($unpriced) LEFT JOIN (FROM charge WHERE start_utc >= $start AND start_utc < $end) USING (event_id)
GROUP BY ALL ORDER BY ALL"""
_LOST: Final = pa.schema([("event_id", pa.uuid()), ("reason", pa.string())])

Key = tuple[str, str, str]
"""Leg, the value of a dimension, currency."""


@dataclass
class Sums:
    """Events and amounts by key, of one dimension and one side."""

    events: Counter[Key] = field(default_factory=Counter)
    amounts: defaultdict[Key, Decimal] = field(default_factory=lambda: defaultdict(lambda: NOTHING))

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add rows of leg, key, currency, events and amount."""
        for row in rows:
            key = (row["leg"], row["key"], row["currency"])
            self.events[key] += row["events"]
            self.amounts[key] += row["amount"]


Sides = Mapping[str, Sums]
"""Sums by dimension."""


@dataclass(frozen=True)
class Simulation:
    """``changes``: rows of each dimension (``leg``, ``plan``, ``zone``, ``account``, ``segment``), largest first.

    ``unpriced``: reason, events, leg, currency, before: what the candidate cannot price and what that earned.
    ``period`` is None where the events are not those of a period.
    """

    period: Period | None
    tariff_version: str
    events: int
    changes: dict[str, pa.Table]
    unpriced: pa.Table

    def accounts(self, *, winners: bool, count: int) -> pa.Table:
        """The ``count`` accounts whose bills fall (``winners``) or rise the most."""
        rows = [row for row in self.changes["account"].to_pylist() if row["leg"] in REVENUE and row["delta"]]
        chosen = [row for row in rows if (row["delta"] < 0) == winners]
        return pa.Table.from_pylist(chosen[:count], schema=self.changes["account"].schema)

    def margins(self) -> pa.Table:
        """Revenue, cost and margin by currency, before and after."""
        sums: defaultdict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [NOTHING, NOTHING])
        for row in self.changes["leg"].to_pylist():
            for name, sign in _margin_parts(row["leg"]):
                found = sums[name, row["currency"]]
                found[0] += sign * row["before"]
                found[1] += sign * row["after"]
        order = ("revenue", "cost", "margin")
        ranked = sorted(sums.items(), key=lambda each: (each[0][1], order.index(each[0][0])))
        return pa.Table.from_pylist([
            {"what": what, "currency": currency, **_compared(*amounts)} for (what, currency), amounts in ranked
        ])  # fmt: skip


def _margin_parts(leg: str) -> list[tuple[str, int]]:
    return [("revenue", 1), ("margin", 1)] if leg in REVENUE else [("cost", 1), ("margin", -1)]


def simulate(lake: Lake, catalogue: Catalogue, period: Period) -> Simulation:
    """Price the usage of ``period`` by ``catalogue``, and compare with the charges that the lake has for it."""
    span = {"start": period.start_utc, "end": period.end_utc}
    after = {by: Sums() for by in DIMENSIONS}
    with tempfile.TemporaryDirectory() as folder:
        unpriced = Path(folder) / "unpriced.parquet"
        events = _price_all(lake, catalogue, span, after, unpriced)
        values = {**span, "unpriced": str(unpriced)}
        lost = lake.query(_UNPRICED, values)
        before = {by: _before(lake, by, values) for by in DIMENSIONS}
    return compared(Simulation(period, catalogue.version, events, {}, lost), before, after, segments_of(catalogue))


def compared(of: Simulation, before: Sides, after: Sides, segments: dict[str, str]) -> Simulation:
    """``of`` with the changes between two sides; ``segments`` are those of the accounts."""
    changes = {by: _changes(by, before[by], after[by]) for by in DIMENSIONS}
    of_segments = (_by_segment(side["account"], segments) for side in (before, after))
    return replace(of, changes=changes | {"segment": _changes("segment", *of_segments)})


def _price_all(lake: Lake, catalogue: Catalogue, span: dict[str, Any], after: dict[str, Sums], unpriced: Path) -> int:
    """Price every event of the span; sum the charges into ``after``, write what cannot be priced to ``unpriced``."""
    events = 0
    with pq.ParquetWriter(unpriced, _LOST) as lost:
        for stored in lake.stream(_USAGE, span):
            usage = stored_usage(stored)
            events += usage.num_rows
            guided, unguided = guide(usage, catalogue)
            priced, refused = price(guided, catalogue)
            for rejected in (unguided, refused):
                if rejected.num_rows:
                    reasons = rejected["reason"].cast(pa.string())
                    lost.write_batch(pa.RecordBatch.from_arrays([rejected["event_id"], reasons], schema=_LOST))
            for by, sums in after.items():
                sums.add(summed(priced.charges, by))
    return events


def summed(charges: pa.RecordBatch, by: str) -> Iterator[dict[str, Any]]:
    """The charges' events and amounts by leg, ``by`` and currency."""
    columns = {name: charges[name].cast(pa.string()) for name in ("leg", by, "currency")}
    table = pa.table(
        {"leg": columns["leg"], "key": columns[by], "currency": columns["currency"], "amount": charges["amount"]}
    )
    grouped = table.group_by(["leg", "key", "currency"]).aggregate([("amount", "sum"), ("amount", "count")])
    yield from grouped.rename_columns({"amount_sum": "amount", "amount_count": "events"}).to_pylist()


def _before(lake: Lake, by: str, values: dict[str, Any]) -> Sums:
    sums = Sums()
    sums.add(lake.query(_BEFORE.format(by=by), values).to_pylist())
    return sums


def _changes(by: str, before: Sums, after: Sums) -> pa.Table:
    """One row for each key of either side, the largest change first."""
    keys = sorted({*before.amounts, *after.amounts})
    rows = [
        {
            "leg": leg,
            by: key,
            "currency": currency,
            "events_before": before.events[leg, key, currency],
            "events_after": after.events[leg, key, currency],
            **_compared(before.amounts[leg, key, currency], after.amounts[leg, key, currency]),
        }
        for leg, key, currency in keys
    ]
    rows.sort(key=lambda row: -abs(row["delta"]))
    kinds = {"events_before": pa.int64(), "events_after": pa.int64()} | dict.fromkeys(
        ("before", "after", "delta"), pa.decimal128(38, 9)
    )
    columns = dict.fromkeys(["leg", by, "currency", *kinds, "percent"])
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, kinds.get(name, pa.string())) for name in columns]))


def _compared(before: Decimal, after: Decimal) -> dict[str, Any]:
    grown = round((Fraction(after) / Fraction(before) - 1) * HUNDRED_PERCENT) if before else None
    return {"before": before, "after": after, "delta": after - before, "percent": percent_text(grown)}


def segments_of(catalogue: Catalogue) -> dict[str, str]:
    """The segment of each account; several are joined with ``+``."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for account, segment in np.unique(catalogue.keys[:, [KEY_ACCOUNT, KEY_SEGMENT]], axis=0).tolist():
        found[catalogue.name("account", account)].add(catalogue.name("segment", segment))
    return {account: "+".join(sorted(names - {""})) for account, names in found.items()}


def _by_segment(accounts: Sums, segments: dict[str, str]) -> Sums:
    """The retail sums of accounts as sums of their segments."""
    sums = Sums()
    sums.add(
        {"leg": leg, "key": segments.get(key, ""), "currency": currency, "events": accounts.events[leg, key, currency],
         "amount": amount}
        for (leg, key, currency), amount in accounts.amounts.items() if leg == "retail"
    )  # fmt: skip
    return sums
