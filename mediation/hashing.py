"""The identity of an event: MurmurHash3 (x86, 128 bit; Austin Appleby, public domain) over spans of text.

Enters: the spans of the identifying fields and of all mapped fields, per record. Leaves: two hashes of 16
bytes per record. Always holds: what is hashed is a defined string of whole blocks of 16 bytes (a prefix,
then for each group of fields their lengths as 32-bit words, then their bytes; each part filled up with
zeros), so that ("ab", "c") and ("a", "bc") differ; the jitted and the plain form give the same bytes,
those of the reference implementation.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mediation.jit import enabled, index, inlined, kernel
from mediation.words import span_word, words_at

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Spans = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint32]

BLOCK = 16
_MASK = 0xFFFFFFFF
_C1, _C2, _C3, _C4 = 0x239B961B, 0xAB0E9789, 0x38B34AE5, 0xA1E38B93


def _cut(a: int) -> int:
    return a & _MASK


_word32 = np.uint32 if enabled() else _cut
"""The low 32 bits of a number, which kernels then keep in 32 bits: so a turn is one instruction."""


@inlined
def _times(a: int, b: int) -> int:
    """The low 32 bits of a product: the same whether the upper bits are kept (Python) or lost (int64)."""
    return (a * b) & _MASK


@inlined
def _turn(a: int, by: int) -> int:
    a = int(_word32(a))
    return int(_word32(a << by | a >> (32 - by)))


@inlined
def _mix(h: int) -> int:
    h = _times(h ^ (h >> 16), 0x85EBCA6B)
    h = _times(h ^ (h >> 13), 0xC2B2AE35)
    return h ^ (h >> 16)


@inlined
def _block(h1: int, h2: int, h3: int, h4: int, k1: int, k2: int, k3: int, k4: int) -> tuple[int, int, int, int]:
    """Mix a block of four words into the state."""
    h1 ^= _times(_turn(_times(k1, _C1), 15), _C2)
    h1 = ((_turn(h1, 19) + h2) * 5 + 0x561CCD1B) & _MASK
    h2 ^= _times(_turn(_times(k2, _C2), 16), _C3)
    h2 = ((_turn(h2, 17) + h3) * 5 + 0x0BCAA747) & _MASK
    h3 ^= _times(_turn(_times(k3, _C3), 17), _C4)
    h3 = ((_turn(h3, 15) + h4) * 5 + 0x96CD1C35) & _MASK
    h4 ^= _times(_turn(_times(k4, _C4), 18), _C1)
    h4 = ((_turn(h4, 13) + h1) * 5 + 0x32AC3B17) & _MASK
    return h1, h2, h3, h4


@inlined
def _mixed(h1: int, h2: int, h3: int, h4: int, low: int, high: int) -> tuple[int, int, int, int]:
    """Mix a block of two halves, eight bytes each, into the state."""
    return _block(h1, h2, h3, h4, low & _MASK, low >> 32 & _MASK, high & _MASK, high >> 32 & _MASK)


@inlined
def _finished(h1: int, h2: int, h3: int, h4: int, length: int) -> tuple[int, int, int, int]:
    """The hash of ``length`` bytes (whole blocks), from the state behind the last of them."""
    h1, h2, h3, h4 = h1 ^ length, h2 ^ length, h3 ^ length, h4 ^ length
    h1 = (h1 + h2 + h3 + h4) & _MASK
    h2, h3, h4 = (h2 + h1) & _MASK, (h3 + h1) & _MASK, (h4 + h1) & _MASK
    h1, h2, h3, h4 = _mix(h1), _mix(h2), _mix(h3), _mix(h4)
    h1 = (h1 + h2 + h3 + h4) & _MASK
    return h1, (h2 + h1) & _MASK, (h3 + h1) & _MASK, (h4 + h1) & _MASK


@kernel
def version_id(high: int, low: int, content: int) -> tuple[int, int]:
    """Both halves of the id of a corrected version: of the event's own id and of the version's content hash."""
    h1, h2, h3, h4 = low & _MASK, (low >> 32) & _MASK, high & _MASK, (high >> 32) & _MASK
    h1, h2, h3, h4 = _mixed(h1, h2, h3, h4, content, 0)
    h1, h2, h3, h4 = _finished(h1, h2, h3, h4, BLOCK)
    return _signed(h1, h2), _signed(h3, h4)


@kernel
def _signed(low: int, high: int) -> int:
    """Two 32-bit words as one integer of 64 bits, below 0 where the highest bit is set."""
    return (((high ^ 0x80000000) - 0x80000000) << 32) | low


@inlined
def _length(begin: Spans, end: Spans, starts: Ints, column: int, row: int) -> int:
    """How long a field of a group is; 0 behind its last one."""
    if column >= len(starts):
        return 0
    place = index(starts[index(column)] + row)
    return int(end[place]) - int(begin[place])


@inlined
def _group(
    text: Bytes, words: Ints, begin: Spans, end: Spans, starts: Ints, row: int, h1: int, h2: int, h3: int, h4: int
) -> tuple[int, int, int, int, int]:
    """Mix a group of fields into the state; the state, and how many bytes that were."""
    size = 0
    for c in range(0, len(starts), 4):
        k1, k2 = _length(begin, end, starts, c, row), _length(begin, end, starts, c + 1, row)
        k3, k4 = _length(begin, end, starts, c + 2, row), _length(begin, end, starts, c + 3, row)
        h1, h2, h3, h4 = _block(h1, h2, h3, h4, k1, k2, k3, k4)
        size += BLOCK
    for c in range(len(starts)):
        place = index(starts[c] + row)
        at, last = int(begin[place]), int(end[place])
        while at + BLOCK <= last:
            h1, h2, h3, h4 = _mixed(h1, h2, h3, h4, int(words[index(at)]), int(words[index(at + 8)]))
            at += BLOCK
            size += BLOCK
        if at < last:
            low, high = span_word(text, words, at, last), span_word(text, words, at + 8, last)
            h1, h2, h3, h4 = _mixed(h1, h2, h3, h4, low, high)
            size += BLOCK
    return h1, h2, h3, h4, size


@kernel
def hash_rows(
    text: Bytes,
    words: Ints,
    begin: Spans,
    end: Spans,
    identifying: Ints,
    others: Ints,
    prefix: Words,
    identity: Words,
    content: Words,
) -> None:
    """Hash the spans of each row: those of ``identifying`` columns, and with those of the ``others`` behind them.

    ``begin`` and ``end`` hold column after column, and both groups say where theirs start; ``words`` are those of
    the text (:func:`words_at`), ``prefix`` is whole blocks. The hashes go to ``identity`` and ``content``, (n, 4) each.
    """
    p1 = p2 = p3 = p4 = 0
    for w in range(0, len(prefix), 4):
        p1, p2, p3, p4 = _block(
            p1, p2, p3, p4, int(prefix[w]), int(prefix[w + 1]), int(prefix[w + 2]), int(prefix[w + 3])
        )
    for row in range(len(identity)):
        h1, h2, h3, h4, size = _group(text, words, begin, end, identifying, row, p1, p2, p3, p4)
        size += 4 * len(prefix)
        f1, f2, f3, f4 = _finished(h1, h2, h3, h4, size)
        identity[row, 0], identity[row, 1], identity[row, 2], identity[row, 3] = f1, f2, f3, f4
        h1, h2, h3, h4, more = _group(text, words, begin, end, others, row, h1, h2, h3, h4)
        f1, f2, f3, f4 = _finished(h1, h2, h3, h4, size + more)
        content[row, 0], content[row, 1], content[row, 2], content[row, 3] = f1, f2, f3, f4


def hash_spans(
    text: Bytes, begin: Spans, end: Spans, identifying: list[int], others: list[int], prefix: bytes
) -> tuple[Words, Words]:
    """The hashes of each record's ``identifying`` columns, and of these and the ``others``: two arrays (n, 4)."""
    start = np.frombuffer(prefix + bytes(-len(prefix) % BLOCK), np.uint32).copy()
    identity, content = np.empty((2, begin.shape[1], 4), np.uint32)
    first, more = (np.array(columns, np.int64) * begin.shape[1] for columns in (identifying, others))
    hash_rows(text, words_at(text), begin.ravel(), end.ravel(), first, more, start, identity, content)
    return identity, content
