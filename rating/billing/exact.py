"""Amounts of bills as columns of 128-bit nano-units.

Enters: DECIMAL(38, 9) columns of the lake. Leaves: Int128 columns of nano, roundings and splits of them, and DECIMAL
again. Always holds: sums of bills stay below 2^126 nano, so nothing wraps; no binary float on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl
import pyarrow as pa

from mediation.fields import TABLES, TOTAL, schema
from mediation.stage import typed
from rating.period_charges.quotients import rounded
from rating.period_charges.shares import going_up

NANO: Final = pl.Int128
"""The type of amounts while bills are made."""


def frame(rows: pa.Table) -> pl.DataFrame:
    """``rows`` of the lake, labels as text."""
    return pl.DataFrame(rows).with_columns(pl.col(pl.Categorical).cast(pl.String))


def nano(*columns: str) -> list[pl.Expr]:
    """DECIMAL(38, 9) ``columns`` as nano."""
    return [pl.col(column).to_physical().cast(NANO) for column in columns]


def zero(name: str) -> pl.Expr:
    """A column of 0 nano."""
    return pl.lit(0, NANO).alias(name)


def to_unit(amount: pl.Expr, unit: pl.Expr) -> pl.Expr:
    """``amount`` as a multiple of ``unit`` (nano), half away from zero, so that a credit mirrors its charge."""
    return rounded(amount.abs(), unit, "half_up") * unit * amount.sign()


def of_percent(amount: pl.Expr, percent: pl.Expr) -> pl.Expr:
    """``percent`` (units of 10^-4 percent) of ``amount``, in whole nano, half away from zero."""
    return rounded(amount.abs() * percent, pl.lit(100 * 10**4, NANO), "half_up") * amount.sign()


def split(rows: pl.DataFrame, by: Sequence[str], exact: str, unit: str) -> pl.Expr:
    """Column ``exact`` in multiples of ``unit`` that sum, over ``by``, to its rounded sum; a column of ``rows``.

    Each part is the exact one, rounded down or up: up where the remainders are largest, of equal ones the first rows.
    """
    amount, per = pl.col(exact), pl.col(unit)
    told = rows.select(
        *by,
        (amount % per).alias("rest"),
        (amount // per).alias("part"),
        (to_unit(amount.sum().over(by), per) // per).alias("whole"),
    ).with_row_index("row")
    told = told.with_columns((pl.col("whole") - pl.col("part").sum().over(by)).alias("left"))
    return pl.lit(told.select(pl.col("part") + going_up(told, *by))["part"]) * per


def arrow(table: str, frame: pl.DataFrame) -> pa.Table:
    """``frame`` in the Arrow schema of ``table``; nano become DECIMAL(38, 9)."""
    out = schema(table)
    columns = [
        _decimal(frame[f.name]) if f.type == TOTAL else typed(frame[f.name].to_arrow(), f.type) for f in TABLES[table]
    ]
    return pa.table(columns, schema=out)


def _decimal(column: pl.Series) -> pa.Array:
    whole = column.cast(pl.Decimal(38, 0)).to_arrow()
    return pa.Array.from_buffers(TOTAL, len(whole), whole.buffers(), offset=whole.offset)


def with_minor(rows: pl.DataFrame) -> pl.DataFrame:
    """``rows`` with the minor unit of their currency in nano, ``minor``: of EUR ten million."""
    from babel.numbers import get_currency_precision

    units = [(name, 10 ** (9 - get_currency_precision(name))) for name in rows["currency"].unique().to_list()]
    known = pl.DataFrame(units, {"currency": pl.String, "minor": NANO}, orient="row")
    return rows.join(known, on="currency", how="left", maintain_order="left")
