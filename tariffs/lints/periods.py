"""Times that nothing covers, between two periods of the same thing.

Enters: a tariff. Leaves: lints of code ``gap``. Always holds: what begins late or ends for good is no gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl

from tariffs.model import Place, Problem, Tariff


def version_gaps(tariff: Tariff) -> Iterator[Problem]:
    """Plans that have no version for a while: their events are ``no_plan``."""
    for plan in tariff.plans.values():
        for before, after in pairwise(plan.versions):
            if before.valid_to < after.valid_from:
                message = f"no version is in force from {told(before.valid_to)} to {told(after.valid_from)}"
                yield Problem(after.place, f"plan.{plan.id}.version", message, lint=True, code="gap")


def deck_gaps(tariff: Tariff) -> Iterator[Problem]:
    """Prefixes that a deck stops listing for a while: a shorter prefix, or none, prices them meanwhile."""
    for deck in tariff.decks.values():
        rows = deck.rows.filter(pl.col("prefix").is_duplicated()).sort("prefix", "valid_from")
        until = pl.col("valid_to").cum_max().shift(1).over("prefix").alias("until")
        for row in rows.with_columns(until).filter(pl.col("until") < pl.col("valid_from")).iter_rows(named=True):
            message = f"{row['prefix']} is not listed from {told(row['until'])} to {told(row['valid_from'])}"
            yield Problem(Place(deck.file, row["line"]), f"deck.{deck.id}", message, lint=True, code="gap")


def told(instant: int) -> str:
    """UTC microseconds as people write them."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)
    return moment.isoformat(" ").replace("+00:00", "Z").replace(" 00:00:00Z", "")
