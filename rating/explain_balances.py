"""What allowances and accumulators did to a leg of an event: its movements as a story, and what they leave to charge.

Enters: a lake, a charge, the catalogue that priced it. Leaves: a :class:`BalanceStory`. Always holds: the order is that
in which lots were used and caps looked; what it tells is read from the movements of the event itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from rating.lake import Lake
from rating.legs import NOTHING_FREE, Free
from rating.rules import FEE_ON_FREE, GRADUATED, RESTARTS, VOLUME
from rating.story import Node, instant, money
from tariffs import catalogue as layout
from tariffs.catalogue import NONE, Catalogue
from tariffs.model import UNITS

_MOVED: Final = """
SELECT kind, holder, shared, allowance, period_utc, rolled, epoch_us(expires_utc) AS expires_us,
    epoch_us(period_utc) AS period_us, units, free_usage, unit, total,
    kind = 'count' AND $run > 0 AND coalesce(expires_utc <= (
        SELECT max(until_utc) FROM rating_runs WHERE kind = 'close' AND rating_run <= $run
    ), false) AS settled
FROM balance_movement
WHERE event_id = $event AND leg = $leg AND kind IN ('use', 'count') AND rating_run = $run"""
_FINAL: Final = """
SELECT sum(units)::BIGINT AS total FROM balance_movement
WHERE kind IN ('count', 'uncount') AND holder = $holder AND shared = $shared AND allowance = $allowance
    AND period_utc = $period_utc AND rating_run <= $run"""
_ORDER: Final = ("expires_us", "period_us", "allowance")

Row = dict[str, Any]


@dataclass(frozen=True)
class BalanceStory:
    """``free``: what pricing finds of it; ``drawn``: a node for each lot and total; ``caps``: what spend caps did."""

    free: Free = NOTHING_FREE
    drawn: tuple[Node, ...] = ()
    caps: tuple[tuple[Node, int], ...] = ()

    def charged(self, leg: Node) -> Node:
        """The story of the price of ``leg``, with what caps let pass of it."""
        for node, passed in self.caps:
            currency = leg.value.split()[-1]
            leg = Node(leg.label, f"{money(passed)} {currency}", (*leg.children, node))
        return leg


@dataclass
class _Teller:
    """The movements of a leg and the terms of their allowances."""

    lake: Lake
    run: int
    catalogue: Catalogue
    moved: list[Row]
    terms: dict[str, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        codes = self.catalogue.codes["allowance_names"]
        self.terms = {
            row["allowance"]: self.catalogue.allowances[codes[row["allowance"]]].tolist() for row in self.moved
        }
        priority = layout.ALLOWANCE_PRIORITY
        self.moved.sort(key=lambda row: (self.terms[row["allowance"]][priority], *(row[name] for name in _ORDER)))

    def of(self, kind: int) -> list[Row]:
        """The movements of one kind of allowance, in their order."""
        rows = [row for row in self.moved if self.terms[row["allowance"]][layout.ALLOWANCE_KIND] == kind]
        return sorted(rows, key=lambda row: str(row["allowance"])) if kind >= layout.COUNTS_UNITS else rows

    def free(self, rate: str, offset: int) -> Free:
        """What was free, and where the tiers of ``rate`` began."""
        uses = self.of(layout.GIVES_UNITS)
        terms = [self.terms[use["allowance"]] for use in uses]
        units = sum(use["free_usage"] for use in uses)
        flags = RESTARTS if terms and terms[-1][layout.ALLOWANCE_REMAINDER] else 0
        flags |= FEE_ON_FREE if any(each[layout.ALLOWANCE_FEE] for each in terms) else 0
        tiers, counted = self._tiers(rate, offset, units)
        return Free(np.array([units]), np.array([flags | tiers]), np.array([counted]))

    def _tiers(self, rate: str, offset: int, free: int) -> tuple[int, int]:
        """(flag, counter) of the tiers of ``rate``; nought where it has none."""
        named = np.flatnonzero(np.array(self.catalogue.rate_names.to_pylist()) == rate)
        for of, volume in self.catalogue.rate_tiers[named].tolist() if len(self.catalogue.rate_tiers) else ():
            for row in self.of(layout.COUNTS_UNITS) if of != NONE else ():
                if row["allowance"] == self.catalogue.name("allowance", of):
                    left_out = 0 if self.terms[row["allowance"]][layout.ALLOWANCE_COUNT_FREE] else free
                    before = row["total"] - row["units"] - offset - left_out
                    return (VOLUME, self._reached(row) - 1) if volume else (GRADUATED, before)
        return 0, 0

    def _reached(self, row: Row) -> int:
        """The total at which volume tiers look: that of the whole period where the run has settled it."""
        if not row["settled"]:
            return int(row["total"])
        named = {name: row[name] for name in ("holder", "shared", "allowance", "period_utc")}
        return int(self.lake.query(_FINAL, named | {"run": self.run})["total"][0].as_py())

    def caps(self) -> tuple[tuple[Node, int], ...]:
        """A node for each spend cap that was near, and what it let pass."""
        found = []
        for row in self.of(layout.COUNTS_MONEY):
            cap, before = self.terms[row["allowance"]][layout.ALLOWANCE_CAP], row["total"] - row["units"]
            if cap != NONE and max(before, row["total"]) > cap:
                passed = min(cap, row["total"]) - min(cap, before)
                value = (
                    f"{money(cap)} of {_whose(row)}, {money(before)} before: {money(passed)} of {money(row['units'])}"
                )
                found.append((Node(f"spend cap {row['allowance']}", value), passed))
        return tuple(found)


def balance_story(lake: Lake, charge: Row, catalogue: Catalogue, offset: int) -> BalanceStory:
    """What was drawn and counted for the leg that ``charge`` is for; ``offset`` is its session's usage before it."""
    if not len(catalogue.allowances):
        return BalanceStory()
    asked = {"event": str(charge["event_id"]), "leg": charge["leg"], "run": charge["rating_run"]}
    teller = _Teller(lake, charge["rating_run"], catalogue, lake.query(_MOVED, asked).to_pylist())
    if not teller.moved:
        return BalanceStory()
    return BalanceStory(teller.free(charge["rate"], offset), tuple(map(_node, teller.moved)), teller.caps())


def _node(row: Row) -> Node:
    if row["kind"] == "count":
        since = f"since {instant(row['period_us'])}"
        value = f"{_units(row, row['units'])} of {_whose(row)}: {_units(row, row['total'])} {since}"
        return Node(f"accumulator {row['allowance']}", value)
    lot = f"granted for {instant(row['period_us'])}{', rolled over' if row['rolled'] else ''}"
    value = f"{_units(row, -row['units'])} of {_whose(row)}, {lot}, until {instant(row['expires_us'])}"
    gave = f"{row['free_usage']} units of usage free" if row["unit"] in UNITS else "paid of amount and tax"
    return Node(f"allowance {row['allowance']}", f"{value}: {gave}")


def _units(row: Row, units: int) -> str:
    return f"{units if row['unit'] in UNITS else money(units)} {row['unit']}"


def _whose(row: Row) -> str:
    return f"{'pool' if row['shared'] else 'account'} {row['holder']}"
