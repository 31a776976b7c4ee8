"""A run of re-rating, from what is asked to what is appended.

Enters: a lake, a scope, a tariff or none. Leaves: what changes, compared; with ``apply``, reversals and new charges
under a new rating run. Always holds, part by part: what is live is read, replayed and compared while nobody else
commits, if balances are at stake; its rows land in one transaction that moves the run's offset and turns the epoch, so
that a stream beside restores its balances. A run that was killed goes on with the part at which it stopped.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

from rating.lake import Lake
from rating.rerating.changes import Changes, changes
from rating.rerating.compared import Compared
from rating.rerating.ends import moves_balances, parts, written_off
from rating.rerating.plan import Plan, make_plan
from rating.rerating.replay import replay
from rating.rerating.runs import RerateError, Run, begin, land, open_run, tariff_of
from rating.rerating.scope import Scope
from rating.rerating.work import load_work
from tariffs.catalogue import Catalogue

LEGS_A_PART: Final = 200_000
"""Legs that one part has about: what is in memory at a time, and for how long a stream beside may wait."""

Watch = Callable[[int, int, int], None]
"""Told after each part: its number from 1, how many there are, the legs rated so far."""


def preview(lake: Lake, scope: Scope, tariff: Catalogue | None, watch: Watch) -> Compared:
    """What a run of ``scope`` would change; the lake is only read."""
    with _planned(lake, scope, tariff) as plan:
        return _rate(plan, Run(0, scope, parts(plan, LEGS_A_PART)), watch, lambda *_: None)


def rerate(
    lake: Lake, scope: Scope, tariff: Catalogue | None, watch: Watch, legs_a_part: int = LEGS_A_PART
) -> tuple[Run, Compared]:
    """Begin a run of ``scope``, or go on with the one that was stopped, and bring it to its end.

    Raises:
        RerateError: another run is not complete.
        StaleOffset: another process has gone on with this run.

    """
    stopped = open_run(lake)
    if stopped and stopped.scope == scope:
        return resume(lake, watch)
    with _planned(lake, scope, tariff) as plan:
        run = begin(lake, scope, parts(plan, legs_a_part), tariff, plan.seen)
        return run, _landed(plan, run, watch)


def resume(lake: Lake, watch: Watch) -> tuple[Run, Compared]:
    """Bring the run that was stopped to its end; only what was left to do is compared.

    Raises:
        RerateError: every run is complete.

    """
    run = open_run(lake)
    if run is None:
        raise RerateError("every run is complete: there is nothing to go on with")
    with _planned(lake, run.scope, tariff_of(lake, run.scope)) as plan:
        return run, _landed(plan, run, watch)


@contextmanager
def _planned(lake: Lake, scope: Scope, tariff: Catalogue | None) -> Iterator[Plan]:
    with tempfile.TemporaryDirectory(prefix="rerate-") as folder:
        yield make_plan(lake, scope, tariff, Path(folder))


def _landed(plan: Plan, run: Run, watch: Watch) -> Compared:
    return _rate(plan, run, watch, lambda part, made: land(plan.lake, run, part, made.charges, made.movements))


def _rate(plan: Plan, run: Run, watch: Watch, keep: Callable[[int, Changes], None]) -> Compared:
    """Rate the parts of ``run`` that are left, each kept before the next begins."""
    compared = Compared()
    for part in range(run.done, run.parts):
        with plan.lake.alone() if run.number and moves_balances(plan) else nullcontext():
            work = load_work(plan, part, run.parts)
            made = written_off(plan, changes(work, replay(plan, work), run.number), run, part)
            keep(part, made)
        compared.add(made)
        watch(part + 1, run.parts, compared.legs)
    return compared
