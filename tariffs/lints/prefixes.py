"""Prefixes that price nothing.

Enters: a tariff and its catalogue. Leaves: lints of code ``shadowed``. Always holds: a prefix is reported only
if no number can ever be priced by it, or if its zone without it prices every number alike.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from tariffs.catalogue import Catalogue
from tariffs.lints.rules import rows_of
from tariffs.model import EVER_FROM, EVER_TO, Place, Problem, Tariff, Zone
from tariffs.pricelist import bands_told, in_bands

CONTINUATIONS = 10
"""The digits that may follow a prefix."""


def covered(tariff: Tariff) -> Iterator[Problem]:
    """Deck prefixes all of whose ten continuations are listed, themselves or by all of theirs, whenever they are."""
    for deck in tariff.decks.values():
        found = pl.DataFrame(schema={"prefix": pl.String, "since": pl.Int64, "until": pl.Int64})
        longest = deck.rows["prefix"].str.len_bytes().max() or 0
        assert isinstance(longest, int)  # noqa: S101 (a length)
        for length in range(longest - 1, -1, -1):
            longer = deck.rows.filter(pl.col("prefix").str.len_bytes() == length + 1)
            found = _parents(pl.concat([found, _periods(longer)]), length)
            listed = deck.rows.filter(pl.col("prefix").str.len_bytes() == length).join(found, on="prefix")
            always = (pl.col("since") <= pl.col("valid_from")) & (pl.col("valid_to") <= pl.col("until"))
            for prefix, line in listed.filter(always).select("prefix", "line").sort("line").iter_rows():
                message = f"{prefix or '*'} never applies: all of its ten continuations are listed"
                yield Problem(Place(deck.file, line), f"deck.{deck.id}", message, lint=True, code="shadowed")


def _periods(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select("prefix", pl.col("valid_from").alias("since"), pl.col("valid_to").alias("until"))


def _parents(children: pl.DataFrame, length: int) -> pl.DataFrame:
    """The prefixes of ``length`` digits whose continuations are all there, and when they all are."""
    digits = pl.col("prefix").str.slice(0, length + 1)
    each = children.group_by(digits).agg(pl.col("since").min(), pl.col("until").max(), pl.len().alias("rows"))
    grouped = each.filter(pl.col("rows") == 1).group_by(pl.col("prefix").str.slice(0, length))
    whole = grouped.agg(pl.len().alias("count"), pl.col("since").max(), pl.col("until").min())
    return whole.filter(pl.col("count") == CONTINUATIONS).drop("count")


def redundant(tariff: Tariff) -> Iterator[Problem]:
    """Prefixes of a zone that a shorter prefix of the same zone includes, nothing else standing between them."""
    decks = tariff.decks.values() if tariff.zones else ()
    of_decks = {prefix for deck in decks for prefix in deck.rows["prefix"]}
    for local in (False, True):
        listed = frozenset() if local else of_decks
        owners: dict[str, set[str]] = {}
        for zone in tariff.zones.values():
            for prefix in _digits(zone, local=local):
                owners.setdefault(prefix, set()).add(zone.id)
        for zone in tariff.zones.values():
            for prefix in _digits(zone, local=local):
                shorter = (prefix[:length] for length in range(len(prefix) - 1, -1, -1))
                parent = next((each for each in shorter if each in owners or each in listed), None)
                if parent is not None and parent not in listed and owners[parent] == owners[prefix] == {zone.id}:
                    message = f"{prefix} adds nothing: {parent or '*'} of the same zone includes it"
                    yield Problem(zone.place, f"zone.{zone.id}", message, lint=True, code="shadowed")


def _digits(zone: Zone, *, local: bool) -> tuple[str, ...]:
    return zone.local if local else zone.prefixes


def shadowed(tariff: Tariff, catalogue: Catalogue) -> Iterator[Problem]:
    """Deck prefixes that a zone of the same plan lists too, in every band: the zone stands before the deck."""
    for plan in tariff.plans.values():
        rules = [rule for version in plan.versions for rule in version.rules]
        if not any(rule.zone for rule in rules) or not any(rule.deck for rule in rules):
            continue
        for deck, prefix, zone in _behind_zones(catalogue, rows_of(catalogue, plan.id)).iter_rows():
            for line in tariff.decks[deck].rows.filter(pl.col("prefix") == prefix[1:])["line"] if deck else ():
                message = f"{prefix} never applies on plan {plan.id}: zone {zone} lists it too"
                yield Problem(Place(tariff.decks[deck].file, line), f"deck.{deck}", message, lint=True, code="shadowed")


def _behind_zones(catalogue: Catalogue, rows: pl.DataFrame) -> pl.DataFrame:
    """Deck, prefix and zone of deck rows that stand behind a zone's row in all their bands and cells."""
    key = ["cell", "kind", "prefix", "band"]
    bands, placed = sorted(bands_told(catalogue, rows)), rows.with_row_index("place")
    always = (pl.col("valid_from") == EVER_FROM) & (pl.col("valid_to") == EVER_TO)
    from_deck = pl.col("rule").str.contains("-> deck ", literal=True)
    zones = in_bands(placed.filter(always & ~from_deck & (pl.col("kind") == "e164")), bands)
    decks = in_bands(placed.filter(from_deck), bands)
    named = zones.select(*key, pl.col("zone").alias("by"), pl.col("place").alias("before"))
    beaten = (pl.col("before") < pl.col("place")).fill_null(value=False)
    met = decks.join(named, on=key, how="left").with_columns(beaten.alias("beaten"))
    by_row = met.group_by("rate", "prefix", maintain_order=True).agg(pl.col("by").first(), pl.col("beaten").all())
    return by_row.filter(pl.col("beaten")).select("rate", "prefix", "by").sort("rate", "prefix")
