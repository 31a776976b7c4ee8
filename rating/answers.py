"""Answers: an Arrow table shown, printed and written for people and for other programs.

Enters: tables from the lake. Leaves: JSON-able rows, a text table, and files in CSV, Parquet or JSON. Always
holds: amounts are written as plain decimals with all their digits, never as floats; a text cell of a CSV file
cannot become a formula in a spreadsheet.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import singledispatch
from pathlib import Path
from typing import IO, Any, Final
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?")


class ExportError(Exception):
    """A table cannot be written as asked; the text says why."""


@singledispatch
def json_value(value: object) -> Any:  # noqa: ANN401  (JSON's own types)
    """``value`` as JSON knows it: amounts and ids as text, instants in ISO 8601, bytes as readable text."""
    return value


@json_value.register
def _(value: Decimal) -> str:
    return format(value, "f")


@json_value.register
def _(value: date) -> str:
    return value.isoformat()


@json_value.register
def _(value: UUID) -> str:
    return str(value)


@json_value.register
def _(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


@json_value.register
def _(value: list) -> list[Any]:  # type: ignore[type-arg] # registered by its bare class
    return [json_value(v) for v in value]


@json_value.register
def _(value: dict) -> dict[str, Any]:  # type: ignore[type-arg] # registered by its bare class
    return {name: json_value(v) for name, v in value.items()}


def json_rows(table: pa.Table) -> list[dict[str, Any]]:
    """The rows of ``table`` as JSON-able dictionaries."""
    return [{name: json_value(value) for name, value in row.items()} for row in table.to_pylist()]


def cell(value: object) -> str:
    """``value`` as people read it; nothing for a null."""
    shown = json_value(value)
    if isinstance(shown, dict | list):
        return json.dumps(shown)
    return "" if shown is None else str(shown)


def harmless(text: str) -> str:
    """``text`` for a CSV cell: what a spreadsheet would take for a formula gets an apostrophe before it.

    Plain numbers and +E.164 subscriber numbers compute nothing and stay as they are.
    """
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def rich_table(table: pa.Table, title: str = "") -> Table:
    """``table`` for a terminal, numbers to the right."""
    shown = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD)
    for field in table.schema:
        number = pa.types.is_integer(field.type) or pa.types.is_decimal(field.type)
        shown.add_column(field.name, justify="right" if number else "left", overflow="fold")
    for row in table.to_pylist():
        shown.add_row(*(Text(cell(value)) for value in row.values()))
    return shown


def write_csv(table: pa.Table | pa.RecordBatchReader, file: IO[str]) -> None:
    """Write ``table`` as CSV with a header line."""
    batches: Iterable[pa.RecordBatch] = table.to_batches() if isinstance(table, pa.Table) else table
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.schema.names)
    for batch in batches:
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            writer.writerow([harmless(cell(value)) for value in row])


def export(table: pa.Table, path: Path) -> None:
    """Write ``table`` to ``path``: CSV, Parquet or JSON by its suffix.

    Raises :class:`ExportError` for another suffix or a path that cannot be written.
    """
    try:
        if path.suffix == ".csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                write_csv(table, file)
        elif path.suffix == ".parquet":
            pq.write_table(table, path, compression="zstd")
        elif path.suffix == ".json":
            path.write_text(json.dumps(json_rows(table), indent=1) + "\n", "utf-8")
        else:
            raise ExportError(f"{path}: cannot tell the format; name it .csv, .parquet or .json")
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}") from error
