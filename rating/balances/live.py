"""The live balances of a run, and pricing that draws on them.

Enters: guided usage, the live balances. Leaves: priced usage with what it drew. Always holds: pricing leaves the live
balances as they are; what a batch drew counts only when it has landed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from rating.balances.candidates import Allowed, allowed_codes
from rating.balances.draw import NOTHING_DRAWN, Drawing, Drawn
from rating.balances.horizon import EVER
from rating.balances.lots import Lots
from rating.guide import Guided
from rating.price import Priced, price
from tariffs.catalogue import Catalogue, Ints

_WITHOUT_CONVERSION: Final = "no_conversion"
"""The reason that turns on an event's start alone: whatever it draws, it is rejected."""

_TOLD: Final = ["event_id", "reason"]

Settle = Callable[[Priced], tuple[Priced, pa.RecordBatch]]
"""Takes out what cannot stay though it is priced: (priced, rejected rows)."""


@dataclass
class Balances:
    """The lots of a catalogue's allowances, for usage that starts ``since`` then, and what each allowance takes."""

    allowed: Allowed
    lots: Lots = field(default_factory=Lots)
    since: int = EVER

    def landed(self, drawn: Drawn) -> None:
        """Take in what a committed batch drew."""
        self.lots.put(drawn.keys, drawn.left)

    def copy(self) -> Balances:
        """The same balances, to go a way of their own."""
        return Balances(self.allowed, self.lots.copy(), self.since)


def no_balances(catalogue: Catalogue) -> Balances:
    """The balances of ``catalogue`` before anything was drawn."""
    return Balances(allowed_codes(catalogue))


@dataclass(frozen=True)
class Outcome:
    """Priced usage, rejected rows of pricing, those that settling took out, and what was drawn."""

    priced: Priced
    rejected: pa.RecordBatch
    held: pa.RecordBatch
    drawn: Drawn = NOTHING_DRAWN


def price_drawing(
    guided: Guided, catalogue: Catalogue, balances: Balances | None, settle: Settle, final: Lots | None = None
) -> Outcome:
    """Price ``guided``; what ``balances`` pay for is free. Volume tiers look at totals in ``final``, where given.

    An event that is rejected draws nothing. Since what it drew was not there for those after it, the batch is then
    priced again, this event without drawing: one at a time, the first, for it decides what the others find.
    """
    if balances is None:
        assert not len(catalogue.allowances), "allowances need balances"  # noqa: S101 (else they would be forgotten)
        return _outcome(*price(guided, catalogue), settle)
    barred = np.zeros(guided.usage.num_rows, np.bool_)
    while True:
        drawing = Drawing(balances.lots, catalogue, balances.allowed, barred, final)
        outcome = _outcome(*price(guided, catalogue, draw=drawing), settle, drawing)
        again = _to_bar(drawing.rows, guided.usage, outcome)
        if not len(again):
            return outcome
        barred[again] = True


def _outcome(priced: Priced, rejected: pa.RecordBatch, settle: Settle, drawing: Drawing | None = None) -> Outcome:
    kept, held = settle(priced)
    return Outcome(kept, rejected, held, drawing.drawn if drawing else NOTHING_DRAWN)


def _to_bar(met: Ints, usage: pa.RecordBatch, outcome: Outcome) -> Ints:
    """The rejected ones of the rows that ``met`` a lot: the first, or all those for which lots make no difference."""
    parts = (outcome.rejected.select(_TOLD), outcome.held.select(_TOLD))
    lost = {row["event_id"]: row["reason"] for part in parts for row in part.to_pylist()}
    if not lost or not len(met):
        return np.zeros(0, np.int64)
    events = usage["event_id"].take(pa.array(met)).to_pylist()
    gone = [(row, lost[event]) for row, event in zip(met.tolist(), events, strict=True) if event in lost]
    always = [row for row, reason in gone if reason == _WITHOUT_CONVERSION]
    return np.array(always or [row for row, _ in gone[:1]], np.int64)
