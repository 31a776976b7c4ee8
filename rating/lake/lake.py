"""The lake: where deltas land and SQL reads; the part that disk and memory share.

Enters: deltas. Leaves: committed batches, offsets, dedup keys and the answers of queries. Always holds, in
the order of a commit:

1. the delta's large tables are written (on disk: and synced) before the transaction begins;
2. one transaction checks that the stored offset of each source is where the delta begins, takes in the large
   tables, inserts totals and small rows, and moves the offsets (:mod:`rating.lake.offsets`);
3. COMMIT is the commit point: before it nothing of the delta is visible, after it all is;
4. on any failure before it the transaction is rolled back and what was written is removed; where the disk failed in the
   commit itself, the files stay until the next start, which knows whether it is there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import duckdb
import pyarrow as pa

from mediation.fields import TABLES, ddl
from mediation.reasons import WAITING
from rating.lake.delta import STATE, Delta, Offset
from rating.lake.errors import QueryError, explained, in_doubt, passing, retried
from rating.lake.offsets import add_reserved, moved
from rating.lake.rows import small_rows
from rating.lake.views import MACROS, VIEWS

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

T = TypeVar("T")

_HUGEINT: Final = pa.decimal128(38, 0)

BILLS: Final = ("bill", "bill_line", "bill_number", "bill_payment", "bill_finding")
"""The large tables of bill runs."""

ROWS: Final = ("usage", "charge", "rejected", "balance_movement", *BILLS)
"""The large tables: on disk their rows stand in Parquet files."""

_OFFSET = "SELECT next_offset, next_record_no, complete FROM input_offset WHERE source = $source"
_SPAN = """
SELECT min(start_utc) AS first, max(start_utc) AS last FROM (
    SELECT min(start_utc) AS start_utc FROM usage UNION ALL SELECT max(start_utc) FROM usage
    UNION ALL SELECT min(start_utc) FROM rejected UNION ALL SELECT max(start_utc) FROM rejected)"""
_NEXT_BATCH = "SELECT (coalesce(max(batch_id), 0) + 1)::BIGINT AS next FROM batch"
_DAYS = "SELECT DISTINCT make_timestamp(epoch_us(start_utc))::DATE AS day FROM usage ORDER BY day"
_KEYS = f"""
SELECT event_id, content_hash, start_utc FROM usage WHERE start_utc >= $first AND start_utc < $end
UNION ALL
SELECT event_id, content_hash, start_utc FROM rejected
WHERE start_utc >= $first AND start_utc < $end AND event_id IS NOT NULL
  AND (disposition = 'merged' OR reason IN {WAITING})"""  # noqa: S608 (our own codes)


class Lake(ABC):
    """A lake over a DuckDB connection whose current schema holds the tables of :data:`TABLES`.

    Not for use by two threads at once. A context manager: leaving it closes the lake.
    """

    folder: Path | None = None
    """Where a lake on disk is."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._known: set[str] = set()
        self._epoch: int | None = None
        self._in_turn = False
        self._told_batch = -1
        self._one_thread = False
        self._adopt(connection)

    def _adopt(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Work over ``connection`` from now on."""
        connection.execute("SET arrow_lossless_conversion = true; SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")  # it would draw on stdout, in the midst of JSON
        self._sql = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; a lake on disk also gives up its place among the writers."""
        self._sql.close()

    # --- writing

    def commit(self, delta: Delta) -> int:
        """Land ``delta`` whole, or not at all; return its batch id.

        Raises :class:`StaleOffset` if the offset of a source is not where the delta begins, :class:`StaleState` if the
        epoch that was entered has turned, and :class:`LakeError` if the lake cannot be written.
        """
        small = small_rows(delta)
        with explained(self._place()):
            written = self._write(delta)
            try:
                with self.alone(), self._in_one_thread():
                    batch_id = retried(lambda: in_transaction(self._sql, lambda: self._transact(delta, written, small)))
            except BaseException as error:
                if not in_doubt(error):  # else the next start knows, and deletes what nobody has
                    self._discard(written)
                raise
        self._known |= _versions(delta)
        self._told_batch += batch_id == self._told_batch + 1
        if self._epoch is not None:
            self._epoch += delta.turns_epoch
        return batch_id

    def enter_epoch(self) -> None:
        """Note that ids and balances are read from here on: when another process turns the epoch, commits fail."""
        self._epoch = self.offset(STATE).next_offset

    def disturbed(self) -> bool:
        """Whether others may have landed anything since this was last asked; ask while :meth:`alone`."""
        before, self._told_batch = self._told_batch, self.next_batch_id() - 1
        return before != self._told_batch

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else commits meanwhile, so that what is read within is still so when its delta lands.

        Others wait for some seconds, then say that the lake is busy: keep it short. Raises :class:`LakeUnavailable`.
        """
        if self._in_turn:
            yield
            return
        with self._turn():
            self._in_turn = True
            try:
                yield
            finally:
                self._in_turn = False

    @contextmanager
    def _in_one_thread(self) -> Iterator[None]:
        """Ask the catalogue in this thread alone: a commit is eighty tiny queries, over which others only spin."""
        self._sql.execute("SET threads = 1")
        try:
            yield
        finally:
            if not self._one_thread:
                self._sql.execute("RESET threads")

    def _transact(self, delta: Delta, written: dict[str, Any], small: dict[str, pa.Table]) -> int:
        batch_id = self._move_offsets(delta)
        self._take_in(written)
        for table, rows in small.items():
            self._insert(table, self._news(table, rows), batch_id)
        return batch_id

    def _move_offsets(self, delta: Delta) -> int:
        moved(self._sql, delta, self._epoch)
        return self.next_batch_id()

    def _news(self, table: str, rows: pa.Table) -> pa.Table:
        """``rows``, without those that ``table`` lists already if it lists versions."""
        if table not in {"tariff_version", "layout_version"}:
            return rows
        return rows.filter(pa.array([not self._lists(table, v) for v in rows[table].to_pylist()], pa.bool_()))

    def _lists(self, table: str, version: str) -> bool:
        known = f'SELECT 1 FROM {table} WHERE "{table}" = $version LIMIT 1'  # noqa: S608  (our own table names)
        return version in self._known or bool(self._sql.execute(known, {"version": version}).fetchall())

    def _insert(self, table: str, rows: pa.Table, batch_id: int) -> None:
        if not rows.num_rows:
            return
        self._sql.register("landing", rows)
        first = f"{batch_id}::BIGINT AS batch_id, " if "batch_id" in {f.name for f in TABLES[table]} else ""
        self._sql.execute(f"INSERT INTO {table} BY NAME SELECT {first}* FROM landing")  # noqa: S608  (own names)
        self._sql.unregister("landing")

    # --- reading

    def use_one_thread(self, *, from_commit: bool = False) -> None:
        """Ask in one thread from here on: of small questions a third of the CPU time goes to threads that wait.

        ``from_commit``: only from the next commit on. Each commit does so for itself anyway; but when threads come or
        go, DuckDB gives all free memory of the process back to the system, and the next batch has to ask for it again.
        """
        self._one_thread = True
        if not from_commit:
            self._sql.execute("SET threads = 1")

    def offset(self, source: str) -> Offset:
        """How far ``source`` is committed; the beginning, if the lake has not seen it."""
        found = self.query(_OFFSET, {"source": source}).to_pylist()
        return Offset(**found[0]) if found else Offset()

    def next_batch_id(self) -> int:
        """The batch id of the next commit, from 1."""
        return int(self._sql.execute(_NEXT_BATCH).fetchall()[0][0])  # read whole: an unread row would lock others out

    def source_files(self) -> pa.Table:
        """The ``source_file`` rows of all files, by name and source."""
        return self.query("SELECT * FROM source_file ORDER BY name, source")

    def event_days(self) -> list[date]:
        """The days (UTC) on which rated events start, in order."""
        days: list[date] = self.query(_DAYS)["day"].to_pylist()
        return days

    def event_span(self) -> tuple[date, date] | None:
        """The first and the last day (UTC) on which any record's usage starts; None if there is none."""
        span = self.query(_SPAN)
        first, last = span["first"][0].as_py(), span["last"][0].as_py()
        return (first.date(), last.date()) if first else None

    def event_keys(self, first_day: date, last_day: date) -> pa.Table:
        """``event_id``, ``content_hash`` and ``start_utc`` of every event that a new one may repeat.

        Those are rated events, the merged halves of correlated ones and records that await others, with a
        start on ``first_day`` to ``last_day`` (UTC, both included).
        """
        first, end = (datetime.combine(d, time(), UTC) for d in (first_day, last_day + timedelta(days=1)))
        return self.query(_KEYS, {"first": first, "end": end})

    def query(self, sql: str, values: dict[str, Any] | None = None) -> pa.Table:
        """The answer of ``sql`` (with ``$name`` values): amounts as decimal128, event ids as arrow.uuid.

        Raises :class:`QueryError` with DuckDB's words where the query is at fault.
        """
        return _plain(self._asked(lambda: self._sql.execute(sql, values or {}).to_arrow_table()))

    def stream(self, sql: str, values: dict[str, Any] | None = None, rows: int = 65_536) -> pa.RecordBatchReader:
        """The answer of ``sql`` in batches of about ``rows`` rows: memory does not grow with the answer."""
        return self._asked(lambda: self._sql.execute(sql, values or {}).to_arrow_reader(rows))

    @contextmanager
    def one_snapshot(self) -> Iterator[None]:
        """Let several queries see the lake as it is now, whatever is committed meanwhile."""
        try:
            with explained(self._place()):
                retried(lambda: self._sql.execute("BEGIN TRANSACTION READ ONLY"))
            yield
        finally:
            _rolled_back(self._sql)

    def frugal(self) -> AbstractContextManager[None]:
        """Let no query take more than some memory: what one needs beyond it stands in files meanwhile."""
        return nullcontext()

    def interrupt(self) -> None:
        """End the query that another thread has under way: it raises :class:`LakeError`.

        That thread must keep the lake open meanwhile.
        """
        self._sql.interrupt()

    def _asked(self, read: Callable[[], T]) -> T:
        with explained(self._place()):
            try:
                return retried(read)
            except (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError) as error:
                if passing(error):
                    raise
                raise QueryError(str(error)) from error

    def tariff(self, version: str) -> bytes:
        """The compiled tariff ``version`` as it was landed."""
        found = self.query("SELECT file FROM tariff_version WHERE tariff_version = $version", {"version": version})
        if not found.num_rows:
            raise QueryError(f"no tariff version {version!r} in the lake: the table tariff_version lists them")
        return self._kept(found["file"][0].as_py())

    def layout(self, version: str) -> str:
        """The TOML text of layout ``version`` as it was landed."""
        found = self.query("SELECT text FROM layout_version WHERE layout_version = $version", {"version": version})
        if not found.num_rows:
            raise QueryError(f"no layout version {version!r} in the lake: the table layout_version lists them")
        return str(found["text"][0].as_py())

    # --- what disk and memory do in their own ways

    @abstractmethod
    def _place(self) -> str:
        """Where the lake is, for messages."""

    def _turn(self) -> AbstractContextManager[None]:
        """The turn of this writer among those of the lake, for one transaction."""
        return nullcontext()

    @abstractmethod
    def _write(self, delta: Delta) -> dict[str, Any]:
        """Write the delta's large tables; return what :meth:`_take_in` registers, by table."""

    @abstractmethod
    def _take_in(self, written: dict[str, Any]) -> None:
        """Make what was written part of the open transaction."""

    @abstractmethod
    def _discard(self, written: dict[str, Any]) -> None:
        """Remove what was written for a delta that did not land."""

    @abstractmethod
    def _kept(self, file: str) -> bytes:
        """The bytes of a tariff's file."""

    @abstractmethod
    def delete_orphans(self) -> int:
        """Remove what crashed writers left behind; return how many files. Nothing, if another writer is alive."""

    @abstractmethod
    def maintain(self) -> None:
        """Merge small files and forget old snapshots, so that a commit costs the same after any number of them."""


def _plain(table: pa.Table) -> pa.Table:
    """``table`` with DuckDB's 128-bit integers (sums of BIGINT) as int64, or as decimals without places."""
    for i, field in enumerate(table.schema):
        if isinstance(field.type, pa.OpaqueType) and field.type.type_name == "hugeint":
            chunks = [
                pa.Array.from_buffers(_HUGEINT, len(c), c.storage.buffers(), offset=c.storage.offset)
                for c in table[i].chunks
            ]
            table = table.set_column(i, field.name, _narrowed(pa.chunked_array(chunks, _HUGEINT)))
    return table


def _narrowed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """``column`` as int64 where its values fit."""
    with suppress(pa.ArrowInvalid):
        return column.cast(pa.int64())
    return column


def _versions(delta: Delta) -> set[str]:
    return {*delta.all_layouts(), *({delta.tariff.version} if delta.tariff else ())}


def in_transaction(connection: duckdb.DuckDBPyConnection, work: Callable[[], T]) -> T:
    """Do ``work`` in one transaction: all of it is committed, or nothing of it happened."""
    connection.execute("BEGIN")
    try:
        result = work()
        connection.execute("COMMIT")
    except BaseException:
        with suppress(duckdb.Error):  # a failed COMMIT has already ended it
            connection.execute("ROLLBACK")
        raise
    return result


def _rolled_back(connection: duckdb.DuckDBPyConnection) -> None:
    """End the transaction; a late interrupt that meets this instead of a query must not leave it open for good."""
    while True:
        try:
            connection.execute("ROLLBACK")
        except duckdb.InterruptException:
            continue
        except duckdb.Error:  # one that failed has already ended it
            return
        return


def large_tables(delta: Delta) -> dict[str, pa.RecordBatch | pa.Table]:
    """The delta's rows of each large table that it adds to."""
    of_events = {"usage": delta.usage, "charge": delta.charges, "rejected": delta.rejected}
    rows = of_events | {"balance_movement": delta.movements} | dict(delta.bills)
    return {table: part for table, part in rows.items() if part.num_rows}


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables, the reserved offsets, the views and the macros in the connection's current schema."""
    for table in TABLES:
        connection.execute(f"CREATE TABLE {table} ({ddl(table)})")
    add_reserved(connection)
    for statement in (VIEWS | MACROS).values():
        connection.execute(statement)
