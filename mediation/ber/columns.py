"""What a layout reads of an ASN.1 format: named columns, tables of the file's header, the container.

Enters: nothing but values. Leaves: the frozen model that ``layout_keys.py`` reads and ``plan.py`` compiles.
Always holds: every path of a :class:`Source` names fields that its format has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from mediation.ber.format import GROUP, Field, Format, Value

if TYPE_CHECKING:  # it brings kernels, which no layout needs
    from mediation.ber.tree import Tree

RECORD = "@record"
"""The column that holds the name of the record."""
LONGEST_HEADER = 16 << 20
"""Bytes within which the first record of a file begins."""


class Repeat(StrEnum):
    """What becomes of a field that a record has several times."""

    FIRST = "first"
    LAST = "last"
    SUM = "sum"
    JOIN = "join"
    COUNT = "count"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition on a step: a field inside it, standing before what the path leads to, has this text."""

    sibling: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One name of a path, with its condition."""

    name: str
    gate: Gate | None = None


Path = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A named column: the first of ``paths`` that a record has, or a value of the file's ``header``.

    ``table`` names the table of the header that turns the code into its meaning.
    """

    name: str
    paths: tuple[Path, ...] = ()
    repeat: Repeat = Repeat.FIRST
    table: str = ""
    header: Path = ()


@dataclass(frozen=True, slots=True)
class HeaderTable:
    """A table of codes in the file's header: each element at ``path`` gives ``key`` and ``value``."""

    name: str
    path: Path
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Body:
    """Where a file's records stand: bytes ``begin`` to ``end`` of it (-1: to an end-of-contents, or the file's)."""

    begin: int = 0
    end: int = -1


@dataclass(frozen=True, slots=True)
class Said:
    """What one file says of itself before its records: where they stand, and its header as a tree.

    ``cut``: its end lacks. ``fatal``: why none of its records goes on, if that is so.
    """

    body: Body = Body()
    header: Tree = field(default_factory=dict)
    cut: bool = False
    fatal: str = ""


@dataclass(frozen=True, slots=True)
class FileControls:
    """Where a file says its number, the parties whose numbers run on, and how many records it has."""

    sequence: Path = ()
    stream: tuple[Path, ...] = ()
    records: Path = ()


@dataclass(frozen=True, slots=True)
class Source:
    """How one layout reads one format. ``said`` is None until a file is at hand."""

    format: Format
    container: str
    list_path: Path = ()
    prefix_bytes: int = 2
    columns: tuple[SourceColumn, ...] = ()
    tables: tuple[HeaderTable, ...] = ()
    controls: FileControls = FileControls()
    said: Said | None = None

    @property
    def by_header(self) -> bool:
        """Whether records refer to what the header of their file says."""
        return any(c.header or c.table for c in self.columns)

    def column(self, name: str) -> SourceColumn:
        """The column ``name``: a declared one, or the path that it spells."""
        found = next((c for c in self.columns if c.name == name), None)
        return found or SourceColumn(name, (parse_path(name),))


def parse_path(text: str) -> Path:
    """The steps of ``a.b[c=d].e``.

    Raises:
        ValueError: it is no such path.

    """
    steps = []
    for part in text.split("."):
        name, bracket, condition = part.partition("[")
        sibling, equals, value = condition.removesuffix("]").partition("=")
        if not name or (bracket and not (equals and condition.endswith("]"))):
            raise ValueError(f"a path like record.field[sibling=text].field, not {text!r}")
        steps.append(Step(name, Gate(sibling, value) if bracket else None))
    return tuple(steps)


def wanted_value(field: Field) -> Value:
    """How the column of ``field`` is shown: a structure by whether it is there."""
    return Value.NULL if field.of else field.value


def resolved(format_: Format, path: Path) -> Iterator[list[tuple[int, Field]]]:
    """The chains of (tag, field) from a record's tag on that ``path`` names: for one record, or for every one."""
    named = [(k, f) for k, f in format_.records.items() if f.name == path[0].name]
    for key, record in named or format_.records.items():
        chain = [(key, record)]
        for step in path[1:] if named else path:
            found = by_name(format_, chain[-1][1], step.name)
            if found is None:
                break
            chain.append(found)
        else:
            yield chain


def by_name(format_: Format, field: Field, name: str) -> tuple[int, Field] | None:
    """The tag and field called ``name`` inside ``field``."""
    own = format_.inside(field)
    for tags in (own, format_.tags if field.of == GROUP or not own else {}):
        for key, inner in tags.items():
            if inner.name == name:
                return key, inner
    return None
