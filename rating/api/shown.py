"""Rows as answers show them, and what is hidden of persons.

Enters: columns of values, or Arrow rows. Leaves: JSON-able rows. Always holds: amounts are text with all
their digits, instants RFC 3339 in UTC; without leave to see personal data, values of columns that the field table calls
personal are masked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from mediation.fields import AMOUNT, EVENT_ID, INSTANT, TABLES, TOTAL, Pii
from rating.answers import json_value
from rating.story import money

PERSONAL: Final = frozenset(f.name for fields in TABLES.values() for f in fields if f.pii is not Pii.NONE)
"""The names of columns that tell of a person, in whatever table."""
_LEFT: Final = 3


def masked(value: str) -> str:
    """``value`` with all but its last three characters hidden; all of it where there are no more."""
    hidden = len(value) - _LEFT if len(value) > _LEFT else len(value)
    return "*" * hidden + value[hidden:]


def rows_shown(rows: pa.Table, known: Collection[str] | None) -> list[dict[str, Any]]:
    """``rows`` as JSON-able dictionaries; unless ``known`` is None, personal data are masked, but those values."""
    return _rows({name: _column(rows[name]) for name in rows.column_names}, known)


def columns_shown(
    columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, pa.DataType], known: Collection[str] | None
) -> list[dict[str, Any]]:
    """The rows of ``columns`` as JSON-able dictionaries, masked as those of :func:`rows_shown`.

    Values are as :mod:`rating.api.columns` has them; ``kinds`` tells what they are, where they are no texts and
    whole numbers that stand for themselves.
    """
    shown = {name: AS_TEXT[kinds[name]](columns[name]) for name in kinds}
    return _rows({**columns, **shown}, known)


def _rows(columns: dict[str, Sequence[Any]], known: Collection[str] | None) -> list[dict[str, Any]]:
    if known is not None:
        columns |= {name: _hidden(columns[name], known) for name in PERSONAL & columns.keys()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def instants(micros: Sequence[int]) -> list[str]:
    """Microseconds since 1970 as RFC 3339 has them."""
    found: list[str] = np.datetime_as_string(np.array(micros, "M8[us]"), "us", "UTC").tolist()
    return found


def amounts(nano: Sequence[int | None]) -> list[str | None]:
    """Nano-units as texts; None stays None."""
    return [None if value is None else money(value) for value in nano]


def ids(values: Sequence[bytes]) -> list[str]:
    """Ids of 16 bytes as texts."""
    return [f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}" for h in (value.hex() for value in values)]


AS_TEXT: Final[Mapping[pa.DataType, Callable[[Sequence[Any]], Sequence[Any]]]] = {
    INSTANT: instants,
    AMOUNT: amounts,
    TOTAL: amounts,
    EVENT_ID: ids,
}
"""What makes texts of the values of a type; values of other types stand for themselves."""


def _column(column: pa.ChunkedArray) -> list[Any]:
    """The values of a column of a table."""
    if column.type == INSTANT and not column.null_count:
        return instants(column.cast(pa.int64()).to_pylist())
    return [json_value(value) for value in column.to_pylist()]


def _hidden(values: Sequence[Any], known: Collection[str]) -> list[Any]:
    return [value if value is None or value in known else masked(value) for value in values]
