"""Codes of holders by their names, for names by the million.

Enters: the names of a catalogue, columns of names. Leaves: the place of each name among those of the catalogue. Always
holds: no name becomes an object; the table is an open hash of 32-bit places, so thirty million names take a quarter of
a gigabyte beside themselves.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation.jit import kernel
from rating.columns import text_buffers
from tariffs.catalogue import NONE, Codes, Ints

Bytes = npt.NDArray[np.uint8]


class HolderCodes:
    """The place of each of ``names``, which are distinct."""

    def __init__(self, names: pa.StringArray) -> None:
        self._offsets, self._text = text_buffers(names)
        self._places = np.full(1 << (2 * len(names)).bit_length(), NONE, np.int32)
        _note_all(self._offsets, self._text, self._places)

    def of(self, names: pa.StringArray) -> Ints:
        """The place of each of ``names``; NONE where there is no such name."""
        offsets, text = text_buffers(names)
        found = np.full(len(names), NONE)
        _find_all(offsets, text, found, self._offsets, self._text, self._places)
        return found


@kernel
def _hash(text: Bytes, first: int, end: int) -> int:
    """FNV-1a in 32 bits, no product of which reaches 64."""
    value = 0x811C9DC5
    for at in range(first, end):
        value = ((value ^ int(text[at])) * 0x01000193) & 0xFFFFFFFF
    return value ^ (value >> 15)


@kernel
def _same(text: Bytes, first: int, end: int, other: Bytes, at: int, last: int) -> bool:
    if end - first != last - at:
        return False
    for i in range(end - first):  # noqa: SIM110 (a generator would not compile)
        if text[first + i] != other[at + i]:
            return False
    return True


@kernel
def _note_all(offsets: Codes, text: Bytes, places: Codes) -> None:
    """Put each name into the first free place from where its hash points."""
    last = len(places) - 1
    for row in range(len(offsets) - 1):
        place = _hash(text, offsets[row], offsets[row + 1]) & last
        while places[place] != NONE:
            place = (place + 1) & last
        places[place] = row


@kernel
def _find_all(offsets: Codes, text: Bytes, found: Ints, known: Codes, names: Bytes, places: Codes) -> None:
    last = len(places) - 1
    for row in range(len(found)):
        first, end = offsets[row], offsets[row + 1]
        place = _hash(text, first, end) & last
        while places[place] != NONE:
            code = places[place]
            if _same(text, first, end, names, known[code], known[code + 1]):
                found[row] = code
                break
            place = (place + 1) & last
