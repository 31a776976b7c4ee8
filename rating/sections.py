"""SQL files of named statements.

Enters: a file beside a package's modules, in which ``-- name: what it is`` stands above each statement. Leaves: what it
is and its text, by name. Always holds: a statement ends with a semicolon at the end of a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

_SECTION: Final = re.compile(r"^-- (\w+): ([^\n]+(?:\n-- [^\n]+)*)\n(.*?);$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Section:
    """A statement of a SQL file, without its semicolon, and what the file says of it."""

    says: str
    sql: str


def sections(package: str, file: str) -> dict[str, Section]:
    """The statements of ``file`` of ``package``, by name."""
    text = files(package).joinpath(file).read_text("utf-8")
    return {name: Section(says.replace("\n-- ", " "), sql) for name, says, sql in _SECTION.findall(text)}
