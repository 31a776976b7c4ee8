"""Where two sets of rows differ, key by key.

Enters: rows before and after, a number for the key of each. Leaves: the keys whose rows are not the same. Always holds:
rows of a key are compared as a set, whatever their order; values are compared, not texts, and exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tariffs.catalogue import Ints

Flags = npt.NDArray[np.bool_]
_NULL = -(1 << 63)


def words(tables: Sequence[pa.Table], columns: Sequence[str]) -> list[Ints]:
    """The ``columns`` of each of ``tables`` as integers (rows, words); equal words mean equal values."""
    whole = pa.concat_tables([table.select(columns) for table in tables]).unify_dictionaries().combine_chunks()
    parts = [part for name in columns for part in _parts(whole[name])]
    matrix = np.stack(parts, axis=1) if parts else np.zeros((whole.num_rows, 0), np.int64)
    return np.split(matrix, np.cumsum([table.num_rows for table in tables])[:-1])


def _parts(column: pa.ChunkedArray) -> list[Ints]:
    """One column as integers; a null is a number that no value has."""
    array = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_string(array.type):
        array = array.dictionary_encode()
    if isinstance(array, pa.DictionaryArray):
        return [np.asarray(array.indices.cast(pa.int64()).fill_null(_NULL), np.int64)]
    if pa.types.is_boolean(array.type):
        return [np.asarray(array.cast(pa.int64()), np.int64)]
    stored = array.storage if isinstance(array, pa.ExtensionArray) else array
    wide = max(stored.type.bit_width // 64, 1)
    if wide == 1:
        return [np.asarray(stored.cast(pa.int64()).fill_null(_NULL), np.int64)]
    halves = np.frombuffer(stored.buffers()[1], np.int64, wide * len(stored), 16 * stored.offset).reshape(-1, wide)
    known = stored.is_valid().to_numpy(zero_copy_only=False)
    return [np.where(known, halves[:, place], _NULL) for place in range(wide)]


def differing(before: tuple[Ints, Ints], after: tuple[Ints, Ints], count: int) -> Flags:
    """Of ``count`` keys those whose rows differ; each side is (key of each row, words of each row)."""
    sizes = [np.bincount(keys, minlength=count) for keys, _ in (before, after)]
    unlike = np.asarray(sizes[0] != sizes[1])
    (keys, old), (_, new) = (_in_order(*side, unlike) for side in (before, after))
    unlike[keys[(old != new).any(axis=1)]] = True
    return unlike


def _in_order(keys: Ints, values: Ints, left_out: Flags) -> tuple[Ints, Ints]:
    """The rows of all other keys, by key and value."""
    kept = np.flatnonzero(~left_out[keys])
    order = kept[np.lexsort((*values[kept].T[::-1], keys[kept]))]
    return keys[order], values[order]


def numbered(rows: Sequence[Ints]) -> tuple[list[Ints], int]:
    """A number for each distinct row of all of ``rows``, and how many there are."""
    whole = np.concatenate(rows)
    _, numbers = np.unique(whole, axis=0, return_inverse=True)
    sizes = np.cumsum([len(each) for each in rows])[:-1]
    return np.split(numbers.reshape(-1), sizes), int(numbers.max(initial=-1)) + 1
