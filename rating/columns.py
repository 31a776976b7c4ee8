"""Arrow columns as the arrays that kernels read.

Enters: columns of a ``usage`` batch. Leaves: numpy views and codes. Always holds: a dictionary column costs
one look-up per distinct value; nothing is copied but codes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation.jit import kernel
from tariffs.catalogue import Codes, Ints

T = TypeVar("T", bound=np.generic)


def text_buffers(column: pa.StringArray) -> tuple[Codes, npt.NDArray[np.uint8]]:
    """The offsets (one more than rows) and the bytes of a text column."""
    _, offsets, content = column.buffers()
    if offsets is None or offsets.size == 0:
        return np.zeros(1, np.int32), np.zeros(1, np.uint8)
    places = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    empty = content is None or content.size == 0
    return places, np.zeros(1, np.uint8) if empty else np.frombuffer(content, np.uint8)


def integers(column: pa.Array) -> Ints:
    """An int64 or timestamp column."""
    return np.frombuffer(column.buffers()[1], np.int64)[column.offset : column.offset + len(column)]


def tariff_starts(usage: pa.RecordBatch) -> Ints:
    """The instant by which tariffs go: of a partial the start of its session, else the row's own."""
    starts, sessions = integers(usage["start_utc"]), usage["session_start_utc"]
    if sessions.null_count == len(sessions):
        return starts
    return np.where(sessions.is_valid().to_numpy(zero_copy_only=False), integers(sessions), starts)


def coded(column: pa.DictionaryArray, code: Callable[[str], int], dtype: type[T]) -> npt.NDArray[T]:
    """``code`` of each row's text."""
    known = np.array([code(text) for text in column.dictionary.to_pylist()] or [0], dtype)
    if len(known) == 1:
        return np.full(len(column), known[0])
    return looked_up(known, column.indices.to_numpy(zero_copy_only=False))


def looked_up(known: npt.NDArray[T], codes: Codes) -> npt.NDArray[T]:
    """What is ``known`` of each code."""
    found = np.empty(len(codes), known.dtype)
    _look_up(known, codes, found)
    return found


@kernel
def _look_up(known: npt.NDArray[T], codes: Codes, found: npt.NDArray[T]) -> None:
    for place in range(len(codes)):
        found[place] = known[codes[place]]


def labelled(codes: Codes, texts: pa.StringArray) -> pa.DictionaryArray:
    """A dictionary column of ``codes`` into ``texts``."""
    return pa.DictionaryArray.from_arrays(pa.array(codes), texts, safe=False)
