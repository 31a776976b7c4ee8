"""What is asked of one party, from the shelves alone.

Enters: a view, a party, a span of time. Leaves: a page of charges, their sums, balances, a settlement. Always holds:
an answer is of one snapshot of the lake; sums, balances and settlements are those of the whole lake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import local
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mediation.fields import TOTAL, schema
from rating.api.shelves import CHARGE_FIELDS, PARTY, START, View, starts_of
from rating.balances.statement import part_of_statement
from rating.lake import Lake, MemoryLake
from rating.period import Period
from rating.settlement import Settlement, settle
from rating.story import EPOCH
from tariffs.model import UNITS

ORDER: Final = (START, "event_id", "rating_run", "leg", "kind")
"""The columns by whose values pages go; no two charges of an account share them."""
_CATEGORY: Final = ("leg", "currency", "service", "direction", "plan", "zone", "band", "unit", "tax_code")
_SUMMED: Final = {
    "billed_usage": pa.decimal128(38, 0),
    "free_usage": pa.decimal128(38, 0),
    "amount": TOTAL,
    "tax_amount": TOTAL,
}
"""What is summed, and as what, so that no sum can wrap."""
_SIGN: Final = (("charge", 1), ("reversal", -1))
ALWAYS: Final = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
"""A span that holds every instant."""
_EVER: Final = np.iinfo(np.int64).max
_NO_CHARGES: Final = pa.schema([(f.name, f.type) for f in CHARGE_FIELDS] + [("account", pa.string())])


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a page ends: the values of :data:`ORDER` of its last row, the start in microseconds."""

    start_us: int
    event_id: bytes
    rating_run: int
    leg: str
    kind: str


@dataclass(frozen=True, slots=True)
class Span:
    """The party, and from when to before when."""

    party: str
    first: datetime
    end: datetime

    def of(self, view: View, shelf: str) -> list[pa.RecordBatch]:
        """The rows of the party in that time, in parts, each sorted by start."""
        return view.of(shelf, self.party, self.first, self.end)


@dataclass(frozen=True, slots=True)
class Page:
    """The rows at ``order``, in that order, and where they end if there are more."""

    rows: pa.Table
    order: list[int]
    ends: Place | None


class Narrow(MemoryLake):
    """A lake of the few rows that one question is about; the product's own SQL runs over it."""

    def __init__(self) -> None:
        Lake.__init__(self, duckdb.connect(config={"threads": 1}))

    def holding(self, table: str, rows: pa.Table) -> Narrow:
        """The same with ``rows`` as its ``table``."""
        self._sql.register(table, rows)
        return self


_OWN: Final = local()


def _narrow() -> Narrow:
    """The thread's own lake of few rows."""
    if not hasattr(_OWN, "lake"):
        _OWN.lake = Narrow()
    lake: Narrow = _OWN.lake
    return lake


def page(view: View, span: Span, only: Mapping[str, str], limit: int, after: Place | None = None) -> Page:
    """Up to ``limit`` charges whose columns have the values ``only``: the first ones after ``after``."""
    if after:
        span = replace(span, first=max(span.first, EPOCH + timedelta(microseconds=after.start_us)))
    parts = [_having(part, only) for part in span.of(view, "charges")]
    last = _reach(parts, limit + 1, after)
    heads = [_plain(part.slice(0, starts_of(part).searchsorted(last, "right"))) for part in parts]
    if not any(head.num_rows for head in heads):
        return Page(pa.table({}), [], None)
    rows = pa.Table.from_batches(heads)
    places = _places(rows)
    order = sorted((at for at, place in enumerate(places) if not after or place > after), key=places.__getitem__)
    return Page(rows, order[:limit], places[order[limit - 1]] if len(order) > limit else None)


def _reach(parts: list[pa.RecordBatch], rows: int, after: Place | None) -> int:
    """The start up to which ``parts`` certainly hold ``rows`` rows after ``after``, or all there are."""
    starts = np.concatenate([starts_of(part) for part in parts] or [np.zeros(0, np.int64)])
    known = int((starts == after.start_us).sum()) if after else 0  # maybe on an earlier page, in part
    wanted = rows + known
    return int(np.partition(starts, wanted - 1)[wanted - 1]) if wanted < len(starts) else _EVER


def _having(rows: pa.RecordBatch, only: Mapping[str, str]) -> pa.RecordBatch:
    for name, value in only.items():
        rows = rows.filter(pc.equal(rows[name], value))
    return rows


def _plain(rows: pa.RecordBatch) -> pa.RecordBatch:
    """``rows`` without the party and without dictionaries, which differ between parts."""
    columns = {
        name: rows[name].dictionary_decode() if pa.types.is_dictionary(rows[name].type) else rows[name]
        for name in rows.schema.names
        if name != PARTY
    }
    return pa.RecordBatch.from_pydict(columns)


def _places(rows: pa.Table) -> list[Place]:
    start, event, run, leg, kind = (rows[name] for name in ORDER)
    events = event.combine_chunks().storage.to_pylist()
    keys = (start.cast(pa.int64()).to_pylist(), events, run.to_pylist(), leg.to_pylist(), kind.to_pylist())
    return [Place(*key) for key in zip(*keys, strict=True)]


@dataclass(frozen=True, slots=True)
class Sums:
    """Charges summed by category, and by leg and currency."""

    categories: pa.Table
    totals: pa.Table


def sums(view: View, span: Span) -> Sums:
    """What the party's charges come to."""
    parts = [_plain(part.select([*_CATEGORY, "kind", *_SUMMED])) for part in span.of(view, "charges")]
    if not parts:
        return Sums(pa.table({}), pa.table({}))
    rows = pa.Table.from_batches(parts)
    for name, kind in _SUMMED.items():
        rows = rows.set_column(rows.column_names.index(name), name, rows[name].cast(kind))
    signs = [pc.multiply(pc.equal(rows["kind"], kind).cast(pa.int64()), sign) for kind, sign in _SIGN]
    rows = rows.append_column("events", pc.add(*signs))
    categories = _grouped(rows, _CATEGORY, ("events", *_SUMMED))
    return Sums(categories, _grouped(categories, ("leg", "currency"), ("amount", "tax_amount")))


def _grouped(rows: pa.Table, by: Sequence[str], summed: Sequence[str]) -> pa.Table:
    """``rows`` summed and sorted by the columns ``by``; whole numbers as such."""
    made = (
        rows.group_by(by, use_threads=False)
        .aggregate([(name, "sum") for name in summed])
        .sort_by([(name, "ascending") for name in by])
    )
    columns = {name: made[name] for name in by} | {name: made[f"{name}_sum"] for name in summed}
    whole = {
        name: column.cast(pa.int64()) for name, column in columns.items() if name in {"billed_usage", "free_usage"}
    }
    return pa.table(columns | whole)


def balances(view: View, party: str, at: datetime | None) -> dict[str, pa.Table]:
    """Lots, money and totals of ``party`` and its pools as a statement has them, as far as there are any."""
    own = view.of("movements", party, *ALWAYS)
    pools = {pool for part in own for pool in _pools(part, party)}
    rows = _movements(own + [part for pool in pools - {party} for part in view.of("movements", pool, *ALWAYS)])
    lake, moment = _narrow().holding("balance_movement", rows), at or pc.max(rows[START]).as_py()
    return {name: part_of_statement(lake, name, party, moment) for name in _told(rows)}


def _told(rows: pa.Table) -> list[str]:
    """Which tables of a statement ``rows`` give a line to: a query costs more than to see that it finds nothing."""
    kinds, units = (set(pc.unique(rows[name]).to_pylist()) for name in ("kind", "unit"))
    found = {"lots": units & {*UNITS} and kinds - {"count"}, "money": units - {*UNITS}, "totals": "count" in kinds}
    return [name for name, any_ in found.items() if any_]


def _pools(rows: pa.RecordBatch, account: str) -> list[str]:
    """The pools on which ``account`` drew."""
    shared = rows.filter(pc.not_equal(rows["shared"].storage, 0))
    holders: list[str] = shared.filter(pc.equal(shared["account"], account))["holder"].unique().to_pylist()
    return holders


def _movements(parts: list[pa.RecordBatch]) -> pa.Table:
    """The movements of ``parts``, each once: one of a pool is on the shelf of its drawer, too."""
    own = [_plain(rows.filter(pc.equal(rows[PARTY], rows["holder"]))) for rows in parts]
    return pa.Table.from_batches(own) if own else schema("balance_movement").empty_table()


def settlement(view: View, carrier: str, period: Period) -> Settlement:
    """What stands between us and ``carrier``, as :func:`rating.settlement.settle` has it."""
    rows = _rated(view, Span(carrier, period.start_utc, period.end_utc))
    return settle(_narrow().holding("rated_usage", rows), carrier, period)


def _rated(view: View, span: Span) -> pa.Table:
    """The party's charges as rows of ``rated_usage``."""
    parts = [part.rename_columns({PARTY: "account"}) for part in span.of(view, "charges")]
    return pa.Table.from_batches(parts) if parts else _NO_CHARGES.empty_table()
