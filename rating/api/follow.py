"""The follower: keeps the shelves in step with the lake, commit by commit.

Enters: a lake that others write. Leaves: the latest :class:`View`. Always holds: a view is of one snapshot on all
shelves, so a commit is there whole or not at all; it is replaced, never changed, so a question sees one state.

Runs of one size are merged by eights, as in a log-structured tree: after any number of commits there are few. Each view
is published, for other processes of the server.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final, Self

import pyarrow as pa

from rating.api.place import Place
from rating.api.published import publish
from rating.api.shelves import SHELVES, Run, Shelf, View, write_run
from rating.lake import Lake, LakeError, open_lake
from rating.story import EPOCH

LOG: Final = logging.getLogger("toll.serve")
FAN: Final = 8
"""Runs of one size that are merged into one of the next."""
LARGEST_ROWS: Final = 1_000_000
"""Runs from this size on stay as they are."""
_RETRY_S: Final = 2
_RENEW: Final = 500
"""Looks through one connection: DuckLake keeps something of every snapshot in its memory."""
_DAY_US: Final = 86_400_000_000
_NOW: Final = "SELECT id FROM ducklake_current_snapshot('lake')"
_OLDEST: Final = "SELECT min(snapshot_id) AS id FROM lake.snapshots()"
_DAYS: Final = "SELECT epoch_us(start_utc) // {day} AS day, count(*) AS rows FROM {rows} GROUP BY day ORDER BY day"
_SPAN: Final = "SELECT min(start_utc) AS first, max(start_utc) AS last, count(*) AS rows FROM {rows}"

Runs = tuple[Run, ...]


class Follower:
    """Follows the lake in ``folder``, looking every ``pause_ms`` milliseconds, from a thread of its own.

    A context manager, whose end ends the thread. ``view`` is None until the lake was read once; ``healthy`` says
    whether the last look went well. Runs are kept in a private ``folder`` below ``cache``.
    """

    def __init__(self, lake: Path | str, pause_ms: int, cache: Path | None = None) -> None:
        self.view: View | None = None
        self.healthy = True
        self._lake, self._pause, self._numbers = lake, timedelta(milliseconds=pause_ms), count()
        self._stop = Event()
        self._place = Place(cache)
        self._boot = secrets.token_hex(4)
        self._merged_away: list[Run] = []
        self._thread = Thread(target=self._follow, name="follower", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.close()

    def close(self) -> None:
        """Remove the runs; of use to who looks without the thread."""
        self._place.close()

    @property
    def folder(self) -> Path:
        """The private folder."""
        return self._place.path

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                with open_lake(self._lake, read_only=True) as lake:
                    self._looking(lake)
            except (LakeError, OSError) as fault:  # OSError: there is no room for a run
                self._is(healthy=False)
                LOG.warning("the lake cannot be followed", extra={"fault": str(fault)})
                self._stop.wait(_RETRY_S)

    def _looking(self, lake: Lake) -> None:
        """Look again and again, until the connection is to be renewed."""
        oldest = _one(lake, _OLDEST)
        if self.view and self.view.snapshot < oldest:
            self.view = None  # what came since then is no longer told apart: read all of it
        for number in range(_RENEW):
            self.look(lake)
            if not number:
                lake.use_one_thread()  # what comes now is little
            self._is(healthy=True)
            if self._stop.wait(self._pause.total_seconds()):
                return

    def _is(self, *, healthy: bool) -> None:
        if healthy != self.healthy:
            self.healthy = healthy
            publish(self.folder, self.view, healthy=healthy)

    def look(self, lake: Lake) -> None:
        """Bring the view up to the lake's newest snapshot."""
        now, before = _one(lake, _NOW), self.view
        if before is None:
            whole = {name: tuple(self._all(lake, shelf, now)) for name, shelf in SHELVES.items()}
            self._show(now, whole)
            LOG.info("read", extra={"snapshot": now, "rows": {n: _size(runs) for n, runs in whole.items()}})
        elif now > before.snapshot:
            self._show(now, {name: self._grown(lake, name, before, now) for name in SHELVES})

    def _show(self, snapshot: int, runs: Mapping[str, Runs]) -> None:
        self.view = View(self._boot, snapshot, runs)
        publish(self.folder, self.view, healthy=self.healthy)
        while self._merged_away:
            self._merged_away.pop().path.unlink()  # who reads it still has it

    def _all(self, lake: Lake, shelf: Shelf, now: int) -> Iterator[Run]:
        """The whole shelf as of the snapshot ``now``, some days at a time."""
        rows, usage = (f"{table} AT (VERSION => {now})" for table in (shelf.table, "usage"))
        for first, end in _spans(lake.query(_DAYS.format(rows=rows, day=_DAY_US)).to_pylist()):
            yield self._run([_within(lake, shelf, (rows, usage), first, end)])

    def _grown(self, lake: Lake, name: str, before: View, now: int) -> Runs:
        """The shelf ``name`` with what came after the snapshot of ``before``."""
        shelf, runs = SHELVES[name], before.runs[name]
        rows, usage = (
            f"lake.table_insertions('{table}', {before.snapshot + 1}, {now})" for table in (shelf.table, "usage")
        )
        span = lake.query(_SPAN.format(rows=rows)).to_pylist()[0]
        if not span["rows"]:
            return runs
        first, end = span["first"], span["last"] + timedelta(microseconds=1)
        fresh = _within(lake, shelf, (rows, usage), first, end)
        if fresh.num_rows < span["rows"]:  # some price again what was there before
            fresh = _within(lake, shelf, (rows, f"usage AT (VERSION => {now})"), first, end)
        return self._merged((*runs, self._run([fresh])))

    def _merged(self, runs: Runs) -> Runs:
        """``runs`` with those of one size merged, wherever there are enough of them."""
        for size in sorted({_tier(run) for run in runs if run.rows.num_rows < LARGEST_ROWS}):
            alike = [run for run in runs if _tier(run) == size]
            if len(alike) >= FAN:
                whole = self._run([run.whole() for run in alike])
                self._merged_away += alike
                return self._merged((*(run for run in runs if run not in alike), whole))
        return runs

    def _run(self, parts: Sequence[pa.Table]) -> Run:
        return write_run(self.folder / f"{next(self._numbers)}.arrow", parts)


def _one(lake: Lake, sql: str) -> int:
    return int(lake.query(sql)["id"][0].as_py())


def _within(lake: Lake, shelf: Shelf, sources: tuple[str, str], first: datetime, end: datetime) -> pa.Table:
    """What ``sources`` (rows, usage) hold for the shelf, of usage from ``first`` to before ``end``."""
    rows, usage = (f"(FROM {source} WHERE start_utc >= $first AND start_utc < $end)" for source in sources)
    return lake.query(shelf.select.format(rows=rows, usage=usage), {"first": first, "end": end})


def _spans(days: Sequence[Mapping[str, Any]]) -> Iterator[tuple[datetime, datetime]]:
    """Spans of whole days that hold about as many rows as a run may have."""
    first, rows = 0, 0
    for at, day in enumerate(days):
        rows += day["rows"]
        if rows >= LARGEST_ROWS or at == len(days) - 1:
            yield _midnight(days[first]["day"]), _midnight(day["day"] + 1)
            first, rows = at + 1, 0


def _midnight(day: int) -> datetime:
    return EPOCH + timedelta(days=day)


def _tier(run: Run) -> int:
    """The size of a run, by powers of :data:`FAN`."""
    return int(run.rows.num_rows).bit_length() // (FAN.bit_length() - 1)


def _size(runs: Runs) -> int:
    return sum(run.rows.num_rows for run in runs)
