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
        """No lots yet, with room for so many before the table must grow, which takes half as much again meanwhile."""
        self.count = 0
        self._keys, self._left = _table(max(_LEAST, 1 << (2 * room).bit_length()))

    @classmethod
    def of(cls, keys: Ints, left: Ints) -> Lots:
        """The balances ``left`` of ``keys``, each of which stands there once."""
        made = cls(len(keys))
        made.put(keys, left)
        return made

    def find(self, keys: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """The balance of each of ``keys`` (0 where there is no such lot), and whether there is one."""
        places = self._begin(keys)
        _find(keys, self._keys, places)
        known = self._keys[places] == keys
        return np.where(known, self._left[places], 0), known

    def put(self, keys: Ints, left: Ints) -> None:
        """Set the balances of ``keys``, each of which stands there once."""
        while (self.count + len(keys)) * 3 > len(self._keys) * 2:
            self._grow()
        self.count += _put(keys, left, self._begin(keys), self._keys, self._left)

    def items(self) -> tuple[Ints, Ints]:
        """Keys, in order, and their balances."""
        taken = np.flatnonzero(self._keys != _EMPTY)
        order = taken[np.argsort(self._keys[taken])]
        return self._keys[order], self._left[order]

    def copy(self) -> Lots:
        """The same lots, to go a way of their own."""
        made = Lots()
        made.count, made._keys, made._left = self.count, self._keys.copy(), self._left.copy()
        return made

    def digest(self) -> str:
        """The SHA-256 of all that is held."""
        keys, left = self.items()
        return hashlib.sha256(keys.tobytes() + left.tobytes()).hexdigest()

    def _grow(self) -> None:
        taken = self._keys != _EMPTY
        keys, left = self._keys[taken], self._left[taken]
        self._keys, self._left = _table(2 * len(self._keys))
        _put(keys, left, self._begin(keys), self._keys, self._left)

    def _begin(self, keys: Ints) -> Ints:
        """Where the search for each of ``keys`` begins."""
        return ((keys * MULTIPLIER) & LOW_63) >> (64 - len(self._keys).bit_length())


def _table(size: int) -> tuple[Ints, Ints]:
    return np.full(size, _EMPTY, np.int64), np.zeros(size, np.int64)


@kernel
def _find(wanted: Ints, keys: Ints, places: Ints) -> None:
    """From where the search begins, take ``places`` to where each key stands, or would."""
    last = len(keys) - 1
    for row in range(len(wanted)):
        place = places[row]
        while keys[place] != _EMPTY and keys[place] != wanted[row]:
            place = (place + 1) & last
        places[row] = place


@kernel
def _put(wanted: Ints, balances: Ints, places: Ints, keys: Ints, left: Ints) -> int:
    """Write ``balances``, the search for whose keys begins at ``places``; how many keys are new."""
    last, new = len(keys) - 1, 0
    for row in range(len(wanted)):
        place = places[row]
        while keys[place] != _EMPTY and keys[place] != wanted[row]:
            place = (place + 1) & last
        new += int(keys[place] == _EMPTY)
        keys[place], left[place] = wanted[row], balances[row]
    return new
