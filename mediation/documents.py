"""JSON documents that span lines: where each ends.

Enters: bytes. Leaves: the same bounds that ``find_lines`` gives, one record per top-level object.
Always holds: braces inside strings do not count; nesting has no limit here, since only its depth is
counted; bytes between two objects belong to the one before.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mediation.jit import kernel
from mediation.parting import BEYOND_ASCII, HAS_NUL

Bytes = npt.NDArray[np.uint8]
Spans = npt.NDArray[np.int32]


@kernel
def _object_end(text: Bytes, at: int) -> int:
    """The first byte behind the object that begins at ``at``; ``len(text)`` if it does not end."""
    depth, inside = 0, False
    while at < len(text):
        byte = text[at]
        if inside:
            if byte == 92:
                at += 1
            elif byte == 34:
                inside = False
        elif byte == 34:
            inside = True
        elif byte == 123:
            depth += 1
        elif byte == 125:
            depth -= 1
            if depth <= 0:
                return at + 1
        at += 1
    return len(text)


@kernel
def _next_object(text: Bytes, at: int) -> int:
    while at < len(text) and text[at] != 123:
        at += 1
    return at


@kernel
def _marks(text: Bytes, at: int, end: int) -> int:
    every, zero = 0, False
    for i in range(at, end):
        every |= int(text[i])
        zero |= text[i] == 0
    return (HAS_NUL if zero else 0) | (BEYOND_ASCII if every & 0x80 else 0)


@kernel
def document_end(text: Bytes, at: int) -> int:
    """The first byte behind the first object from ``at`` on; ``len(text)`` if there is none that ends."""
    return _object_end(text, _next_object(text, at))


@kernel
def find_documents(text: Bytes, _line_end: int, end: Spans, stop: Spans, marks: Bytes) -> int:
    """Part ``text`` into top-level objects; arguments and result as those of ``find_lines``.

    At most ``len(end)`` documents, as many as there are lines; what is left over stays in the last.
    """
    count, at = 0, 0
    while at < len(text) and count < len(end):
        last = document_end(text, at)
        following = _next_object(text, last) if count + 1 < len(end) else len(text)
        end[count], stop[count] = last, following
        marks[count] = _marks(text, at, following)
        count, at = count + 1, following
    return count
