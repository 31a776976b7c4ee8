"""The identity of an event: MurmurHash3 (x86, 128 bit; Austin Appleby, public domain) over spans of text.

Enters: the spans of the identifying fields, per record. Leaves: 16 bytes per record. Always holds: every
field is preceded by its length, so that ("ab", "c") and ("a", "bc") differ; the jitted and the plain form
give the same bytes, those of the reference implementation.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mediation.jit import kernel

Bytes = npt.NDArray[np.uint8]
Spans = npt.NDArray[np.int32]

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
def _word(block: Bytes, at: int) -> int:
    return int(block[at]) | int(block[at + 1]) << 8 | int(block[at + 2]) << 16 | int(block[at + 3]) << 24


@kernel
def _mix(h: int) -> int:
    h = _times(h ^ (h >> 16), 0x85EBCA6B)
    h = _times(h ^ (h >> 13), 0xC2B2AE35)
    return h ^ (h >> 16)


@kernel
def murmur128(block: Bytes, length: int, seed: int) -> tuple[int, int, int, int]:
    """The four 32-bit words of the hash of ``block[:length]``; ``block`` has 16 bytes to spare, all zero."""
    h1 = h2 = h3 = h4 = seed
    whole = length // 16 * 16
    for at in range(0, whole, 16):
        h1 ^= _times(_turn(_times(_word(block, at), _C1), 15), _C2)
        h1 = ((_turn(h1, 19) + h2) * 5 + 0x561CCD1B) & _MASK
        h2 ^= _times(_turn(_times(_word(block, at + 4), _C2), 16), _C3)
        h2 = ((_turn(h2, 17) + h3) * 5 + 0x0BCAA747) & _MASK
        h3 ^= _times(_turn(_times(_word(block, at + 8), _C3), 17), _C4)
        h3 = ((_turn(h3, 15) + h4) * 5 + 0x96CD1C35) & _MASK
        h4 ^= _times(_turn(_times(_word(block, at + 12), _C4), 18), _C1)
        h4 = ((_turn(h4, 13) + h1) * 5 + 0x32AC3B17) & _MASK
    if whole < length:
        h4 ^= _times(_turn(_times(_word(block, whole + 12), _C4), 18), _C1)
        h3 ^= _times(_turn(_times(_word(block, whole + 8), _C3), 17), _C4)
        h2 ^= _times(_turn(_times(_word(block, whole + 4), _C2), 16), _C3)
        h1 ^= _times(_turn(_times(_word(block, whole), _C1), 15), _C2)
    h1, h2, h3, h4 = h1 ^ length, h2 ^ length, h3 ^ length, h4 ^ length
    h1 = (h1 + h2 + h3 + h4) & _MASK
    h2, h3, h4 = (h2 + h1) & _MASK, (h3 + h1) & _MASK, (h4 + h1) & _MASK
    h1, h2, h3, h4 = _mix(h1), _mix(h2), _mix(h3), _mix(h4)
    h1 = (h1 + h2 + h3 + h4) & _MASK
    return h1, (h2 + h1) & _MASK, (h3 + h1) & _MASK, (h4 + h1) & _MASK


@kernel
def _gather(text: Bytes, begin: Spans, end: Spans, columns: npt.NDArray[np.int64], row: int, block: Bytes, at: int) -> int:
    """Append each column of ``row``, behind its length in 4 bytes, to ``block``; the new length."""
    for column in columns:
        first, last = begin[column, row], end[column, row]
        length = last - first
        for shift in range(4):
            block[at + shift] = (length >> (8 * shift)) & 0xFF
        at += 4
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
    prefix: Bytes,
    block: Bytes,
    out: npt.NDArray[np.uint32],
) -> None:
    """Hash ``prefix`` and the spans of ``columns``, for each row, into ``out`` (n, 4).

    ``begin`` and ``end`` have a row per column; ``block`` is scratch space for the longest row and 16 bytes.
    """
    for i in range(len(prefix)):
        block[i] = prefix[i]
    for row in range(begin.shape[1]):
        length = _gather(text, begin, end, columns, row, block, len(prefix))
        for i in range(length, length + 16):
            block[i] = 0
        h1, h2, h3, h4 = murmur128(block, length, 0)
        out[row, 0], out[row, 1], out[row, 2], out[row, 3] = h1, h2, h3, h4
