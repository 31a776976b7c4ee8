"""Snapshots: sums of movements up to some commit, in a file beside the lake, so that restoring reads later ones alone.

Enters: a lake on disk, a catalogue. Leaves: files in ``LAKE/balances``, rows of ``balance_snapshot``. Always holds:
movements are the truth, a snapshot is a cache of their sums: it is written and synced before a commit registers it, and
what is missing, damaged, of another hash, or not to be told from later movements is not used.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rating.balances.horizon import first_period, held_since
from rating.balances.lots import CAP
from rating.balances.sums import SUMS, Parts, StateHash, added, caps_hash, held_rows, in_large_parts, movement_sums
from rating.lake import Delta, Lake
from rating.lake.delta import Row
from rating.lake.landed import landed, later
from rating.lake.parquet import sync_files
from rating.story import EPOCH, micros
from tariffs.catalogue import Catalogue

FOLDER: Final = "balances"
_LOG: Final = logging.getLogger("toll.balances")
_SOURCE: Final = "balance_snapshot"
"""The reserved source of commits that do nothing but register one."""
_KEPT: Final = 2
"""How many stay: the newest, and the one before in case that is damaged."""
_REPLACED_S: Final = 3_600
"""From this age on, nobody is about to read a file in whose place newer ones are."""
_ORPHAN_S: Final = 86_400
"""From this age on, a file that no commit has registered is what a crash left."""
_NEWEST: Final = f"""
SELECT file, movements, lots, state_sha256, caps_sha256, since_utc FROM balance_snapshot
ORDER BY movements DESC, batch_id DESC LIMIT {_KEPT}"""  # noqa: S608 - our own number


class SnapshotError(Exception):
    """A snapshot cannot be used; the text says why."""


class Stopped(Exception):  # noqa: N818 (no error: somebody asked for it)
    """The writing of a snapshot was broken off."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The first ``movements`` rows of ``balance_movement``, summed to ``lots`` (and caps) in ``file``.

    ``state_sha256`` is the hash of these sums (:class:`StateHash`); ``caps_sha256`` tells for which caps they are.
    Periods that began before ``since_utc`` are left out (:mod:`rating.balances.horizon`).
    """

    file: str
    movements: int
    lots: int
    state_sha256: str
    caps_sha256: str
    since_utc: datetime = EPOCH

    def row(self) -> Row:
        """As a row of ``balance_snapshot``, without ``batch_id``."""
        return asdict(self)


def snapshots(lake: Lake) -> list[Snapshot]:
    """Those that may be there, the newest first; none of a lake in memory."""
    return [Snapshot(**row) for row in lake.query(_NEWEST).to_pylist()] if lake.folder else []


def summed(lake: Lake, catalogue: Catalogue, begun: Snapshot | None, since: int) -> Parts:
    """The sums of movements, of periods that begin ``since`` then: those ``begun`` and what landed after it.

    To be used within one snapshot of the lake.

    Raises:
        SnapshotError: ``begun`` cannot be used; perhaps only when the last part has been given.

    """
    if begun is None or lake.folder is None:
        return added(iter(()), movement_sums(lake, catalogue, since))
    kept = later(lake, "balance_movement", begun.movements)
    if kept is None:
        raise SnapshotError(f"{begun.movements} movements and those after them are not all that there are")
    if since < micros(begun.since_utc):
        raise SnapshotError(f"{begun.file} leaves out periods before {begun.since_utc:%Y-%m-%d}")
    known = (held_rows(part, since) for part in stored(lake, begun))
    if begun.caps_sha256 == caps_hash(catalogue):
        return added(known, movement_sums(lake, catalogue, since, kept, kept))
    return added(without_caps(known), movement_sums(lake, catalogue, since, kept))


def stored(lake: Lake, snapshot: Snapshot) -> Parts:
    """The sums in the file of ``snapshot``.

    Raises:
        SnapshotError: they cannot be read, or are not those that were registered; perhaps only after the last part.

    """
    path, known = (lake.folder or Path()) / FOLDER / snapshot.file, StateHash()
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group).cast(SUMS)
                known.add(rows)
                yield rows
    except (OSError, pa.ArrowException) as error:
        raise SnapshotError(f"{path.name} cannot be read: {error}") from error
    if known.hex() != snapshot.state_sha256:
        raise SnapshotError(f"{path.name} has not the hash that was registered")


def without_caps(parts: Parts) -> Parts:
    """``parts`` without the sums of caps."""
    for part in parts:
        yield part.filter(pc.not_equal(part["lot"], CAP))


def attempts(lake: Lake) -> Iterator[Snapshot | None]:
    """From what to sum, best first: the newest snapshots, at last none. Go on to the next where one cannot be used."""
    yield from snapshots(lake)
    yield None


def refused(fault: SnapshotError) -> None:
    """Log that a snapshot was not used."""
    _LOG.warning("snapshot of balances not used: %s", fault)


def write(lake: Lake, catalogue: Catalogue, stopped: Callable[[], bool] = lambda: False) -> Snapshot:
    """Sum all movements of ``lake`` into a new file, synced; not registered yet.

    Raises:
        Stopped: ``stopped`` was true between two parts.
        rating.lake.LakeError: the lake cannot be read.
        OSError: the file cannot be written.

    """
    if lake.folder is None:
        raise ValueError("a lake in memory has no snapshots")
    folder = lake.folder / FOLDER
    folder.mkdir(exist_ok=True)
    _clear(lake, folder)
    since = first_period(catalogue, held_since(lake))
    for begun in attempts(lake):
        with lake.one_snapshot():
            movements = landed(lake, "balance_movement")
            path = folder / f"{movements}-{secrets.token_hex(4)}.parquet"
            try:
                lots, state = _write(path, summed(lake, catalogue, begun, since), stopped)
            except SnapshotError as fault:
                refused(fault)
                path.unlink(missing_ok=True)
                continue
            except BaseException:
                path.unlink(missing_ok=True)
                raise
        return Snapshot(path.name, movements, lots, state, caps_hash(catalogue), EPOCH + timedelta(microseconds=since))
    raise AssertionError("movements alone can always be summed")


def _write(path: Path, parts: Parts, stopped: Callable[[], bool]) -> tuple[int, str]:
    """Write ``parts`` and sync them; how many rows, and their hash."""
    state, count = StateHash(), 0
    with pq.ParquetWriter(
        path, SUMS, compression="zstd", use_dictionary=["allowance"], write_statistics=False, write_page_checksum=True
    ) as file:
        for rows in in_large_parts(parts):
            if stopped():
                raise Stopped
            file.write_table(rows, row_group_size=rows.num_rows)
            state.add(rows)
            count += rows.num_rows
    sync_files([path])
    return count, state.hex()


def register(lake: Lake, snapshot: Snapshot) -> None:
    """Make ``snapshot`` known, in a commit of its own."""
    at = lake.offset(_SOURCE).next_offset
    lake.commit(Delta.numbered(_SOURCE, at, small={_SOURCE: [snapshot.row()]}))


def _clear(lake: Lake, folder: Path) -> None:
    """Delete files in whose place newer ones are, and what crashes left."""
    kept = {snapshot.file for snapshot in snapshots(lake)}
    registered = set(lake.query("SELECT file FROM balance_snapshot")["file"].to_pylist())
    for path in folder.glob("*.parquet"):
        with suppress(FileNotFoundError):  # another process clears, too
            age_s = time.time() - path.stat().st_mtime
            if path.name not in kept and age_s > (_REPLACED_S if path.name in registered else _ORPHAN_S):
                path.unlink()
