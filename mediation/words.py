"""Bytes by the word: eight at a time.

Enters: text. Leaves: where a byte stands, and spans as integers. Always holds: nothing outside the text is read; the
same without numba.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from mediation.jit import index, inlined

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_LOW_SEVEN: Final = np.uint64(0x7F7F7F7F7F7F7F7F)
_NEAR: Final = 12
"""As far as this a text is searched byte by byte: most fields are shorter."""
_FIRST: Final = np.array([(1 << 8 * n) - 1 for n in range(8)] + [-1], np.int64)
"""Masks of a word's first bytes, by how many they are."""


def words_of(text: Bytes) -> Words:
    """``text`` as little-endian words of eight bytes, without the up to seven bytes that are no whole one.

    A copy where it begins at an odd place in memory: kernels would be compiled once more for such words.
    """
    words = text[: len(text) // 8 * 8].view(np.uint64)
    return words if words.flags.aligned else words.copy()


def eightfold(byte: int) -> np.uint64:
    """A word of eight times ``byte``."""
    return np.uint64(byte * 0x0101010101010101)


@inlined
def _holds(word: np.uint64, eight: np.uint64) -> bool:
    """Whether one of the bytes of ``word`` is the one that ``eight`` repeats: no sum leaves its byte."""
    other = word ^ eight
    return bool(~(((other & _LOW_SEVEN) + _LOW_SEVEN) | other | _LOW_SEVEN) != 0)


@inlined
def next_byte(text: Bytes, words: Words, at: int, end: int, byte: int, eight: np.uint64) -> int:
    """Where ``byte`` first stands in ``text[at:end]``, or ``end``; ``eight`` is :func:`eightfold` of it."""
    near = min(end, ((at + _NEAR) >> 3) << 3)
    while at < near and text[index(at)] != byte:
        at += 1
    if at == near:
        while at + 8 <= end and not _holds(words[index(at >> 3)], eight):
            at += 8
        while at < end and text[index(at)] != byte:
            at += 1
    return at


def words_at(text: Bytes) -> Ints:
    """For each place of ``text`` its eight bytes from there on, the first one lowest: words that overlap, no copies."""
    return np.ndarray((max(len(text) - 7, 0),), "<i8", text, strides=(1,))


@inlined
def span_word(text: Bytes, words: Ints, at: int, end: int) -> int:
    """The first eight bytes of ``text[at:end]`` as a word, zeros behind them; ``words`` are those of the text."""
    count = min(max(end - at, 0), 8)
    if at < len(words):
        return int(words[index(at)]) & int(_FIRST[index(count)])
    word = 0
    for i in range(count):
        word |= int(text[index(at + i)]) << (i << 3)
    return word
