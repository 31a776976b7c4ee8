"""Quotes against live balances: what would be free or paid for, and what would then be left.

Enters: a lake, a catalogue, guided usage that nobody had. Leaves: an outcome of pricing, and what it would draw. Always
holds: balances stay as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from mediation.stage import empty
from rating.balances.live import Balances, Outcome, price_drawing
from rating.balances.lots import CAP, lot_parts
from rating.balances.movements import Drawn
from rating.balances.restore import reach
from rating.balances.spans import spans_of
from rating.guide import Guided
from rating.lake import Lake
from rating.story import instant, micros
from tariffs.catalogue import Catalogue
from tariffs.model import UNITS

_TOLD: Final = {"use": ("allowance", "used", "left"), "count": ("accumulator", "counted", "total")}
"""Of each kind of movement what its lot is called, what moved, and what there is then."""

Place = tuple[str, str, int, bool]
"""Holder, allowance, begin of the period, whether it rolled over."""


@dataclass(frozen=True)
class Held:
    """The balances that the movements of ``lake`` come to."""

    lake: Lake
    balances: Balances

    def priced(self, guided: Guided, catalogue: Catalogue) -> Outcome:
        """``guided`` priced as if it came now."""
        reach(self.balances, self.lake, catalogue, guided.usage)
        return price_drawing(guided, catalogue, self.balances, lambda priced: (priced, empty("rejected")))

    def touched(self, drawn: Drawn, catalogue: Catalogue) -> Iterator[dict[str, object]]:
        """Each lot and total of which something was ``drawn``: whose, what, how much, and how it then is.

        Units are integers, money is a decimal.
        """
        left, moved = _left(drawn, catalogue), Counter[Place]()
        named: dict[Place, dict[str, str]] = {}
        for row in drawn.movements.to_pylist():
            if row["kind"] in _TOLD:
                place = row["holder"], row["allowance"], micros(row["period_utc"]), row["rolled"]
                moved[place] += row["units"] if row["kind"] == "count" else -row["units"]
                named[place] = {name: row[name] for name in ("kind", "unit")}
        for place, row in named.items():
            holder, allowance, begin, rolled = place
            what, how_much, then = _TOLD[row["kind"]]
            told = {
                "holder": holder,
                what: allowance,
                "period_utc": instant(begin),
                "rolled": rolled,
                "unit": row["unit"],
            }
            yield told | {how_much: _of(moved[place], row["unit"]), then: _of(left[place], row["unit"])}


def _left(drawn: Drawn, catalogue: Catalogue) -> dict[Place, int]:
    """What each touched lot has left: nothing, where all that is left of it has expired."""
    lots, kinds = spans_of(drawn.keys, catalogue), lot_parts(drawn.keys)[3]
    left: dict[Place, int] = {}
    for row, kind in enumerate(kinds.tolist()):
        if kind != CAP:
            holder, accounts = int(lots.holder[row]), len(catalogue.account_names)
            names = catalogue.account_names if holder < accounts else catalogue.pool_names
            allowance = catalogue.allowance_names[int(lots.allowance[row])].as_py()
            place = (
                names[holder if holder < accounts else holder - accounts].as_py(),
                allowance,
                int(lots.since[row]),
                bool(lots.rolled[row]),
            )
            left[place] = max(int(drawn.left[row]), 0)
    return left


def _of(units: int, unit: str) -> int | Decimal:
    return units if unit in UNITS else Decimal(units).scaleb(-9)
