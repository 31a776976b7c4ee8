"""TOML with the line of every key, and typed reading of its tables.

Enters: the text of a TOML file. Leaves: ``Table``s whose getters return values or note a problem with
file, line and key. Always holds: reading never raises for what a file says; unknown keys are problems.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from tariffs import values
from tariffs.model import Place, Problem

T = TypeVar("T")
Path = tuple[str | int, ...]

_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?")
_KEY: Final = re.compile(r"\s*([\w\".-]+)\s*=")


def key_lines(text: str) -> dict[Path, int]:
    """The line (from 1) of each table header and key of a TOML text, by path."""
    lines: dict[Path, int] = {}
    arrays: dict[Path, int] = {}
    here: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            here = _header_path(header, arrays)
            for depth in range(1, len(here) + 1):
                lines.setdefault(here[:depth], number)
        elif key := _KEY.match(line):
            lines.setdefault(here + _parts(key[1]), number)
    return lines


def _header_path(header: re.Match[str], arrays: dict[Path, int]) -> Path:
    path: Path = ()
    parts = _parts(header[2])
    for depth, part in enumerate(parts, 1):
        path += (part,)
        if depth == len(parts) and header[1] == "[[":
            arrays[path] = arrays.get(path, -1) + 1
        if path in arrays:
            path += (arrays[path],)
    return path


def _parts(dotted: str) -> Path:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


@dataclass
class Table:
    """One TOML table, where it stands, and the list to which its problems go."""

    content: dict[str, object]
    file: str
    path: Path
    lines: dict[Path, int]
    problems: list[Problem]
    used: set[str] = field(default_factory=set)

    @property
    def place(self) -> Place:
        """Where the table begins."""
        return self.place_of()

    def place_of(self, *keys: str | int) -> Place:
        """Where ``keys`` stand below the table: the nearest enclosing line that is known."""
        path = self.path + keys
        while path and path not in self.lines:
            path = path[:-1]
        return Place(self.file, self.lines.get(path, 0))

    def problem(self, key: str, message: str) -> None:
        """Note a problem of ``key`` in this table."""
        name = ".".join(str(part) for part in (*self.path, key) if part != "")
        self.problems.append(Problem(self.place_of(key), name, message))

    def get(self, key: str, default: T, kind: type, wanted: str, convert: Callable[..., T]) -> T:
        """The value of ``key``, of TOML type ``kind``, converted; a problem and ``default`` where it is wrong."""
        self.used.add(key)
        if key not in self.content:
            return default
        value = self.content[key]
        if type(value) is not kind:
            self.problem(key, f"expected {wanted}, not {value!r}")
            return default
        try:
            return convert(value)
        except ValueError as error:
            self.problem(key, str(error))
            return default

    def required(self, *keys: str) -> bool:
        """Whether all ``keys`` are there; a problem for each that is not."""
        missing = [key for key in keys if key not in self.content]
        for key in missing:
            self.problem(key, "is required")
        return not missing

    def text(self, key: str, default: str = "", of: Sequence[str] = ()) -> str:
        """A string, one of ``of`` where given."""
        return self.get(key, default, str, "a string", lambda value: _one_of(value, of))

    def money(self, key: str, default: int = 0) -> int:
        """Nano-units from a decimal string."""
        return self.get(key, default, str, 'money as a string such as "0.05"', values.money)

    def limit(self, key: str) -> int | None:
        """Nano-units from a decimal string, or none."""
        amount = self.money(key)
        return amount if key in self.content else None

    def units(self, key: str, default: int, least: int) -> int:
        """A whole number of units, at least ``least`` and below 2^53."""

        def checked(value: int) -> int:
            if not least <= value < 2**53:
                raise ValueError(f"expected a whole number from {least} to 2^53, not {value}")
            return value

        return self.get(key, default, int, "a whole number", checked)

    def flag(self, key: str) -> bool:
        """True or false; false where it is absent."""
        return self.get(key, False, bool, "true or false", bool)

    def texts(self, key: str, of: Sequence[str] = ()) -> tuple[str, ...]:
        """A string or a list of strings, each one of ``of`` where given."""
        self.used.add(key)
        value = self.content.get(key, [])
        items = value if isinstance(value, list) else [value]
        found: list[str] = []
        for item in items:
            if not isinstance(item, str):
                self.problem(key, f"expected a string, not {item!r}")
            elif of and item not in of:
                self.problem(key, f"expected one of {', '.join(of)}, not {item!r}")
            else:
                found.append(item)
        return tuple(found)

    def converted(self, key: str, convert: Callable[[str], T]) -> tuple[T, ...]:
        """A list of strings, each converted; a problem for each that cannot be."""
        found: list[T] = []
        for item in self.texts(key):
            try:
                found.append(convert(item))
            except ValueError as error:
                self.problem(key, str(error))
        return tuple(found)

    def table(self, key: str) -> Table:
        """The table below ``key``; an empty one where there is none."""
        self.used.add(key)
        below = self.content.get(key, {})
        if not isinstance(below, dict):
            self.problem(key, f"expected a table, not {below!r}")
            below = {}
        return Table(below, self.file, (*self.path, key), self.lines, self.problems)

    def tables(self, key: str) -> Iterator[Table]:
        """The array of tables below ``key``."""
        self.used.add(key)
        below = self.content.get(key, [])
        if not isinstance(below, list) or not all(isinstance(item, dict) for item in below):
            self.problem(key, f"expected a list of tables, not {below!r}")
            return
        for number, item in enumerate(below):
            yield Table(item, self.file, (*self.path, key, number), self.lines, self.problems)

    def done(self) -> None:
        """A problem for each key that nothing asked for."""
        for key in sorted(set(self.content) - self.used):
            self.problem(key, f"is unknown; expected one of {', '.join(sorted(self.used))}")


def _one_of(value: str, of: Sequence[str]) -> str:
    if of and value not in of:
        raise ValueError(f"expected one of {', '.join(of)}, not {value!r}")
    return value
