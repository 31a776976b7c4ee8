"""Lots: the live balances, one integer for each lot that was ever opened.

Enters: keys and balances. Leaves: balances; that of a lot whose rest is written off as expired has its sign turned: a
late event may still draw on it. Always holds: a key packs holder, allowance, period and kind into 61 bits;
the table is an open hash of two numpy arrays, so that sixty million lots take about two gigabytes.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import numpy.typing as npt

from mediation.jit import kernel
from tariffs.catalogue import ALLOWANCE_BITS, Ints
from tariffs.keys import LOW_63, MULTIPLIER

OWN: Final = 0
"""A lot of its own period."""
ROLLED: Final = 1
"""What rolled over from the lot of that period."""
CAP: Final = 2
"""What an account drew of its pool's allowance in that period, where that has a cap."""
COUNT: Final = 3
"""What an accumulator counted in that period."""

_PERIOD_BITS: Final = 16
_KIND_BITS: Final = 2
_EMPTY: Final = -1
_LEAST: Final = 1 << 10
_PART: Final = 1 << 20
"""Keys that are asked for at a time where all are."""
_BLOCK: Final = 1 << 10
"""Keys that are looked up side by side: their lines stay in the nearest cache."""


def lot_keys(holder: Ints, allowance: Ints, period: Ints, kind: Ints | int) -> Ints:
    """The key of each lot; ``period`` counts the allowance's periods from its first."""
    return ((holder << ALLOWANCE_BITS | allowance) << _PERIOD_BITS | period) << _KIND_BITS | kind


def lot_parts(keys: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Holder, allowance, period and kind of each key."""
    kind, period = keys & (1 << _KIND_BITS) - 1, keys >> _KIND_BITS & (1 << _PERIOD_BITS) - 1
    allowance = keys >> _KIND_BITS + _PERIOD_BITS & (1 << ALLOWANCE_BITS) - 1
    return keys >> _KIND_BITS + _PERIOD_BITS + ALLOWANCE_BITS, allowance, period, kind


class Lots:
    """Balances by key."""

    def __init__(self, room: int = 0) -> None:
        """No lots yet; with room for so many before the table grows, which takes half as much again meanwhile."""
        self.count = 0
        self._table = _empty(max(_LEAST, 1 << (2 * room).bit_length()))

    @classmethod
    def of(cls, keys: Ints, left: Ints) -> Lots:
        """The balances ``left`` of ``keys``, each of which stands there once."""
        made = cls(len(keys))
        made.put(keys, left)
        return made

    def find(self, keys: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """The balance of each of ``keys`` (0 where there is no such lot), and whether there is one."""
        left, known = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.bool_)
        _find(keys, self._begin(keys), self._table, left, known)
        return left, known

    def put(self, keys: Ints, left: Ints) -> None:
        """Set the balances of ``keys``, each of which stands there once."""
        self._write(keys, left, 0)

    def add(self, keys: Ints, units: Ints) -> None:
        """Add ``units`` to the balances of ``keys``, which may stand there more than once."""
        self._write(keys, units, 1)

    def items(self) -> tuple[Ints, Ints]:
        """Keys, in order, and their balances."""
        keys = self._keys()
        return keys, self.find(keys)[0]

    def copy(self) -> Lots:
        """The same lots, to go a way of their own."""
        made = Lots()
        made.count, made._table = self.count, self._table.copy()
        return made

    def digest(self) -> str:
        """The SHA-256 of all that is held."""
        keys = self._keys()
        state = hashlib.sha256(keys.data)
        for first in range(0, len(keys), _PART):
            state.update(self.find(keys[first : first + _PART])[0].data)
        return state.hexdigest()

    def _keys(self) -> Ints:
        """All keys in order."""
        keys: Ints = self._table[self._table[:, 0] != _EMPTY, 0]
        keys.sort()
        return keys

    def _write(self, keys: Ints, units: Ints, kept: int) -> None:
        while (self.count + len(keys)) * 3 > len(self._table) * 2:
            self._grow()
        self.count += _put(keys, units, kept, self._begin(keys), self._table)

    def _grow(self) -> None:
        old, self._table = self._table, _empty(2 * len(self._table))
        for first in range(0, len(old), _PART):
            part = old[first : first + _PART]
            keys, left = part[part[:, 0] != _EMPTY].T.copy()
            _put(keys, left, 0, self._begin(keys), self._table)

    def _begin(self, keys: Ints) -> Ints:
        """Where the search for each of ``keys`` begins."""
        return ((keys * MULTIPLIER) & LOW_63) >> (64 - len(self._table).bit_length())


def _empty(size: int) -> Ints:
    """A table of ``size`` places, a key and its balance side by side, so that a look-up waits for memory once."""
    return np.full((size, 2), (_EMPTY, 0), np.int64)


@kernel
def _find(wanted: Ints, begins: Ints, table: Ints, left: Ints, known: npt.NDArray[np.bool_]) -> None:
    """The balance of each key, and whether it is there. Of a block all places are read first."""
    last = len(table) - 1
    for base in range(0, len(wanted), _BLOCK):
        end = min(base + _BLOCK, len(wanted))
        for row in range(base, end):
            left[row] = table[begins[row], 0]
        for row in range(base, end):
            key, place = left[row], begins[row]
            while key != _EMPTY and key != wanted[row]:
                place = (place + 1) & last
                key = table[place, 0]
            known[row] = key == wanted[row]
            left[row] = table[place, 1] if known[row] else 0


@kernel
def _put(wanted: Ints, units: Ints, kept: int, begins: Ints, table: Ints) -> int:
    """Write ``units``, and ``kept`` times what was there, from ``begins`` on; how many keys are new."""
    last, new = len(table) - 1, 0
    for row in range(len(wanted)):
        place = begins[row]
        while table[place, 0] != _EMPTY and table[place, 0] != wanted[row]:
            place = (place + 1) & last
        new += int(table[place, 0] == _EMPTY)
        table[place, 0], table[place, 1] = wanted[row], kept * table[place, 1] + units[row]
    return new
