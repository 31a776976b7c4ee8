"""What one rule remembers of one source: a cache of the lake from some instant on.

Enters: contributions, as they are asked for and as they land. Leaves: what stands beside them: totals or events so far,
and alerts given. Always holds: everything from ``since_us`` on is here; what is older is looked up in the lake when
an event comes that late, and not kept; so memory is bounded by ``keep`` and answers do not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl

from rating.alerts import totals
from rating.alerts.flows import EVER_US, Spans, instant, stored
from rating.alerts.rule import Rule
from rating.lake import Lake

TOLD: Final = pl.Schema({"subject": pl.String(), "cell": pl.Int64(), "threshold": pl.Int128()})
"""An alert that was given: once per subject, window and threshold."""
_TOLD: Final = """
SELECT subject, epoch_us(window_start) AS start, (threshold * $scale)::HUGEINT AS threshold FROM alert
WHERE alert = $name AND window_start >= $first AND window_start < $end
    AND (source = $scope OR ($scope = 'file:' AND starts_with(source, 'file:')))"""


@dataclass(slots=True, eq=False)
class State:
    """The memory of ``rule`` about the source ``scope``."""

    lake: Lake
    rule: Rule
    scope: str
    since_us: int
    held: list[pl.DataFrame] = field(default_factory=list)
    told: pl.DataFrame = field(default_factory=TOLD.to_frame)
    floor_us: int = 0

    @classmethod
    def loaded(cls, lake: Lake, rule: Rule, scope: str, new: pl.DataFrame) -> State:
        """The memory from ``rule.keep_us`` before the events ``new`` on, out of ``lake``."""
        state = cls(lake, rule, scope, _floor_us(rule, new))
        state.floor_us = state.since_us
        spans = [(state.whole_from_us, EVER_US)]
        state.held = [_kept(rule, stored(lake, rule, scope, spans))]
        state.told = told(lake, rule, scope, spans)
        return state

    @property
    def whole_from_us(self) -> int:
        """From here on every event is here: from as long before ``since_us`` as one can count."""
        return self.since_us - self.rule.reach_us

    def beside(self, new: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """What meets ``new``: the contributions before (totals: as sums) of its subjects, and the alerts given."""
        subjects = new["subject"].unique()
        of_subjects = pl.DataFrame({"subject": subjects})
        parts = [part.join(of_subjects, on="subject", how="semi") for part in self.held]
        given = self.told
        late = new.filter(pl.col("at") < self.since_us)
        if late.height:
            spans = _spans(self.rule, late["at"], self.whole_from_us)
            parts.append(_kept(self.rule, stored(self.lake, self.rule, self.scope, spans, subjects)))
            given = pl.concat([given, told(self.lake, self.rule, self.scope, spans)])
        return _kept(self.rule, *parts), given

    def add(self, new: pl.DataFrame, given: pl.DataFrame) -> None:
        """Let a committed batch count; then forget what is old.

        Frames merge as they grow, so that a batch costs what it holds, not what there is.
        """
        self.held.append(_kept(self.rule, new.filter(pl.col("at") >= self.whole_from_us)))
        while len(self.held) > 1 and self.held[-2].height < 2 * self.held[-1].height:
            self.held[-2:] = [_kept(self.rule, *self.held[-2:])]
        self.told = pl.concat([self.told, given.select(TOLD.names())])
        self._forget(_floor_us(self.rule, new))

    def _forget(self, floor_us: int) -> None:
        """Go on with time, if two batches on end say so: one with a wrong date alone must not."""
        since_us, self.floor_us = min(floor_us, self.floor_us), floor_us
        if since_us <= self.since_us:
            return
        self.since_us = since_us
        first = self.rule.window.number(self.whole_from_us)
        self.told = self.told.filter(pl.col("cell") >= first)
        young = pl.col("at") >= self.whole_from_us if self.rule.is_level else pl.col("cell") >= first
        self.held = [_kept(self.rule, *(part.filter(young) for part in self.held))]


def told(lake: Lake, rule: Rule, scope: str, spans: Spans) -> pl.DataFrame:
    """The alerts that ``lake`` has of ``rule`` in the windows of ``spans``, and within its reach after them."""
    scale = 10**9 if rule.measure == "spend" else 1
    parts = [TOLD.to_frame()]
    for first, end in spans:
        start = rule.window.start_us(rule.window.number(first))
        place = {"first": instant(start), "end": instant(end + rule.reach_us), "name": rule.name, "scope": scope}
        rows: dict[str, Any] = lake.query(_TOLD, {**place, "scale": scale}).to_pydict()
        cells = rule.window.numbers(np.array(rows["start"], np.int64)).tolist()
        known = {"subject": rows["subject"], "cell": cells, "threshold": [int(t) for t in rows["threshold"]]}
        parts.append(pl.DataFrame(known, TOLD))
    return pl.concat(parts).unique()


def _kept(rule: Rule, *parts: pl.DataFrame) -> pl.DataFrame:
    """What is kept of contributions: the events, or their sums."""
    if not rule.is_level:
        return totals.gathered(parts)
    return pl.concat([part.select("subject", "at", "to", "weight") for part in parts])


def _floor_us(rule: Rule, new: pl.DataFrame) -> int:
    """From where on a rule remembers: the window that ``keep_us`` before the middle one of ``new`` lies in."""
    at = new["at"].sort()
    return rule.window.start_us(rule.window.number(int(at[len(at) // 2]) - rule.keep_us))


def _spans(rule: Rule, late: pl.Series, end_us: int) -> Spans:
    """The starts that matter to events at the instants ``late``, before ``end_us``."""
    window, reach = rule.window, rule.reach_us
    if not reach:
        cells = np.unique(window.numbers(late.to_numpy())).tolist()
        return [(window.start_us(cell), window.start_us(cell + 1)) for cell in cells]
    blocks = np.unique(late.to_numpy() // reach).tolist()
    spans: list[tuple[int, int]] = []
    for block in blocks:
        first, end = (block - 1) * reach, min((block + 2) * reach, end_us)
        if spans and first <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        elif first < end:
            spans.append((first, end))
    return spans
