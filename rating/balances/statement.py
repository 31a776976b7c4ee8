"""A holder's lots, totals and movements, at any moment.

Enters: an account or a pool, what moved in its lots, a moment. Leaves: a :class:`Statement`. Always holds: it is made
of movements alone, and what is left of a lot is what was granted and rolled over, less what was used and expired; a
lot that ended before the moment has expired, whether or not that is written down yet.

Instants are microseconds since 1970, quantities whole numbers: of units, or of nano-units of a currency.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

import pyarrow as pa

from mediation.fields import EVENT_ID, INSTANT, TOTAL
from rating.answers import json_rows
from rating.lake import Lake
from rating.story import micros
from tariffs.model import UNITS

_OF_HOLDER: Final = """
SELECT
    kind, holder, account, shared, allowance, epoch_us(period_utc) AS period_utc, rolled,
    epoch_us(expires_utc) AS expires_utc, epoch_us(start_utc) AS start_utc, unit, units, free_usage, event_id
FROM balance_movement WHERE holder = $holder OR (shared AND account = $holder)"""
_COUNTS: Final = ("count", "uncount")
_SUMMED: Final = {"grant": 0, "rollover": 1, "use": 2, "return": 2, "expire": 3}
"""Which sum of a lot a kind of movement goes to."""


class Movement(NamedTuple):
    """A row of ``balance_movement``."""

    kind: str
    holder: str
    account: str
    shared: bool
    allowance: str
    period_utc: int
    rolled: bool
    expires_utc: int
    start_utc: int
    unit: str
    units: int
    free_usage: int = 0
    event_id: UUID | None = None


class Lot(NamedTuple):
    """What came into a lot, and went out of it."""

    holder: str
    allowance: str
    period_utc: int
    rolled: bool
    expires_utc: int
    unit: str
    granted: int
    rolled_over: int
    used: int
    expired: int
    left: int

    @property
    def is_money(self) -> bool:
        """Whether it is of a currency."""
        return self.unit not in UNITS


class Total(NamedTuple):
    """What an accumulator has counted in a period: units or an amount, the other is None."""

    holder: str
    accumulator: str
    period_utc: int
    until_utc: int
    unit: str
    units: int | None
    amount: int | None


def drawn_by(holder: str, of: Callable[[str], Iterable[Movement]]) -> list[Movement]:
    """The movements of ``holder`` and of the pools on which it drew; ``of`` gives those of a holder or drawer.

    A pool may have the name of an account: the name means the account, if it has movements of its own.
    """
    seen = list(of(holder))
    own = [row for row in seen if row.holder == holder]
    pools = {row.holder for row in seen if row.shared and row.account == holder}
    if holder not in pools:
        own = [row for row in own if not row.shared] or own
    shared = (row for pool in sorted(pools - {holder}) for row in of(pool) if row.holder == pool and row.shared)
    return [*own, *shared]


def lots(movements: Iterable[Movement], moment: int) -> list[Lot]:
    """The lots as of ``moment``, those that end first before the others."""
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * 4)
    for kind, holder, _, _, allowance, period, rolled, expires, _, unit, units, *_ in movements:
        if kind not in _COUNTS:
            sums[expires, holder, allowance, period, rolled, unit][_SUMMED[kind]] += units
    made = []
    for expires, holder, allowance, period, rolled, unit in sorted(sums):
        granted, rolled_over, used, expired = sums[expires, holder, allowance, period, rolled, unit]
        rest = granted + rolled_over + used + expired
        over = rest if expires <= moment else 0
        quantities = (granted, rolled_over, -used, over - expired, rest - over)
        made.append(Lot(holder, allowance, period, rolled, expires, unit, *quantities))
    return made


def totals(movements: Iterable[Movement]) -> list[Total]:
    """What was counted, by period."""
    sums: dict[tuple[Any, ...], int] = defaultdict(int)
    for row in movements:
        if row.kind in _COUNTS:
            sums[row.period_utc, row.holder, row.allowance, row.expires_utc, row.unit] += row.units
    return [
        Total(holder, allowance, period, until, unit, *((sums[key], None) if unit in UNITS else (None, sums[key])))
        for key in sorted(sums)
        for period, holder, allowance, until, unit in (key,)
    ]


_TYPES: Final = {
    **dict.fromkeys(("period_utc", "expires_utc", "until_utc", "start_utc"), INSTANT),
    **dict.fromkeys(("units", "granted", "rolled_over", "used", "expired", "left", "free_usage"), pa.int64()),
    "rolled": pa.bool_(),
    "amount": TOTAL,
    "event_id": EVENT_ID,
}
"""The columns of a statement that are no texts."""
_OF_MONEY: Final = dict.fromkeys(("granted", "rolled_over", "used", "expired", "left"), TOTAL)
_OF_MOVEMENT: Final = (
    *("start_utc", "kind", "holder", "allowance", "period_utc", "rolled", "account", "units", "amount", "unit"),
    *("free_usage", "event_id"),
)


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

    def of(name: str) -> list[Movement]:
        return [Movement(**row) for row in lake.query(_OF_HOLDER, {"holder": name}).to_pylist()]

    found = drawn_by(holder, of)
    moment = micros(at) if at else max((row.start_utc for row in found), default=0)
    known = [row for row in found if row.start_utc <= moment]
    made = lots(known, moment)
    return Statement(
        holder,
        lots=_table([lot._asdict() for lot in made if not lot.is_money], Lot._fields, _TYPES),
        money=_table([lot._asdict() for lot in made if lot.is_money], Lot._fields, _TYPES | _OF_MONEY),
        totals=_table([total._asdict() for total in totals(known)], Total._fields, _TYPES),
        movements=_table([_told(row) for row in sorted(known, key=_place)], _OF_MOVEMENT, _TYPES),
    )


def _place(row: Movement) -> tuple[Any, ...]:
    """Where ``row`` stands among movements: by its start; of one start, what an event drew first."""
    event = (row.event_id is None, row.event_id.bytes if row.event_id else b"")
    return (row.start_utc, event, row.kind, row.holder, row.allowance, row.period_utc, row.rolled)


def _told(row: Movement) -> dict[str, Any]:
    units, amount = (row.units, None) if row.unit in UNITS else (None, row.units)
    return row._asdict() | {"units": units, "amount": amount, "event_id": row.event_id and row.event_id.bytes}


def _table(rows: Sequence[dict[str, Any]], names: Sequence[str], types: Mapping[str, pa.DataType]) -> pa.Table:
    """``rows`` as a table of the columns ``names``; what is an amount there is of nano-units here."""
    columns = {}
    for name in names:
        kind, values = types.get(name, pa.string()), [row[name] for row in rows]
        if kind == TOTAL:
            values = [None if nano is None else Decimal(nano).scaleb(-9) for nano in values]
        columns[name] = pa.array(values, kind)
    return pa.table(columns)
