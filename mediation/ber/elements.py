"""Records in a stretch of bytes: where each begins and ends, in every container.

Enters: bytes, a place where a record may begin, and how records follow each other. Leaves: bounds and a verdict per
record. Always holds: rows lie end to end and are every byte that was taken; after bytes that are no record the next
one is found by its tag; the work is linear in the bytes, whatever they are.

Records that carry their length: 3GPP TS 32.297 6.1.2 (CDR header of 4 octets, 5 with a release extension).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mediation.ber.tlv import BAD_LENGTH, CUT, END_OF_CONTENTS, FINE, INDEFINITE, element_end, read_head
from mediation.jit import inlined, kernel

Bytes = npt.NDArray[np.uint8]
Spans = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]

RECORD, TRUNCATED, TOO_LONG, NO_ELEMENT, FILLER, MORE = range(6)
"""What a row is: a record, one that the end cuts off, one above the limit, bytes of no element, filler bytes; or that
no row can be told before more bytes are there."""

PLAIN, CDR_HEADER = 0, -1
"""``prefix``: elements as they stand, or behind a CDR header; else the octets of a length before each."""
_WASTE = 4
_LONGEST = 16
"""Limits that a record may be long and still be told apart as a whole; what says more is no length."""
DOUBTFUL = 101
"""A fault beside those of ``tlv``: an element whose length may be wrong, so that it may hide records."""
_HEAD_BYTES = 16
"""No tag and length are longer."""
_LEAST_BYTES = 40
"""A row for so many bytes: what is parted finer than any record stays together."""
_FREE_ROWS = 1000


class Stretch(NamedTuple):
    """How records stand in the bytes at hand.

    ``prefix`` is as above; ``open_end``: an end-of-contents closes the list; ``final``: nothing follows the bytes
    at hand; ``limit``: the most bytes of a record.
    """

    prefix: int
    open_end: bool
    final: bool
    limit: int


def most_rows(length: int) -> int:
    """How many rows ``find_elements`` makes of ``length`` bytes at most."""
    return length // _LEAST_BYTES + _FREE_ROWS


@inlined
def header_bytes(text: Bytes, at: int, end: int, prefix: int) -> int:
    """The bytes before the element of the record at ``at``; more than there are where they are cut off."""
    if prefix != CDR_HEADER:
        return prefix
    if end - at < 3:
        return 4
    return 5 if text[at + 2] >> 5 == 7 else 4


@inlined
def _prefixed_end(text: Bytes, at: int, end: int, prefix: int) -> int:
    """Where the record at ``at`` that says its length ends; beyond ``end`` where that is not known."""
    header = header_bytes(text, at, end, prefix)
    if end - at < header:
        return end + 1
    length = 0
    for i in range(at, at + (2 if prefix == CDR_HEADER else prefix)):
        length = length << 8 | int(text[i])
    return at + header + length


@kernel
def _head(text: Bytes, at: int, end: int) -> tuple[int, bool, int, int]:
    """The tag and length at ``at``, as :func:`read_head`: once as a function, since its copies take long to compile."""
    return read_head(text, at, end)


@inlined
def _is_root(roots: Ints, key: int) -> bool:
    for root in roots:  # noqa: SIM110 - a generator is no kernel
        if root == key:
            return True
    return False


@kernel
def _is_prefixed(text: Bytes, at: int, end: int, stretch: Stretch, roots: Ints) -> bool:
    """Whether at ``at`` stands the length of just the record that follows it."""
    stop = _prefixed_end(text, at, end, stretch.prefix)
    begin = at + header_bytes(text, at, end, stretch.prefix)
    key, constructed, _, behind = _head(text, begin, min(stop, end))
    return constructed and behind == stop and stop - at <= stretch.limit and _is_root(roots, key)


@inlined
def _filler(text: Bytes, at: int, end: int, stretch: Stretch, roots: Ints) -> int:
    """How many filler bytes stand at ``at``: one, or a header of zeros as far as no record begins in it; 0: none."""
    if stretch.prefix == PLAIN:
        return int(at < end and (text[at] == 0xFF or (text[at] == 0 and not stretch.open_end)))
    header = header_bytes(text, at, end, stretch.prefix)
    if end - at < header:
        return 0
    for i in range(header):
        if text[at + i] != 0:
            return 0
    begin = at + 1
    while begin < at + header and not _is_prefixed(text, begin, end, stretch, roots):
        begin += 1
    return begin - at


@inlined
def _behind_filler(text: Bytes, at: int, end: int, stretch: Stretch, roots: Ints) -> int:
    filler = _filler(text, at, end, stretch, roots)
    while filler:
        at += filler
        filler = _filler(text, at, end, stretch, roots)
    return at


@kernel
def _is_followed(text: Bytes, at: int, end: int, stretch: Stretch, roots: Ints) -> bool:
    """Whether at ``at`` stands what may follow a record: another, filler, or the end."""
    if at == end or text[at] == END_OF_CONTENTS or _filler(text, at, end, stretch, roots):
        return True
    key, constructed, _, _ = _head(text, at, end)
    return constructed and _is_root(roots, key)


@kernel
def _is_record(text: Bytes, at: int, end: int, stretch: Stretch, roots: Ints) -> bool:
    """Whether a whole record of definite length stands at ``at``, as far as its head and what follows it tell."""
    if stretch.prefix != PLAIN:
        return _is_prefixed(text, at, end, stretch, roots)
    key, constructed, _, stop = _head(text, at, end)
    if not constructed or stop == INDEFINITE or stop - at > stretch.limit or not _is_root(roots, key):
        return False
    return _is_followed(text, stop, end, stretch, roots)


@kernel
def _next_record(text: Bytes, at: int, until: int, end: int, stretch: Stretch, roots: Ints) -> int:
    """The first place before ``until`` where a record stands that ends within ``end``; else ``until``."""
    while at < until and not _is_record(text, at, end, stretch, roots):
        at += 1
    return at


@kernel
def _parts(text: Bytes, at: int, end: int) -> bool:
    """Whether the bytes are elements end to end."""
    fault = FINE
    while at < end and fault == FINE:
        key, _, _, stop = _head(text, at, end)
        if stop == INDEFINITE:
            stop, fault = element_end(text, at, end)
        fault, at = -key if key < 0 else fault, stop
    return fault == FINE


@inlined
def _element(text: Bytes, at: int, end: int, stretch: Stretch, roots: Ints) -> tuple[int, int]:
    """The element at ``at``: (its end, FINE), or (where it fails, the fault); CUT where more bytes may mend it.

    DOUBTFUL: its length may be wrong, since no record follows and its insides do not end where it does.
    """
    key, _, begin, stop = read_head(text, at, end)
    if stop != INDEFINITE:
        if stop - at > _LONGEST * stretch.limit:
            return at + 1, BAD_LENGTH
        if key < 0:
            return at + 1, -key
        return stop, FINE if _is_followed(text, stop, end, stretch, roots) or _parts(text, begin, stop) else DOUBTFUL
    most = min(end, at + stretch.limit)
    stop, fault = element_end(text, at, most)
    return stop, BAD_LENGTH if fault == CUT and most < end else fault


@inlined
def _said(text: Bytes, at: int, end: int, stretch: Stretch) -> tuple[int, int]:
    """The record at ``at`` that says its length, as :func:`_element`; DOUBTFUL if it is not just one element."""
    stop = _prefixed_end(text, at, end, stretch.prefix)
    if stop - at > _LONGEST * stretch.limit:
        return at + 1, BAD_LENGTH
    if stop > end:
        return at + 1, CUT
    key, _, _, behind = _head(text, at + header_bytes(text, at, end, stretch.prefix), stop)
    exact = behind == stop or behind == INDEFINITE  # noqa: PLR1714 - a tuple is made each time
    return stop, FINE if key >= 0 and exact else DOUBTFUL


@kernel
def _next_after(
    text: Bytes, at: int, end: int, stretch: Stretch, roots: Ints, wasted: int, stop: int, fault: int
) -> tuple[int, int, int]:
    """The row at ``at``, as :func:`_next_row`, where ``fault`` was met in reading as far as ``stop``."""
    if not stretch.final and (fault == CUT or (fault == DOUBTFUL and end - stop < stretch.limit)):
        return MORE, at, wasted
    wasted += stop - at
    if fault == DOUBTFUL:
        found = stop if wasted > _WASTE * end else _next_record(text, at + 1, stop, end, stretch, roots)
        return RECORD if found == stop else NO_ELEMENT, found, wasted
    found = _next_record(text, stop if wasted > _WASTE * end else at + 1, end, end, stretch, roots)
    if not stretch.final:  # a record that is not whole yet may stand in the last bytes
        found = min(found, end - stretch.limit)
        return NO_ELEMENT if found > at else MORE, found, wasted
    return TRUNCATED if fault == CUT and found == end else NO_ELEMENT, found, wasted


@inlined
def _next_row(text: Bytes, at: int, end: int, stretch: Stretch, roots: Ints, wasted: int) -> tuple[int, int, int]:
    """The row at ``at``: (what it is, or MORE; where it ends; bytes walked in vain so far)."""
    if stretch.open_end and text[at] == END_OF_CONTENTS and (end - at < 2 or text[at + 1] == 0):
        return MORE, at, wasted
    if _filler(text, at, end, stretch, roots):
        return FILLER, at, wasted
    if stretch.prefix == PLAIN:
        stop, fault = _element(text, at, end, stretch, roots)
    else:
        stop, fault = _said(text, at, end, stretch)
    if fault == FINE:
        return RECORD, stop, wasted
    return _next_after(text, at, end, stretch, roots, wasted, stop, fault)


@kernel
def find_elements(
    text: Bytes, at: int, end: int, stretch: Stretch, roots: Ints, ends: Spans, stops: Spans, kinds: Bytes
) -> tuple[int, int]:
    """Part ``text`` from ``at`` on: (rows, the first byte that is in none).

    Each row begins where the one before stops, the first at ``at``; ``ends`` is where its record ends, ``stops``
    where filler ends. Unless ``final``, a record that the end cuts off, or that what follows
    may say more about, is left; an end-of-contents of an open list always is.
    """
    count, wasted = 0, at - at  # numbers of one type, not the literal 0: it would be compiled twice
    while at < end:
        kind, stop, wasted = _next_row(text, at, end, stretch, roots, wasted)
        if kind == MORE:
            break
        if kind == RECORD and stop - at > stretch.limit:
            kind = TOO_LONG
        if count == len(kinds) - 1:
            if not stretch.final:
                break
            kind, stop = NO_ELEMENT, end
        ends[count], kinds[count] = stop, kind
        stop = _behind_filler(text, stop, end, stretch, roots)
        if end - stop < _HEAD_BYTES and not stretch.final and stop - ends[count] < stretch.limit:
            break
        stops[count] = stop
        count, at = count + 1, stop
    return count, at
