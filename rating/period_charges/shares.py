"""Splits by largest remainder: a whole in parts that sum exactly to it.

Enters: a table of weights with the whole of each group. Leaves: the part of each row. Always holds: the parts of a
group sum to its whole; each is the exact share, rounded down or up; of equal remainders the first rows go up.
"""

from __future__ import annotations

from typing import Final

import polars as pl

_END: Final = 2**127


def shares(rows: pl.DataFrame, by: str, whole: str, weight: str) -> pl.Series:
    """The part of each row of ``whole``, which is alike within a group ``by``, in proportion to ``weight``.

    ``whole`` may be below zero, ``weight`` may not; where all weights of a group are 0, they count as equal.

    Raises:
        OverflowError: a part, or the product of a whole and a weight, is not sure to fit.

    """
    if _highest(rows[whole]) * _highest(rows[weight]) >= _END:
        raise OverflowError(f"{whole} x {weight} does not fit 127 bits")
    sign = pl.when(pl.col(whole) < 0).then(-1).otherwise(1)
    columns = (pl.col(by).alias("by"), pl.col(whole).cast(pl.Int128).abs().alias("whole"), sign.alias("sign"))
    weights = pl.col(weight).cast(pl.Int128)
    wide = rows.select(*columns, pl.when(weights.sum().over(by) == 0).then(1).otherwise(weights).alias("weight"))
    product, every = pl.col("whole") * pl.col("weight"), pl.col("weight").sum().over("by")
    told = wide.with_columns((product // every).alias("part"), (product % every).alias("rest")).with_row_index("row")
    told = told.with_columns((pl.col("whole") - pl.col("part").sum().over("by")).alias("left"))
    up = going_up(told, "by")
    return told.select(((pl.col("part") + up) * pl.col("sign")).cast(pl.Int64).alias(whole))[whole]


def going_up(told: pl.DataFrame, *by: str) -> pl.Expr:
    """Which rows of ``told`` go up: of each group ``by`` as many as are ``left``, by ``rest``, then by ``row``."""
    short = told.filter(pl.col("left") > 0).sort("rest", "row", descending=[True, False])
    return pl.col("row").is_in(short.filter(pl.int_range(pl.len()).over(by) < pl.col("left"))["row"].implode())


def _highest(column: pl.Series) -> int:
    """The highest absolute value; 0 of none."""
    every = column.cast(pl.Int128).abs().max()
    return every if isinstance(every, int) else 0
