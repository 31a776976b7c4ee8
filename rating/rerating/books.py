"""The balances of a replay, in a lake of its own in memory.

Enters: movements to begin with, then those that are made. Leaves: balances by tariff, and totals of periods. Always
holds: balances are restored by the same function as those of a run; those of one tariff are restored again when legs of
another have drawn since.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import pyarrow as pa

from rating.balances.draw import NOTHING_DRAWN, Drawn
from rating.balances.live import Balances
from rating.balances.lots import COUNT, Lots, lot_parts
from rating.balances.restore import live_balances
from rating.balances.spans import spans_of
from rating.lake import Delta, MemoryLake
from rating.rerating.settling import micros
from tariffs.catalogue import Catalogue

_SOURCE: Final = "replay"


class Books:
    """Balances over ``lake``, which is empty."""

    def __init__(self, lake: MemoryLake, base: pa.Table) -> None:
        self._lake = lake
        self._pending = [base]
        self._version = ""
        self._balances: Balances | None = None

    def of(self, catalogue: Catalogue) -> Balances | None:
        """The balances as they are now, in the codes of ``catalogue``; None if it needs none."""
        if catalogue.version != self._version:
            self._land()
            self._version = catalogue.version
            self._balances = live_balances(self._lake, catalogue)
        return self._balances

    def moved(self, drawn: Drawn) -> None:
        """Take in what was drawn on the balances that were last asked for."""
        self._pending.append(drawn.movements)
        if self._balances:
            self._balances.landed(drawn)

    def totals(self, catalogue: Catalogue, until: datetime) -> Lots:
        """What the accumulators came to in those periods that are over by ``until``."""
        made, balances = Lots(), self.of(catalogue)
        if balances:
            keys, sums = balances.lots.items()
            over = spans_of(keys, catalogue).over <= micros(until)
            settled = over & (lot_parts(keys)[3] == COUNT)
            made.put(keys[settled], sums[settled])
        return made

    def _land(self) -> None:
        """Let the lake have what has moved since."""
        movements = pa.concat_tables([NOTHING_DRAWN.movements, *self._pending])
        self._pending = []
        if movements.num_rows:
            at = self._lake.offset(_SOURCE).next_offset
            self._lake.commit(Delta.numbered(_SOURCE, at, movements=movements))
