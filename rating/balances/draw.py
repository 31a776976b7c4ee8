"""Drawing: what is free of a batch's legs, what caps let pass, what money pays, and the movements that this takes.

Enters: the live lots, which stay as they are; legs that were found, then with their prices. Leaves: ``Free`` for
pricing, legs as they are charged, and a ``Drawn``: movements and the lots after them. Always holds: for every lot, what
it had and its movements sum to what it has.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from rating.balances.candidates import Allowed, Candidates, Flags, candidates, failed_rows
from rating.balances.count import count, tiers
from rating.balances.kernels import draw_in_order
from rating.balances.lots import Lots
from rating.balances.money import cut
from rating.balances.movements import NOTHING_DRAWN, Drawn, by_legs, movements, together
from rating.balances.spread import walk
from rating.balances.table import Table
from rating.columns import integers
from rating.legs import NO_INTS, NOTHING_FREE, Free, Legs
from rating.rules import AMOUNT_END
from tariffs.catalogue import COUNTS_MONEY, COUNTS_UNITS, GIVES_MONEY, GIVES_UNITS, Catalogue, Ints

__all__ = ["NOTHING_DRAWN", "Drawing", "Drawn"]


@dataclass
class Drawing:
    """One try to draw for a batch, first units, then money; ``barred`` rows of usage draw and count nothing.

    ``final`` are totals at which volume tiers look, instead of those that the batch reaches. ``rows`` are those of
    usage that met a lot or a total, in the order in which they did.
    """

    lots: Lots
    catalogue: Catalogue
    allowed: Allowed
    barred: Flags
    final: Lots | None = None
    rows: Ints = field(default_factory=lambda: NO_INTS, init=False)
    _found: Candidates | None = field(default=None, init=False)
    _parts: list[Drawn] = field(default_factory=list, init=False)

    @property
    def drawn(self) -> Drawn:
        """What it came to."""
        return together(self._parts)

    def free(self, legs: Legs, usage: pa.RecordBatch) -> Free:
        """What is free of each leg, and where its tiers begin."""
        found = candidates(legs, usage, self.catalogue, self.allowed, self.barred)
        if not len(found.order):
            return NOTHING_FREE
        self._found, self.rows = found, legs.row[found.order]
        free = Free(*np.zeros((3, len(legs.row)), np.int64))
        used, offset = (integers(usage[name])[self.rows] for name in ("usage", "usage_offset"))
        all_legs = np.ones(len(found.order), np.bool_)
        if len((giving := found.of(GIVES_UNITS, all_legs)).key):
            free.units[found.order], free.remainder[found.order] = self._draw(giving, used, legs, usage)
        if len((counting := found.of(COUNTS_UNITS, all_legs)).key):
            done = count(counting, used, free.units[found.order], self.lots, self.catalogue)
            tiers(done, legs, free, offset, self.catalogue, self.final)
            self._parts.append(done.drawn(legs, usage, self.catalogue))
        return free

    def paid(self, legs: Legs, usage: pa.RecordBatch) -> Legs:
        """``legs``, which are priced, as spend caps and money leave them; those of failed events as is."""
        if self._found is None:
            return legs
        found, priced = self._found, ~failed_rows(legs, usage)[self.rows]
        if len((counting := found.of(COUNTS_MONEY, priced)).key):
            done = count(counting, legs.prices.amount[found.order], np.zeros_like(self.rows), self.lots, self.catalogue)
            legs = cut(legs, found.order, done.passed, self.catalogue)
            self._parts.append(done.drawn(legs, usage, self.catalogue))
        due = np.minimum(legs.prices.amount + legs.prices.tax, AMOUNT_END - 1)[found.order]  # what a charge can hold
        if len((paying := found.of(GIVES_MONEY, priced & (due > 0))).key):
            covered = np.zeros(len(legs.row), np.int64)
            covered[found.order], _ = self._draw(paying, due, legs, usage)
            legs = Legs(**{**vars(legs), "covered": covered})
        return legs

    def _draw(self, found: Candidates, wanted: Ints, legs: Legs, usage: pa.RecordBatch) -> tuple[Ints, Ints]:
        """(how much of what is ``wanted`` the lots give, about the remainder) of each leg of ``found``."""
        table, terms = Table.of(found, self.lots, self.catalogue), self.catalogue.allowances
        given, taken = np.zeros((2, len(found.key)), np.int64)
        units, remainder = np.zeros((2, len(found.order)), np.int64)
        lot, cap = table.place(found.key), table.place(found.cap)
        columns = (
            *(found.first, wanted, lot, cap, found.allowance, terms, table.before, table.rolled, table.granted),
            *(table.left, table.opened, table.over, table.moved, given, taken, units, remainder),
        )
        walk(found.parts, lambda legs: draw_in_order(legs, *columns))
        drew = np.flatnonzero(taken)
        by = by_legs(found.order[found.place[drew]], legs, usage)
        free = np.where(found.kind[drew] == GIVES_UNITS, given[drew], 0)
        uses = movements("use", found.key[drew], by, -taken[drew], free, self.catalogue)
        self._parts.append(table.drawn(uses, (lot[drew], -taken[drew]), self.catalogue))
        return units, remainder
