"""Which column of a price sheet is what: read from a TOML file, from arguments, or both.

Enters: the settings of ``toll tariff import deck``. Leaves: a ``Mapping``; ValueError names every setting that is
wrong. Always holds: an argument goes before the file; what neither says has the default of its field.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping as Settings
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from tariffs.model import Problem
from tariffs.source import Table, key_lines

COLUMNS: Final = (
    "country",
    "prefix",
    "zone",
    "price",
    "per",
    "next_price",
    "next_per",
    "intervals",
    "minimum",
    "increment",
    "setup_fee",
    "valid_from",
    "valid_to",
)


@dataclass(frozen=True)
class Mapping:
    """How to read a sheet; ``columns`` name its columns by the keys of COLUMNS (docs/importers.md)."""

    id: str = ""
    currency: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    where: dict[str, tuple[str, ...]] = field(default_factory=dict)
    per: int = 60
    intervals: str = "1/1"
    separator: str = ","
    encoding: str = "utf-8-sig"
    worksheet: str = ""
    header: bool = True
    date_format: str = ""
    date_zone: str = "UTC"


def mapping(settings: Settings[str, Any]) -> Mapping:
    """The mapping of the file ``settings["mapping"]``, if any, under the other settings that are not None."""
    found = _from_file(settings["mapping"]) if settings.get("mapping") else {}
    known = {each.name for each in fields(Mapping)} - {"columns", "where"}
    found |= {key: value for key, value in settings.items() if key in known and value is not None}
    if settings.get("no_header"):
        found["header"] = False
    found["columns"] = found.get("columns", {}) | dict(_pair(text) for text in settings.get("column") or [])
    found["where"] = found.get("where", {}) | {
        name: tuple(values.split(",")) for name, values in (_pair(text) for text in settings.get("where") or [])
    }
    found["id"] = found.get("id") or Path(str(settings.get("source", ""))).stem
    return _checked(Mapping(**found))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ValueError(f"expected NAME=VALUE, not {text!r}")
    return name, value


def _checked(made: Mapping) -> Mapping:
    unknown = sorted(set(made.columns) - set(COLUMNS))
    if unknown:
        raise ValueError(f"columns: {unknown[0]} is unknown; expected one of {', '.join(COLUMNS)}")
    for key in ("prefix", "price"):
        if key not in made.columns:
            raise ValueError(f"columns: which column is the {key}?")
    if not re.fullmatch(r"[\w-]+", made.id):
        raise ValueError(f"id: expected letters, digits, _ and -, not {made.id!r}")
    if not made.currency:
        raise ValueError("currency: is required")
    if made.per < 1 or len(made.separator) != 1:
        raise ValueError("per: expected at least 1; separator: expected one character")
    return made


def _from_file(name: str) -> dict[str, Any]:
    path = Path(name)
    problems: list[Problem] = []
    try:
        text = path.read_text("utf-8")
        table = Table(tomllib.loads(text), path.name, (), key_lines(text), problems)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error
    columns, where = table.table("columns"), table.table("where")
    found: dict[str, Any] = {
        "columns": {key: columns.text(key) for key in columns.content},
        "where": {key: where.texts(key) for key in where.content},
    }
    for key in ("id", "currency", "intervals", "separator", "encoding", "worksheet", "date_format", "date_zone"):
        if key in table.content:
            found[key] = table.text(key)
    if "per" in table.content:
        found["per"] = table.units("per", 60, 1)
    found["header"] = table.get("header", default=True, kind=bool, wanted="true or false", convert=bool)
    table.done()
    if problems:
        raise ValueError("; ".join(str(problem) for problem in problems))
    return found
