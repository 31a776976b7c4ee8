"""The identity of an event: MurmurHash3 (x86, 128 bit; Austin Appleby, public domain) over spans of text.

Enters: the spans of the identifying fields, per record. Leaves: 16 bytes per record. Always holds: every
field is preceded by its length, so that ("ab", "c") and ("a", "bc") differ; the jitted and the plain form
give the same bytes, those of the reference implementation.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mediation.jit import inlined, kernel

Bytes = npt.NDArray[np.uint8]
Spans = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint32]

_MASK = 0xFFFFFFFF
_C1, _C2, _C3, _C4 = 0x239B961B, 0xAB0E9789, 0x38B34AE5, 0xA1E38B93


@kernel
def _times(a: int, b: int) -> int:
    """The low 32 bits of a product: the same whether the upper bits are kept (Python) or lost (int64)."""
    return (a * b) & _MASK


@kernel
def _turn(a: int, by: int) -> int:
    return ((a << by) | (a >> (32 - by))) & _MASK


@kernel
def _mix(h: int) -> int:
    h = _times(h ^ (h >> 16), 0x85EBCA6B)
    h = _times(h ^ (h >> 13), 0xC2B2AE35)
    return h ^ (h >> 16)


@inlined
def _blocks(words: Words, count: int, h1: int, h2: int, h3: int, h4: int) -> tuple[int, int, int, int]:
    """Mix ``count`` blocks of four words into the state."""
    for at in range(0, 4 * count, 4):
        h1 ^= _times(_turn(_times(int(words[at]), _C1), 15), _C2)
        h1 = ((_turn(h1, 19) + h2) * 5 + 0x561CCD1B) & _MASK
        h2 ^= _times(_turn(_times(int(words[at + 1]), _C2), 16), _C3)
        h2 = ((_turn(h2, 17) + h3) * 5 + 0x0BCAA747) & _MASK
        h3 ^= _times(_turn(_times(int(words[at + 2]), _C3), 17), _C4)
        h3 = ((_turn(h3, 15) + h4) * 5 + 0x96CD1C35) & _MASK
        h4 ^= _times(_turn(_times(int(words[at + 3]), _C4), 18), _C1)
        h4 = ((_turn(h4, 13) + h1) * 5 + 0x32AC3B17) & _MASK
    return h1, h2, h3, h4


@inlined
def murmur128(words: Words, length: int) -> tuple[int, int, int, int]:
    """The four 32-bit words of the hash (seed 0) of the first ``length`` bytes of ``words``.

    ``words`` is little-endian and goes on with zeros to the end of the last block of 16 bytes.
    """
    whole = length // 16
    h1, h2, h3, h4 = _blocks(words, whole, 0, 0, 0, 0)
    if whole * 16 < length:
        tail = 4 * whole
        h4 ^= _times(_turn(_times(int(words[tail + 3]), _C4), 18), _C1)
        h3 ^= _times(_turn(_times(int(words[tail + 2]), _C3), 17), _C4)
        h2 ^= _times(_turn(_times(int(words[tail + 1]), _C2), 16), _C3)
        h1 ^= _times(_turn(_times(int(words[tail]), _C1), 15), _C2)
    h1, h2, h3, h4 = h1 ^ length, h2 ^ length, h3 ^ length, h4 ^ length
    h1 = (h1 + h2 + h3 + h4) & _MASK
    h2, h3, h4 = (h2 + h1) & _MASK, (h3 + h1) & _MASK, (h4 + h1) & _MASK
    h1, h2, h3, h4 = _mix(h1), _mix(h2), _mix(h3), _mix(h4)
    h1 = (h1 + h2 + h3 + h4) & _MASK
    return h1, (h2 + h1) & _MASK, (h3 + h1) & _MASK, (h4 + h1) & _MASK


@inlined
def _append(text: Bytes, first: int, last: int, block: Bytes, at: int) -> int:
    """Put a span, behind its length in two bytes, into ``block`` at ``at``; where it ends."""
    block[at] = (last - first) & 0xFF
    block[at + 1] = (last - first) >> 8 & 0xFF
    at += 2
    for i in range(first, last):
        block[at] = text[i]
        at += 1
    return at


@kernel
def hash_rows(
    text: Bytes,
    begin: Spans,
    end: Spans,
    columns: npt.NDArray[np.int64],
    split: int,
    prefix: Bytes,
    block: Bytes,
    words: Words,
    identity: Words,
    content: Words,
) -> None:
    """Hash the spans of each row: of the first ``split`` columns, and of all of them, behind ``prefix``.

    The hashes go to ``identity`` and ``content``, (n, 4) each.
    ``begin`` and ``end`` have a row per column. ``block`` is scratch space for the longest row and 16
    bytes more; ``words`` is the same memory.
    """
    for i in range(len(prefix)):
        block[i] = prefix[i]
    for row in range(begin.shape[1]):
        at = len(prefix)
        for c in range(len(columns) + 1):
            if c in (split, len(columns)):
                block[at : at + 16] = 0
                h1, h2, h3, h4 = murmur128(words, at)
                if c == split:
                    identity[row, 0], identity[row, 1], identity[row, 2], identity[row, 3] = h1, h2, h3, h4
                content[row, 0], content[row, 1], content[row, 2], content[row, 3] = h1, h2, h3, h4
            if c < len(columns):
                at = _append(text, begin[columns[c], row], end[columns[c], row], block, at)


def hash_spans(
    text: Bytes, begin: Spans, end: Spans, columns: npt.NDArray[np.int64], split: int, prefix: bytes
) -> tuple[Words, Words]:
    """The hashes of each record's first ``split`` columns and of all its ``columns``: two arrays (n, 4)."""
    longest = int((end[columns] - begin[columns]).sum(axis=0).max(initial=0))
    room = longest + 2 * len(columns) + len(prefix) + 16
    words = np.zeros(room // 4 + 4, np.uint32)
    identity, content = np.empty((begin.shape[1], 4), np.uint32), np.empty((begin.shape[1], 4), np.uint32)
    start = np.array(list(prefix), np.uint8)
    hash_rows(text, begin, end, columns, split, start, words.view(np.uint8), words, identity, content)
    return identity, content
