"""What is wrong with a cell's prefixes: two sources that one event could meet alike, and hours without a price.

Enters: the prefixes of a cell's sources and the items that the winning rules make of them. Leaves: problems. Always
holds: nothing is reported that no event can meet: what another source prices in a band is no gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from tariffs.catalogue import ANY
from tariffs.deciding import Decision, Source
from tariffs.model import Place, Plan, Problem, Rule

_NUMBER = ["prefix", "local"]


def twice(plan: Plan, rules: tuple[Rule, ...], sources: tuple[Source, ...], items: pl.DataFrame) -> Iterator[Problem]:
    """One prefix in two zones, or in two decks, that rules name in one band."""
    for one, other, prefix in _shared(items):
        (kind, first), (_, second) = sources[one], sources[other]
        place = max(rule.place for rule in rules if second in rule.zone or second == rule.deck)
        message = f"prefix {prefix or '*'} is in {kind} {first} and in {kind} {second}"
        yield Problem(place, f"plan.{plan.id}.rule", message)


def _shared(items: pl.DataFrame) -> list[tuple[int, int, str]]:
    """The pairs of sources that one event could meet with one prefix and rank, and the least such prefix of each."""
    key = [*_NUMBER, "rank"]
    several = items.select(*key, "source").unique().select(key)
    repeated = several.filter(several.is_duplicated()).unique()
    rows = items.select(*key, "source", "band", "valid_from", "valid_to").join(repeated, on=key)
    both = rows.join(rows, on=key, suffix="_2").filter(pl.col("source") < pl.col("source_2"))
    met = both.filter(
        (pl.col("valid_from") < pl.col("valid_to_2"))
        & (pl.col("valid_from_2") < pl.col("valid_to"))
        & ((pl.col("band") == pl.col("band_2")) | (pl.col("band") == ANY) | (pl.col("band_2") == ANY))
    )
    pairs = met.group_by("source", "source_2").agg(pl.col("prefix").min())
    return sorted(pairs.select("source", "source_2", "prefix").rows())


def gaps(
    plan: Plan,
    rules: tuple[Rule, ...],
    decision: Decision,
    rows: pl.DataFrame,
    items: pl.DataFrame,
    codes: Mapping[str, int],
) -> Iterator[Problem]:
    """A lint for each source that in some bands neither a rule nor, prefix by prefix, another source prices."""
    if not decision.missing:
        return
    asked = [(source, band, codes[band]) for source, band in decision.missing]
    schema = {"source": pl.Int64, "name": pl.String, "band": pl.Int64}
    wanted = rows.join(pl.DataFrame(asked, schema=schema, orient="row"), on="source", maintain_order="right_left")
    open_rows = _uncovered(wanted, items)
    sizes = dict(rows.group_by("source").len().iter_rows())
    places = _places(rules)
    for (number,), found in open_rows.group_by(["source"], maintain_order=True):
        assert isinstance(number, int)  # noqa: S101 (the column's type)
        kind, name = decision.sources[number]
        bands = ", ".join(found["name"].unique(maintain_order=True))
        prefixes = sorted(set(found["prefix"]))
        shown = f"{len(prefixes)} of its {sizes[number]} prefixes, {prefixes[0] or '*'} the first"
        part = f" for {shown}" if len(prefixes) < sizes[number] else ""
        message = f"no rule for {kind} {name} in band {bands}{part}"
        yield Problem(places[kind, name], f"plan.{plan.id}.rule", message, lint=True, code="gap")


def _uncovered(wanted: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """The rows of ``wanted`` whose prefix no item prices in their band throughout their period.

    Holes between the periods of one prefix in a deck are told by tariffs/lints/periods.py.
    """
    ends = [pl.col("valid_from").min().alias("since"), pl.col("valid_to").max().alias("until")]
    priced = items.join(wanted.select(_NUMBER).unique(), on=_NUMBER, how="semi").group_by(*_NUMBER, "band").agg(ends)
    always = priced.filter(pl.col("band") == ANY).drop("band")
    told = wanted.join(priced, on=[*_NUMBER, "band"], how="left", maintain_order="left").join(
        always, on=_NUMBER, how="left", suffix="_always", maintain_order="left"
    )
    covered = [
        (pl.col(f"since{kind}") <= pl.col("valid_from")) & (pl.col(f"until{kind}") >= pl.col("valid_to"))
        for kind in ("", "_always")
    ]
    return told.filter(~pl.any_horizontal(each.fill_null(value=False) for each in covered))


def _places(rules: tuple[Rule, ...]) -> dict[Source, Place]:
    """Where each source is named first."""
    found: dict[Source, Place] = {}
    for rule in rules:
        for source in (*(("zone", zone) for zone in rule.zone), ("deck", rule.deck)):
            found.setdefault(source, rule.place)
    return found
