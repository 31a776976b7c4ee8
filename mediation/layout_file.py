"""Layouts as TOML files: the shipped ones by name, others by path.

Enters: a name or a path. Leaves: a :class:`~mediation.layout.Layout`. Always holds: either the layout
is whole, or :class:`LayoutError` lists every problem with file, key and what was expected. A file may
``extends`` another layout and change single keys, such as the country code or the zone.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from mediation.ber.layout_keys import unknown_columns
from mediation.field_keys import mappings_of, number_rules
from mediation.framing_keys import control_totals, file_name_pattern, framing_of
from mediation.keys import Keys
from mediation.layout import Kind, Layout
from mediation.rule_keys import conditions_of, given_charge, limits_of, pairing_of, partials_of, tap_rules


class LayoutError(ValueError):
    """A layout that cannot be used; the message lists every problem."""


def shipped() -> tuple[str, ...]:
    """The names of the layouts that come with Tollstream."""
    return tuple(
        sorted(p.name[:-5] for p in files("mediation").joinpath("layouts").iterdir() if p.name.endswith(".toml"))
    )


def read_layout(name_or_path: str) -> Layout:
    """The layout of that name (shipped) or path (ending in .toml).

    Raises:
        LayoutError: there is none, it is no TOML, or keys are wrong; all problems are listed.

    """
    return parse_layout(_load(name_or_path, depth=0), name_or_path)


def layout_from_text(text: str) -> Layout:
    """The layout that the lake has kept as JSON (:attr:`Layout.text`)."""
    return parse_layout(json.loads(text), "stored layout")


def parse_layout(table: dict[str, Any], where: str) -> Layout:
    """A layout from its parsed ``table``; ``where`` begins each problem.

    Raises:
        LayoutError: keys are missing, unknown or wrong.

    """
    text = json.dumps(table, sort_keys=True, default=str)
    keys = Keys(dict(table), f"{where}: ")
    layout = _layout(keys, text)
    keys.finish()
    check_layout(layout, keys)
    if keys.problems:
        raise LayoutError("\n".join(keys.problems))
    return layout


def _load(name_or_path: str, depth: int) -> dict[str, Any]:
    try:
        table = tomllib.loads(_text(name_or_path))
    except tomllib.TOMLDecodeError as fault:
        raise LayoutError(f"{name_or_path}: not TOML: {fault}") from None
    base = table.pop("extends", None)
    if base is None:
        return table
    if depth > 3 or not isinstance(base, str):
        raise LayoutError(f"{name_or_path}: extends: expected the name or path of a layout, at most 4 in a chain")
    if base.endswith(".toml"):
        base = str(Path(name_or_path).parent / base)
    return _merge(_load(base, depth + 1), table)


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _text(name_or_path: str) -> str:
    try:
        if name_or_path.endswith(".toml"):
            return Path(name_or_path).read_text("utf-8")
        resource = files("mediation").joinpath("layouts", f"{name_or_path}.toml")
        return resource.read_text("utf-8")
    except FileNotFoundError:
        known = ", ".join(shipped())
        raise LayoutError(f"no layout {name_or_path!r}: expected a .toml file or one of {known}") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise LayoutError(f"{name_or_path}: cannot be read: {fault}") from None


def _layout(keys: Keys, text: str) -> Layout:
    name = keys.text("name")
    identity = keys.section("identity")
    pairing = keys.section("pairing") if "pairing" in keys.table else None
    layout = Layout(
        name=name,
        title=keys.text("title", ""),
        framing=framing_of(keys.section("framing"), keys),
        mappings=mappings_of(keys.section("fields")),
        identity=identity.texts("columns"),
        namespace=identity.text("namespace", name),
        numbers=number_rules(keys.section("numbers")),
        limits=limits_of(keys.section("limits")),
        text=text,
        version=hashlib.sha256(text.encode()).hexdigest()[:16],
        billable=conditions_of(keys.section("billable")),
        swap_numbers_when=frozenset(keys.texts("swap_numbers_when", ())),
        pairing=pairing_of(pairing) if pairing else None,
        partials=partials_of(keys.section("partials")) if "partials" in keys.table else None,
        given=given_charge(keys.section("given")) if "given" in keys.table else None,
        tap=tap_rules(keys.section("tap")) if "tap" in keys.table else None,
        controls=control_totals(keys.section("controls")),
        file_name=file_name_pattern(keys),
    )
    identity.finish()
    return layout


def check_layout(layout: Layout, keys: Keys) -> None:
    """Note in ``keys`` what holds each key by itself but not the layout as a whole."""
    for target in ("start_utc", "service", "b_number"):
        if layout.mapping(target) is None:
            keys.wrong(f"fields.{target}", "a mapping: no event can be rated without it")
    start = layout.mapping("start_utc")
    if start and not set(start.columns) <= set(layout.identity):
        keys.wrong("identity.columns", "the columns of start_utc among them: events are looked up by day")
    if layout.partials:
        _check_partials(layout, keys)
    framing = layout.framing
    if framing.kind is Kind.JSON or framing.names_in_header:
        return
    if framing.ber:
        for column in unknown_columns(framing.ber, layout.source_columns()):
            keys.wrong("columns", f"{column!r}, which a mapping, the identity or billable names, or such a path")
        return
    for column in layout.source_columns():
        if column not in framing.columns:
            keys.wrong("framing.columns", f"{column!r}, which a mapping, the identity or billable names")


def _check_partials(layout: Layout, keys: Keys) -> None:
    number = layout.mapping("partial_no")
    if number is None or not number.columns:
        keys.wrong("fields.partial_no", "the column of the partial's number, since partials are declared")
    elif not set(number.columns) <= set(layout.identity):
        keys.wrong("identity.columns", "the column of partial_no among them: it tells partials of a session apart")
    if layout.mapping("usage_offset"):
        keys.wrong("fields.usage_offset", "no mapping: it is what the partials before have used")
