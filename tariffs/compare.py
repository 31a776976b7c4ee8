"""Two catalogues compared: what every destination costs in each at one instant.

Enters: an old and a new ``Catalogue`` and an instant. Leaves: a ``Comparison``. Always holds: a destination is
compared with what really priced it before, also where that was a shorter prefix; percents are exact fractions,
rounded once to 4 places; currencies are never compared with each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import polars as pl

from tariffs.catalogue import NONE, Catalogue
from tariffs.model import DIRECTIONS, OTHER_CLASS, SERVICES
from tariffs.pricelist import bands_told, in_bands, in_force, money, nearest, prices, scopes, told_terms

CHANGES: Final = ("up", "down", "new", "gone", "terms")
"""What may happen to a price; ``terms``: the price stays, its increments, fees, steps, rounding or tax do not."""

HUNDRED_PERCENT: Final = 1_000_000
"""Percents are whole ten-thousandths of a percent."""

Variant = tuple[str, str]
"""An origin zone and a class of calls."""

PLAIN: Final = ("", "")
"""Where the price turns on neither."""

ELSEWHERE: Final = "elsewhere"
"""Numbers of no origin zone, where origin zones are named beside them."""

_KEY: Final = ["kind", "prefix", "band"]
_PRICED: Final = ("zone", "rate", "price", "per", "code", "tax")
_ROW_SCHEMA: Final = {
    "plan": pl.String,
    "usage": pl.String,
    "currency": pl.String,
    "zone": pl.String,
    "prefix": pl.String,
    "band": pl.String,
    "change": pl.String,
    "old": pl.String,
    "new": pl.String,
    "percent": pl.Int128,
    "rate": pl.String,
}


@dataclass(frozen=True)
class Comparison:
    """What differs between the versions ``old`` and ``new``, of ``compared`` prices.

    ``rows``: plan, usage, currency, zone, prefix, band, change, old and new terms, percent (null: no old price), and
    the rate or deck that prices it.
    """

    old: str
    new: str
    compared: int
    rows: pl.DataFrame

    def summary(self, *by: str) -> pl.DataFrame:
        """How many prices changed in which way, and by how much at most, for each value of the columns ``by``."""
        counts = [(pl.col("change") == change).sum().alias(change) for change in CHANGES]
        limits = [pl.col("percent").max().alias("highest"), pl.col("percent").min().alias("lowest")]
        return self.rows.group_by(by, maintain_order=True).agg(*counts, *limits).sort(by)

    def largest(self, count: int) -> pl.DataFrame:
        """The ``count`` changes of most percent; those without a percent last."""
        size = pl.col("percent").abs()
        return self.rows.sort(
            size, "plan", "usage", "prefix", "band", descending=[True, *[False] * 4], nulls_last=True
        )[:count]


def compare(old: Catalogue, new: Catalogue, instant: int) -> Comparison:
    """What changes from ``old`` to ``new`` for events that start at ``instant`` (UTC microseconds)."""
    compared, parts = 0, [pl.DataFrame(schema=_ROW_SCHEMA)]
    for (plan, currency, cell, cell_new), scope in _pairs(old, new, instant).group_by(
        ["plan", "currency", "cell", "cell_new"], maintain_order=True
    ):
        sides = (_listed(old, cell, instant), _listed(new, cell_new, instant))
        found = _destinations(*sides, sorted(bands_told(old, sides[0]) | bands_told(new, sides[1])))
        compared += found.height
        context = [pl.lit(plan).alias("plan"), pl.lit(usage_of(scope)).alias("usage")]
        rows = _changed(found, old, new).with_columns(*context, pl.lit(currency).alias("currency"))
        parts.append(_together(rows.select(list(_ROW_SCHEMA)), found["band"].n_unique()))
    return Comparison(old.version, new.version, compared, pl.concat(parts))


def _together(rows: pl.DataFrame, bands: int) -> pl.DataFrame:
    """``rows`` with one row, of band ``""``, for what changes alike in all bands."""
    alike = rows.group_by([name for name in rows.columns if name != "band"], maintain_order=True).agg("band")
    folded = pl.when(pl.col("band").list.len() == bands).then(pl.lit([""])).otherwise("band")
    return alike.with_columns(folded.alias("band")).explode("band").select(rows.columns)


def _pairs(old: Catalogue, new: Catalogue, instant: int) -> pl.DataFrame:
    """The cells that price the same usage in each, for every origin and class that either tells apart."""
    on = ["plan", "service", "direction", "currency"]
    sides = [_by_variant(each, instant, on) for each in (old, new)]
    rows = []
    for key in dict.fromkeys((*sides[0], *sides[1])):
        before, after = (side.get(key, {}) for side in sides)
        variants = dict.fromkeys((*before, *after))
        told = [each for each in variants if each != PLAIN] or list(variants)
        rows += [(*key, *each, _variant(before, each), _variant(after, each)) for each in told]
    whole = dict.fromkeys(("cell", "cell_new"), pl.Int64)
    names = [*on, "origin", "call_class", *whole]
    return pl.DataFrame(rows, schema={name: whole.get(name, pl.String) for name in names}, orient="row")


def _by_variant(catalogue: Catalogue, instant: int, on: list[str]) -> dict[tuple[str, ...], dict[Variant, int]]:
    found: dict[tuple[str, ...], dict[Variant, int]] = {}
    for *key, origin, call_class, cell in (
        scopes(catalogue).filter(in_force(instant, "version")).select(*on, "origin", "call_class", "cell").iter_rows()
    ):
        found.setdefault(tuple(key), {})[origin, call_class] = cell
    return found


def _variant(cells: dict[Variant, int], asked: Variant) -> int | None:
    """The cell for an origin and class: its own, or that of no origin, of class ``other``, of a plan without either."""
    origin, call_class = asked
    for known in (asked, (origin, OTHER_CLASS), ("", call_class), ("", OTHER_CLASS), PLAIN):
        if known in cells:
            return cells[known] if cells[known] != NONE else None
    return None


def usage_of(scope: pl.DataFrame) -> str:
    """The services, directions, origins and classes of ``scope`` in words: ``voice originated+forwarded``, ``any``."""
    directions = scope.group_by("service", maintain_order=True).agg(pl.col("direction").unique(maintain_order=True))
    by_direction: dict[tuple[str, ...], list[str]] = {}
    for service, names in directions.iter_rows():
        by_direction.setdefault(tuple(names), []).append(service)
    varied = [
        f" {word} {'+'.join(name or ELSEWHERE for name in names)}"
        for word, column in (("from", "origin"), ("class", "call_class"))
        if any(names := sorted(scope[column].unique(maintain_order=True), key=lambda name: not name))
    ]
    return ", ".join(_said(services, names) for names, services in by_direction.items()) + "".join(varied)


def _said(services: list[str], directions: tuple[str, ...]) -> str:
    whose = "any" if len(services) == len(SERVICES) else "+".join(services)
    return whose if len(directions) == len(DIRECTIONS) else f"{whose} {'+'.join(directions)}"


def _listed(catalogue: Catalogue, cell: object, instant: int) -> pl.DataFrame:
    chosen = [cell] if isinstance(cell, int) else []
    return prices(catalogue, chosen).filter(in_force(instant, "valid"))


def _destinations(old: pl.DataFrame, new: pl.DataFrame, bands: list[str]) -> pl.DataFrame:
    """Every prefix and band that either lists, with what prices it in each."""
    sides = [in_bands(side, bands) for side in (old, new)]
    wanted = pl.concat(side.select(_KEY) for side in sides).unique(maintain_order=True)
    for side, name in zip(sides, ("_old", "_new"), strict=True):
        renamed = nearest(wanted, side.with_columns(pl.col("prefix").alias("prefix_own")), ["band"])
        columns = [pl.col(column).alias(column + name) for column in _PRICED]
        told = renamed.select(*_KEY, *columns, pl.col("prefix_own").alias("listed" + name))
        wanted = wanted.join(told, on=_KEY, how="left", maintain_order="left")
    return wanted


def _changed(found: pl.DataFrame, old: Catalogue, new: Catalogue) -> pl.DataFrame:
    """The destinations whose price or terms are not the same."""
    told = found.with_columns(
        told_terms(each, found[f"code_{side}"], found[f"tax_{side}"], side)
        for each, side in ((old, "old"), (new, "new"))
    )
    rows = told.with_columns(
        pl.coalesce("zone_new", "zone_old").alias("zone"),
        pl.coalesce("rate_new", "rate_old").alias("rate"),
        _listed_itself("old").alias("was_listed"),
        _listed_itself("new").alias("is_listed"),
    ).filter(
        (pl.col("was_listed") | pl.col("is_listed"))
        & ((pl.col("was_listed") != pl.col("is_listed")) | (pl.col("old") != pl.col("new")))
    )
    percents = pl.Series("percent", list(_percents(rows)), pl.Int128)
    return rows.with_columns(percents).with_columns(
        pl.when(~pl.col("was_listed"))
        .then(pl.lit("new"))
        .when(~pl.col("is_listed"))
        .then(pl.lit("gone"))
        .when(_worth("new") > _worth("old"))
        .then(pl.lit("up"))
        .when(_worth("new") < _worth("old"))
        .then(pl.lit("down"))
        .otherwise(pl.lit("terms"))
        .alias("change")
    )


def _listed_itself(side: str) -> pl.Expr:
    """Whether a side prices the prefix by a row of its own."""
    priced = (pl.col(f"code_{side}") >= 0).fill_null(value=False)
    return pl.col(f"listed_{side}").eq_missing(pl.col("prefix")) & priced


def _worth(side: str) -> pl.Expr:
    """A price brought to the units of both sides, so that the two compare exactly."""
    other = "old" if side == "new" else "new"
    return pl.col(f"price_{side}").cast(pl.Int128) * pl.col(f"per_{other}").cast(pl.Int128)


def _percents(rows: pl.DataFrame) -> Iterator[int | None]:
    columns = rows.select("price_old", "per_old", "price_new", "per_new")
    for price_old, per_old, price_new, per_new in columns.iter_rows():
        if price_old and price_new is not None:
            grown = Fraction(price_new, per_new) / Fraction(price_old, per_old) - 1
            yield round(grown * HUNDRED_PERCENT)
        else:
            yield None


def percent_text(percent: int | None) -> str:
    """Ten-thousandths of a percent in words: ``+12.5``; empty where there is none."""
    if percent is None:
        return ""
    return f"{'-' if percent < 0 else '+'}{money(abs(percent) * 100_000)}"
