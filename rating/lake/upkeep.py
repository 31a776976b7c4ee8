"""Upkeep of a lake on disk: files merged, inlined rows moved out of the catalogue, old snapshots and files forgotten.

Enters: a connection to the lake, its folder. Leaves: steps, each of which takes a second or so at most, to be taken one
after a commit, so that no batch waits long for it. Always holds: no row changes; files are synced before the catalogue
refers to them; a step that fails has done nothing.
"""

# ruff: noqa: S608  (queries are made of names and numbers of our own)
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import duckdb

from rating.lake.errors import retried
from rating.lake.lake import in_transaction
from rating.lake.parquet import sync_files

TARGET_SIZE: Final = "16MB"
"""The size of merged files: one takes about half a second to write."""
_META: Final = "__ducklake_metadata_lake.ducklake_"
SCHEDULED: Final = f"{_META}files_scheduled_for_deletion"
_SMALL: Final = f"""
SELECT table_name, count(*) FROM {_META}data_file f JOIN {_META}table t USING (table_id)
WHERE f.end_snapshot IS NULL AND t.end_snapshot IS NULL AND f.file_size_bytes < $bytes GROUP BY ALL ORDER BY ALL"""

Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Upkeep:
    """When and how a lake on disk is maintained."""

    every: int = 100
    """Commits between the beginnings of two rounds."""
    snapshots: timedelta = timedelta(days=7)
    """How long the past can be asked for (``AT (VERSION => n)``)."""
    files: timedelta = timedelta(hours=1)
    """How long a replaced file stays, for readers that have begun."""
    small_bytes: int = 8 << 20
    """Files from this size on are left as they are."""


def parquet_files(home: Path) -> set[Path]:
    """The data files that are in the folder of the lake, whoever knows them."""
    return set((home / "data").glob("**/*.parquet"))


def steps(sql: Connection, home: Path, upkeep: Upkeep) -> Iterator[None]:
    """One round, a step at each ``next``; to be taken while nobody else writes. Raises what DuckDB raises.

    When it has ended a new connection is due: the old one may remember files that are gone.
    """
    _rewritten(sql, home, "ducklake_flush_inlined_data('lake')")
    yield
    most = f"max_compacted_files => 1, max_file_size => {upkeep.small_bytes}"
    for table, count in sql.execute(_SMALL, {"bytes": upkeep.small_bytes}).fetchall():
        left, call = count, f"ducklake_merge_adjacent_files('lake', '{table}', {most})"
        while left > 1 and (merged := _rewritten(sql, home, call)):
            left -= merged  # only those that were there: else each new file would have the last one written again
            yield
    retried(lambda: _expire(sql, upkeep.snapshots))
    retried(lambda: _delete_replaced(sql, home, upkeep.files))


def _rewritten(sql: Connection, home: Path, call: str) -> int:
    """Let DuckLake write files anew, and sync them before the catalogue refers to them; how many it replaced."""

    def attempt() -> int:
        before = parquet_files(home)
        found = sql.execute(f"CALL {call}").to_arrow_table()
        sync_files(parquet_files(home) - before)
        return sum(found["files_processed"].to_pylist()) if "files_processed" in found.column_names else 0

    return retried(lambda: in_transaction(sql, attempt))


# DuckLake can do the next two by age, but with a SQLite catalogue it compares instants as text, in two
# formats, so that everything of the same day counts as older. Hence by exact lists.


def _expire(sql: Connection, kept: timedelta) -> None:
    cut = f"now() - INTERVAL {int(kept.total_seconds())} SECOND"
    old = sql.execute(
        "SELECT list(snapshot_id) FROM lake.snapshots() WHERE snapshot_time < "
        f"{cut} AND snapshot_id < (SELECT max(snapshot_id) FROM lake.snapshots())"
    ).fetchall()[0][0]
    if old:
        sql.execute(f"CALL ducklake_expire_snapshots('lake', versions => {old})").to_arrow_table()


def _delete_replaced(sql: Connection, home: Path, kept: timedelta) -> None:
    cut = f"schedule_start::TIMESTAMPTZ < now() - INTERVAL {int(kept.total_seconds())} SECOND"
    old = sql.execute(f"SELECT data_file_id, path FROM {SCHEDULED} WHERE {cut}").fetchall()
    if not old:
        return
    for _, path in old:  # schema, table, name: a batch's files have the same name in each table
        home.joinpath("data", *Path(path).parts[-3:]).unlink(missing_ok=True)
    numbers = ", ".join(str(number) for number, _ in old)
    # From outside the lake's schema: within it DuckLake's own reading transaction would lock this one out.
    with sql.cursor() as outside:
        outside.execute(f"DELETE FROM {SCHEDULED} WHERE data_file_id IN ({numbers})")
