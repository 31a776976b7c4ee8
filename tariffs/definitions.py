"""What two tariffs say otherwise beside their prices: calendars, taxes, plans, allowances, fees, who pays, and more.

Enters: two catalogues. Leaves: a table. Always holds: it is read from the canonical text that the catalogues hold, so
that comments, files and the writing of dates are no difference; zones, rates and decks are told by their prices.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any, Final

import polars as pl

from tariffs.catalogue import Catalogue
from tariffs.text import FIXED, TOML

KINDS: Final = ("tariff", "calendar", "class", "tax", "plan", "allowance", "accumulator", "fee", "discount")
_SCHEMA: Final = dict.fromkeys(("what", "change", "where"), pl.String)

Table = dict[str, Any]


def changed_definitions(old: Catalogue, new: Catalogue) -> pl.DataFrame:
    """A row for ``what`` (``calendar.uk``) is ``new``, ``gone`` or ``changed``, and ``where`` it changed."""
    texts = [each.folder_text() for each in (old, new)]
    rows = [*_tables(*(tomllib.loads(text[TOML].decode()) for text in texts))]
    for name in FIXED:
        before, after = (text.get(name, b"").decode().splitlines()[1:] for text in texts)
        if before != after:
            more, less = len(set(after) - set(before)), len(set(before) - set(after))
            rows.append((name, _change(bool(before), bool(after)), f"{more} lines more, {less} less"))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _tables(old: Table, new: Table) -> Iterator[tuple[str, str, str]]:
    for kind in KINDS:
        before, after = (side.get(kind, {}) for side in (old, new))
        for name in dict.fromkeys((*before, *after)):
            one, other = before.get(name), after.get(name)
            if one != other:
                keys = _keys(one, other) if isinstance(one, dict) and isinstance(other, dict) else ()
                yield f"{kind}.{name}", _change(one is not None, other is not None), ", ".join(keys)


def _change(before: bool, after: bool) -> str:
    return "changed" if before and after else "new" if after else "gone"


def _keys(old: Table, new: Table) -> Iterator[str]:
    """The keys that differ, those of tables below with a dot."""
    for key in dict.fromkeys((*old, *new)):
        one, other = old.get(key), new.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from (f"{key}.{below}" for below in _keys(one, other))
        elif one != other:
            yield key
