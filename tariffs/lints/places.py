"""Where a price stands: the file and line of what prices a destination.

Enters: a tariff and an instant. Leaves: places. Always holds: nothing is guessed; what stands nowhere
has the empty place.
"""

from __future__ import annotations

from functools import cache

import polars as pl

from tariffs.model import Deck, Place, Tariff


class Places:
    """The places of the prices of ``tariff`` that are in force at ``instant``, UTC microseconds."""

    def __init__(self, tariff: Tariff, instant: int) -> None:
        self.tariff = tariff
        self._lines = cache(lambda name: _lines(tariff.decks[name], instant))

    def of(self, plan: str, rate: str, prefix: str) -> Place:
        """The deck's line or the rate, named ``rate``, that prices ``prefix`` (``+4475``); else the plan."""
        digits = prefix.removeprefix("+")
        deck = self.tariff.decks.get(rate)
        if deck and digits in self._lines(rate):
            return Place(deck.file, self._lines(rate)[digits])
        found = self.tariff.rates.get(rate) or self.tariff.plans.get(plan)
        return found.place if found else Place()


def _lines(deck: Deck, instant: int) -> dict[str, int]:
    rows = deck.rows.filter((pl.col("valid_from") <= instant) & (instant < pl.col("valid_to")))
    return dict(zip(rows["prefix"], rows["line"], strict=True))
