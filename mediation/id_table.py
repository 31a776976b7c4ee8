"""A table of event ids, each with its content and its day.

Enters: keys, rows of (id's high half, low half, content hash, day) as :func:`keys_of` makes them. Leaves: where an id
stands among the keys that were added. Always holds: keys lie densely in the order in which they came; ``slots`` are
the index to them, at least two for each.

A slot has eight bytes: the upper half of the id's low half, and the number of its row from 1; 0 is free. So an id that
is not there costs one look into memory that is far away, and ids of any number spread evenly, since they are hashes.
Slots stand in the order of these hashes: a wider index is written from the narrower one from end to end.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation.jit import index, inlined, kernel

Ints = npt.NDArray[np.int64]

DAY_US: Final = 86_400_000_000
HIGH, LOW, CONTENT, DAY = range(4)
"""Columns of keys."""
_ROW: Final = (1 << 32) - 1
_HALF: Final = 1 << 31
_FEWEST: Final = 1024
_AHEAD: Final = 4
"""How many times the keys at hand there is room for: what is not filled yet takes addresses, no memory."""
_BLOCK: Final = 1024
_MOST_SLOTS: Final = _HALF - 1
"""Up to here the arithmetic of slots stays within 64 bits: a thousand million ids, whose keys take 32 GB."""


def keys_of(event_id: pa.Array, content_hash: pa.Array, start_utc: pa.Array) -> Ints:
    """The keys of columns of a usage batch."""
    storage = event_id.storage
    halves = np.frombuffer(storage.buffers()[1], np.int64, 2 * len(storage), 16 * storage.offset).reshape(-1, 2)
    keys = np.empty((len(storage), 4), np.int64)
    keys[:, : LOW + 1] = halves
    keys[:, CONTENT] = np.asarray(content_hash)
    keys[:, DAY] = np.asarray(start_utc.cast(pa.int64())) // DAY_US
    return keys


def free_slots(rows: int) -> Ints:
    """An index with room for ``rows`` keys, which has none. Raises :class:`MemoryError` beyond what slots can tell."""
    count = 2 * rows + 1
    if count > _MOST_SLOTS:
        raise MemoryError(f"{rows} event ids at a time: use a shorter --window-days, or files of fewer days")
    return np.zeros(count, np.int64)


@inlined
def _home(low: int, count: int) -> int:
    """Where an id belongs among ``count`` slots: as far from the first as its upper bits are from the least."""
    return ((low >> 32) + _HALF) * count >> 32


@inlined
def row_of(slot: int) -> int:
    """The row that ``slot`` tells; below 0 if it is free."""
    return (slot & _ROW) - 1


@inlined
def slot_of(low: int, row: int) -> int:
    """What tells ``row`` of an id with this ``low`` half."""
    return (low & ~_ROW) | (row + 1)


@kernel
def find(slots: Ints, keys: Ints, high: int, low: int) -> int:
    """The place in ``slots`` of the id among ``keys``, or the free one where it belongs."""
    at = _home(low, len(slots))
    while slots[index(at)] != 0:
        if (slots[index(at)] ^ low) >> 32 == 0:
            row = index(row_of(slots[index(at)]))
            if keys[row, LOW] == low and keys[row, HIGH] == high:
                break
        at += 1
        if at == len(slots):
            at = 0
    return at


def near() -> Ints:
    """Room for the looks of :func:`fetch`: as many as caches keep."""
    return np.empty(_BLOCK, np.int64)


@kernel
def fetch(slots: Ints, keys: Ints, near: Ints) -> None:
    """Look at where each of ``keys`` belongs, so that :func:`find` has at hand what is far away.

    Without a branch the looks do not wait for each other. ``near`` is room for what they see.
    """
    for i in range(len(keys)):
        near[i] = slots[index(_home(keys[i, LOW], len(slots)))]


@kernel
def _add(slots: Ints, held: Ints, count: int, keys: Ints, near: Ints) -> int:
    """Put the ids of ``keys`` that are new behind the first ``count`` rows of ``held``; how many there are then."""
    for first in range(0, len(keys), len(near)):
        block = keys[first : first + len(near)]
        fetch(slots, block, near)
        for i in range(len(block)):
            at = find(slots, held, block[i, HIGH], block[i, LOW])
            if slots[index(at)] == 0:
                for column in range(block.shape[1]):
                    held[count, column] = block[i, column]
                slots[index(at)] = slot_of(block[i, LOW], count)
                count += 1
    return count


@kernel
def _spread(slots: Ints, wider: Ints) -> None:
    """Put every slot that is taken into ``wider``, which is free."""
    for slot in slots:
        if slot != 0:
            at = _home(slot, len(wider))
            while wider[index(at)] != 0:
                at += 1
                if at == len(wider):
                    at = 0
            wider[index(at)] = slot


class IdTable:
    """Ids and their index; the first key of an id stays."""

    def __init__(self) -> None:
        self._keys = np.empty((_FEWEST, 4), np.int64)
        self._count = 0
        self.slots = free_slots(_FEWEST)

    def __len__(self) -> int:
        return self._count

    @property
    def keys(self) -> Ints:
        """The keys that were added, in their order."""
        return self._keys[: self._count]

    def reserve(self, more: int) -> None:
        """Make room for ``more`` keys."""
        rows = self._count + more
        if 2 * rows > len(self.slots):
            slots = free_slots(3 * rows // 2)
            _spread(self.slots, slots)
            self.slots = slots
        if rows > len(self._keys):
            keys = np.empty((_AHEAD * rows, 4), np.int64)
            keys[: self._count] = self.keys
            self._keys = keys

    def add(self, keys: Ints) -> None:
        """Take in the ``keys`` of ids that are not there yet."""
        self.reserve(len(keys))
        self._count = _add(self.slots, self._keys, self._count, keys, near())
