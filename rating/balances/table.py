"""The lots and caps that one walk over a batch may touch.

Enters: candidates, the live lots. Leaves: arrays for the walk; then the movements that no event made, and the lots as
they are. Always holds: what was there and all movements come to what is there, lot by lot; of a lot that is over
nothing is left but what expired.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rating.balances.candidates import Candidates, Flags
from rating.balances.lots import CAP, OWN, ROLLED, Lots, lot_parts
from rating.balances.movements import Drawn, by_nobody, movements
from rating.balances.spans import grants, predecessors, spans_of
from tariffs import catalogue as layout
from tariffs.catalogue import NONE, Catalogue, Ints


@dataclass(frozen=True)
class Table:
    """Lots and caps in order of ``keys``; ``had`` is what the live ones hold, expired or not (``was_over``).

    ``places`` finds keys. Of a cap the live balance is what was drawn, and ``left`` what may be drawn yet. ``before``
    is the place of the lot that ends where each begins; a ``rolled`` one is the rest of it.
    """

    keys: Ints
    places: Lots
    known: Flags
    had: Ints
    was_over: Flags
    most: Ints
    before: Ints
    rolled: Flags
    granted: Ints
    left: Ints
    opened: Flags
    over: Flags
    moved: Ints

    @classmethod
    def of(cls, found: Candidates, lots: Lots, catalogue: Catalogue) -> Table:
        """The lots of ``found``, those from which they roll over, those that they end, and the caps."""
        keys = _distinct(found.key, found.source, found.cap)
        live, known = lots.find(keys)
        if len(fresh := keys[~known]):
            keys = _distinct(keys, predecessors(fresh, catalogue))
            live, known = lots.find(keys)
        places = Lots.of(keys, np.arange(len(keys)))
        _, allowance, _, kind = lot_parts(keys)
        caps, own = kind == CAP, kind == OWN
        before = _placed(places, np.where(known, NONE, predecessors(keys, catalogue)))
        most = np.where(caps, catalogue.allowances[allowance, layout.ALLOWANCE_CAP], 0)
        granted = np.zeros(len(keys), np.int64)
        granted[own] = grants(spans_of(keys[own], catalogue), catalogue)
        had, over = np.abs(live), live < 0
        left, moved = np.where(caps, most - had, had), np.zeros(len(keys), np.int64)
        rolled = kind == ROLLED
        return cls(
            keys, places, known, had, over, most, before, rolled, granted, left, known.copy(), over.copy(), moved
        )

    def place(self, keys: Ints) -> Ints:
        """Where ``keys`` stand; NONE for what is not there."""
        return _placed(self.places, keys)

    def drawn(self, uses: pa.RecordBatch, moves: tuple[Ints, Ints], catalogue: Catalogue) -> Drawn:
        """What the walk did: its ``uses``, which are ``moves`` (places, units), and what opened and ended lots."""
        openings, ends = self._openings(), self._ends()
        self._check([*((at, units) for _, at, units in openings), moves], ends)
        rows = [self._row(*each, catalogue) for each in (*openings, ends) if len(each[1])]
        caps = self._caps()
        left = np.where(caps, self.most - self.left, np.where(self.over, -self.left, self.left))
        touched = np.where(caps, left != self.had, self.opened)
        return Drawn(pa.Table.from_batches([*rows, uses]), self.keys[touched], left[touched])

    def _openings(self) -> list[tuple[str, Ints, Ints]]:
        """(kind, places, units) of grants of lots that were opened, and of what rolled over, out of lots and into."""
        new = self.opened & ~self.known
        own, into = np.flatnonzero(new & ~self.rolled), np.flatnonzero(new & self.rolled)
        moved = self.moved[into]
        return [("grant", own, self.granted[own]), ("rollover", self.before[into], -moved), ("rollover", into, moved)]

    def _ends(self) -> tuple[str, Ints, Ints]:
        """What expired: what is left of lots that are over, less what was so before; below zero, out of them."""
        units = np.where(self.was_over, self.had, 0) - np.where(self.over, self.left, 0)
        at = np.flatnonzero(units)
        return "expire", at, units[at]

    def _row(self, kind: str, at: Ints, units: Ints, catalogue: Catalogue) -> pa.RecordBatch:
        lots = spans_of(self.keys[at], catalogue)
        when = {"grant": lots.begin, "rollover": lots.over, "expire": lots.end}[kind]
        none = np.zeros(len(at), np.int64)
        return movements(kind, self.keys[at], by_nobody(when, catalogue), units, none, catalogue)

    def _check(self, moves: list[tuple[Ints, Ints]], ends: tuple[Any, Ints, Ints]) -> None:
        """Raise where grants and rollovers are not what was used, has expired and remains."""
        total = np.where(self._caps(), self.left, np.where(self.was_over, 0, self.had))
        for at, units in (*moves, ends[1:]):
            np.add.at(total, at, units)
        if (total != np.where(self.over, 0, self.left)).any() or (self.left < 0).any():
            raise AssertionError("the movements of a lot do not come to what is left of it")

    def _caps(self) -> Flags:
        return np.asarray(lot_parts(self.keys)[3] == CAP)


def _distinct(*parts: Ints) -> Ints:
    """All keys in order, each once, without NONE."""
    keys = np.sort(np.concatenate(parts))
    return np.asarray(keys[(np.diff(keys, prepend=NONE) != 0) & (keys != NONE)])


def _placed(places: Lots, wanted: Ints) -> Ints:
    """The place of each of ``wanted``; NONE for NONE, and for what has none."""
    at = np.full(len(wanted), NONE)
    asked = np.flatnonzero(wanted != NONE)
    place, known = places.find(wanted[asked])
    at[asked] = np.where(known, place, NONE)
    return at
