"""Whole quotients of columns: exact, rounded once by a mode of the tariff.

Enters: columns of integers. Leaves: columns of 128-bit integers. Always holds: nothing wraps below 2^126.
"""

from __future__ import annotations

import polars as pl


def rounded(numerator: pl.Expr, denominator: pl.Expr, mode: str) -> pl.Expr:
    """``numerator / denominator``, both not below zero, taken to a whole number by ``mode``, one of MODES."""
    above, below = numerator.cast(pl.Int128), denominator.cast(pl.Int128)
    whole, rest = above // below, above % below
    over = rest * 2 - below
    up = {
        "down": pl.lit(value=False),
        "up": rest > 0,
        "half_up": over >= 0,
        "half_even": (over > 0) | ((over == 0) & (whole % 2 == 1)),
    }[mode]
    return whole + up.cast(pl.Int128)
