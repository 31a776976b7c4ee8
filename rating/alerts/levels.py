"""Levels: the measure of what counts at an instant, per subject: sliding windows and simultaneous calls.

Enters: contributions, each of which counts from its start until its end, new ones and those near them. Leaves: which
thresholds are reached, once per window. Always holds: an event that starts as another ends does not meet it; levels
are looked at where events start, since they rise only there; which windows have an alert does not depend on the
order of arrival; the event that is named is the one with which, in that order, it came true.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from rating.alerts.rule import Rule

Ints = npt.NDArray[np.int64]
Exact = npt.NDArray[Any]  # whole numbers of any size

_PLACE: Final = ("subject", "cell")
FOUND: Final = pl.Schema(
    {
        "subject": pl.String(),
        "cell": pl.Int64(),
        "threshold": pl.Int128(),
        "measured": pl.Int128(),
        "at": pl.Int64(),
        "source": pl.String(),
        "record_no": pl.Int64(),
    }
)
"""A threshold that was reached: when, and by the arrival of which record."""


def reached(rule: Rule, near: pl.DataFrame, new: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """The thresholds that ``new`` reaches beyond those ``told``: with level, instant and record of the event."""
    arrived = new.select(*near.columns, arrival=pl.int_range(pl.len(), dtype=pl.Int64))
    every = pl.concat([near.with_columns(arrival=pl.lit(-1, dtype=pl.Int64)), arrived])
    high = _levels(every).filter(pl.col("level") >= rule.thresholds[0], pl.col("at") >= new["at"].min())
    high = high.with_columns(cell=pl.Series(rule.window.numbers(np.asarray(high["at"], np.int64)), dtype=pl.Int64))
    steps = [
        high.filter(pl.col("level") >= threshold).select(*_PLACE, threshold=pl.lit(threshold, dtype=pl.Int128)).unique()
        for threshold in rule.thresholds
    ]
    found = pl.concat(steps).join(told, on=[*_PLACE, "threshold"], how="anti").sort(*_PLACE, "threshold")
    return _with_events(rule, found, every, new)


def _levels(events: pl.DataFrame) -> pl.DataFrame:
    """The level of each subject at each instant at which one of its events starts."""
    starts = events.select("subject", "at", "weight", starts=pl.lit(value=True))
    ends = events.select(
        "subject",
        pl.col("to").alias("at"),
        pl.lit(0, dtype=pl.Int128).sub(pl.col("weight")).alias("weight"),
        starts=pl.lit(value=False),
    )
    return (
        pl.concat([starts, ends])
        .group_by("subject", "at")
        .agg(pl.col("weight").sum(), pl.col("starts").any())
        .sort("subject", "at")
        .with_columns(level=pl.col("weight").cum_sum().over("subject"))
        .filter("starts")
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Around:
    """The events of one subject that count in one window: ``arrival`` is -1 for those that were there before."""

    at: Ints
    to: Ints
    arrival: Ints
    weight: Exact
    first_us: int

    def first_reaching(self, threshold: int, last: int) -> tuple[int, int] | None:
        """The first start in the window with a level from ``threshold`` on, and the level; arrivals to ``last``."""
        there = self.arrival <= last
        at, to, weight = self.at[there], self.to[there], self.weight[there]
        instants, places = np.unique(np.concatenate([at, to]), return_inverse=True)
        change = np.zeros(len(instants), object)
        np.add.at(change, places, np.concatenate([weight, -weight]))
        starts = (instants >= self.first_us) & np.isin(instants, at)
        level = np.cumsum(change)
        high = np.flatnonzero(starts & (level >= threshold))
        return (int(instants[high[0]]), int(level[high[0]])) if len(high) else None


def _with_events(rule: Rule, found: pl.DataFrame, every: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """``found`` with the event that made each true; few, so one at a time.

    What was true before, unnoticed, is told with the next event that counts there.
    """
    chosen = every.join(found.select("subject").unique(), on="subject", how="semi")
    of_subject = chosen.partition_by("subject", as_dict=True)
    rows = []
    for subject, cell, threshold in found.iter_rows():
        around = _around(rule, of_subject[(subject,)], cell)
        arrivals = np.unique(around.arrival[around.arrival >= 0]).tolist()
        last = bisect_left(arrivals, x=True, key=lambda n: around.first_reaching(threshold, n) is not None)
        if last < len(arrivals) and (peak := around.first_reaching(threshold, arrivals[last])):
            event = new.row(arrivals[last], named=True)
            rows.append((subject, cell, threshold, peak[1], peak[0], event["source"], event["record_no"]))
    return pl.DataFrame(rows, FOUND, orient="row")


def _around(rule: Rule, events: pl.DataFrame, cell: int) -> _Around:
    first, end = rule.window.start_us(cell), rule.window.start_us(cell + 1)
    near = events.filter(pl.col("to") > first, pl.col("at") < end)
    at, to, arrival = (near[name].to_numpy() for name in ("at", "to", "arrival"))
    return _Around(at, to, arrival, np.array(near["weight"].to_list(), object), first)
