"""Rules decided in advance: which one wins for every destination and band, in one cell.

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
from tariffs.model import EVER_FROM, EVER_TO, Plan, Problem, Rule, Tariff

ANYWHERE: Final = ("", "")
"""The destination of numbers that no prefix matches."""

Source = tuple[str, str]
"""A destination source of a cell: ("zone", id), ("deck", id) or ANYWHERE."""

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


def matching(rules: tuple[Rule, ...], service: str, direction: str) -> tuple[Rule, ...]:
    """The rules that match a service and a direction; an empty name is one that no rule names."""
    return tuple(
        rule
        for rule in rules
        if (not rule.service or service in rule.service) and (not rule.direction or direction in rule.direction)
    )


def of_call(rules: tuple[Rule, ...], origin: str, call_class: str) -> tuple[Rule, ...]:
    """The rules that match an origin zone (empty: none) and a call class."""
    return tuple(
        rule
        for rule in rules
        if (not rule.origin or origin in rule.origin) and (not rule.call_class or call_class in rule.call_class)
    )


def cell_items(
    tariff: Tariff, plan: Plan, rules: tuple[Rule, ...], bands: tuple[str, ...], numbering: Numbering
) -> tuple[Items, list[Problem]]:
    """The items of the cell that ``rules`` make in ``bands``, and its problems."""
    problems: list[Problem] = []
    frames: dict[Source, pl.DataFrame] = {}
    for source in sources(rules):
        winners = {band: _winner(plan, rules, source, band, problems) for band in bands}
        if source != ANYWHERE:
            problems += _gaps(plan, rules, source, winners)
        parts = [_items(tariff, plan, source, rule, band, numbering) for rule, band in _grouped(winners)]
        frames[source] = pl.concat([pl.DataFrame(schema=ITEM_SCHEMA), *parts])
    problems += _twice(plan, rules, frames)
    anywhere = frames.pop(ANYWHERE)
    prefixes = pl.concat([pl.DataFrame(schema=ITEM_SCHEMA), *frames.values()])
    return Items(prefixes.sort("prefix", "rank", "valid_from", "band"), anywhere.sort("band")), problems


def sources(rules: tuple[Rule, ...]) -> tuple[Source, ...]:
    """Every destination source that ``rules`` name, and ANYWHERE."""
    zones = (("zone", zone) for rule in rules for zone in rule.zone)
    decks = (("deck", rule.deck) for rule in rules if rule.deck)
    return tuple(dict.fromkeys((*zones, *decks, ANYWHERE)))


def _winner(plan: Plan, rules: tuple[Rule, ...], source: Source, band: str, problems: list[Problem]) -> Rule | None:
    kind, name = source
    found = [
        rule
        for rule in rules
        if (not rule.band or band in rule.band)
        and (not (rule.zone or rule.deck) or (name in rule.zone if kind == "zone" else name == rule.deck != ""))
    ]
    ranked = sorted(found, key=lambda rule: specificity(rule, plan.match), reverse=True)
    if len(ranked) > 1 and specificity(ranked[0], plan.match) == specificity(ranked[1], plan.match):
        first, second = sorted((ranked[0], ranked[1]), key=lambda rule: rule.place)
        where = f"{first.place.file}:{first.place.line}"
        problems.append(Problem(second.place, f"plan.{plan.id}.rule", f"as specific as the rule in {where}"))
    return ranked[0] if ranked else None


def specificity(rule: Rule, match: tuple[str, ...]) -> tuple[bool, ...]:
    """Which columns the rule names, in the plan's order; a deck names the zone."""
    return tuple(rule.names(column) for column in match)


def _gaps(plan: Plan, rules: tuple[Rule, ...], source: Source, winners: dict[str, Rule | None]) -> Iterator[Problem]:
    missing = [band for band, rule in winners.items() if rule is None]
    if missing:
        place = next(rule.place for rule in rules if source[1] in rule.zone or source[1] == rule.deck)
        message = f"no rule for {source[0]} {source[1]} in band {', '.join(missing)}"
        yield Problem(place, f"plan.{plan.id}.rule", message, lint=True, code="gap")


def _grouped(winners: dict[str, Rule | None]) -> Iterator[tuple[Rule, str]]:
    """Each winning rule with its bands; an empty band where one rule wins in all of them."""
    if len(set(map(id, winners.values()))) == 1:
        (rule, *_) = winners.values()
        if rule is not None:
            yield rule, ""
        return
    for band, rule in winners.items():
        if rule is not None:
            yield rule, band


def _items(tariff: Tariff, plan: Plan, source: Source, rule: Rule, band: str, numbering: Numbering) -> pl.DataFrame:
    kind, name = source
    code = pl.lit(numbering.bands[band] if band else ANY, pl.Int64)
    rate = pl.lit(numbering.rates[rule.rate] if rule.rate else NONE, pl.Int64)
    if kind == "deck":
        rows = tariff.decks[name].rows
        base = numbering.deck_rates[name]
        own = pl.when(pl.col("rate") >= 0).then(pl.col("rate") + base).otherwise(NONE)
        rows = rows.with_columns(own if rule.deck else rate.alias("rate"), pl.lit(False).alias("local"))
    else:
        rows = zone_rows(tariff, name).with_columns(rate.alias("rate"))
    return rows.with_columns(
        pl.lit(1 if kind == "deck" else 0, pl.Int64).alias("rank"),
        code.alias("band"),
        pl.lit(numbering.rule(rule), pl.Int64).alias("rule"),
        pl.lit(numbering.tax(plan, rule), pl.Int64).alias("tax"),
    ).select(list(ITEM_SCHEMA))


def zone_rows(tariff: Tariff, name: str) -> pl.DataFrame:
    """A row for each prefix of a zone; of ANYWHERE the one of no digits."""
    zone = tariff.zones.get(name)
    prefixes = (*zone.prefixes, *zone.local) if zone else ("",)
    local = [False] * len(zone.prefixes) + [True] * len(zone.local) if zone else [False]
    return pl.DataFrame(
        {"prefix": prefixes, "local": local, "zone": name, "valid_from": EVER_FROM, "valid_to": EVER_TO},
        schema_overrides={"prefix": pl.String, "local": pl.Boolean, "zone": pl.String},
    )


def _twice(plan: Plan, rules: tuple[Rule, ...], frames: dict[Source, pl.DataFrame]) -> list[Problem]:
    """One prefix in two zones, or in two decks, that one event could meet."""
    problems = []
    for kind in ("zone", "deck"):
        named = [source for source in frames if source != ANYWHERE and source[0] == kind]
        for one, other, prefix in _shared([frames[source] for source in named]):
            first, second = named[one][1], named[other][1]
            place = max(rule.place for rule in rules if second in rule.zone or second == rule.deck)
            message = f"prefix {prefix or '*'} is in {kind} {first} and in {kind} {second}"
            problems.append(Problem(place, f"plan.{plan.id}.rule", message))
    return problems


def _shared(frames: list[pl.DataFrame]) -> list[tuple[int, int, str]]:
    """The pairs of ``frames`` that one event could meet with one prefix, and the least such prefix of each."""
    if len(frames) < 2:
        return []
    rows = pl.concat([frame.with_columns(pl.lit(number).alias("source")) for number, frame in enumerate(frames)])
    rows = rows.filter(pl.col("source").n_unique().over("prefix", "local") > 1)
    both = rows.join(rows, on=["prefix", "local"], suffix="_2").filter(pl.col("source") < pl.col("source_2"))
    met = both.filter(
        (pl.col("valid_from") < pl.col("valid_to_2"))
        & (pl.col("valid_from_2") < pl.col("valid_to"))
        & ((pl.col("band") == pl.col("band_2")) | (pl.col("band") == ANY) | (pl.col("band_2") == ANY))
    )
    pairs = met.group_by("source", "source_2").agg(pl.col("prefix").min())
    return sorted(pairs.select("source", "source_2", "prefix").rows())


def matrix(items: pl.DataFrame, columns: list[str], width: int) -> npt.NDArray[np.int64]:
    """``columns`` of ``items`` side by side as int64, in rows of ``width``."""
    rows = np.zeros((items.height, width), np.int64)
    for place, column in enumerate(columns):
        rows[:, place] = items[column].to_numpy()
    return rows
