"""Parquet files of a delta: written whole and synced before anyone may refer to them.

Enters: Arrow rows and a path. Leaves: a file whose bytes depend on the rows alone. Always holds: when
:func:`write_files` returns, files and folders have reached the disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP: Final = 122_880
"""Rows of a row group: DuckDB's own unit of parallel scanning."""

_PRUNES: Final = ("source", "record_no", "offset_bytes", "start_utc")
"""Columns whose statistics let a reader skip row groups; on the others they cost a fifth of the writing for nothing."""


def writer_options(schema: pa.Schema) -> dict[str, Any]:
    """How to write each column: dictionaries for labels, statistics where a reader can skip by them."""
    return {
        "compression": "zstd",
        "compression_level": 1,
        "use_dictionary": [f.name for f in schema if pa.types.is_dictionary(f.type)],
        "write_statistics": [f.name for f in schema if f.name in _PRUNES],
        "row_group_size": ROW_GROUP,
        "store_schema": False,
    }


def _write(rows: pa.RecordBatch | pa.Table, path: Path) -> None:
    table = _of_used(pa.table(rows) if isinstance(rows, pa.RecordBatch) else rows)
    # Not a Python file, where a full disk makes pyarrow crash; and closed here, lest a failed write keeps its room.
    with pa.OSFile(str(path), "wb") as file:
        pq.write_table(table, file, **writer_options(table.schema))
    sync_folder(path)  # fsync asks for a descriptor only, of a file as of a folder


def _of_used(table: pa.Table) -> pa.Table:
    """``table`` with no dictionary larger than itself, say millions of names: each row group would hold all of it."""
    for place, (field, column) in enumerate(zip(table.schema, table.columns, strict=True)):
        if pa.types.is_dictionary(field.type) and any(len(part.dictionary) > len(table) for part in column.chunks):
            used = column.cast(field.type.value_type).dictionary_encode()
            table = table.set_column(place, field, used.cast(field.type))
    return table


def sync_folder(folder: Path) -> None:
    """Make the entries of ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_files(paths: Iterable[Path]) -> None:
    """Make files that somebody else wrote, and their folders' entries, durable."""
    paths = list(paths)
    for path in paths:
        sync_folder(path)
    for folder in {p.parent for p in paths}:
        sync_folder(folder)


def write_files(files: Mapping[Path, pa.RecordBatch | pa.Table]) -> None:
    """Write each table to its path, two at a time, and sync them.

    Raises :class:`OSError`; files written by then stay, for the caller to remove.
    """
    with ThreadPoolExecutor(2, "parquet") as pool:
        for done in [pool.submit(_write, rows, path) for path, rows in files.items()]:
            done.result()
    for folder in {path.parent for path in files}:
        sync_folder(folder)
