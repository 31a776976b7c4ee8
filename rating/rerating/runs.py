"""Rating runs: numbered without gaps, one at a time, gone on with where they stopped.

Enters: a lake, a scope. Leaves: rows of ``rating_run`` and the offset of each run. Always holds: a number is taken in
the transaction that stores its run; part ``k`` of run ``n`` lands at offset ``k`` of the reserved source
``rerate:n``, so that no part lands twice; the run is complete with its last part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa

from rating.lake import Delta, Extent, Lake
from rating.lake.delta import Row
from rating.rerating.scope import Scope
from rating.stored import stored_catalogue, tariff_version
from tariffs.catalogue import Catalogue

NUMBERS: Final = "rating_run"
"""The reserved source whose offset is the number of the newest run."""

_OPEN: Final = "SELECT rating_run, scope, parts, parts_done FROM rating_runs WHERE NOT complete ORDER BY rating_run"


class RerateError(Exception):
    """A run cannot begin, or go on; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Run:
    """Run ``number`` of ``parts`` parts, of which ``done`` have landed; ``tariff`` prices it, if it is given one."""

    number: int
    scope: Scope
    parts: int
    done: int = 0

    @property
    def source(self) -> str:
        """The reserved source whose offset counts the run's parts."""
        return f"rerate:{self.number}"


def begin(lake: Lake, scope: Scope, parts: int, tariff: Catalogue | None, seen: int) -> Run:
    """Take the next number for ``scope``, which takes account of what has landed up to the batch ``seen``.

    Raises:
        RerateError: another run is not complete.

    """
    with lake.alone():
        run = Run(next_number(lake), scope, parts)
        kept = tariff_version(tariff) if tariff else None
        small = {"rating_run": [_row(run, seen)]}
        lake.commit(Delta.numbered(NUMBERS, run.number - 1, tariff=kept, small=small, rating_run=run.number))
    return run


def next_number(lake: Lake) -> int:
    """The number of the next run.

    Raises:
        RerateError: another run is not complete.

    """
    if unfinished := open_run(lake):
        raise RerateError(f"run {unfinished.number} is not complete: `toll rerate --resume` finishes it first")
    return lake.offset(NUMBERS).next_offset + 1


def land_at_once(lake: Lake, run: Run, seen: int, delta: Delta) -> None:
    """Land ``delta``, and with it ``run``, which is all of it and knows what landed up to the batch ``seen``."""
    beside = (Extent.numbered(NUMBERS, run.number - 1), Extent.numbered(run.source, 0, complete=True))
    small = {**delta.small, "rating_run": [_row(run, seen)]}
    lake.commit(replace(delta, beside=beside, small=small, rating_run=run.number))


def _row(run: Run, seen: int) -> Row:
    return {
        "rating_run": run.number,
        "kind": run.scope.kind,
        "from_utc": run.scope.start_utc,
        "until_utc": run.scope.end_utc,
        "scope": run.scope.to_json(),
        "tariff_version": run.scope.tariff_version,
        "parts": run.parts,
        "seen_batch": seen,
    }


def land(lake: Lake, run: Run, part: int, charges: pa.Table, movements: pa.Table) -> None:
    """Land what ``part`` of ``run`` changes; with the last part the run is complete.

    Raises:
        StaleOffset: another process goes on with the same run.

    """
    rows = {"charges": charges, "movements": movements, "turns_epoch": movements.num_rows > 0}
    lake.commit(Delta.numbered(run.source, part, complete=part + 1 == run.parts, rating_run=run.number, **rows))


def open_run(lake: Lake) -> Run | None:
    """The run that is not complete."""
    for row in lake.query(_OPEN).to_pylist():
        return Run(row["rating_run"], Scope.from_json(row["scope"]), row["parts"], row["parts_done"])
    return None


def tariff_of(lake: Lake, scope: Scope) -> Catalogue | None:
    """The tariff that ``scope`` names, as the lake keeps it."""
    return stored_catalogue(lake, scope.tariff_version) if scope.tariff_version else None
