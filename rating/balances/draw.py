"""Drawing: what is free of a batch's legs, and the movements that this takes.

Enters: the live lots, which stay as they are; legs that were found. Leaves: ``Free`` for pricing, and a ``Drawn``:
movements and the lots after them. Always holds: for every lot, what it had and its movements sum to what it has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from mediation.stage import empty
from rating.balances.candidates import Allowed, Candidates, Flags, candidates
from rating.balances.kernels import draw_in_order
from rating.balances.lots import CAP, OWN, ROLLED, Lots, lot_parts
from rating.balances.movements import by_legs, by_nobody, movements
from rating.balances.spans import grants, spans_of
from rating.columns import integers
from rating.legs import NOTHING_FREE, Free, Legs
from tariffs import catalogue as layout
from tariffs.catalogue import NONE, Catalogue, Ints


@dataclass(frozen=True)
class Drawn:
    """What a batch did: its movements, and each lot and cap that it touched as it then is."""

    movements: pa.Table = field(default_factory=lambda: pa.Table.from_batches([empty("balance_movement")]))
    keys: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    left: Ints = field(default_factory=lambda: np.zeros(0, np.int64))


NOTHING_DRAWN: Final = Drawn()


@dataclass
class Drawing:
    """One try to draw for a batch; ``barred`` rows of usage draw nothing.

    ``drawn`` is what it came to, ``rows`` are those of usage that met a lot, in the order in which they did.
    """

    lots: Lots
    catalogue: Catalogue
    allowed: Allowed
    barred: Flags
    drawn: Drawn = NOTHING_DRAWN
    rows: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def __call__(self, legs: Legs, usage: pa.RecordBatch) -> Free:
        """What is free of each leg."""
        found = candidates(legs, usage, self.catalogue, self.allowed, self.barred)
        if not len(found.order):
            return NOTHING_FREE
        self.rows = legs.row[found.order]
        table = _Table.of(found, self.lots, self.catalogue)
        given, taken = np.zeros((2, len(found.key)), np.int64)
        units, remainder = np.zeros((2, len(found.order)), np.int64)
        used = integers(usage["usage"])[legs.row[found.order]]
        lot, cap = table.place(found.key), table.place(found.cap)
        draw_in_order(
            *(found.first, used, lot, cap, found.allowance, self.catalogue.allowances, table.source, table.granted),
            table.left,
            table.opened,
            *(table.moved, given, taken, units, remainder),
        )
        drew = np.flatnonzero(taken)
        by = by_legs(np.repeat(found.order, np.diff(found.first))[drew], legs, usage)
        uses = movements("use", found.key[drew], by, -taken[drew], given[drew], self.catalogue)
        openings = table.openings()
        table.check([*((at, units) for _, at, units in openings), (lot[drew], -taken[drew])])
        opened = [table.opening(*each, self.catalogue) for each in openings]
        self.drawn = table.drawn([*opened, uses])
        free = Free(*np.zeros((3, len(legs.row)), np.int64))
        free.units[found.order], free.remainder[found.order] = units, remainder
        return free


@dataclass(frozen=True)
class _Table:
    """The lots and caps that a batch may touch, in order of ``keys``; ``had`` is what the live ones hold.

    Of a cap the live balance is what was drawn, and ``left`` what may be drawn yet.
    """

    keys: Ints
    known: Flags
    had: Ints
    most: Ints
    source: Ints
    granted: Ints
    left: Ints
    opened: Flags
    moved: Ints

    @classmethod
    def of(cls, found: Candidates, lots: Lots, catalogue: Catalogue) -> _Table:
        every = np.concatenate([found.key, found.source, found.cap])
        keys = np.sort(every[every != NONE])
        keys = keys[np.diff(keys, prepend=NONE) != 0]
        had, known = lots.find(keys)
        _, allowance, _, kind = lot_parts(keys)
        source = np.full(len(keys), NONE)
        rolled = kind == ROLLED
        source[rolled] = np.searchsorted(keys, keys[rolled] - ROLLED + OWN)
        caps = kind == CAP
        most = np.where(caps, catalogue.allowances[allowance, layout.ALLOWANCE_CAP], 0)
        own, granted = kind == OWN, np.zeros(len(keys), np.int64)
        granted[own] = grants(spans_of(keys[own], catalogue), catalogue)
        left = np.where(caps, most - had, had)
        return cls(keys, known, had, most, source, granted, left, known.copy(), np.zeros(len(keys), np.int64))

    def place(self, keys: Ints) -> Ints:
        """Where ``keys`` stand; NONE for NONE."""
        return np.where(keys == NONE, NONE, np.searchsorted(self.keys, keys))

    def openings(self) -> list[tuple[str, Ints, Ints]]:
        """(kind, places, units) of grants of lots that were opened, and of what rolled over, out of lots and into."""
        new = self.opened & ~self.known
        own, into = np.flatnonzero(new & (self.source == NONE)), np.flatnonzero(new & (self.source != NONE))
        moved = self.moved[into]
        return [("grant", own, self.granted[own]), ("rollover", self.source[into], -moved), ("rollover", into, moved)]

    def opening(self, kind: str, at: Ints, units: Ints, catalogue: Catalogue) -> pa.RecordBatch:
        """The movements of lots that no event made."""
        lots = spans_of(self.keys[at], catalogue)
        by = by_nobody(lots.begin if kind == "grant" else lots.over, catalogue)
        return movements(kind, self.keys[at], by, units, np.zeros(len(at), np.int64), catalogue)

    def check(self, moves: list[tuple[Ints, Ints]]) -> None:
        """What every lot had, and what was moved (places, units), is what it has, and that is not below zero."""
        total = np.where(self.caps(), self.left, self.had)
        for at, units in moves:
            np.add.at(total, at, units)
        if (total != self.left).any() or (self.left < 0).any():
            raise AssertionError("the movements of a lot do not come to what is left of it")

    def caps(self) -> Flags:
        """Which are caps."""
        return np.asarray(lot_parts(self.keys)[3] == CAP)

    def drawn(self, rows: list[pa.RecordBatch]) -> Drawn:
        """What the batch did, by the movements ``rows``."""
        caps = self.caps()
        left = np.where(caps, self.most - self.left, self.left)
        touched = np.where(caps, left != self.had, self.opened)
        return Drawn(pa.Table.from_batches(rows), self.keys[touched], left[touched])
