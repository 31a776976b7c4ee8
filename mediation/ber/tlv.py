"""Tags and lengths (ITU-T X.690, clause 8.1): where an element's content begins and ends.

Enters: bytes and a place. Leaves: a tag as one number, and places. Always holds: nothing is read outside
``at:end``; an element inside another never reaches beyond it; every step takes at least two bytes, and
nesting ends at ``DEEPEST``, so a walk ends.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mediation.jit import index, inlined, kernel

Bytes = npt.NDArray[np.uint8]

DEEPEST = 100
"""Levels of nesting; real formats have about ten."""

FINE, CUT, BAD_TAG, BAD_LENGTH, BAD_END, TOO_DEEP, LEFT_OVER = range(7)
"""Faults of an element: it runs out of bytes, its tag or its length is none, an end stands where none can, depth, more
bytes behind it than its place should have."""
FAULTS = (
    "",
    "runs beyond the bytes around it",
    "a tag number of more than four octets",
    "a length that is none: over eight octets, or indefinite on a primitive",
    "an end-of-contents where no indefinite length is open",
    f"nested more than {DEEPEST} deep",
    "bytes behind the element, in what should be one",
)

INDEFINITE = -1
_ENDLESS = 1 << 40
"""Longer than any input; lengths above it are all the same."""
END_OF_CONTENTS = 0
"""The key of universal tag 0."""


@inlined
def _long_tag(text: Bytes, at: int, end: int) -> tuple[int, int]:
    """The number of a tag in several octets (8.1.2.4), or minus a fault; and the place behind it."""
    number = 0
    for octets in range(5):
        if at >= end:
            return -CUT, at
        octet = int(text[at])
        number, at = number << 7 | (octet & 0x7F), at + 1
        if octet & 0x80 == 0:
            return number if octets < 4 else -BAD_TAG, at
    return -BAD_TAG, at


@inlined
def _length(text: Bytes, at: int, end: int) -> tuple[int, int]:
    """The length at ``at``, or ``INDEFINITE``, or one below it minus a fault; and where the content begins."""
    if at >= end:
        return INDEFINITE - CUT, at
    length = int(text[index(at)])
    at += 1
    if length == 0x80:
        return INDEFINITE, at
    if length > 0x80:
        octets, length = length & 0x7F, 0
        if octets > 8:
            return INDEFINITE - BAD_LENGTH, at
        if end - at < octets:
            return INDEFINITE - CUT, at
        for i in range(octets):
            length = min(length << 8 | int(text[at + i]), _ENDLESS)
        at += octets
    return length, at


@inlined
def read_head(text: Bytes, at: int, end: int) -> tuple[int, bool, int, int]:
    """Read the tag and length at ``at``: (key, constructed, content begins, content ends).

    ``key`` is the number of :func:`mediation.ber.format.tag_key`, or minus a fault (CUT: the content would end at
    the place that is given); the content of an indefinite length ends at ``INDEFINITE``.
    """
    if at >= end:
        return -CUT, False, at, at
    first = int(text[index(at)])
    constructed, number = first & 0x20 != 0, first & 0x1F
    at += 1
    if number == 0x1F:
        number, at = _long_tag(text, at, end)
    if number < 0:
        return number, constructed, at, at
    length, at = _length(text, at, end)
    if length == INDEFINITE and not constructed:
        return -BAD_LENGTH, False, at, at
    if length < INDEFINITE:
        return length - INDEFINITE, False, at, at
    if length > end - at:
        return -CUT, constructed, at, at + length
    return number << 2 | first >> 6, constructed, at, INDEFINITE if length == INDEFINITE else at + length


@kernel
def element_end(text: Bytes, at: int, end: int) -> tuple[int, int]:
    """Where the element at ``at`` ends, its end-of-contents included: (place, fault); the place of the fault if any."""
    depth = 0
    while True:
        key, constructed, begin, stop = read_head(text, at, end)
        if key < 0:
            return at, -key
        if key == END_OF_CONTENTS and not constructed and stop == begin:
            if depth == 0:
                return at, BAD_END
            depth -= 1
            at = begin
        elif stop == INDEFINITE:
            depth += 1
            if depth > DEEPEST:
                return at, TOO_DEEP
            at = begin
        else:
            at = stop
        if depth == 0:
            return at, FINE
