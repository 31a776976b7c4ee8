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
_LEAST_BYTES = 8
"""A row for so many bytes: what is parted finer than any record stays together."""


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
    return length // _LEAST_BYTES + 8


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


@inlined
def _is_root(roots: Ints, key: int) -> bool:
    for root in roots:  # noqa: SIM110 - a generator is no kernel
        if root == key:
            return True
    return False


@inlined
def _is_filler(octet: int) -> bool:
    return octet == 0 or octet == 0xFF  # noqa: PLR1714 - a set is allocated each time


@kernel
def _next_root(text: Bytes, at: int, end: int, roots: Ints) -> int:
    """The next place where a record of definite length stands, with another, filler or the end behind it."""
    while at < end:
        key, _, _, stop = read_head(text, at, end)
        if key >= 0 and stop != INDEFINITE and _is_root(roots, key):
            if stop >= end or _is_filler(int(text[stop])):
                return at
            after, _, _, _ = read_head(text, stop, end)
            if after >= 0 and _is_root(roots, after):
                return at
        at += 1
    return end


@inlined
def _element(text: Bytes, at: int, end: int, limit: int) -> tuple[int, int]:
    """The element at ``at``: (its end, FINE), or (where it fails, the fault); CUT where more bytes may mend it."""
    key, _, _, stop = read_head(text, at, end)
    if key >= 0 and stop != INDEFINITE:
        return stop, FINE
    if key < 0:
        return at + 1, CUT if key == -CUT and stop - at <= limit else BAD_LENGTH
    most = min(end, at + limit)
    stop, fault = element_end(text, at, most)
    return stop, BAD_LENGTH if fault == CUT and most < end else fault


@inlined
def _next_row(text: Bytes, at: int, end: int, stretch: Stretch, roots: Ints, wasted: int) -> tuple[int, int, int]:
    """The row at ``at``: (what it is, or MORE; where it ends; bytes walked in vain so far)."""
    if stretch.prefix != PLAIN:
        stop = _prefixed_end(text, at, end, stretch.prefix)
        if stop > end:
            return TRUNCATED if stretch.final else MORE, end, wasted
        return RECORD, stop, wasted
    if stretch.open_end and end - at >= 2 and text[at] == END_OF_CONTENTS and text[at + 1] == 0:
        return MORE, at, wasted
    if _is_filler(int(text[at])):
        return FILLER, at, wasted
    stop, fault = _element(text, at, end, stretch.limit)
    if fault and (fault != CUT or stretch.final):
        wasted += stop - at
        stop = _next_root(text, stop if wasted > _WASTE * end else at + 1, end, roots)
        return TRUNCATED if fault == CUT and stop == end else NO_ELEMENT, stop, wasted
    return MORE if fault else RECORD, stop, wasted


@kernel
def find_elements(
    text: Bytes, at: int, end: int, stretch: Stretch, roots: Ints, ends: Spans, stops: Spans, kinds: Bytes
) -> tuple[int, int]:
    """Part ``text`` from ``at`` on: (rows, the first byte that is in none).

    Each row begins where the one before stops, the first at ``at``; ``ends`` is where its record ends, ``stops``
    where filler ends. Unless ``final``, a record that the end cuts off is left; an end-of-contents of an open list
    always is.
    """
    count, wasted = 0, 0
    while at < end:
        kind, stop, wasted = _next_row(text, at, end, stretch, roots, wasted)
        if kind == MORE:
            break
        if kind == RECORD and stop - at > stretch.limit:
            kind = TOO_LONG
        if count == len(kinds) - 1:
            kind, stop = NO_ELEMENT, end
        ends[count] = stop
        while stretch.prefix == PLAIN and stop < end and _is_filler(int(text[stop])):
            if stretch.open_end and text[stop] == END_OF_CONTENTS:
                break
            stop += 1
        stops[count], kinds[count] = stop, kind
        count, at = count + 1, stop
    return count, at
