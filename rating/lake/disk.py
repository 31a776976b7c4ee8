"""The lake on disk: a DuckLake of Parquet files and a SQLite catalogue.

Enters: a folder. Leaves: a :class:`Lake` over ``catalog.sqlite`` (DuckLake's catalogue), ``data/`` (Parquet) and
``catalogue/`` (compiled tariffs). Always holds: a registered file was synced before the commit that
registers it; only files that no snapshot knows are ever deleted, and only while no other writer lives.
"""

# ruff: noqa: S608  (queries are made of names and numbers of our own)
from __future__ import annotations

import fcntl
import importlib.util
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

import duckdb

from rating.lake.delta import Delta, TariffVersion
from rating.lake.errors import LakeError, LakeUnavailable, explained, retried
from rating.lake.lake import ROWS, Lake, create_tables, in_transaction, large_tables
from rating.lake.mend import lacking, mend
from rating.lake.parquet import sync_files, sync_folder, write_files
from rating.lake.upkeep import SCHEDULED, TARGET_SIZE, Upkeep, parquet_files, steps

CATALOG: Final = "catalog.sqlite"
_USUAL: Final = Upkeep()
_SLUG: Final = re.compile(r"[^A-Za-z0-9_-]+")
_OPTIONS: Final = {
    "data_inlining_row_limit": 100_000,
    "parquet_compression": "'zstd'",
    "target_file_size": f"'{TARGET_SIZE}'",
}
_META: Final = "__ducklake_metadata_lake.ducklake_"
_KNOWN_FILES: Final = " UNION ALL ".join(
    f"SELECT path FROM {table}" for table in (f"{_META}data_file", f"{_META}delete_file", SCHEDULED)
)
_FRUGAL: Final = "2GB"
"""What a query may take that is told to be frugal."""
_SPILL: Final = "spill-"
"""How folders begin in which a query keeps what does not fit into memory."""
_SPILT_S: Final = 86_400
"""From this age on, such a folder is what a crash left."""
_LONGEST_TURN_S: Final = 20
_LOOK_AGAIN_S: Final = 0.005
_COURTESY_S: Final = 3 * _LOOK_AGAIN_S
_EXTENSIONS: Final = ("duckdb_extension_sqlite_scanner", "duckdb_extension_ducklake")


def extension_files() -> list[Path]:
    """The DuckDB extensions that the installed packages bring, in the order of loading."""
    found = []
    for package in _EXTENSIONS:
        spec = importlib.util.find_spec(package)
        folders = list(spec.submodule_search_locations or []) if spec else []
        files = [f for folder in folders for f in sorted(Path(folder).glob("extensions/**/*.duckdb_extension"))]
        if not files:
            raise LakeError(f"the package {package} is missing: install tollstream with its dependencies")
        found += files
    return found


def _quoted(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def _attached(folder: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """A connection whose current schema is the lake's."""
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for file in extension_files():
        connection.execute(f"LOAD {_quoted(file)}")
    options = f"DATA_PATH {_quoted(f'{folder}/data/')}, OVERRIDE_DATA_PATH true"
    mode = ", READ_ONLY" if read_only else ", META_JOURNAL_MODE 'WAL'"  # writers wait for each other, not for readers
    connection.execute(f"ATTACH {_quoted(f'ducklake:sqlite:{folder / CATALOG}')} AS lake ({options}{mode})")
    connection.execute("USE lake; SET enable_external_file_cache = false")  # files are read once; the cache only grows
    spill = folder / f"{_SPILL}{secrets.token_hex(4)}"  # DuckDB makes it when it needs it, and deletes it
    connection.execute(f"SET temp_directory = {_quoted(spill)}")
    return connection


def _journal_kept(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A transaction that has the catalogue open, but reads nothing, for as long as it is not closed.

    DuckDB opens the catalogue anew for each transaction. Who closes it last merges its journal, and deletes it; whoever
    opens it meanwhile waits, and for a whole second each time, since DuckDB's SQLite knows no shorter sleep.
    """
    kept = connection.cursor()
    kept.execute("BEGIN; USE __ducklake_metadata_lake")
    return kept


def open_lake(folder: Path | str, *, create: bool = False, read_only: bool = False, upkeep: Upkeep = _USUAL) -> Lake:
    """Open the lake in ``folder``; with ``create``, make it first if it is not there.

    Raises :class:`LakeError` with a remedy: nothing there, no leave to write, locked, disk full.
    """
    home = Path(folder).absolute()
    with explained(str(folder)), ExitStack() as undo:
        if create:
            (home / "catalogue").mkdir(parents=True, exist_ok=True)
        elif not (home / CATALOG).is_file():
            raise LakeError(f"no lake in {folder}: `toll rate` and `toll stream` with --lake {folder} make one")
        for part in () if read_only else (Path("data", "main", table) for table in ROWS):
            (home / part).mkdir(parents=True, exist_ok=True)
        lock = None if read_only else undo.enter_context(_writer_lock(home))
        connection = undo.enter_context(retried(lambda: _attached(home, read_only=read_only)))
        if not read_only:
            retried(lambda: _prepare(connection))
        elif lacking(connection):
            undo.close()
            _mend(folder)
            return open_lake(folder, read_only=True, upkeep=upkeep)
        lake = DiskLake(connection, home, lock, upkeep)
        undo.pop_all()
        return lake


def _mend(folder: Path | str) -> None:
    """Give a lake of an older version what it lacks. Raises :class:`LakeError` where it cannot be written."""
    try:
        open_lake(folder).close()
    except LakeError as fault:
        raise LakeError(
            f"{folder} was made by an older version and must be brought up to date before it can be read: open it once "
            f"as a user who may write it, such as by `toll alerts --lake {folder}` ({fault})"
        ) from fault


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables, or what an older version did not create: all of it or nothing, whatever crashed."""
    if connection.execute("SELECT 1 FROM duckdb_tables() WHERE database_name = 'lake'").fetchall():
        if lacking(connection):
            in_transaction(connection, lambda: mend(connection))
        return
    for name, value in _OPTIONS.items():
        connection.execute(f"CALL ducklake_set_option('lake', '{name}', {value})")
    in_transaction(connection, lambda: create_tables(connection))


def _locked(lock: IO[bytes]) -> bool:
    """Take ``lock`` alone if nobody has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _writer_lock(home: Path) -> IO[bytes]:
    """Join the lake's writers: a lock that any number share, and that :meth:`delete_orphans` asks for alone."""
    lock = (home / "writers.lock").open("ab")
    fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


class DiskLake(Lake):
    """A :class:`Lake` in a folder. Make one with :func:`open_lake`."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, home: Path, lock: IO[bytes] | None, upkeep: Upkeep
    ) -> None:
        self.folder = self._home = home
        self._lock, self._upkeep = lock, upkeep
        self._steps: Iterator[None] = iter(())
        super().__init__(connection)

    def _adopt(self, connection: duckdb.DuckDBPyConnection) -> None:
        """As :meth:`Lake._adopt`; a writer keeps the catalogue's journal."""
        self._journal = retried(lambda: _journal_kept(connection)) if self._lock else None
        super()._adopt(connection)

    def close(self) -> None:
        """Close the catalogue and leave the lake's writers."""
        if self._journal:
            self._journal.close()
        super().close()
        if self._lock:
            self._lock.close()

    def commit(self, delta: Delta) -> int:
        """As :meth:`Lake.commit`; after every so many batches the lake is maintained, a step with each further one."""
        batch_id = super().commit(delta)
        if batch_id % self._upkeep.every == 0:
            self._steps = self._round()
        with suppress(LakeError):  # the batch has landed; upkeep can wait for the next round
            next(self._steps, None)
        return batch_id

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One writer after the other: two transactions at a time would only undo each other, and one might starve.

        Who comes while others wait lets them look first: a writer that has just had its turn would always be quicker.
        """
        with (self._home / "commit.lock").open("ab") as lock, (self._home / "waiting.lock").open("ab") as waiting:
            if not _locked(waiting):
                time.sleep(_COURTESY_S)
            fcntl.flock(waiting, fcntl.LOCK_SH)
            late = time.monotonic() + _LONGEST_TURN_S
            while not _locked(lock):
                if time.monotonic() > late:
                    raise LakeUnavailable(f"{self._home} is locked by another writer: wait until it has finished")
                time.sleep(_LOOK_AGAIN_S)
            fcntl.flock(waiting, fcntl.LOCK_UN)
            yield

    @contextmanager
    def frugal(self) -> Iterator[None]:
        """As :meth:`Lake.frugal`."""
        self._sql.execute(f"SET memory_limit = '{_FRUGAL}'")
        try:
            yield
        finally:
            with suppress(duckdb.Error):  # nothing limits a connection that was closed meanwhile
                self._sql.execute("RESET memory_limit")

    def _place(self) -> str:
        return str(self._home)

    def _write(self, delta: Delta) -> dict[str, Any]:
        name = f"{_SLUG.sub('-', delta.source)}-{delta.first_offset}-{secrets.token_hex(4)}.parquet"
        written = {table: self._home / "data" / "main" / table / name for table in large_tables(delta)}
        try:
            if delta.tariff:
                self._keep(delta.tariff)
            write_files({written[table]: rows for table, rows in large_tables(delta).items()})
        except BaseException:
            self._discard(written)
            raise
        return written

    def _keep(self, tariff: TariffVersion) -> None:
        """Put the tariff's file into ``catalogue/`` unless it is there, whole and synced."""
        path = self._home / tariff.file
        if path.exists():
            return
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        part.write_bytes(tariff.content)
        sync_files([part])
        part.rename(path)
        sync_folder(path.parent)

    def _take_in(self, written: dict[str, Any]) -> None:
        for table, path in written.items():
            self._sql.execute(f"CALL ducklake_add_data_files('lake', '{table}', {_quoted(path)})")

    def _discard(self, written: dict[str, Any]) -> None:
        """Remove files that no snapshot knows; leave them to a later start where the catalogue cannot tell."""
        with suppress(duckdb.Error, OSError):
            known = self._registered()
            for path in written.values():
                if path.name not in known:
                    path.unlink(missing_ok=True)

    def _kept(self, file: str) -> bytes:
        return (self._home / file).read_bytes()

    def _registered(self) -> set[str]:
        """The name of every file that the catalogue knows, be it of an old snapshot or awaiting its deletion."""
        return {Path(path).name for (path,) in self._sql.execute(_KNOWN_FILES).fetchall()}

    def delete_orphans(self) -> int:
        """Remove files that a crashed writer wrote and never registered; return how many.

        Does nothing while another writer has the lake open: its fresh files look the same.
        """
        if self._lock is None:
            return 0
        with explained(self._place()):
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                fcntl.flock(self._lock, fcntl.LOCK_SH)  # a refused upgrade gives up the shared lock too
                return 0
            try:
                known = self._registered()
                orphans = [path for path in self._files() if path.name not in known]
                for path in orphans:
                    path.unlink(missing_ok=True)
                for spill in self._home.glob(f"{_SPILL}*"):
                    if time.time() - spill.stat().st_mtime > _SPILT_S:
                        shutil.rmtree(spill, ignore_errors=True)
                return len(orphans)
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_SH)

    def _files(self) -> set[Path]:
        return parquet_files(self._home) | set((self._home / "catalogue").glob("*.part"))

    def maintain(self) -> None:
        """Merge small files, move rows out of the catalogue, forget what is older than :class:`Upkeep` says."""
        for _ in self._round():
            pass

    def _round(self) -> Iterator[None]:
        """The steps of a round of upkeep, each in a turn of its own."""
        taken = steps(self._sql, self._home, self._upkeep)
        while True:
            with explained(self._place()), self.alone():
                if next(taken, "done") == "done":
                    break
            yield
        self._reopen()

    def _reopen(self) -> None:
        """Begin a new connection: an old one keeps snapshots in memory, and names of files that are gone."""
        with explained(self._place()):
            stale = (self._sql, self._journal)
            self._adopt(retried(lambda: _attached(self._home, read_only=self._lock is None)))
            for connection in filter(None, stale):
                connection.close()
