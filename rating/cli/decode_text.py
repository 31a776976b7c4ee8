"""What ``toll decode`` prints: trees, tables and raw elements as lines.

Enters: parts, tables, pieces of a file. Leaves: lines. Always holds: a line is one line, and no control character of a
file reaches the terminal.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from mediation.ber.raw import Element, Piece
    from mediation.part import Part

_SHOWN_BYTES = 32
_GAP = 3
_WIDEST = 40
"""Characters of a table's cell on a terminal."""


def plain(text: str) -> str:
    """``text`` with its control characters escaped."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def part_lines(part: Part) -> Iterator[str]:
    """A part as a tree of lines."""
    what = f"{part.kind} {part.record_no} at byte {part.offset_bytes}"
    before = ", ".join(f"{name} {value}" for name, value in part.cdr_header.items())
    yield what + (f": {part.record}" if part.record else "") + (f" ({before})" if before else "")
    if part.fault:
        yield f"  byte {part.fault.offset_bytes}: {part.fault.error}"
        yield f"  {_hex(part.fault.octets)}"
    elif isinstance(part.values, dict):
        yield from _lines(part.values, "  ")
    else:
        yield from _lines({part.record: part.values}, "  ")


def _lines(values: dict[str, Any], indent: str) -> Iterator[str]:
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield f"{indent}{plain(name)}"
                yield from _lines(one, indent + "  ")
            else:
                yield f"{indent}{plain(name)}: {plain(str(one).lower() if isinstance(one, bool) else str(one))}"


def _hex(octets: bytes) -> str:
    """The first octets in hex, and how many there are."""
    more = f" ... ({len(octets)} bytes)" if len(octets) > _SHOWN_BYTES else ""
    return octets[:_SHOWN_BYTES].hex(" ") + more


def piece_line(piece: Piece) -> str:
    """A piece of a file: its offset, tag, length, name, and what it holds in hex."""
    from mediation.ber.raw import Element, Head

    if isinstance(piece, Element):
        return _element_line(piece)
    if isinstance(piece, Head):
        return f"{piece.place:>10}  {piece.name}, {len(piece.octets)} bytes: {_hex(piece.octets)}"
    return f"{piece.place:>10}  fault: {piece.why}: {_hex(piece.octets)}".rstrip(": ")


def _element_line(element: Element) -> str:
    from mediation.ber.format import tag_text
    from mediation.ber.tlv import END_OF_CONTENTS, INDEFINITE

    indent = "  " * element.depth
    if element.key == END_OF_CONTENTS and not element.constructed:
        return f"{element.place:>10}  {indent}end of contents"
    length = "indefinite" if element.length == INDEFINITE else str(element.length)
    name = f" {element.field.name}" if element.field else ""
    head = f"{element.place:>10}  {indent}[{tag_text(element.key)}]{name} ({length})"
    return (
        head if element.constructed else f"{head}: {_hex(element.octets[:_SHOWN_BYTES])}{_more(element)}".rstrip(": ")
    )


def _more(element: Element) -> str:
    return " ..." if element.length > _SHOWN_BYTES else ""


def print_table(table: pa.Table) -> None:
    """Print ``table`` with the columns that have a value; on a terminal those that fit its width."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    filled = [name for name in table.column_names if table[name].null_count < table.num_rows]
    cells = {name: [_cell(value) for value in table[name].to_pylist()] for name in filled}
    widths = {name: max(len(name), *map(len, texts)) + _GAP for name, texts in cells.items()}
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else sum(widths.values()) + 2
    names = _fitting(widths, room)
    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in names:
        shown.add_column(name, no_wrap=True)
    for row in zip(*(cells[name] for name in names), strict=True):
        shown.add_row(*map(Text, row))
    Console(width=room).print(shown)
    if len(names) < len(filled):
        left = ", ".join(name for name in filled if name not in names)
        print(f"{len(filled) - len(names)} more columns do not fit here (a pipe, --json or --parquet has all): {left}")


def _fitting(widths: dict[str, int], room: int) -> list[str]:
    """The first names whose columns fit into ``room``; one at least."""
    names: list[str] = []
    for name, width in widths.items():
        room -= width
        if room < 0 and names:
            break
        names.append(name)
    return names


def _cell(value: object) -> str:
    text = "" if value is None else plain(str(value))
    return text if len(text) <= _WIDEST or not sys.stdout.isatty() else text[: _WIDEST - 1] + "…"
