"""The rows of a large table in the order in which they landed.

Enters: a lake, a table, how many of its rows are known already. Leaves: a condition for the others. Always holds: a
table is only added to, by one writer after the other, and DuckLake numbers its rows (``rowid``) as they come; merging
files keeps the numbers, expiring snapshots does not touch them, and a new column neither. Where the numbers were not
like that, the condition is refused rather than wrong.
"""

# ruff: noqa: S608  (queries are made of names and numbers of our own)
from __future__ import annotations

from pathlib import PurePath
from typing import Final

from rating.lake.lake import Lake

_META: Final = "__ducklake_metadata_lake.ducklake_"
_FILES: Final = f"""
SELECT f.path FROM {_META}data_file f JOIN {_META}table t USING (table_id)
WHERE t.table_name = $table AND t.end_snapshot IS NULL AND f.end_snapshot IS NULL
    AND f.row_id_start + f.record_count > $known"""


def landed(lake: Lake, table: str, which: str = "true") -> int:
    """How many rows ``table`` has, ``which`` alone."""
    return int(lake.query(f"SELECT count(*) AS rows FROM {table} WHERE {which}")["rows"][0].as_py())


def later(lake: Lake, table: str, known: int) -> str | None:
    """The condition that a row landed after the first ``known``; None if it cannot be told.

    To be asked and used within one snapshot of the lake. Files that hold no such row are not opened.
    """
    rows = f"rowid >= {known}"
    if lake.folder is not None:
        rows += f" AND filename IN ({_quoted(_files(lake, table, known))})"
    return rows if known + landed(lake, table, rows) == landed(lake, table) else None


def _files(lake: Lake, table: str, known: int) -> list[str]:
    names = {PurePath(path).name for path in lake.query(_FILES, {"table": table, "known": known})["path"].to_pylist()}
    every = lake.query(f"SELECT data_file FROM ducklake_list_files('lake', '{table}')")["data_file"].to_pylist()
    return [path for path in every if PurePath(path).name in names]


def _quoted(names: list[str]) -> str:
    return ", ".join("'" + name.replace("'", "''") + "'" for name in names) or "''"
