"""Sums of movements by lot, named and in order of their holders: what a snapshot holds, and what it is made of.

Enters: a lake, which movements. Leaves: parts in the schema of :data:`SUMS`. Always holds: lots are told by names, so
any tariff can read them; all lots of a holder are in one part; units and what expired of them are summed apart, for
only together they say whether the rest is written off.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mediation.fields import INSTANT
from rating.balances.lots import CAP, COUNT, OWN, ROLLED
from rating.columns import integers, text_buffers
from rating.lake import Lake
from rating.story import micros
from tariffs import catalogue as layout
from tariffs.catalogue import NONE, Catalogue, Ints

SUMS: Final = pa.schema(
    {
        "holder": pa.string(),
        "shared": pa.bool_(),
        "allowance": pa.string(),
        "period_utc": INSTANT,
        "lot": pa.int32(),
        "units": pa.int64(),
        "expired": pa.int64(),
    }
)
"""``lot`` is a kind of :mod:`rating.balances.lots`; of a cap the holder is the account that drew."""

LOT_SUMS: Final = f"""
SELECT
    holder, shared, allowance, period_utc,
    CASE WHEN kind IN ('count', 'uncount') THEN {COUNT} WHEN rolled THEN {ROLLED} ELSE {OWN} END AS lot,
    coalesce(sum(units) FILTER (kind <> 'expire'), 0)::BIGINT AS units,
    coalesce(sum(units) FILTER (kind = 'expire'), 0)::BIGINT AS expired
FROM balance_movement WHERE {{kept}} GROUP BY ALL"""  # noqa: S608 - our own kinds
_CAP_SUMS: Final = f"""
SELECT m.account, false, m.allowance, p.period_utc, {CAP}, -sum(m.units)::BIGINT, 0
FROM (SELECT account, allowance, start_utc, units FROM balance_movement
      WHERE kind IN ('use', 'return') AND shared AND {{kept}}) m
ASOF JOIN (
    SELECT allowance, make_timestamptz(unnest(string_split(periods, ' '))::BIGINT) AS period_utc
    FROM (SELECT unnest($allowances) AS allowance, unnest($periods) AS periods)) p
    ON m.allowance = p.allowance AND m.start_utc >= p.period_utc
GROUP BY ALL"""  # noqa: S608 - our own kinds
_LOTS_ABOUT: Final = """
SELECT approx_count_distinct(hash(holder, allowance, period_utc, rolled)) AS lots FROM balance_movement WHERE {kept}"""
_LOTS_AT_ONCE: Final = 6_000_000
"""How many are summed together: their sums take about a gigabyte."""
_SAMPLE: Final = """
SELECT holder FROM (SELECT holder FROM balance_movement WHERE {kept}) USING SAMPLE reservoir(20000 ROWS)
ORDER BY holder"""
_NAMED: Final = ["holder", "shared", "allowance", "period_utc", "lot"]
_PART: Final = 1 << 18
"""Rows of a part, about."""
_HALF: Final = 1 << 62
"""Two numbers below it have a sum that fits."""

_ONCE_BEGAN: Final = micros(datetime(1990, 1, 3, tzinfo=UTC))
"""Before it begins, in every time zone, the one period of what is granted once (:mod:`tariffs.allowances`)."""

Parts = Iterator[pa.Table]


def capped(catalogue: Catalogue) -> Ints:
    """The codes of the allowances of which a member may draw so much and no more."""
    terms = catalogue.allowances
    found: Ints = np.flatnonzero(
        (terms[:, layout.ALLOWANCE_CAP] != NONE) & (terms[:, layout.ALLOWANCE_KIND] < layout.COUNTS_UNITS)
    )
    return found


def caps_hash(catalogue: Catalogue) -> str:
    """The SHA-256 of which allowances have caps, and of their periods; sums of caps are of use where it is the same."""
    names, periods = _cap_periods(catalogue)
    return hashlib.sha256("\n".join(names + periods).encode()).hexdigest()


def lots_about(lake: Lake, which: str = "true") -> int:
    """About how many lots and totals have movements, ``which`` alone; within some percent."""
    return int(lake.query(_LOTS_ABOUT.format(kept=which))["lots"][0].as_py())


def movement_sums(
    lake: Lake, catalogue: Catalogue | None, since: int, of_lots: str = "true", of_caps: str = "true"
) -> Parts:
    """The sums of movements, of lots and of caps, in order of holders: of those for which these conditions hold.

    Of periods that begin ``since`` then. Without a ``catalogue``, of lots alone.
    """
    names, periods = _cap_periods(catalogue) if catalogue else ([], [])
    both = LOT_SUMS.format(kept=of_lots) + (f"\nUNION ALL{_CAP_SUMS.format(kept=of_caps)}" if names else "")
    held = f"(epoch_us(period_utc) >= {since} OR epoch_us(period_utc) < {_ONCE_BEGAN})"
    asked: dict[str, Any] = {"allowances": names, "periods": periods} if names else {}
    with lake.frugal():
        for of_range, ends in _ranges(lake, of_lots):
            some = f"SELECT * FROM ({both}) WHERE {held} AND {of_range} ORDER BY holder"  # noqa: S608 - our own text
            for batch in lake.stream(some, asked | ends, _PART):
                yield pa.table(batch).cast(SUMS)


def _ranges(lake: Lake, which: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Conditions for ranges of holders, in order, each with some millions of lots: what summing holds at a time."""
    count = lots_about(lake, which) // _LOTS_AT_ONCE + 1
    sample = lake.query(_SAMPLE.format(kept=which))["holder"].to_pylist() if count > 1 else []
    first = ""
    for end in sorted({sample[len(sample) * place // count] for place in range(1, count)}):
        yield "holder >= $first AND holder < $end", {"first": first, "end": end}
        first = end
    yield "holder >= $first", {"first": first}


def _cap_periods(catalogue: Catalogue) -> tuple[list[str], list[str]]:
    """The name of each allowance with a cap; when its periods begin, in UTC microseconds, as a text: lists are slow."""
    codes = capped(catalogue)
    spans = catalogue.allowances[codes][:, [layout.ALLOWANCE_PERIODS, layout.ALLOWANCE_PERIODS_END]].tolist()
    periods = [catalogue.allowance_periods[first : end - 1].tolist() for first, end in spans]
    names: list[str] = catalogue.allowance_names.take(pa.array(codes)).to_pylist()
    return names, [" ".join(map(str, each)) for each in periods]


def held_rows(rows: pa.Table, since: int) -> pa.Table:
    """Those of ``rows`` whose periods begin ``since`` then, and those of what is granted once."""
    begin = rows["period_utc"].cast(pa.int64())
    return rows.filter(pc.or_(pc.greater_equal(begin, since), pc.less(begin, _ONCE_BEGAN)))


class _Side:
    """One of two streams of sums: what was read of it and not yet given on."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.rows = SUMS.empty_table()
        self.ended = False

    def read_on(self) -> None:
        """Hold one part more."""
        part = next(self._parts, None)
        self.ended = part is None
        self.rows = pa.concat_tables([self.rows, part]) if part is not None else self.rows

    def taken(self, bound: str | None) -> pa.Table:
        """The rows of holders before ``bound``; they are held no longer."""
        count = self.rows.num_rows if bound is None else pc.sum(pc.less(self.rows["holder"], bound)).as_py() or 0
        rows, self.rows = self.rows.slice(0, count), self.rows.slice(count)
        return rows


def added(one: Parts, other: Parts) -> Parts:
    """Both together, lot by lot; ``one`` is in the order that this gives, ``other`` in order of holders."""
    sides = _Side(one), _Side(other)
    for side in sides:
        side.read_on()
    while True:
        # The last holder that was read of a side may have further rows; those before it have none.
        last = [
            (side.rows["holder"][-1].as_py() if side.rows.num_rows else "", side) for side in sides if not side.ended
        ]
        bound, behind = min(last, key=lambda each: each[0].encode()) if last else (None, None)
        old, new = (side.taken(bound) for side in sides)
        if new.num_rows:
            yield _summed(pa.concat_tables([old, new]))
        elif old.num_rows:
            yield old
        if behind is None:
            return
        behind.read_on()


def in_large_parts(parts: Parts) -> Parts:
    """The same rows in parts of some size, so that merging again and again does not crumble them."""
    held: list[pa.Table] = []
    for part in parts:
        held.append(part)
        if sum(each.num_rows for each in held) >= _PART:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


def _summed(rows: pa.Table) -> pa.Table:
    """``rows`` of two sides, no lot twice on one, a row a lot in order."""
    for name in ("units", "expired"):
        ends = pc.min_max(rows[name]).as_py()
        if max(-ends["min"], ends["max"]) >= _HALF:
            raise OverflowError(f"the {name} of a lot do not fit")
    sums = rows.group_by(_NAMED).aggregate([("units", "sum"), ("expired", "sum")])
    return sums.rename_columns(SUMS.names).cast(SUMS).sort_by([(name, "ascending") for name in _NAMED])


def live_units(rows: pa.Table) -> Ints:
    """The balance of each lot; below zero, its sign turned, where all of it was written off as expired."""
    units, expired = (integers(rows[name].combine_chunks()) for name in ("units", "expired"))
    return np.where(units + expired == 0, -units, units)


class StateHash:
    """The hash of sums in their order, however they are parted."""

    def __init__(self) -> None:
        self._parts: dict[str, Any] = {}

    def add(self, rows: pa.Table) -> None:
        """Take further ``rows`` in."""
        for name, column in zip(rows.column_names, rows.columns, strict=True):
            flat = column.combine_chunks()
            if pa.types.is_string(flat.type):
                offsets, text = text_buffers(flat)
                self._take(f"{name} lengths", np.diff(offsets))
                self._take(name, text[offsets[0] : offsets[-1]])
            else:
                self._take(name, flat.cast(pa.int64()).to_numpy())

    def _take(self, name: str, content: npt.NDArray[Any]) -> None:
        self._parts.setdefault(name, hashlib.sha256()).update(content.tobytes())

    def hex(self) -> str:
        """The SHA-256 of all that was added."""
        return hashlib.sha256(b"".join(known.digest() for known in self._parts.values())).hexdigest()
