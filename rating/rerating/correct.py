"""Corrected records: what came as a rated event with other content takes its place.

Enters: a lake in whose suspense such records wait. Leaves: runs, and what they change. Always holds: an event stays as
it was rated, and its correction is an event beside it (table ``correction``); in one transaction the record leaves
suspense, the charges of the one are reversed, those of the other added, and all legs whose balances hang on either
rated again. A copy of a correction leaves suspense as a duplicate. What cannot be priced waits on, and what it would
correct stays charged.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from mediation.stage import empty
from rating.lake import Delta, Lake, LayoutVersion
from rating.rerating.changes import Changes, changes
from rating.rerating.compared import Compared
from rating.rerating.conflicts import Conflicts, conflicts, several_contents
from rating.rerating.ends import written_off
from rating.rerating.plan import Plan, make_plan
from rating.rerating.replay import replay
from rating.rerating.runs import Run, land_at_once, next_number
from rating.rerating.scope import CORRECT, Scope
from rating.rerating.work import load_work
from rating.stored import tariff_version
from rating.suspense import Filter, by_reason, recyclable, recycling
from tariffs.catalogue import Catalogue

CONFLICT: Final = "conflicting_duplicate"
MOST: Final = 20_000
"""Records that one run takes at most."""


@dataclass
class Corrected:
    """Events that got a new version, by ``runs``; records that were ``copies`` of one; why others wait on."""

    runs: list[int] = field(default_factory=list)
    events: int = 0
    copies: int = 0
    waiting: Counter[str] = field(default_factory=Counter)
    compared: Compared = field(default_factory=Compared)

    def figures(self) -> dict[str, Any]:
        """What was done, as JSON-able values."""
        rows = {"charge_rows": self.compared.charges, "movement_rows": self.compared.movements}
        done = {"rating_runs": self.runs, "events": self.events, "copies": self.copies}
        return {**done, "rated_legs": self.compared.legs, **rows, "waiting": dict(sorted((+self.waiting).items()))}


def correct(
    lake: Lake, which: Filter, tariff: Catalogue | None, watch: Callable[[int, int], None], *, apply: bool
) -> Corrected:
    """Let the records of ``which`` that wait as conflicts replace what they correct; without ``apply`` only tell.

    They are priced by ``tariff``, or without one as what they replace was. ``watch`` is told how many
    records are done, of how many.

    Raises:
        RerateError: a run of re-rating is not complete.
        StaleOffset: somebody else acts on suspense.

    """
    done, tried = Corrected(), 0
    which = replace(which, first_reason=CONFLICT)
    unclear, waiting = several_contents(lake, which), sum(by_reason(lake, which)["records"].to_pylist())
    for rows in recyclable(lake, which, MOST):
        found = conflicts(lake, rows, unclear, tariff, done.waiting)
        while (refused := _landed(lake, found, tariff, done, apply=apply)).num_rows:
            done.waiting.update(refused["reason"].to_pylist())
            found = found.without(refused["event_id"].combine_chunks())
        tried += rows.rows.num_rows
        watch(tried, waiting)
    return done


def _landed(lake: Lake, found: Conflicts, tariff: Catalogue | None, done: Corrected, *, apply: bool) -> pa.Table:
    """Land ``found`` and add it to what is ``done``; if some of it cannot be priced, only return its rejected rows."""
    if found.corrections.usage.num_rows:
        with tempfile.TemporaryDirectory(prefix="correct-") as folder:
            plan = make_plan(lake, _scope(found, tariff), tariff, Path(folder), found.corrections)
            with lake.alone() if apply else nullcontext():
                run = Run(next_number(lake) if apply else 0, plan.scope, 1)
                refused, made = _rated(plan, run, found)
                if refused.num_rows:
                    return refused
                if apply:
                    land_at_once(lake, run, plan.seen, _delta(found, tariff, made, run))
                    done.runs.append(run.number)
        done.compared.add(made)
    elif found.copies.num_rows and apply:
        lake.commit(_delta(found, None))
    done.events += found.corrections.usage.num_rows
    done.copies += found.copies.num_rows
    return pa.table(empty("rejected"))


def _scope(found: Conflicts, tariff: Catalogue | None) -> Scope:
    span = pc.min_max(found.corrections.of["start_utc"]).as_py()
    end: datetime = span["max"] + timedelta(microseconds=1)
    return Scope(CORRECT, span["min"], end, tariff_version=tariff.version if tariff else "")


def _rated(plan: Plan, run: Run, found: Conflicts) -> tuple[pa.Table, Changes]:
    """The rejected rows of the corrections that cannot be priced, and what changes."""
    work = load_work(plan, 0, 1)
    done = replay(plan, work)
    own = found.corrections.usage["event_id"].storage
    refused = done.refused.filter(pc.is_in(done.refused["event_id"].combine_chunks().storage, own))
    return refused, written_off(plan, changes(work, done, run.number), run, 0)


def _delta(found: Conflicts, tariff: Catalogue | None, made: Changes | None = None, run: Run | None = None) -> Delta:
    """What takes the records of ``found`` out of suspense, with the rows of their run, if they need one."""
    new = found.corrections
    ids = (new.usage["event_id"], new.replaces, new.of["original"])
    rows = [
        {"event_id": event, "replaces": before, "original": first, "rating_run": run.number if run else 0}
        for event, before, first in zip(*(each.storage.to_pylist() for each in ids), strict=True)
    ]
    delta = recycling(
        found.tried,
        usage=new.usage,
        charges=made.charges if made else empty("charge"),
        rejected=found.copies,
        movements=made.movements if made else None,
        tariff=tariff_version(tariff) if tariff else None,
        layout=LayoutVersion(found.layout.version, found.layout.name, found.layout.text),
    )
    return replace(delta, small={"correction": rows})
