"""What a run changes, as sums: by leg, plan, zone and account, before and after.

Enters: the changes of each part. Leaves: a comparison, as that of a simulation. Always holds: both sides are of the
same legs, those that were rated again; memory grows with accounts and zones, not with usage.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

from rating.period import Period
from rating.rerating.changes import Changes
from rating.simulate import DIMENSIONS, NOTHING, Simulation, Sums, compared, segments_of, summed
from tariffs.catalogue import Catalogue

_REFUSED: Final = pa.schema([
    ("reason", pa.string()), ("leg", pa.string()), ("currency", pa.string()), ("events", pa.int64()),
    ("before", pa.decimal128(38, 9)),
])  # fmt: skip


def _sides() -> dict[str, Sums]:
    return {by: Sums() for by in DIMENSIONS}


@dataclass
class Compared:
    """The sums of all parts so far: ``legs`` rated again, rows appended, and the legs that could not be priced."""

    legs: int = 0
    charges: int = 0
    movements: int = 0
    before: dict[str, Sums] = field(default_factory=_sides)
    after: dict[str, Sums] = field(default_factory=_sides)
    refused: defaultdict[tuple[str, str, str], list[Any]] = field(
        default_factory=lambda: defaultdict(lambda: [0, NOTHING])
    )

    def add(self, made: Changes) -> None:
        """Add one part."""
        self.legs += made.before.num_rows
        self.charges += made.charges.num_rows
        self.movements += made.movements.num_rows
        for sides, rows in ((self.before, made.before), (self.after, made.after)):
            for by, sums in sides.items():
                sums.add(summed(rows, by))
        for row in made.refused.select(["reason", "leg", "currency", "amount"]).to_pylist():
            found = self.refused[row["reason"], row["leg"], row["currency"]]
            found[0] += 1
            found[1] += row["amount"]

    def unpriced(self) -> pa.Table:
        """The legs that could not be priced, and keep their charges."""
        rows = [dict(zip(_REFUSED.names, (*key, *told), strict=True)) for key, told in sorted(self.refused.items())]
        return pa.Table.from_pylist(rows, schema=_REFUSED)

    def simulation(self, period: Period | None, tariff: Catalogue | None) -> Simulation:
        """The comparison; segments are those that ``tariff`` has."""
        version = tariff.version if tariff else ""
        of = Simulation(period, version, self.legs, {}, self.unpriced())
        return compared(of, self.before, self.after, segments_of(tariff) if tariff else {})

    def delta(self) -> dict[str, Decimal]:
        """How much more all legs of each currency come to."""
        sums: defaultdict[str, Decimal] = defaultdict(lambda: NOTHING)
        for sign, sides in ((-1, self.before), (1, self.after)):
            for (_, _, currency), amount in sides["leg"].amounts.items():
                sums[currency] += sign * amount
        return dict(sums)
