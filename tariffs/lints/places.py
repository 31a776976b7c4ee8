"""Where a price stands: the file and line of what prices a destination.

Enters: a tariff and an instant. Leaves: places. Always holds: a zone stands before a deck, as in rating.
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

    def of(self, plan: str, zone: str, prefix: str) -> Place:
        """The line of a deck, the zone, or else the plan that prices ``prefix`` (``+4475``) on ``plan``."""
        digits = prefix.removeprefix("+")
        known = self.tariff.zones.get(zone)
        if known and digits in (known.prefixes if prefix.startswith("+") else known.local):
            return known.place
        for deck in self._decks(plan):
            if digits in self._lines(deck):
                return Place(self.tariff.decks[deck].file, self._lines(deck)[digits])
        return self.tariff.plans[plan].place if plan in self.tariff.plans else Place()

    def _decks(self, plan: str) -> dict[str, None]:
        versions = self.tariff.plans[plan].versions if plan in self.tariff.plans else ()
        return {rule.deck: None for version in versions for rule in version.rules if rule.deck}


def _lines(deck: Deck, instant: int) -> dict[str, int]:
    rows = deck.rows.filter((pl.col("valid_from") <= instant) & (instant < pl.col("valid_to")))
    return dict(zip(rows["prefix"], rows["line"], strict=True))
