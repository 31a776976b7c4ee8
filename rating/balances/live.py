"""The live balances of a run, and pricing that draws on them.

Enters: guided usage, the live balances. Leaves: priced usage with what it drew. Always holds: pricing leaves the live
balances as they are; what a batch drew counts only when it has landed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rating.balances.candidates import Allowed, allowed_codes
from rating.balances.draw import NOTHING_DRAWN, Drawing, Drawn
from rating.balances.lots import Lots
from rating.guide import Guided
from rating.price import Priced, price
from tariffs.catalogue import NONE, Catalogue

Settle = Callable[[Priced], tuple[Priced, pa.RecordBatch]]
"""Takes out what cannot stay though it is priced: (priced, rejected rows)."""


@dataclass(frozen=True)
class Balances:
    """The lots of a catalogue's allowances, and what each allowance takes."""

    allowed: Allowed
    lots: Lots = field(default_factory=Lots)

    def landed(self, drawn: Drawn) -> None:
        """Take in what a committed batch drew."""
        self.lots.put(drawn.keys, drawn.left)


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


def price_drawing(guided: Guided, catalogue: Catalogue, balances: Balances | None, settle: Settle) -> Outcome:
    """Price ``guided``; what ``balances`` pay for is free.

    An event that is rejected draws nothing. Since what it drew was not there for those after it, the batch is then
    priced again without it: one such event at a time, the first, for it decides what the others find.
    """
    if balances is None:
        assert not len(catalogue.allowances), "allowances need balances"  # noqa: S101 (else they would be forgotten)
        priced, rejected = price(guided, catalogue)
        return Outcome(*_settled(priced, rejected, settle))
    barred = np.zeros(guided.usage.num_rows, np.bool_)
    while True:
        drawing = Drawing(balances.lots, catalogue, balances.allowed, barred)
        outcome = _settled(*price(guided, catalogue, draw=drawing), settle)
        failed = _first_drawer(drawing.drawn, guided.usage, outcome[1:])
        if failed == NONE:
            return Outcome(*outcome, drawing.drawn)
        barred[failed] = True


def _settled(priced: Priced, rejected: pa.RecordBatch, settle: Settle) -> tuple[Priced, pa.RecordBatch, pa.RecordBatch]:
    kept, held = settle(priced)
    return kept, rejected, held


def _first_drawer(drawn: Drawn, usage: pa.RecordBatch, lost: tuple[pa.RecordBatch, ...]) -> int:
    """The row of the first event that drew though it is among the ``lost``; NONE if there is none."""
    gone = {event for part in lost for event in part["event_id"].to_pylist()}
    if not gone:
        return NONE
    uses = drawn.movements.filter(pc.is_valid(drawn.movements["event_id"]))["event_id"].to_pylist()
    first = next((event for event in uses if event in gone), None)
    return NONE if first is None else usage["event_id"].to_pylist().index(first)
