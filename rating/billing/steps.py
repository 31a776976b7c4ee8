"""The steps of bill runs: begun, trial, approved, final, numbered; or withdrawn.

Enters: a run and who takes a step, when and why. Leaves: a row of ``bill_step``. Always holds: steps of all runs are
counted by one reserved source, so two at a time conflict and one of them is refused; a run that is final is never
withdrawn; of two runs that bill one customer, the second is final only if it knew the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from rating.lake import Delta, Lake, TariffVersion
from rating.lake.delta import Row

BEGUN, TRIAL, APPROVED, FINAL, NUMBERED, WITHDRAWN = "begun", "trial", "approved", "final", "numbered", "withdrawn"
SOURCE: Final = "bill"
"""The reserved source whose offset counts the steps of all runs."""

_BEFORE: Final = {
    TRIAL: {BEGUN},
    APPROVED: {TRIAL},
    FINAL: {APPROVED},
    NUMBERED: {FINAL},
    WITHDRAWN: {BEGUN, TRIAL, APPROVED},
}
_STATE: Final = "SELECT * FROM bill_run_state WHERE run = $run"
_COUNT: Final = "SELECT coalesce(max(run), 0)::BIGINT AS last FROM bill_run"


Watch = Callable[[int, int], None]
"""Told how many of how many are done."""


def unwatched(_done: int, _of: int) -> None:
    """Nobody is told."""


class BillRunError(Exception):
    """A bill run cannot go on as asked; the text says why."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Who takes a step, when and why."""

    by: str
    at: datetime
    note: str = ""


def run_of(lake: Lake, run: int) -> dict[str, Any]:
    """The row of ``bill_run_state`` of ``run``.

    Raises:
        BillRunError: there is no such run.

    """
    found = lake.query(_STATE, {"run": run}).to_pylist()
    if not found:
        raise BillRunError(f"there is no bill run {run}: `toll bill runs` lists them")
    return dict(found[0])


def begin(lake: Lake, terms: Row, signed: Signed, tariff: TariffVersion | None = None) -> int:
    """Begin a run, a row of ``bill_run`` without its number; return the number. The lake keeps ``tariff``."""
    with lake.alone():
        run = int(lake.query(_COUNT)["last"][0].as_py()) + 1
        _commit(lake, run, BEGUN, signed, {"bill_run": [{"run": run, **terms}]}, {}, tariff)
    return run


def take(lake: Lake, run: int, step: str, signed: Signed, tables: Mapping[str, pa.Table] | None = None) -> None:
    """Take ``step`` with ``run``; ``tables`` are rows of large tables that belong to it.

    Raises:
        BillRunError: it is not the turn of that step.

    """
    with lake.alone():
        state = run_of(lake, run)["state"]
        if state not in _BEFORE[step]:
            raise BillRunError(f"bill run {run} is {state}: it cannot become {step}")
        if step == FINAL:
            _refuse_overtaken(lake, run)
        _commit(lake, run, step, signed, {}, tables or {})


_OVERTAKEN: Final = """
SELECT DISTINCT o.run
FROM bill_step o
JOIN bill_step b ON b.run = $run AND b.step = 'begun'
WHERE o.step = 'final' AND o.batch_id > b.batch_id AND o.run IN (
    SELECT run FROM bill WHERE customer IN (SELECT customer FROM bill WHERE run = $run)
    UNION ALL
    SELECT run FROM bill_line
    WHERE account <> '' AND account IN (SELECT account FROM bill_line WHERE run = $run)
) ORDER BY o.run"""


def _refuse_overtaken(lake: Lake, run: int) -> None:
    """Refuse a run whose customers another run has billed since it began: their charges would be billed twice."""
    others = lake.query(_OVERTAKEN, {"run": run})["run"].to_pylist()
    if others:
        raise BillRunError(
            f"bill run {others[0]} became final after run {run} had begun, and bills customers of it: withdraw run "
            f"{run} and run again"
        )


def _commit(
    lake: Lake,
    run: int,
    step: str,
    signed: Signed,
    small: dict[str, Sequence[Row]],
    tables: Mapping[str, pa.Table],
    tariff: TariffVersion | None = None,
) -> None:
    at = lake.offset(SOURCE).next_offset
    row: Row = {"run": run, "step": step, "by": signed.by, "at_utc": signed.at, "note": signed.note}
    lake.commit(Delta.numbered(SOURCE, at, small={**small, "bill_step": [row]}, bills=tables, tariff=tariff))
