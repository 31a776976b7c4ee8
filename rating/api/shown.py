"""Rows as answers show them, and what is hidden of persons.

Enters: Arrow rows. Leaves: JSON-able rows. Always holds: amounts are text with all their digits, instants RFC 3339 in
UTC; without leave to see personal data, values of columns that the field table calls personal are masked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from mediation.fields import TABLES, Pii
from rating.answers import json_value

PERSONAL: Final = frozenset(f.name for fields in TABLES.values() for f in fields if f.pii is not Pii.NONE)
"""The names of columns that tell of a person, in whatever table."""
_SHOWN: Final = 3


def masked(value: str) -> str:
    """``value`` with all but its last three characters hidden; all of it where there are no more."""
    hidden = len(value) - _SHOWN if len(value) > _SHOWN else len(value)
    return "*" * hidden + value[hidden:]


def rows_shown(
    rows: pa.Table, known: Collection[str] | None, order: Sequence[int] | None = None
) -> list[dict[str, Any]]:
    """``rows`` (those at ``order``) as JSON-able dictionaries.

    Unless ``known`` is None, personal data are masked, but those values.
    """
    columns = {name: _column(rows[name]) for name in rows.column_names}
    if order is not None:
        columns = {name: [values[at] for at in order] for name, values in columns.items()}
    if known is not None:
        columns |= {name: _hidden(columns[name], known) for name in PERSONAL & columns.keys()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _column(column: pa.ChunkedArray) -> list[Any]:
    """The values of a column; the common types at once, since a page has thousands of them."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_integer(kind):
        return list(column.to_pylist())
    if pa.types.is_dictionary(kind):
        return list(column.cast(pa.string()).to_pylist())
    if pa.types.is_timestamp(kind) and not column.null_count:
        instants = column.cast(pa.int64()).to_numpy().astype("datetime64[us]")
        return list(np.char.add(np.datetime_as_string(instants, "us"), "Z").tolist())
    return [json_value(value) for value in column.to_pylist()]


def _hidden(values: list[Any], known: Collection[str]) -> list[Any]:
    return [value if value is None or value in known else masked(value) for value in values]
