"""Accumulators: what a batch adds to running totals, and where that leaves its legs.

Enters: candidates, a quantity of each leg, the live totals. Leaves: :class:`Counted`. Always holds: what a total was
and what was counted come to what it is; what a cap lets pass in a period is the smaller of cap and total, whatever the
order of events and the cut of sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rating.balances.candidates import Candidates
from rating.balances.kernels import count_in_order
from rating.balances.lots import Lots
from rating.balances.movements import Drawn, by_legs, movements
from rating.balances.spread import walk
from rating.legs import Free, Legs
from rating.rules import GRADUATED, VOLUME
from tariffs import catalogue as layout
from tariffs.catalogue import NONE, Catalogue, Ints


@dataclass(frozen=True)
class Counted:
    """``after``: each candidate's total with its leg, ``counted`` of it; ``passed``: of each leg, past all caps."""

    found: Candidates
    after: Ints
    counted: Ints
    passed: Ints
    keys: Ints
    totals: Ints

    def drawn(self, legs: Legs, usage: pa.RecordBatch, catalogue: Catalogue) -> Drawn:
        """A movement for each leg and total that it changed."""
        at = np.flatnonzero(self.counted)
        by = by_legs(self.found.order[self.found.place[at]], legs, usage)
        none, keys = np.zeros(len(at), np.int64), self.found.key[at]
        rows = movements("count", keys, by, self.counted[at], none, catalogue, self.after[at])
        touched = np.isin(self.keys, keys)
        return Drawn(pa.Table.from_batches([rows]), self.keys[touched], self.totals[touched])


def count(found: Candidates, quantity: Ints, free: Ints, lots: Lots, catalogue: Catalogue) -> Counted:
    """Count the ``quantity`` of each leg of ``found`` in order; what is ``free`` of it only where it counts, too."""
    keys, total = np.unique(found.key, return_inverse=True)
    had, _ = lots.find(keys)
    passed, totals = quantity.copy(), had.copy()
    counted, after = np.zeros((2, len(found.key)), np.int64)
    less = np.where(catalogue.allowances[found.allowance, layout.ALLOWANCE_COUNT_FREE] == 1, 0, free[found.place])
    cap = catalogue.allowances[found.allowance, layout.ALLOWANCE_CAP]
    columns = (found.first, passed, less, total, cap, totals, counted, after)
    walk(found.parts, lambda legs: count_in_order(legs, *columns))
    sums = had.copy()
    np.add.at(sums, total, counted)
    if (sums != totals).any():
        raise AssertionError("what was counted does not come to the total")
    return Counted(found, after, counted, passed, keys, totals)


def tiers(done: Counted, legs: Legs, free: Free, offset: Ints, catalogue: Catalogue, final: Lots | None) -> None:
    """Tell ``free`` the counter of the legs whose rates count over an accumulator that counted them.

    ``offset`` is the usage of each such leg's session before it; volume tiers look at the totals in ``final``, where
    these are there.
    """
    found = done.found
    leg = found.order[found.place]
    of = catalogue.rate_tiers[legs.rate[leg]] if len(catalogue.rate_tiers) else np.full((len(leg), 2), NONE)
    at = np.flatnonzero(of[:, layout.TIERS_OF] == found.allowance)
    leg, volume = leg[at], of[at, layout.TIERS_VOLUME] == 1
    left_out = np.where(catalogue.allowances[found.allowance[at], layout.ALLOWANCE_COUNT_FREE] == 1, 0, free.units[leg])
    before = done.after[at] - done.counted[at] - offset[found.place[at]] - left_out
    reached = done.after[at]
    if final:
        total, known = final.find(found.key[at])
        reached = np.where(known, total, reached)
    free.counted[leg] = np.where(volume, reached - 1, before)
    free.remainder[leg] |= np.where(volume, VOLUME, GRADUATED)
