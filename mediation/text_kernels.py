"""Kernels over the texts of fields: narrower spans, whole numbers, durations, distinct labels.

Enters: bytes and spans. Leaves: spans, numbers, codes. Always holds: no kernel reads outside its span,
none allocates per row, and each is a plain loop that runs the same without numba.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mediation.jit import index, inlined, kernel
from mediation.words import span_word

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Spans = npt.NDArray[np.int32]

_MOST = 922_337_203_685_477_580


@kernel
def copy_spans(text: Bytes, begin: Spans, end: Spans, out: Bytes) -> None:
    """Lay the spans end to end into ``out``."""
    at = 0
    for i in range(len(begin)):
        for j in range(begin[i], end[i]):
            out[at] = text[j]
            at += 1


@inlined
def _first(text: Bytes, at: int, end: int, byte: int) -> int:
    """Where ``byte`` first stands, or ``end``."""
    while at < end and text[at] != byte:
        at += 1
    return at


@kernel
def cut_spans(text: Bytes, begin: Spans, end: Spans, after: int, before: int, before_last: int) -> None:
    """Narrow each span: behind the first ``after``, up to the first ``before``, up to the last ``before_last``.

    A byte of -1 cuts nothing, nor does one that is not there.
    """
    for i in range(len(begin)):
        first, last = begin[i], end[i]
        if after >= 0:
            at = _first(text, first, last, after)
            first = at + 1 if at < last else first
        if before >= 0:
            last = _first(text, first, last, before)
        if before_last >= 0:
            at = last - 1
            while at >= first and text[at] != before_last:
                at -= 1
            last = at if at >= first else last
        begin[i], end[i] = first, last


@kernel
def whole_number(text: Bytes, at: int, end: int) -> int:
    """The digits ``text[at:end]`` as a number; -1 if there is anything else or it passes 18 digits."""
    if at >= end:
        return -1
    value = 0
    while at < end:
        digit = int(text[at]) - 48
        if digit < 0 or digit > 9 or value > _MOST // 10:
            return -1
        value = value * 10 + digit
        at += 1
    return value


@kernel
def whole_numbers(text: Bytes, begin: Spans, end: Spans, absent: int, out: Ints) -> None:
    """Each span as a whole number, ``absent`` where it is empty, -1 where it is none."""
    for i in range(len(begin)):
        out[i] = absent if begin[i] == end[i] else whole_number(text, begin[i], end[i])


@kernel
def _tick_count(text: Bytes, at: int, end: int, ticks_per_s: int, up: bool) -> int:
    """Whole seconds of a count of ticks that may have a decimal fraction; -1 if it is no number."""
    point = at
    while point < end and text[point] != 46:
        point += 1
    value = whole_number(text, at, point)
    if value < 0:
        return -1
    part = value % ticks_per_s != 0
    for i in range(point + 1, end):
        if text[i] < 48 or text[i] > 57:
            return -1
        part |= text[i] != 48
    return value // ticks_per_s + (1 if up and part else 0)


@kernel
def _clock(text: Bytes, at: int, end: int) -> int:
    """``[hh:]mm:ss`` as seconds; -1 if it is none."""
    total, parts = 0, 0
    while True:
        stop = at
        while stop < end and text[stop] != 58:
            stop += 1
        value = whole_number(text, at, stop)
        if value < 0 or (parts and value > 59) or parts > 2:
            return -1
        total, parts = total * 60 + value, parts + 1
        if stop >= end:
            return total if parts > 1 else -1
        at = stop + 1


@kernel
def _suffixed(text: Bytes, at: int, end: int) -> int:
    """A duration such as ``1h5m10s`` as seconds; -1 if it is none."""
    total = 0
    while at < end:
        stop = at
        while stop < end and 48 <= text[stop] <= 57:
            stop += 1
        value = whole_number(text, at, stop)
        if value < 0 or value > _MOST // 10_000 or stop >= end:
            return -1
        unit = text[stop]
        scale = 3600 if unit == 104 else 60 if unit == 109 else 1 if unit == 115 else 0
        if scale == 0:
            return -1
        total += value * scale
        at = stop + 1
    return total


NUMBER, CLOCK, SUFFIXED = range(3)


@kernel
def durations_s(text: Bytes, begin: Spans, end: Spans, form: int, ticks_per_s: int, up: bool, out: Ints) -> None:
    """Each span as whole seconds: 0 where it is empty, -1 where it is no duration of that ``form``."""
    for i in range(len(begin)):
        if begin[i] == end[i]:
            out[i] = 0
        elif form == NUMBER:
            out[i] = _tick_count(text, begin[i], end[i], ticks_per_s, up)
        elif form == CLOCK:
            out[i] = _clock(text, begin[i], end[i])
        else:
            out[i] = _suffixed(text, begin[i], end[i])


@inlined
def _rest_same(text: Bytes, words: Ints, begin: int, other: int, length: int) -> bool:
    """Whether two spans of one length hold the same bytes behind their first eight."""
    for i in range(8, length, 8):
        if span_word(text, words, begin + i, begin + length) != span_word(text, words, other + i, other + length):
            return False
    return True


_ODD, _LOW_63 = 0x4F1BBCDCBFA53E0B, (1 << 63) - 1


@inlined
def _mixed(word: int, by: int) -> int:
    """A number whose upper bits depend on every byte of ``word``, and on what ``by`` came of."""
    return ((word ^ word >> 32 ^ by) * _ODD) & _LOW_63


@inlined
def _label_slot(text: Bytes, words: Ints, word: int, begin: int, end: int, mask: int) -> int:
    """Where the search of a text begins, by its length and all of its bytes; ``word`` is the first eight of them."""
    mixed = _mixed(word, end - begin)
    for at in range(begin + 8, end, 8):
        mixed = _mixed(span_word(text, words, at, end), mixed)
    return mixed >> 40 & mask


@kernel
def label_codes(
    text: Bytes, words: Ints, begin: Spans, end: Spans, table: Spans, heads: Ints, first: Spans, codes: Spans
) -> int:
    """Number the distinct spans in order of appearance: ``codes`` per row, ``first`` the row that each code saw first.

    ``words`` are those of the text (:func:`~mediation.words.words_at`). Scratch space: ``table``, filled with -1, its
    length a power of two and at least twice ``len(first)``; ``heads``, the first eight bytes of each code's text.
    Returns how many there are, or -1 once there are more than ``first`` can hold.
    """
    count, mask = 0, len(table) - 1
    for i in range(len(begin)):
        at, stop = int(begin[i]), int(end[i])
        head = span_word(text, words, at, stop)
        slot = _label_slot(text, words, head, at, stop, mask)
        code = int(table[index(slot)])
        while code >= 0:
            row = index(first[index(code)])
            other, length = int(begin[row]), stop - at
            if heads[index(code)] == head and end[row] - other == length and _rest_same(text, words, at, other, length):
                break
            slot = (slot + 1) & mask
            code = int(table[index(slot)])
        if code < 0:
            if count == len(first):
                return -1
            table[index(slot)] = code = count
            first[count], heads[count] = i, head
            count += 1
        codes[i] = code
    return count
