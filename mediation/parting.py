"""Kernels that part text: lines of a chunk, fields of a line.

Enters: bytes. Leaves: spans. Always holds: no kernel reads outside its span, none allocates per row, and each is a
plain loop that runs the same without numba.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mediation.jit import index, inlined, kernel
from mediation.words import Words, next_byte

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Spans = npt.NDArray[np.int32]

OK, NEEDS_READER, WRONG_COUNT, UNBALANCED = range(4)
"""Verdicts of :func:`split_delimited`: the second asks for the slow reader (escaped quotes)."""

HAS_NUL, BEYOND_ASCII = 1, 2
_WINDOW = 1024
"""So many bytes are asked at a time whether any is odd, before they are asked singly."""


@kernel
def count_byte(text: Bytes, byte: int) -> int:
    """How often ``byte`` occurs."""
    count = 0
    for i in range(len(text)):
        count += text[i] == byte
    return count


@kernel
def _content_end(text: Bytes, first: int, last: int) -> int:
    """Where the line ends in ``first:last`` begin: behind its last byte that is neither CR nor LF."""
    while last > first and (text[last - 1] == 13 or text[last - 1] == 10):
        last -= 1
    return last


@kernel
def find_lines(text: Bytes, words: Words, line_end: int, eight: np.uint64, end: Spans, stop: Spans) -> int:
    """Part ``text`` into lines: content ends in ``end``, line ends in ``stop``; the number of lines.

    The last may lack its line end (then ``stop`` equals ``len(text)``). ``words`` and ``eight`` (of ``line_end``) are
    as :func:`mediation.words.next_byte` takes them.
    """
    count, first = 0, 0
    while first < len(text):
        last = next_byte(text, words, first, len(text), line_end, eight)
        end[index(count)], stop[index(count)] = _content_end(text, first, last), min(last + 1, len(text))
        count += 1
        first = last + 1
    return count


@inlined
def _is_plain(text: Bytes, first: int, last: int) -> bool:
    """Whether ``text[first:last]`` is ASCII without NUL."""
    least, most = 255, 0
    for i in range(first, last):
        least = min(least, text[index(i)])
        most = max(most, text[index(i)])
    return least > 0 and most <= 127


@kernel
def mark_lines(text: Bytes, stop: Spans, marks: Bytes) -> None:
    """Note in ``marks`` (all 0) of each line that ends at ``stop`` if it HAS_NUL or is BEYOND_ASCII."""
    row = 0
    for first in range(0, len(text), _WINDOW):
        last = min(first + _WINDOW, len(text))
        if not _is_plain(text, first, last):
            for i in range(first, last):
                if text[i] == 0 or text[i] > 127:
                    while stop[row] <= i:
                        row += 1
                    marks[row] |= HAS_NUL if text[i] == 0 else BEYOND_ASCII


@inlined
def _trim(text: Bytes, first: int, last: int) -> tuple[int, int]:
    while first < last and text[index(first)] == 32:
        first += 1
    while last > first and text[index(last - 1)] == 32:
        last -= 1
    return first, last


@inlined
def _quoted_end(text: Bytes, at: int, end: int, quote: int, escape: int) -> tuple[int, bool]:
    """The closing quote of a field whose content begins at ``at`` (-1: none), and whether it holds escapes."""
    escaped = False
    while at < end:
        byte = text[at]
        if byte == escape:
            escaped = True
            at += 1
        elif byte == quote:
            if at + 1 < end and text[at + 1] == quote:
                escaped = True
                at += 1
            else:
                return at, escaped
        at += 1
    return -1, escaped


@kernel
def _split_record(
    text: Bytes,
    words: Words,
    at: int,
    end: int,
    separator: int,
    eight: np.uint64,
    quote: int,
    escape: int,
    slots: Ints,
    begin: Spans,
    last: Spans,
    row: int,
) -> tuple[int, int]:
    """Part one record; (verdict, number of fields)."""
    column, verdict = 0, OK
    while True:
        blank = at
        while blank < end and text[index(blank)] == 32:
            blank += 1
        if blank < end and text[index(blank)] == quote:
            first = blank + 1
            stop, escaped = _quoted_end(text, first, end, quote, escape)
            if stop < 0 or (stop + 1 < end and text[stop + 1] != separator):
                return UNBALANCED, column
            if escaped:
                verdict = NEEDS_READER
            at = stop + 1
        else:
            first = at
            stop = at = next_byte(text, words, at, end, separator, eight)
        if column < len(slots) and slots[column] >= 0:
            first, stop = _trim(text, first, stop)
            begin[index(slots[column]), index(row)] = first
            last[index(slots[column]), index(row)] = stop
        column += 1
        if at >= end:
            return verdict, column
        at += 1


@kernel
def split_delimited(
    text: Bytes,
    words: Words,
    record_begin: Spans,
    record_end: Spans,
    separator: int,
    eight: np.uint64,
    quote: int,
    escape: int,
    slots: Ints,
    least: int,
    most: int,
    begin: Spans,
    end: Spans,
    verdict: Bytes,
) -> None:
    """Part each record at ``separator``; column c goes to row ``slots[c]`` of ``begin`` and ``end`` (-1: nowhere).

    ``words`` and ``eight`` (of ``separator``) are as :func:`mediation.words.next_byte` takes them.
    """
    for row in range(len(record_begin)):
        status, count = _split_record(
            text, words, record_begin[row], record_end[row], separator, eight, quote, escape, slots, begin, end, row
        )
        verdict[row] = status if status == UNBALANCED or least <= count <= most else WRONG_COUNT
