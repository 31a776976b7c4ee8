"""Usage batches made of a few columns.

Enters: columns of ``usage`` by name. Leaves: a batch whose other columns are constant. Always holds: its schema is
that of ``mediation.fields``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation.fields import EVENT_ID, LABEL, USAGE

_TEXTS: Final = {"service": "voice", "unit": "s", "direction": "originated"}


def event_ids(first: int, count: int) -> pa.Array:
    """``count`` event ids, none like another."""
    words: npt.NDArray[np.int64] = np.arange(2 * first, 2 * (first + count))
    storage = pa.Array.from_buffers(pa.binary(16), count, [None, pa.py_buffer(words.view(np.uint8))])
    return pa.ExtensionArray.from_storage(EVENT_ID, storage)


def calls(values: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """Calls with ``values`` of some columns."""
    count = len(next(iter(values.values())))
    columns = [values[f.name] if f.name in values else _constant(f.name, f.type, count, f.nullable) for f in USAGE]
    return pa.RecordBatch.from_arrays(columns, names=[f.name for f in USAGE])


def _constant(name: str, kind: pa.DataType, count: int, nullable: bool) -> pa.Array:
    if nullable:
        return pa.nulls(count, kind)
    if kind == LABEL:
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), [_TEXTS.get(name, "")])
    if kind in (pa.string(), pa.binary()):
        return pa.repeat(pa.scalar("", kind), count)
    return pa.array(np.zeros(count, kind.to_pandas_dtype()), kind)
