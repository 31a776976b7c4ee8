"""A file as a table: one row a record, one column a source field or path that its records have.

Enters: a recognised file. Leaves: Arrow tables of one schema, block by block. Always holds: rows are in the order of
the records, those that cannot be read with them, their ``error`` saying why; texts are as a layout would see them, what
a record has several times joined by ``;``; memory is bounded by the block.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mediation.ber.columns import RECORD, Source
from mediation.ber.occurring import Occurring
from mediation.ber.records import element_begins
from mediation.decode import decode
from mediation.frame import frame
from mediation.layout import Layout
from mediation.pickup import blocks
from mediation.reasons import Disposition
from mediation.recognise import Recognised
from mediation.records import Chunk, Fields, Records, gather
from mediation.show import Watch, no_watch, with_all_columns

BLOCK_BYTES = 4 << 20
_GROUP_BYTES = 64 << 20
_MOST_CELLS = 4_000_000
"""Cells of a table that are decoded at once."""
_PLACED = {"bad_ber", "unknown_record_type"}
_OWN = (("record_no", pa.int64()), ("offset_bytes", pa.int64()), ("error", pa.string()))


@dataclass(frozen=True, slots=True, eq=False)
class TablePlan:
    """How a file becomes a table: the layout whose columns it has; how many paths found no room."""

    known: Recognised
    layout: Layout
    left_out: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The source columns."""
        return self.layout.source_columns()

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table: where a record stands, why it cannot be read, its fields."""
        return pa.schema([*_OWN, *((column_name(c), pa.string()) for c in self.columns)])


def column_name(column: str) -> str:
    """What a table calls a source column; those that a table has itself keep their names."""
    if column == RECORD:
        return "record"
    return f"source.{column}" if column in {name for name, _ in _OWN} else column


def planned(known: Recognised, watch: Watch = no_watch) -> TablePlan:
    """The columns of ``known``: those of a text; of ASN.1 records the paths that occur, for which the file is read."""
    source = known.layout.framing.ber
    if source is None:
        return TablePlan(known, with_all_columns(known.layout))
    occurring = Occurring(source)
    for records, _ in _framed(known, watch):
        occurring.note(records.text, element_begins(records, source), records.end)
    found, left_out = occurring.columns()
    return TablePlan(known, _with_columns(known.layout, found), left_out)


def _with_columns(layout: Layout, source: Source) -> Layout:
    names = tuple(column.name for column in source.columns)
    return replace(layout, framing=replace(layout.framing, ber=source), mappings=(), identity=names, billable=())


def tables(plan: TablePlan, watch: Watch = no_watch) -> Iterator[pa.Table]:
    """The rows of the file, a table for each stretch of records."""
    width = max(len(plan.columns), 1)
    for records, aside in _framed(plan.known, watch):
        waiting = [row for row in aside.to_pylist() if row["disposition"] != Disposition.CONTROL]
        step = max(_MOST_CELLS // width, 1)
        for first in range(0, max(len(records), 1), step):
            part = records.take(np.arange(first, min(first + step, len(records))))
            fields, undecoded = decode(part, plan.layout)
            found = [_accepted(fields, plan), _faulty(undecoded.to_pylist() + (waiting if first == 0 else []), plan)]
            yield pa.concat_tables(found).sort_by("record_no")


def _framed(known: Recognised, watch: Watch) -> Iterator[tuple[Records, pa.RecordBatch]]:
    number = 1
    for block in blocks(known.file, known.layout.framing, 0, BLOCK_BYTES):
        records, aside = frame(Chunk(known.file.source, block.offset, number, block.bytes, block.last), known.layout)
        number += len(records) + aside.num_rows
        yield records, aside
        watch(block.offset + len(block.bytes))


def _accepted(fields: Fields, plan: TablePlan) -> pa.Table:
    records = fields.records
    columns = [pa.array(records.record_no), pa.array(records.offset), pa.nulls(len(records), pa.string())]
    for row in range(len(fields.names)):
        begin, end = np.ascontiguousarray(fields.begin[row]), np.ascontiguousarray(fields.end[row])
        texts = gather(fields.text, begin, end, pa.string())
        columns.append(pc.if_else(pa.array(end > begin), texts, None))
    return pa.Table.from_arrays(columns, schema=plan.schema)


def _faulty(rows: list[dict[str, object]], plan: TablePlan) -> pa.Table:
    shown = [{"record_no": row["record_no"], "offset_bytes": row["offset_bytes"], "error": _error(row)} for row in rows]
    return pa.Table.from_pylist(shown, plan.schema)


def _error(row: dict[str, object]) -> str:
    """The reason; with the place of the fault, which only records of elements have."""
    return f"{row['reason']}: {row['value']}" if row["reason"] in _PLACED else str(row["reason"])


def some_rows(tables: Iterator[pa.Table], skip: int, count: int | None) -> Iterator[pa.Table]:
    """The rows of ``tables`` without the first ``skip``, at most ``count`` (None: all)."""
    for table in tables:
        passed = min(skip, table.num_rows)
        skip -= passed
        part = table.slice(passed, count)
        if count is not None:
            count -= part.num_rows
        yield part
        if count == 0:
            return


def faulty(table: pa.Table) -> int:
    """How many rows of ``table`` are records that cannot be read."""
    return int(table.num_rows - table["error"].null_count)


def write_parquet(tables: Iterator[pa.Table], schema: pa.Schema, path: Path) -> tuple[int, int]:
    """Write ``tables`` to the file ``path``, whole or not at all: (rows, rows that could not be read).

    Raises:
        OSError: it cannot be written.

    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    rows = wrong = 0
    try:
        with pq.ParquetWriter(part, schema, compression="zstd") as writer:
            for group in _groups(tables):
                writer.write_table(group)
                rows, wrong = rows + group.num_rows, wrong + faulty(group)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return rows, wrong


def _groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """``tables`` joined until they are worth a row group."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(t.nbytes for t in waiting) >= _GROUP_BYTES:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)
