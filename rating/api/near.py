"""What is asked of one party, from the shelves alone.

Enters: a view, a party, a span of time. Leaves: a page of charges, their sums, balances, a settlement. Always holds:
an answer is of one snapshot of the lake; sums, balances and settlements are those of the whole lake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import local
from typing import Any, Final, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from rating.api.columns import Ints
from rating.api.shelves import CHARGE_FIELDS, PARTY, START, Part, View
from rating.balances.statement import Lot, Movement, Total, drawn_by, lots, totals
from rating.lake import Lake, MemoryLake
from rating.period import Period
from rating.settlement import Settlement, settle
from rating.story import EPOCH, micros

ORDER: Final = (START, "event_id", "rating_run", "leg", "kind")
"""The columns by whose values pages go; no two charges of an account share them."""
_CATEGORY: Final = ("leg", "currency", "service", "direction", "plan", "zone", "band", "unit", "tax_code")
_SUMMED: Final = ("billed_usage", "free_usage", "amount", "tax_amount")
_EVENTS: Final = {"charge": 1, "reversal": -1}
_HALF: Final = 32
"""Bits of the lower half of a number: halves are summed apart, so no sum can wrap."""
_CODES: Final = 1 << 62
ALWAYS: Final = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
"""A span that holds every instant."""
_MOVED: Final = Movement._fields[:-2]
"""What balances are made of."""
_EVER: Final = np.iinfo(np.int64).max
_NO_CHARGES: Final = pa.schema([(f.name, f.type) for f in CHARGE_FIELDS] + [("account", pa.string())])


class Place(NamedTuple):
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

    def of(self, view: View, shelf: str) -> list[Part]:
        """The rows of the party in that time, in parts, each sorted by start."""
        return view.of(shelf, self.party, self.first, self.end)


@dataclass(frozen=True, slots=True)
class Page:
    """Charges in the order of pages, column by column, and where they end if there are more."""

    rows: Mapping[str, list[Any]]
    ends: Place | None


def page(view: View, span: Span, only: Mapping[str, str], limit: int, after: Place | None = None) -> Page:
    """Up to ``limit`` charges whose columns have the values ``only``: the first ones after ``after``."""
    if after:
        span = replace(span, first=max(span.first, EPOCH + timedelta(microseconds=after.start_us)))
    parts = [_having(part, only) for part in span.of(view, "charges")]
    last = _reach(parts, limit + 1, after)
    heads = [part.picked(slice(0, int(part.starts.searchsorted(last, "right")))) for part in parts]
    places = list(zip(*(_joined(heads, name) for name in ORDER), strict=True))
    order = sorted((at for at, place in enumerate(places) if not after or place > after), key=places.__getitem__)
    shown = order[:limit]
    rows = {field.name: _joined(heads, field.name) for field in CHARGE_FIELDS}
    if shown != [*range(len(places))]:
        rows = {name: [values[at] for at in shown] for name, values in rows.items()}
    return Page(rows, Place(*places[shown[-1]]) if len(order) > limit else None)


def _joined(parts: Sequence[Part], name: str) -> list[Any]:
    return [value for part in parts for value in part.values(name)]


def _reach(parts: list[Part], rows: int, after: Place | None) -> int:
    """The start up to which ``parts`` certainly hold ``rows`` rows after ``after``, or all there are."""
    if sum(map(len, parts)) <= rows:
        return _EVER
    starts = np.concatenate([part.starts for part in parts])
    known = int((starts == after.start_us).sum()) if after else 0  # maybe on an earlier page, in part
    wanted = rows + known
    return int(np.partition(starts, wanted - 1)[wanted - 1]) if wanted < len(starts) else _EVER


def _having(part: Part, only: Mapping[str, str]) -> Part:
    for name, value in only.items():
        part = part.picked(part.run.labels(name).where(part.at, value))
    return part


class Category(NamedTuple):
    """Charges of one kind, summed: usage in its unit, amounts in nano-units."""

    leg: str
    currency: str
    service: str
    direction: str
    plan: str
    zone: str
    band: str
    unit: str
    tax_code: str
    events: int
    billed_usage: int
    free_usage: int
    amount: int
    tax_amount: int


class Sum(NamedTuple):
    """The charges of a leg and currency, summed: amounts in nano-units."""

    leg: str
    currency: str
    amount: int
    tax_amount: int


def categories(view: View, span: Span) -> list[Category]:
    """What the party's charges come to, by category."""
    sums: dict[tuple[str, ...], tuple[int, ...]] = {}
    for part in span.of(view, "charges"):
        for key, found in _grouped(part):
            sums[key] = _added(sums[key], found) if key in sums else found
    return [Category._make((*key, *sums[key])) for key in sorted(sums)]


def sums(found: Sequence[Category]) -> list[Sum]:
    """What the categories come to by leg and currency."""
    made: dict[tuple[str, str], tuple[int, ...]] = {}
    for each in found:
        key = (each.leg, each.currency)
        made[key] = _added(made.get(key, (0, 0)), (each.amount, each.tax_amount))
    return [Sum(*key, *made[key]) for key in sorted(made)]


def _added(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(one, other, strict=True))


def _grouped(part: Part) -> Iterator[tuple[tuple[str, ...], tuple[int, ...]]]:
    """The sums of a part by category: events, usage, amounts; a category once for each kind of charge."""
    names = (*_CATEGORY, "kind")
    _, examples, group = np.unique(_codes(part, names), return_index=True, return_inverse=True)
    order = np.argsort(group, kind="stable")
    edges = group[order].searchsorted(np.arange(len(examples)))
    numbers = np.stack([part.run.numbers(name).numbers[part.at] for name in _SUMMED])[:, order]
    halves = numbers & (1 << _HALF) - 1, numbers >> _HALF
    lower, upper = (np.add.reduceat(half, edges, axis=1).tolist() for half in halves)
    counts = np.diff(edges, append=len(part)).tolist()
    example = part.picked(examples)
    for number, (*key, kind) in enumerate(zip(*(example.values(name) for name in names), strict=True)):
        summed = ((high[number] << _HALF) + low[number] for low, high in zip(lower, upper, strict=True))
        yield tuple(key), (counts[number] * _EVENTS.get(kind, 0), *summed)


def _codes(part: Part, names: Sequence[str]) -> Ints:
    """A number for each row, the same for rows with the same labels in the columns ``names``."""
    codes, size = np.zeros(len(part), np.int64), 1
    for name in names:
        labels = part.run.labels(name)
        if size * labels.different > _CODES:
            size, codes = len(part), np.unique(codes, return_inverse=True)[1]
        codes, size = codes * labels.different + labels.codes[part.at], size * labels.different
    return codes


@dataclass(frozen=True, slots=True)
class Balances:
    """Lots of units and money, and totals, as a statement has them."""

    lots: list[Lot]
    totals: list[Total]


def balances(view: View, party: str, at: datetime | None) -> Balances:
    """What ``party`` and the pools on which it drew had at a moment; None: after all that is rated."""

    def of(holder: str) -> list[Movement]:
        parts = view.of("movements", holder, *ALWAYS)
        return [row for part in parts for row in map(Movement, *(part.values(name) for name in _MOVED))]

    found = drawn_by(party, of)
    moment = micros(at) if at else max((row.start_utc for row in found), default=0)
    known = [row for row in found if row.start_utc <= moment]
    return Balances(lots(known, moment), totals(known))


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


def settlement(view: View, carrier: str, period: Period) -> Settlement:
    """What stands between us and ``carrier``, as :func:`rating.settlement.settle` has it."""
    rows = _rated(view, Span(carrier, period.start_utc, period.end_utc))
    return settle(_narrow().holding("rated_usage", rows), carrier, period)


def _rated(view: View, span: Span) -> pa.Table:
    """The party's charges as rows of ``rated_usage``."""
    parts = [part.rows.rename_columns({PARTY: "account"}) for part in span.of(view, "charges")]
    return pa.Table.from_batches(parts) if parts else _NO_CHARGES.empty_table()
