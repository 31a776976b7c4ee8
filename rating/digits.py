"""Eight digits of a number at a time.

Enters: the bytes of a text column. Leaves: words of eight bytes, the first of them the lowest, and what they are worth.
Always holds: nothing wraps in a word whose bytes are digits; the other words are told first.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from mediation.jit import index, inlined

WORD: Final = 8
"""Bytes of a word."""
ONES: Final = 0x0101010101010101
_ZEROS: Final = 0x3030303030303030
_HIGH, _LOW = -0x0F0F0F0F0F0F0F10, 0x0F0F0F0F0F0F0F0F
_SIXES, _SIXTEENS = 0x0606060606060606, 0x1010101010101010


@inlined
def first_of(count: int) -> int:
    """A mask of the first ``count`` bytes of a word."""
    return ~(-1 << (WORD * count)) if count < WORD else -1


@inlined
def last_of(count: int) -> int:
    """A mask of the last ``count`` bytes of a word."""
    return -1 << (WORD * (WORD - count)) if count > 0 else 0


@inlined
def digits_at(text: npt.NDArray[np.uint8], place: int, mask: int) -> int:
    """The digits at ``place`` and behind it that ``mask`` keeps, each a byte; 0 in the others."""
    word = 0
    for byte in range(WORD):  # compiled, this is one access
        word |= int(np.int64(text[index(place + byte)])) << (WORD * byte)
    return (word ^ _ZEROS) & mask


@inlined
def none(digits: int) -> bool:
    """Whether a byte is no digit: it has high bits, or reaches them with six more."""
    return ((digits & _HIGH) | (((digits & _LOW) + _SIXES) & _SIXTEENS)) != 0


@inlined
def worth(digits: int, base: int) -> int:
    """The number of which the bytes are the digits: neighbours are joined, then pairs of them, then fours."""
    pairs = (digits * base + (digits >> 8)) & 0x00FF00FF00FF00FF
    fours = (pairs * base**2 + (pairs >> 16)) & 0x0000FFFF0000FFFF
    return (fours * base**4 + (fours >> 32)) & 0xFFFFFFFF
