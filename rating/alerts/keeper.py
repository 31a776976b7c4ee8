"""Alerts: the keeper that weighs rated usage against rules.

Enters: rules, and batches before their commit. Leaves: rows of the table ``alert``. Always holds: usage in the lake is
the state; what is remembered is a cache of it, which a commit moves, and which is dropped when somebody else may have
moved the lake (an assignment, a recycle). So an alert is given once, by the batch that lands what brought it about.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

import polars as pl

from rating.alerts import levels, totals
from rating.alerts.flows import batch_flows, contributions, scope_of
from rating.alerts.rule import Rule
from rating.alerts.state import State
from rating.lake import SUSPENSE, Lake
from rating.lake.delta import Row
from rating.pipeline import Rated

Rows = dict[str, list[Row]]


class _Weighed(NamedTuple):
    """What a batch under way would add to a state."""

    state: State
    new: pl.DataFrame
    given: pl.DataFrame


class Alerts:
    """A :class:`rating.after.Keeper` of ``rules``."""

    def __init__(self, lake: Lake, rules: Sequence[Rule]) -> None:
        self._lake, self._rules = lake, rules
        self._states: dict[tuple[str, str], State] = {}
        self._weighed: list[_Weighed] = []
        self._recycles = -1

    def restore(self, lake: Lake, sources: Sequence[str]) -> None:
        """Forget ``sources``; their state is read from ``lake`` when their next events come."""
        self._lake = lake
        gone = {scope_of(source) for source in sources}
        self._states = {key: state for key, state in self._states.items() if key[0] not in gone}

    def weigh(self, rated: Rated) -> Rows:
        """The alerts that ``rated`` brings about; events count where they came from, also recycled ones."""
        self._weighed = []
        if not rated.usage.num_rows:
            return {}
        self._follow_recycles()
        flows = batch_flows(rated)
        names = flows["source"].unique(maintain_order=True).to_list()
        scopes = flows["source"].replace_strict({name: scope_of(name) for name in names}, return_dtype=pl.String)
        rows = [
            row
            for scope in scopes.unique(maintain_order=True).to_list()
            for rule in self._rules
            for row in self._reached(rule, scope, flows.filter(scopes == scope))
        ]
        return {"alert": rows} if rows else {}

    def landed(self, rows: Any) -> None:  # noqa: ANN401 - the rows are as they were weighed
        """The batch that was weighed last is committed."""
        del rows
        for state, new, given in self._weighed:
            state.add(new, given)
        self._weighed = []

    def _follow_recycles(self) -> None:
        """Forget everything if records left suspense since, perhaps by another process: they count now."""
        recycles = self._lake.offset(SUSPENSE).next_offset
        if recycles != self._recycles:
            self._states, self._recycles = {}, recycles

    def _reached(self, rule: Rule, scope: str, flows: pl.DataFrame) -> list[Row]:
        new = contributions(rule, flows)
        if not new.height:
            return []
        state = self._states.get((scope, rule.name))
        if state is None:
            state = self._states[scope, rule.name] = State.loaded(self._lake, rule, scope, new)
        before, told = state.beside(new)
        given = (levels if rule.is_level else totals).reached(rule, before, new, told)
        self._weighed.append(_Weighed(state, new, given))
        order = ("source", "record_no", "subject", "cell", "threshold")
        return [_row(rule, scope, found) for found in given.sort(order).iter_rows(named=True)]


def _row(rule: Rule, scope: str, found: dict[str, Any]) -> Row:
    start_us, end_us = (rule.window.start_us(found["cell"] + step) for step in (0, 1))
    identity = [scope, rule.name, found["subject"], str(found["threshold"]), start_us]
    return {
        "alert_id": str(UUID(bytes=blake2b(json.dumps(identity).encode(), digest_size=16).digest())),
        "alert": rule.name,
        "measure": rule.measure,
        "per": rule.per,
        "subject": found["subject"],
        "threshold": rule.told(found["threshold"]),
        "measured": rule.told(found["measured"]),
        "unit": rule.unit,
        "window_start": start_us,
        "window_end": end_us,
        "reached_utc": found["at"],
        "source": found["source"],
        "record_no": found["record_no"],
    }
