"""Rules decided in advance: what every prefix costs in every band, in one cell.

A cell is what a plan version comes down to for one service and direction: a set of prefixes, each with
the rates of its bands. Enters: the rules that match the service and direction. Leaves: ``Items`` and
the problems (equally specific rules, one prefix twice). Always holds: events need no rule matching any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from tariffs.catalogue import ANY, NONE
from tariffs.cell_faults import gaps, twice
from tariffs.deciding import ANYWHERE, Decision, Source, decide
from tariffs.model import EVER_FROM, EVER_TO, Plan, Problem, Rule, Tariff

ITEM_SCHEMA: Final = {
    "prefix": pl.String,
    "local": pl.Boolean,
    "rank": pl.Int64,
    "valid_from": pl.Int64,
    "valid_to": pl.Int64,
    "band": pl.Int64,
    "zone": pl.String,
    "rate": pl.Int64,
    "rule": pl.Int64,
    "tax": pl.Int64,
}
_WIN_SCHEMA: Final = dict.fromkeys(("source", "rank", "band", "rate", "base", "rule", "tax"), pl.Int64)
"""What a source costs in a band: ``rate``, or the deck row's own, numbered from ``base`` on."""

_DECK_RANK: Final = 1 << 32
"""Items of decks stand behind those of zones."""


@dataclass(frozen=True)
class Numbering:
    """Codes that cells are written with: of bands, of rates, of a deck's first rate, of rules, of their taxes."""

    bands: Mapping[str, int]
    rates: Mapping[str, int]
    deck_rates: Mapping[str, int]
    rule: Callable[[Rule], int]
    tax: Callable[[Plan, Rule], int]


@dataclass(frozen=True)
class Items:
    """Items of prefixes, and those of numbers that no prefix matches (``anywhere``)."""

    prefixes: pl.DataFrame
    anywhere: pl.DataFrame


def cell_items(
    tariff: Tariff, plan: Plan, rules: tuple[Rule, ...], bands: tuple[str, ...], numbering: Numbering
) -> tuple[Items, list[Problem]]:
    """The items of the cell that ``rules`` make in ``bands``, and its problems."""
    decision = decide(plan, rules, bands)
    rows = source_rows(tariff, decision.sources)
    wins = pl.DataFrame(list(_wins(plan, decision, numbering)), schema=_WIN_SCHEMA, orient="row")
    own = pl.when(pl.col("own") >= 0).then(pl.col("own") + pl.col("base")).otherwise(NONE)
    rate = pl.when(pl.col("base") >= 0).then(own).otherwise("rate").alias("rate")
    items = rows.join(wins, on="source").with_columns(rate)
    problems = [*decision.problems, *twice(plan, rules, decision.sources, items)]
    problems += gaps(plan, rules, decision, rows, items, numbering.bands)
    anywhere = pl.col("source") == decision.sources.index(ANYWHERE)
    columns = list(ITEM_SCHEMA)
    prefixes = items.filter(~anywhere).sort("prefix", "rank", "valid_from", "band").select(columns)
    return Items(prefixes, items.filter(anywhere).sort("band").select(columns)), problems


def _wins(plan: Plan, decision: Decision, numbering: Numbering) -> Iterator[tuple[int, ...]]:
    """A row of ``_WIN_SCHEMA`` for each winner.

    Of two sources with one prefix the zone stands before the deck; of two of a kind the one that the rule names
    before the one that a rule for every destination prices, and of such the one that stands first in the rules.
    """
    for win in decision.wins:
        (kind, name), rule = decision.sources[win.source], win.rule
        rank = 0 if rule.names("zone") else 1 + win.source
        rank += _DECK_RANK if kind == "deck" else 0
        band = numbering.bands[win.band] if win.band else ANY
        rate = numbering.rates[rule.rate] if rule.rate else NONE
        base = numbering.deck_rates[name] if rule.deck else NONE
        yield win.source, rank, band, rate, base, numbering.rule(rule), numbering.tax(plan, rule)


def source_rows(tariff: Tariff, sources: tuple[Source, ...]) -> pl.DataFrame:
    """The prefixes of each source: source (its number), prefix, local, zone, period, and a deck row's ``own`` rate."""
    zones = [zone_rows(tariff, tuple(name for kind, name in sources if kind != "deck"))]
    numbers = {name: number for number, (kind, name) in enumerate(sources) if kind != "deck"}
    code = pl.col("zone").replace_strict(list(numbers), list(numbers.values()), return_dtype=pl.Int64)
    listed = [frame.with_columns(code.alias("source"), pl.lit(NONE, pl.Int64).alias("own")) for frame in zones]
    for number, (kind, name) in enumerate(sources):
        if kind == "deck":
            rows = tariff.decks[name].rows.rename({"rate": "own"})
            listed.append(rows.with_columns(pl.lit(number, pl.Int64).alias("source"), pl.lit(False).alias("local")))
    columns = ("source", "prefix", "local", "zone", "valid_from", "valid_to", "own")
    return pl.concat(frame.select(columns) for frame in listed)


def zone_rows(tariff: Tariff, names: tuple[str, ...]) -> pl.DataFrame:
    """A row for each prefix of the zones ``names``; of the nameless one, ANYWHERE, the row of no digits."""
    found: list[tuple[str, bool, str, int, int]] = []
    for name in names:
        zone = tariff.zones[name] if name else None
        prefixes, local = (zone.prefixes, zone.local) if zone else (("",), ())
        found += [(prefix, False, name, EVER_FROM, EVER_TO) for prefix in prefixes]
        found += [(prefix, True, name, EVER_FROM, EVER_TO) for prefix in local]
    schema = {name: ITEM_SCHEMA[name] for name in ("prefix", "local", "zone", "valid_from", "valid_to")}
    return pl.DataFrame(found, schema=schema, orient="row")


def matrix(items: pl.DataFrame, columns: list[str], width: int) -> npt.NDArray[np.int64]:
    """``columns`` of ``items`` side by side as int64, in rows of ``width``."""
    rows = np.zeros((items.height, width), np.int64)
    for place, column in enumerate(columns):
        rows[:, place] = items[column].to_numpy()
    return rows
