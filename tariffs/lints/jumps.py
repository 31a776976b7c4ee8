"""Prices that changed by more than anyone would mean.

Enters: a tariff and the comparison of what is in force with it. Leaves: lints of code ``jump``. Always holds:
only prices with an old price can jump; the threshold itself is still no jump.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import polars as pl

from tariffs.compare import Comparison, percent_text
from tariffs.lints.places import Places
from tariffs.model import Problem, Tariff

PERCENT: Final = 10_000
"""What ``percent`` of a comparison has for one percent."""


def jumps(tariff: Tariff, comparison: Comparison, percent: Decimal, instant: int) -> Iterator[Problem]:
    """A lint for each price of ``tariff`` that differs by more than ``percent`` from the one in force."""
    places = Places(tariff, instant)
    far = comparison.rows.filter(pl.col("percent").abs() > int(percent * PERCENT))
    for row in far.iter_rows(named=True):
        where = f"{row['prefix'] or 'everything'} {row['zone']}".rstrip()
        band = f" in {row['band']}" if row["band"] else ""
        change = f"{percent_text(row['percent'])}%, from {row['old']} to {row['new']}"
        message = f"{where}{band} for {row['usage']} changes by {change}"
        place = places.of(row["plan"], row["rate"], row["prefix"])
        yield Problem(place, f"plan.{row['plan']}", message, lint=True, code="jump")
