"""When snapshots are taken: beside rating, once as many movements have landed as restoring may well read again.

Enters: batches as they land. Leaves: a row of ``balance_snapshot`` in the transaction of a later batch. Always holds:
no commit waits for a snapshot, which a thread writes over a connection of its own, one at a time; a failure is logged,
and tried again after as many movements more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Final

from rating.after import Keeper, Rows
from rating.balances.snapshots import Snapshot, Stopped, register, snapshots, write
from rating.lake import Lake, LakeError, open_lake
from rating.lake.landed import landed
from rating.pipeline import Rated
from tariffs.catalogue import Catalogue

_LOG: Final = logging.getLogger("toll.balances")
LEAST: Final = 2_000_000
"""Movements that are always worth reading: summing them takes about a second."""


@dataclass(eq=False)
class Snapshots:
    """A :class:`rating.after.Keeper`: a snapshot for each so many movements, as many as the last one has lots at least.

    So the work is in proportion to the movements, and restoring reads at most about as much again as it must.
    """

    lake: Lake
    catalogue: Catalogue
    least: int = LEAST
    _due: int = 0
    _rows: int = 0
    _summed: int = 0
    _moved: int = 0
    _ready: Snapshot | None = None
    _thread: Thread | None = None
    _reader: Lake | None = None
    _stopped: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self.restore(self.lake, ())

    def restore(self, lake: Lake, sources: Sequence[str]) -> None:
        """Count anew what no snapshot of ``lake`` sums."""
        del sources
        self.lake = lake
        self._rows = landed(lake, "balance_movement")
        if not self._busy():
            for newest in snapshots(lake)[:1] or [Snapshot("", 0, 0, "", "")]:
                self._count_from(newest)

    def weigh(self, rated: Rated) -> Rows:
        """The row of a snapshot that is written and not registered."""
        self._moved = rated.drawn.movements.num_rows
        return {"balance_snapshot": [self._ready.row()]} if self._ready else {}

    def landed(self, rows: Rows) -> None:
        """The batch that was weighed last is committed, with the snapshot in ``rows`` if there was one."""
        self._rows += self._moved
        if rows and self._ready:
            self._count_from(self._ready)
            self._ready = None
        if self._rows - self._summed >= self._due and not self._busy():
            self._summed = self._rows
            self._thread = Thread(target=self._take, name="balance snapshot")
            self._thread.start()

    def _count_from(self, snapshot: Snapshot) -> None:
        self._due, self._summed = max(self.least, snapshot.lots), snapshot.movements

    def _busy(self) -> bool:
        """Whether a snapshot is being written, or waits to be registered."""
        return self._ready is not None or (self._thread is not None and self._thread.is_alive())

    def wait(self) -> None:
        """Wait for a snapshot that is being written."""
        if self._thread:
            self._thread.join()

    def finish(self) -> None:
        """Wait for a snapshot that is being written, and register it."""
        self.wait()
        if self._ready:
            try:
                register(self.lake, self._ready)
            except LakeError as fault:  # what was rated has landed; the next run takes another
                _LOG.warning("snapshot of balances not registered: %s", fault)
            self._ready = None

    def stop(self) -> None:
        """Break off a snapshot that is being written."""
        self._stopped.set()
        while self._thread and self._thread.is_alive():
            if self._reader:
                self._reader.interrupt()
            self._thread.join(1)

    def _take(self) -> None:
        try:
            with open_lake(self.lake.folder or "", read_only=True) as self._reader:
                self._ready = write(self._reader, self.catalogue, self._stopped.is_set)
        except Stopped:
            pass
        except (LakeError, OSError) as fault:
            if not self._stopped.is_set():
                _LOG.warning("no snapshot of balances taken: %s", fault)
        finally:
            self._reader = None


def snapshots_taken(lake: Lake, catalogue: Catalogue) -> list[Keeper]:
    """The keeper that takes snapshots; none where there is nothing to take one of, or no place for it."""
    return [Snapshots(lake, catalogue)] if lake.folder and len(catalogue.allowances) else []


@contextmanager
def snapshots_ended(keepers: Sequence[Keeper], *, finish: bool) -> Iterator[None]:
    """Let no snapshot of ``keepers`` be under way after it: ``finish`` it, or break it off, as after an exception."""
    taking = [keeper for keeper in keepers if isinstance(keeper, Snapshots)]
    try:
        yield
        for keeper in taking if finish else ():
            keeper.finish()
    finally:
        for keeper in taking:
            keeper.stop()
