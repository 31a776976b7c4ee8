"""The discounts of a period, of every account at once.

Enters: the lines of a period (sums of charges by category, and fees), the tariff's discounts. Leaves: what each
takes off each line. Always holds: discounts apply in their declared order; each is rounded once for an account and
currency, its parts sum exactly to it; no line and no sum goes below zero; the order of rows decides nothing. The rules
are those of docs/fees-and-discounts.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

from rating.period_charges.quotients import rounded
from rating.period_charges.shares import shares
from tariffs.model import BASES, Discount, Lines

CATEGORIES: Final = ("plan", "service", "zone", "band", "rate", "fee")
"""Columns of a line that discounts look at; of usage ``fee`` is empty, of a fee all but ``plan`` and ``fee`` are."""

SCHEMA: Final = pl.Schema({
    "line": pl.Int64(),
    "account": pl.String(),
    "currency": pl.String(),
    "discount": pl.String(),
    "amount": pl.Int64(),
})  # fmt: skip
"""Columns of :func:`discounts`: the row number of the line, and the nano that come off it, above 0."""

_PERCENT: Final = 100 * 10**4


def discounts(lines: pl.DataFrame, offered: Iterable[Discount]) -> pl.DataFrame:
    """What comes off ``lines``, in :data:`SCHEMA`, by discount in the order in which they apply.

    ``lines``: account, :data:`CATEGORIES`, currency, amount in nano; further columns are not looked at. An account is
    whoever's lines count together. Lines below zero (credits) lower the sums, nothing comes off them.
    """
    ordered = sorted(offered, key=lambda each: (each.order, each.id))
    rows = _rows(lines, ordered)
    parts = [SCHEMA.to_frame()]
    for made in ordered:
        taken = _taken(rows, made)
        names = lines.select("account", "currency")[taken["line"]]
        told = taken.with_columns(pl.lit(made.id).alias("discount"), *names)
        parts.append(told.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()))
        net = rows["net"].to_numpy().copy()
        net[taken["row"].to_numpy()] -= taken["amount"].to_numpy()
        rows = rows.with_columns(pl.Series("net", net))
    return pl.concat(parts)


def _rows(lines: pl.DataFrame, offered: Sequence[Discount]) -> pl.DataFrame:
    """Lines by account and currency (``group``), and a column for each discount (and its ``when``) of those it names.

    ``line`` is the number of the line in ``lines``, ``row`` that here.
    """
    masks = {f"off {made.id}": _matching(made.lines, made.currency) for made in offered}
    masks |= {f"when {made.id}": _matching(made.when.lines, made.currency) for made in offered if made.when}
    known = lines.select("account", "currency", *CATEGORIES, "amount").with_row_index("line")
    ordered = known.sort("account", "currency", *CATEGORIES, "amount", "line").with_row_index("row")
    return ordered.select(
        "row",
        "line",
        pl.struct("account", "currency").rle_id().alias("group"),
        *(pl.col("amount").cast(pl.Int64).alias(name) for name in BASES),
        *(mask.alias(name) for name, mask in masks.items()),
    )


def _taken(rows: pl.DataFrame, made: Discount) -> pl.DataFrame:
    """The lines of ``rows`` that one discount makes cheaper, ``amount`` being what it takes off."""
    mine = rows.filter(pl.col(f"off {made.id}"))
    sums = mine.group_by("group").agg(_sum(made.of).alias("base"), _sum("net").alias("left"))
    if made.when is not None:
        reached = rows.filter(pl.col(f"when {made.id}")).group_by("group").agg(_sum(made.of).alias("sum"))
        sums = sums.join(reached.filter(pl.col("sum") > made.when.above), on="group", how="semi")
    if made.above is not None:
        sums = sums.filter(pl.col("base") > made.above)
        if made.on == "excess":
            sums = sums.with_columns(pl.col("base") - made.above)
    sums = sums.filter((pl.col("base") > 0) & (pl.col("left") > 0)).select("group", _whole(made).alias("whole"))
    parts = mine.filter(pl.col("net") > 0).select("row", "line", "group", "net")
    parts = parts.join(sums, on="group", maintain_order="left")
    return parts.with_columns(shares(parts, "group", "whole", "net").alias("amount")).filter(pl.col("amount") > 0)


def _sum(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Int128).sum()


def _matching(lines: Lines, currency: str) -> pl.Expr:
    """Whether a line is one of ``lines``, in ``currency`` if one is named."""
    said = {"plan": lines.plans, **{name: getattr(lines, name) for name in CATEGORIES[1:]}}
    wanted = [pl.col(name).is_in(list(names)) for name, names in said.items() if names]
    if currency:
        wanted.append(pl.col("currency") == currency)
    if lines.lines != "all":
        wanted.append((pl.col("fee") == "") == (lines.lines == "usage"))
    return pl.all_horizontal(pl.lit(value=True), *wanted)


def _whole(made: Discount) -> pl.Expr:
    """What comes off a ``base`` of which ``left`` is left: rounded, then held by the cap and by what is there."""
    if made.percent is None:
        off = pl.lit(made.amount).cast(pl.Int128)
    else:
        unit = made.rounding.unit
        exact, per = pl.col("base") * made.percent, pl.lit(_PERCENT * unit)
        off = rounded(exact, per, made.rounding.mode) * unit
    limits = [] if made.cap is None else [pl.lit(made.cap).cast(pl.Int128)]
    return pl.min_horizontal(off, "base", "left", *limits)
