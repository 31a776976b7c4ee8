"""Totals: the measure of a whole window, per subject.

Enters: contributions and the totals so far. Leaves: which thresholds they reach. Always holds: a threshold is
reached by the event with which the running total, in the order of arrival, is first at or above it; sums are 128-bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rating.alerts.rule import Rule

_PLACE = ("subject", "cell")


def gathered(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The sums of contributions, or of such sums: a row per subject and window."""
    return pl.concat([part.select(*_PLACE, "weight") for part in parts]).group_by(_PLACE).agg(pl.col("weight").sum())


def reached(rule: Rule, so_far: pl.DataFrame, new: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """The thresholds that ``new`` reaches beyond those ``told``: with total, instant and record of the event."""
    running = new.join(so_far.rename({"weight": "before"}), on=_PLACE, how="left", maintain_order="left").with_columns(
        measured=pl.col("before").fill_null(0) + pl.col("weight").cum_sum().over(_PLACE)
    )
    steps = [
        running.filter(pl.col("measured") >= threshold)
        .unique(_PLACE, keep="first", maintain_order=True)
        .with_columns(threshold=pl.lit(threshold, dtype=pl.Int128))
        for threshold in rule.thresholds
    ]
    columns = (*_PLACE, "threshold", "measured", "at", "source", "record_no")
    return pl.concat(steps).select(columns).join(told, on=[*_PLACE, "threshold"], how="anti")
