"""The lake: where deltas land and SQL reads; the part that disk and memory share.

Enters: deltas. Leaves: committed batches, offsets, dedup keys and the answers of queries. Always holds, in
the order of a commit:

1. the delta's large tables are written (on disk: and synced) before the transaction begins;
2. one transaction checks that the source's stored offset equals the delta's first byte, takes in the large
   tables, inserts totals and small rows, and moves the offset with an UPDATE, so that two writers conflict;
3. COMMIT is the commit point: before it nothing of the delta is visible, after it all is;
4. on any failure before it the transaction is rolled back and what was written is removed; where the disk failed in the
   commit itself, the files stay until the next start, which knows whether it is there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import duckdb
import pyarrow as pa

from mediation.fields import TABLES, ddl
from mediation.reasons import WAITING
from rating.lake.delta import SUSPENSE, Delta, Offset
from rating.lake.errors import QueryError, StaleOffset, explained, in_doubt, passing, retried
from rating.lake.rows import small_rows
from rating.lake.views import VIEWS

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")

_HUGEINT: Final = pa.decimal128(38, 0)

ROWS: Final = ("usage", "charge", "rejected", "balance_movement")
"""The large tables: on disk their rows stand in Parquet files."""

NEW_SOURCES: Final = "sources"
"""The reserved source whose offset counts the sources seen: two writers of a new one conflict there."""

_OFFSET = "SELECT next_offset, next_record_no, complete FROM input_offset WHERE source = $source"
_SPAN = """
SELECT min(start_utc) AS first, max(start_utc) AS last FROM (
    SELECT min(start_utc) AS start_utc FROM usage UNION ALL SELECT max(start_utc) FROM usage
    UNION ALL SELECT min(start_utc) FROM rejected UNION ALL SELECT max(start_utc) FROM rejected)"""
_SEEN = "SELECT coalesce((SELECT max(batch_id) FROM batch), 0) + 1"
_ADD = "INSERT INTO input_offset VALUES ($source, $next_offset, $next_record_no, $complete)"
_COUNT = "UPDATE input_offset SET next_offset = next_offset + 1 WHERE source = $source"
_MOVE = """
UPDATE input_offset SET next_offset = $next_offset, next_record_no = $next_record_no, complete = $complete
WHERE source = $source"""
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

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._known: set[str] = set()
        self._adopt(connection)

    def _adopt(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Work over ``connection`` from now on."""
        connection.execute("SET arrow_lossless_conversion = true; SET TimeZone = 'UTC'")
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

        Raises :class:`StaleOffset` if the source's offset is not the delta's first byte, and
        :class:`LakeError` if the lake cannot be written.
        """
        small = small_rows(delta)
        with explained(self._place()):
            written = self._write(delta)
            try:
                with self._turn():
                    batch_id = retried(lambda: in_transaction(self._sql, lambda: self._transact(delta, written, small)))
            except BaseException as error:
                if not in_doubt(error):  # else the next start knows, and deletes what nobody has
                    self._discard(written)
                raise
        self._known |= _versions(delta)
        return batch_id

    def _transact(self, delta: Delta, written: dict[str, Any], small: dict[str, pa.Table]) -> int:
        batch_id = self._take_turn(delta)
        self._take_in(written)
        for table, rows in small.items():
            self._insert(table, self._news(table, rows), batch_id)
        return batch_id

    def _take_turn(self, delta: Delta) -> int:
        """Check and move the source's offset; return the batch id. A complete file takes findings only."""
        stored = self._sql.execute(_OFFSET, {"source": delta.source}).fetchall()
        at, _, complete = stored[0] if stored else (0, 1, False)
        adds = delta.records > 0 or delta.source_file is not None
        if at != delta.first_offset or (complete and adds):  # an empty file is complete at 0
            raise StaleOffset(
                f"{delta.source} is committed up to {at}, not {delta.first_offset}: another run has taken this "
                "batch; start again from the stored offset"
            )
        moved = {name: getattr(delta, name) for name in ("source", "next_offset", "next_record_no", "complete")}
        if not stored:
            self._sql.execute(_COUNT, {"source": NEW_SOURCES})
        self._sql.execute(_MOVE if stored else _ADD, moved)
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

    def offset(self, source: str) -> Offset:
        """How far ``source`` is committed; the beginning, if the lake has not seen it."""
        found = self.query(_OFFSET, {"source": source}).to_pylist()
        return Offset(**found[0]) if found else Offset()

    def next_batch_id(self) -> int:
        """The batch id of the next commit, from 1."""
        return int(self._sql.execute(_SEEN).fetchall()[0][0])  # read whole: an unread row would lock others out

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
    return {v.version for v in (delta.tariff, *delta.layouts()) if v}


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


def large_tables(delta: Delta) -> dict[str, pa.RecordBatch | pa.Table]:
    """The delta's rows of each large table that it adds to."""
    rows = dict(zip(ROWS, (delta.usage, delta.charges, delta.rejected, delta.movements), strict=True))
    return {table: part for table, part in rows.items() if part.num_rows}


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables, the reserved offsets and the views in the connection's current schema."""
    for table in TABLES:
        connection.execute(f"CREATE TABLE {table} ({ddl(table)})")
    for source in (SUSPENSE, NEW_SOURCES):
        connection.execute(_ADD, {"source": source, "next_offset": 0, "next_record_no": 1, "complete": False})
    for statement in VIEWS.values():
        connection.execute(statement)
