"""Sets of prefixes as sorted ranges of numbers, to find the longest prefix of a number by.

Enters: prefixes as bare digits. Leaves: arrays that kernels search. Always holds: a number's key is its first 18 digits
in base 11, each plus one, with zeros behind; so the numbers that a prefix begins are one range of keys, and between two
neighbouring ``bounds`` all numbers have the same longest prefix. The items of one prefix are neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

DIGITS_MAX: Final = 18
BASE: Final = 11
NONE: Final = -1

SET_HEADS, SET_SHIFT, SET_FIRST, SET_END, SET_COLUMNS = 0, 1, 2, 3, 4
"""Of a set: where its heads begin, the bits of a key below its head, its destinations."""
FIRST, END, SHORTER, LENGTH, DESTINATION_COLUMNS = 0, 1, 2, 3, 4
"""Of a destination: its items, that of the longest prefix of its prefix (NONE), how many digits it has."""

_HEAD_BITS_MAX: Final = 20

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]


@dataclass
class PrefixSets:
    """Sets that grow by one after another; the first, number 0, is the empty one.

    ``longest`` is the destination from each of ``bounds`` on (NONE). The last bound not above a key ``k`` is between
    the places ``heads[SET_HEADS + (k >> SET_SHIFT)]`` and that of the next head.
    """

    rows: list[list[int]] = field(default_factory=list)
    heads: list[Codes] = field(default_factory=list)
    bounds: list[Ints] = field(default_factory=list)
    longest: list[Codes] = field(default_factory=list)
    destinations: list[Codes] = field(default_factory=list)
    sizes: list[int] = field(default_factory=lambda: [0, 0, 0])

    def __post_init__(self) -> None:
        self.add(np.zeros(0, "S1"), 0)

    def add(self, prefixes: npt.NDArray[np.bytes_], item_base: int) -> int:
        """The number of the set of ``prefixes`` (sorted, repeats allowed), each of which stands for one item."""
        head_base, bound_base, base = self.sizes
        keys, length, first, end = _runs(prefixes)
        bounds = np.unique(np.r_[0, keys, keys + _unit(length)])
        heads, shift = _heads(bounds)
        shorter = _moved(_longest(keys, length, keys, length), base)
        self.rows.append([head_base, shift, base, base + len(keys)])
        self.heads.append(heads + np.int32(bound_base))
        self.bounds.append(bounds)
        self.longest.append(_moved(_longest(bounds, np.full(len(bounds), DIGITS_MAX + 1), keys, length), base))
        self.destinations.append(
            np.column_stack([first + item_base, end + item_base, shorter, length]).astype(np.int32)
        )
        self.sizes = [head_base + len(heads), bound_base + len(bounds), base + len(keys)]
        return len(self.rows) - 1

    def arrays(self) -> dict[str, Any]:
        """The sets as the arrays of a catalogue."""
        return {
            "prefix_sets": np.array(self.rows, np.int64),
            "prefix_heads": np.concatenate(self.heads),
            "prefix_bounds": np.concatenate(self.bounds),
            "prefix_longest": np.concatenate(self.longest),
            "destinations": np.concatenate(self.destinations),
        }


def items_of(chosen: Ints, destinations: Codes) -> Ints:
    """The items of the set whose row is ``chosen``: shorter prefixes first, then in order of digits."""
    rows = destinations[chosen[SET_FIRST] : chosen[SET_END]]
    rows = rows[np.argsort(rows[:, LENGTH], kind="stable")].astype(np.int64)
    counts = rows[:, END] - rows[:, FIRST]
    ends = np.cumsum(counts)
    return np.repeat(rows[:, FIRST] - ends + counts, counts) + np.arange(counts.sum())


def _runs(prefixes: npt.NDArray[np.bytes_]) -> tuple[Ints, Ints, Ints, Ints]:
    """The keys and lengths of the different ``prefixes``, and where the run of each begins and ends."""
    digits = _digits(prefixes)
    keys = np.where(digits >= 0, digits + 1, 0) @ _unit(np.arange(1, digits.shape[1] + 1))
    first = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]][: len(keys)])
    return keys[first], (digits[first] >= 0).sum(axis=1), first, np.r_[first, len(keys)][1:]


def _moved(places: Ints, base: int) -> Codes:
    return np.where(places == NONE, NONE, places + base).astype(np.int32)


def _unit(length: Ints) -> Ints:
    """How many keys a prefix of ``length`` digits spans."""
    return BASE ** (DIGITS_MAX - length)


def _longest(points: Ints, below: Ints, keys: Ints, length: Ints) -> Ints:
    """The place among ``keys`` of the longest prefix, shorter than ``below``, of the number at each point."""
    found = np.full(len(points), NONE, np.int64)
    for digits in np.unique(length):
        places = np.flatnonzero(length == digits)
        own = keys[places]
        cut = points - points % _unit(digits)
        near = np.minimum(np.searchsorted(own, cut), len(own) - 1)
        found = np.where((own[near] == cut) & (digits < below), places[near], found)
    return found


def _heads(bounds: Ints) -> tuple[Codes, int]:
    """The place of the last bound not after each head's first key, and the bits of a key below its head."""
    bits = min(len(bounds).bit_length(), _HEAD_BITS_MAX)
    firsts = np.arange(1 << bits) << (63 - bits)
    places = np.searchsorted(bounds, firsts, side="right") - 1
    return np.r_[places, len(bounds) - 1].astype(np.int32), 63 - bits


def _digits(prefixes: npt.NDArray[np.bytes_]) -> Ints:
    """A row per prefix, a column per position; negative beyond its end."""
    if not len(prefixes) or prefixes.dtype.itemsize == 0:
        return np.zeros((len(prefixes), 0), np.int64)
    letters = np.frombuffer(np.ascontiguousarray(prefixes).tobytes(), np.uint8)
    return letters.reshape(len(prefixes), prefixes.dtype.itemsize).astype(np.int64) - ord("0")
