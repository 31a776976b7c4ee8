"""Codes and values that only the header of a file gives a meaning.

Enters: fields, and the header as a tree. Leaves: the same fields, where codes of a table have become what the table
says and columns of the header hold its value. Always holds: a code that the table lacks stays, with a question mark
before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from mediation.ber.columns import HeaderTable, Path, Source, SourceColumn
from mediation.ber.tree import Tree, structures
from mediation.records import Bytes, Fields
from mediation.spans import Column, distinct


def with_header(fields: Fields, source: Source, columns: Sequence[SourceColumn]) -> Fields:
    """``fields``, whose rows are ``columns``, with what the header says."""
    if not any(c.header or c.table for c in columns):
        return fields
    header = source.said.header if source.said else {}
    begin, end = fields.begin.copy(), fields.end.copy()
    spill, at = bytearray(), len(fields.text)
    for row, column in enumerate(columns):
        if column.header:
            said = next(values(header, column.header), "").encode()
            begin[row], end[row] = at + len(spill), at + len(spill) + len(said)
            spill += said
        elif column.table:
            meanings = table_of(header, next(t for t in source.tables if t.name == column.table))
            codes, texts = distinct(Column(fields.text, fields.begin[row], fields.end[row]))
            meant = [meanings.get(t, f"?{t}" if t else "").encode() for t in texts]
            bounds = at + len(spill) + np.cumsum([0, *map(len, meant)]).astype(np.int32)
            begin[row], end[row] = bounds[:-1][codes], bounds[1:][codes]
            spill += b"".join(meant)
    if not spill:
        return replace(fields, begin=begin, end=end)
    text: Bytes = np.concatenate([fields.text, np.frombuffer(bytes(spill), np.uint8)])
    return replace(fields, text=text, begin=begin, end=end)


def table_of(header: Tree, table: HeaderTable) -> dict[str, str]:
    """The rows of ``table``: what each code means; of a code that comes twice, the first."""
    rows: dict[str, str] = {}
    for row in structures(header, _names(table.path)):
        code, meaning = row.get(table.key, [""])[0], row.get(table.value, [""])[0]
        if isinstance(code, str) and isinstance(meaning, str):
            rows.setdefault(code, meaning)
    return rows


def values(tree: Tree, path: Path) -> Iterator[str]:
    """Every text at ``path``."""
    for inside in structures(tree, _names(path[:-1])):
        yield from (v for v in inside.get(path[-1].name, ()) if isinstance(v, str))


def _names(path: Path) -> list[str]:
    return [step.name for step in path]
