"""Price sheets as rows of text: CSV, or a worksheet of an XLSX workbook.

Enters: a file and a ``Mapping``. Leaves: the names of its columns, and rows with their line. Always holds: a number
cell is the shortest decimal text that means it, as the spreadsheet shows it; a date cell is an ISO 8601 text.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from tariffs.importers.mapping import Mapping

Cells = list[str]


@dataclass(frozen=True)
class Rows:
    """Named columns, and (line, cells) of every row that is not empty."""

    columns: list[str]
    rows: list[tuple[int, Cells]]


def read_sheet(path: Path, mapping: Mapping) -> Rows:
    """The rows of ``path``; ValueError where it cannot be read or a column of the mapping is missing."""
    found = [(line, cells) for line, cells in _lines(path, mapping) if any(cells)]
    width = max((len(cells) for _, cells in found), default=0)
    padded = [(line, [*cells, *[""] * (width - len(cells))]) for line, cells in found]
    columns = padded.pop(0)[1] if mapping.header and padded else [str(number + 1) for number in range(width)]
    for name in (*mapping.columns.values(), *mapping.where):
        if columns.count(name) != 1:
            raise ValueError(f"{path}: expected one column {name!r} among {', '.join(columns)}")
    return Rows(columns, padded)


def _lines(path: Path, mapping: Mapping) -> Iterable[tuple[int, Cells]]:
    return (
        _workbook(path, mapping) if path.suffix.lower() in (".xlsx", ".xlsm", ".xls", ".ods") else _csv(path, mapping)
    )


def _csv(path: Path, mapping: Mapping) -> Iterator[tuple[int, Cells]]:
    try:
        with path.open(encoding=mapping.encoding, newline="") as text:
            reader = csv.reader(text, delimiter=mapping.separator)
            for cells in reader:
                yield reader.line_num, [cell.strip() for cell in cells]
    except (csv.Error, UnicodeDecodeError, LookupError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def _workbook(path: Path, mapping: Mapping) -> Iterator[tuple[int, Cells]]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(path)
        sheet = book.get_sheet_by_name(mapping.worksheet or book.sheet_names[0])
        rows = sheet.to_python(skip_empty_area=False)
    except CalamineError as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    for number, row in enumerate(rows, 1):
        yield number, [_text(cell) for cell in row]


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{Decimal(repr(cell)):f}".removesuffix(".0")
    if isinstance(cell, date | datetime):
        return cell.isoformat()
    return str(cell).strip()
