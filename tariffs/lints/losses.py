"""Destinations sold below what a carrier charges us for them.

Enters: a tariff, its catalogue, an instant. Leaves: lints of code ``loss``. Always holds: prices per unit of the
first step are compared, exactly, in one currency and for one service and direction; a price of 0 is a gift, not
a loss; where both plans have the same calendar, band by band.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import polars as pl

from tariffs.catalogue import CELL_CALENDAR, Catalogue
from tariffs.lints.currencies import buying_plans, selling_plans
from tariffs.lints.places import Places
from tariffs.model import Problem, Tariff
from tariffs.pricelist import bands_told, cells, in_bands, in_force, money, nearest, prices

OUTGOING = ("originated", "forwarded", "transit")
"""Directions in which an event can leave by a carrier."""

_CELLS = ["service", "direction", "currency"]


def losses(tariff: Tariff, catalogue: Catalogue, instant: int) -> Iterator[Problem]:
    """One lint for each price that is below what some carrier's plan costs; the dearest plan is told."""
    every = [found for found in _pairs(tariff, catalogue, instant) if not found.is_empty()]
    if not every:
        return
    places = Places(tariff, instant)
    dearest = pl.concat(every).sort("cost", descending=True, maintain_order=True)
    key = ["plan", "zone", "listed", "rate", "price", "per"]
    first = [pl.col(name).first() for name in ("cost", "cost_per", "buying", "prefix")]
    counted = [pl.col("buying").n_unique().alias("plans"), pl.col("band").unique().sort().alias("bands")]
    for row in dearest.group_by(key, maintain_order=True).agg(*first, *counted).iter_rows(named=True):
        place = places.of(row["plan"], row["rate"], row["listed"])
        yield Problem(place, f"plan.{row['plan']}", _told(row), lint=True, code="loss")


def _told(row: dict[str, Any]) -> str:
    bands = f" in band {', '.join(row['bands'])}" if row["bands"] != [""] else ""
    others = f", the dearest of {row['plans']} that cost more" if row["plans"] != 1 else ""
    what = f"{row['listed']} {row['zone']}".strip() or "everything"
    return (
        f"{what} sells at {money(row['price'])} per {row['per']}{bands}, below the "
        f"{money(row['cost'])} per {row['cost_per']} that {row['buying']} costs for {row['prefix'] or 'it'}{others}"
    )


def _pairs(tariff: Tariff, catalogue: Catalogue, instant: int) -> Iterator[pl.DataFrame]:
    """For each selling and buying cell that an event can meet together: the destinations sold below cost."""
    scopes = cells(catalogue).filter(in_force(instant, "version") & pl.col("direction").is_in(OUTGOING))
    sold, bought = (scopes.filter(pl.col("plan").is_in(of(tariff))) for of in (selling_plans, buying_plans))
    met = sold.join(bought, on=_CELLS, suffix="_buying").filter(
        (pl.col("plan") != pl.col("plan_buying")) & _meet("origin") & _meet("call_class")
    )
    pairs = met.select("plan", "cell", "plan_buying", "cell_buying").unique(maintain_order=True)

    @cache
    def listed(cell: int) -> pl.DataFrame:
        rows = prices(catalogue, [cell]).filter(in_force(instant, "valid"))
        return in_bands(rows, sorted(bands_told(catalogue, rows))).with_columns(pl.col("prefix").alias("listed"))

    @cache
    def below(cell: int, buying: int) -> pl.DataFrame:
        calendars = catalogue.cells[[cell, buying], CELL_CALENDAR]
        return _below(listed(cell), listed(buying), same_bands=bool(calendars[0] == calendars[1]))

    for plan, cell, buying, cell_buying in pairs.iter_rows():
        told = [pl.lit(plan).alias("plan"), pl.lit(buying).alias("buying")]
        yield below(cell, cell_buying).with_columns(*told)


def _meet(column: str) -> pl.Expr:
    """Whether one call can be of both cells' ``column``."""
    ours, theirs = pl.col(column), pl.col(f"{column}_buying")
    return (ours == theirs) | (ours == "") | (theirs == "")


def _below(sold: pl.DataFrame, bought: pl.DataFrame, *, same_bands: bool) -> pl.DataFrame:
    wanted = pl.concat([sold, bought]).select("kind", "prefix").unique(maintain_order=True)
    ours = nearest(wanted, sold.select("kind", "prefix", "band", "zone", "listed", "rate", "price", "per"), [])
    theirs = nearest(wanted, bought.select("kind", "prefix", "band", "price", "per"), []).select(
        "kind", "prefix", "band", pl.col("price").alias("cost"), pl.col("per").alias("cost_per")
    )
    both = ours.join(theirs, on=["kind", "prefix"], suffix="_buying", maintain_order="left")
    meet = (pl.col("band") == pl.col("band_buying")) | (pl.col("band") == "") | (pl.col("band_buying") == "")
    wide = {name: pl.col(name).cast(pl.Int128) for name in ("price", "per", "cost", "cost_per")}
    loses = (pl.col("price") > 0) & (wide["price"] * wide["cost_per"] < wide["cost"] * wide["per"])
    found = both.filter(loses & meet if same_bands else loses)
    return found.select("zone", "listed", "rate", "band", "price", "per", "prefix", "cost", "cost_per")
