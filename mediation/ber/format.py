"""Field tables: what the tags of a format mean, as data.

Enters: the name of a shipped table, or a parsed one, and a layout's own tags. Leaves: a frozen
:class:`Format`. Always holds: every type that a field names is there; names are unique among the tags
of one type; nothing is mandatory, and a tag that no table names is kept as it is.

A table is TOML; docs/field-tables.md gives its keys. Tag keys are ``N`` (context), ``aN`` (application), ``uN``
(universal) and ``pN`` (private); a field is ``"name: TYPE"``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from mediation.keys import Keys

UNIVERSAL, APPLICATION, CONTEXT, PRIVATE = range(4)
_CLASS = {"u": UNIVERSAL, "a": APPLICATION, "": CONTEXT, "p": PRIVATE}
_LETTER = {number: letter for letter, number in _CLASS.items()}
_TAG = re.compile(r"([uap]?)(\d{1,5})")
_FIELD = re.compile(r"([A-Za-z][\w-]*): ((?:list )*)(?:(enum) )?([A-Za-z][\w-]*)")
CONTAINERS = ("bare", "nested", "prefixed", "ts32297")
GROUP = "group"
"""The type of a structure whose tags mean what they mean everywhere in the format."""


class FormatError(ValueError):
    """A field table that cannot be used; the message lists every problem."""


class Value(StrEnum):
    """How the content of a primitive becomes text."""

    INTEGER = "integer"
    BOOLEAN = "boolean"
    NULL = "null"
    TEXT = "text"
    OCTETS = "octets"
    BITS = "bits"
    TBCD = "tbcd"
    BCD = "bcd"
    ISDN = "isdn"
    TIMESTAMP = "timestamp"
    PLMN = "plmn"
    IP = "ip"
    ANY = "any"


KINDS: tuple[Value, ...] = tuple(Value)
"""A kind's place is its number in kernels."""


def tag_key(tag_class: int, number: int) -> int:
    """A tag as one number: what tables are looked up by."""
    return number << 2 | tag_class


def tag_text(key: int) -> str:
    """A tag as tables write it: ``4``, ``a4``, ``u16``."""
    return f"{_LETTER[key & 3]}{key >> 2}"


@dataclass(frozen=True, slots=True)
class Field:
    """What one tag means: a name, and a value or the type of what is inside.

    ``of`` names a type or choice ("" for a value); ``enum`` names the value's meanings; ``depth`` counts the
    lists around it.
    """

    name: str
    value: Value = Value.ANY
    of: str = ""
    enum: str = ""
    depth: int = 0


Tags = Mapping[int, Field]


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its records, types, choices and enumerations. ``tags`` mean the same everywhere.

    ``list`` is the path of the list of the records, where ``container`` is nested.
    """

    name: str
    title: str
    standard: str
    container: str
    records: Tags
    types: Mapping[str, Tags]
    choices: Mapping[str, Tags]
    enums: Mapping[str, Mapping[int, str]]
    tags: Tags
    list: str = ""

    def __hash__(self) -> int:
        return hash(self.name)

    def inside(self, field: Field) -> Tags:
        """The tags that a structure may hold by its own type; empty for a value or a group."""
        return self.types.get(field.of) or self.choices.get(field.of) or {}

    def child(self, field: Field, key: int) -> Field | None:
        """What the tag ``key`` means inside ``field``."""
        return self.inside(field).get(key) or self.tags.get(key)

    def is_choice(self, field: Field) -> bool:
        """Whether elements of ``field`` stand without a tag of their own around them."""
        return field.of in self.choices or field.of == GROUP


NO_FORMAT = Format("", "", "", "bare", {}, {}, {}, {}, {})
"""Of elements of which nothing is known."""


def shipped() -> tuple[str, ...]:
    """The names of the tables that come with Tollstream and have records."""
    names = sorted(p.name[:-5] for p in files("mediation").joinpath("formats").iterdir() if p.name.endswith(".toml"))
    return tuple(name for name in names if _table(name).get("records"))


@cache
def read_format(name: str) -> Format:
    """The shipped format ``name``.

    Raises:
        FormatError: there is none, or it is wrong; all problems are listed.

    """
    return parse_format(_table(name), name)


def amended(format_: Format, tags: Mapping[str, Any], keys: Keys) -> Format:
    """``format_`` with the ``tags`` that a layout adds or changes, by type; problems go to ``keys``."""
    types, choices, everywhere = dict(format_.types), dict(format_.choices), dict(format_.tags)
    for name, table in tags.items():
        own = _fields(Keys(dict(table), f"{keys.where}{name}.", keys.problems))
        if name in choices:
            choices[name] = {**choices[name], **own}
        elif name:
            types[name] = {**types.get(name, {}), **own}
        else:
            everywhere.update(own)
    changed = replace(format_, types=types, choices=choices, tags=everywhere)
    keys.problems.extend(f"{keys.where}{problem}" for problem in _unknown_types(changed))
    return changed


def parse_format(table: Mapping[str, Any], where: str) -> Format:
    """A format from its parsed ``table``; ``where`` begins each problem.

    Raises:
        FormatError: keys are missing, unknown or wrong.

    """
    merged = _with_included(table, where, 0)
    keys = Keys(merged, f"{where}: ")
    choices = _types(keys.section("choices"), {})
    format_ = Format(
        name=keys.text("name"),
        title=keys.text("title"),
        standard=keys.text("standard"),
        container=keys.choice("container", CONTAINERS, "bare"),
        records=_fields(keys.section("records")),
        types=_types(keys.section("types"), choices),
        choices=choices,
        enums=_enums(keys.section("enums")),
        tags=_fields(keys.section("tags")),
        list=keys.text("list", ""),
    )
    keys.finish()
    keys.problems.extend(f"{where}: {problem}" for problem in _unknown_types(format_))
    if keys.problems:
        raise FormatError("\n".join(keys.problems))
    return format_


@cache
def _table(name: str) -> dict[str, Any]:
    resource = files("mediation").joinpath("formats", f"{name}.toml")
    try:
        return tomllib.loads(resource.read_text("utf-8"))
    except FileNotFoundError:
        raise FormatError(f"no format {name!r}") from None
    except tomllib.TOMLDecodeError as fault:
        raise FormatError(f"{name}: not TOML: {fault}") from None


def _with_included(table: Mapping[str, Any], where: str, depth: int) -> dict[str, Any]:
    merged: dict[str, Any] = {k: dict(v) if isinstance(v, dict) else v for k, v in table.items() if k != "include"}
    if depth > 3:
        raise FormatError(f"{where}: include: at most 4 tables in a chain")
    for name in table.get("include", ()):
        base = _with_included(_table(name), name, depth + 1)
        for section in ("types", "choices", "enums", "tags"):
            merged[section] = {**base.get(section, {}), **merged.get(section, {})}
    return merged


def _types(keys: Keys, choices: Mapping[str, Tags]) -> dict[str, Tags]:
    found: dict[str, Tags] = {}
    for name in tuple(keys.table):
        section = keys.section(name)
        also = section.texts("also", ())
        own = _fields(section)
        for choice in also:
            if choice not in choices:
                section.wrong("also", f"the name of a choice, not {choice!r}")
            own = {**choices.get(choice, {}), **own}
        found[name] = own
    return found


def _fields(keys: Keys) -> dict[int, Field]:
    """Every tag of one table, with what it means."""
    found: dict[int, Field] = {}
    names: dict[str, str] = {}
    for tag in tuple(keys.table):
        match, field = _TAG.fullmatch(tag), _field(keys.text(tag))
        if match is None or field is None:
            keys.wrong(tag, 'a tag like 4, a4, u16 and what it means, like "name: TYPE"')
            continue
        if field.name in names:
            keys.wrong(tag, f"another name than {field.name!r}, which tag {names[field.name]} has")
        names[field.name] = tag
        found[tag_key(_CLASS[match[1]], int(match[2]))] = field
    return found


def _field(text: str) -> Field | None:
    match = _FIELD.fullmatch(text)
    if match is None:
        return None
    name, lists, enum, type_ = match.groups()
    depth = lists.count("list")
    if enum:
        return Field(name, Value.INTEGER, enum=type_, depth=depth)
    if type_ in set(Value):
        return Field(name, Value(type_), depth=depth)
    return Field(name, of=type_, depth=depth)


def _enums(keys: Keys) -> dict[str, dict[int, str]]:
    found = {}
    for name in tuple(keys.table):
        section = keys.section(name)
        found[name] = {int(number): section.text(number) for number in tuple(section.table)}
    return found


def _unknown_types(format_: Format) -> Iterator[str]:
    tables = {"records": format_.records, "tags": format_.tags, **format_.types, **format_.choices}
    for where, fields in tables.items():
        for key, field in fields.items():
            known = field.of in format_.types or field.of in format_.choices or field.of == GROUP
            if field.of and not known:
                yield f"{where}.{tag_text(key)}: expected a type that the table has, not {field.of!r}"
            if field.enum and field.enum not in format_.enums:
                yield f"{where}.{tag_text(key)}: expected an enumeration that the table has, not {field.enum!r}"
