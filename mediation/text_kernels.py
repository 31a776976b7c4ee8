"""Kernels over the texts of fields: narrower spans, whole numbers, durations, distinct labels.

Enters: bytes and spans. Leaves: spans, numbers, codes. Always holds: no kernel reads outside its span,
none allocates per row, and each is a plain loop that runs the same without numba.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mediation.jit import inlined, kernel

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
def _same(text: Bytes, begin: int, end: int, other: int, other_end: int) -> bool:
    """Whether two spans hold the same bytes."""
    same = end - begin == other_end - other
    if same:
        for i in range(end - begin):
            same &= text[begin + i] == text[other + i]
    return same


_WEIGHTS = np.random.default_rng(1).integers(1 << 39, 1 << 40, 32, dtype=np.int64) | 1
"""Of a text's bytes in its sum: odd, random, and so small that no sum leaves 64 bits."""
_HEAD_BYTES, _TAIL_BYTES = 24, 8


@inlined
def _label_slot(text: Bytes, begin: int, end: int, mask: int) -> int:
    """Where a text's search begins: by its length and the weighed sum of its first and its last bytes."""
    length = int(end) - int(begin)
    word = length << 8
    for i in range(min(length, _HEAD_BYTES)):
        word += int(text[begin + i]) * _WEIGHTS[i]
    for i in range(min(length - _HEAD_BYTES, _TAIL_BYTES)):
        word += int(text[end - 1 - i]) * _WEIGHTS[_HEAD_BYTES + i]
    return (word ^ (word >> 20)) & mask


@kernel
def label_codes(text: Bytes, begin: Spans, end: Spans, table: Spans, first: Spans, codes: Spans) -> int:
    """Number the distinct spans in order of appearance: ``codes`` per row, ``first`` the row that each code saw first.

    ``table`` is scratch space filled with -1, its length a power of two and at least twice ``len(first)``.
    Returns how many there are, or -1 once there are more than ``first`` can hold.
    """
    count, mask = 0, len(table) - 1
    for i in range(len(begin)):
        slot = _label_slot(text, begin[i], end[i], mask)
        while True:
            code = table[slot]
            if code < 0:
                if count == len(first):
                    return -1
                table[slot] = code = count
                first[count] = i
                count += 1
                break
            row = first[code]
            if _same(text, begin[i], end[i], begin[row], end[row]):
                break
            slot = (slot + 1) & mask
        codes[i] = code
    return count
