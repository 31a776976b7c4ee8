"""The elements of a stream one by one: for ``toll decode --raw``, and to tell formats apart.

Enters: a stream of bytes, its size, and what it is taken for. Leaves: headers, elements and, where the bytes are none,
a :class:`Fault`: the last piece, unless the record says where the next one begins. Always holds: nothing is held but
the element at hand; whatever the bytes are, each step takes some, and levels end at ``DEEPEST``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from mediation.ber.columns import LONGEST_HEADER, Source
from mediation.ber.containers import prefix_of
from mediation.ber.elements import CDR_HEADER, PLAIN, header_bytes
from mediation.ber.format import Field, Format
from mediation.ber.tlv import BAD_END, CUT, DEEPEST, END_OF_CONTENTS, FAULTS, INDEFINITE, TOO_DEEP, read_head
from mediation.ber.ts32297 import HEADER_BYTES

SHOWN_BYTES = 4096
"""Bytes of a primitive's content that are kept."""
_HEAD_BYTES = 16
"""More than a tag and a length can have."""
_FAR = 1 << 41
"""Behind every place that a length can name."""
_CUT_FILE = "the file ends inside the element"
_UNKNOWN = Field("")


class Stream(Protocol):
    """Bytes that are read once, from the first to the last."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""


class Head(NamedTuple):
    """What stands before elements at byte ``place``: a file's header, a CDR header, a length, filler."""

    name: str
    place: int
    octets: bytes


class Element(NamedTuple):
    """An element at byte ``place``, ``depth`` levels deep; its content has ``length`` bytes, or INDEFINITE.

    ``field`` is what the format says that it is; ``octets`` begin a primitive's content.
    """

    depth: int
    place: int
    key: int
    constructed: bool
    begin: int
    length: int
    field: Field | None
    octets: bytes


class Fault(NamedTuple):
    """Bytes from ``place`` on that are no element, how they begin, and why they are none."""

    place: int
    why: str
    octets: bytes


Piece = Head | Element | Fault


def meaning(format_: Format, inside: Field | None, key: int) -> Field | None:
    """What the tag ``key`` is inside ``inside`` (None: outside everything); None if the format does not say."""
    if inside is None:
        return format_.records.get(key) or format_.tags.get(key)
    lists = inside.depth - 1 if inside.depth and format_.is_choice(inside) else inside.depth
    return replace(inside, depth=inside.depth - 1) if lists else format_.child(inside, key)


@dataclass(slots=True, eq=False)
class _Level:
    """A structure that is open: what it is, and where it ends at the latest.

    ``open_end``: by an end-of-contents; ``cut``: its own end lies behind the file's.
    """

    field: Field | None
    end: int
    open_end: bool = False
    cut: bool = False


class _Window:
    """The bytes of a stream from ``at`` on; a few can be seen before they are taken."""

    def __init__(self, stream: Stream) -> None:
        self.stream, self.at, self._ahead = stream, 0, b""

    def see(self, count: int) -> bytes:
        """The next ``count`` bytes, or as many as there are."""
        while len(self._ahead) < count:
            more = self.stream.read(max(count - len(self._ahead), SHOWN_BYTES))
            if not more:
                break
            self._ahead += more
        return self._ahead[:count]

    def take(self, count: int) -> bytes:
        """Pass ``count`` bytes; the first ``SHOWN_BYTES`` of them."""
        first = self.see(min(count, max(SHOWN_BYTES, HEADER_BYTES)))
        self.at += count
        while count > len(self._ahead):
            count -= len(self._ahead)
            self._ahead = b""
            if not self.see(1):
                break
        self._ahead = self._ahead[count:]
        return first


def pieces(stream: Stream, size: int, source: Source) -> Iterator[Piece]:
    """What the ``size`` bytes of ``stream`` consist of, taken for ``source``."""
    window, levels = _Window(stream), [_Level(None, size)]
    prefix = prefix_of(source)
    if prefix == CDR_HEADER:
        yield _file_header(window, size)
    while window.at < size and levels:
        if len(levels) == 1 and (filler := _filler(window, prefix)):
            yield filler
            continue
        if len(levels) == 1 and prefix != PLAIN:
            head = _prefix(window, size, prefix)
            yield head
            if isinstance(head, Fault):
                return
            levels.append(_Level(None, window.at + _promised(head)))
        piece = _element(window, levels, source.format)
        yield piece
        if not isinstance(piece, Fault):
            _step(window, levels, piece)
        elif prefix == PLAIN:
            return
        else:
            window.take(levels[1].end - window.at)
            del levels[1:]
    if len(levels) > 1:
        yield Fault(size, "the file ends inside the structures that are open", b"")


def _file_header(window: _Window, size: int) -> Head | Fault:
    head = window.see(8)
    length = int.from_bytes(head[4:], "big")
    if len(head) < 8 or not HEADER_BYTES <= length <= min(size, LONGEST_HEADER):
        return Fault(0, f"no TS 32.297 file header: it says {length} bytes", head)
    return Head("TS 32.297 file header", 0, window.take(length))


def _filler(window: _Window, prefix: int) -> Head | None:
    """Filler before a record, which only records without a length of their own have."""
    place, octets = window.at, window.see(SHOWN_BYTES)
    count = len(octets) - len(octets.lstrip(b"\0\xff")) if prefix == PLAIN else 0
    return Head("filler", place, window.take(count)) if count else None


def _prefix(window: _Window, size: int, prefix: int) -> Head | Fault:
    place, octets = window.at, window.see(_HEAD_BYTES)
    length = header_bytes(np.frombuffer(octets, np.uint8), 0, len(octets), prefix)
    head = Head("CDR header" if prefix == CDR_HEADER else "length", place, octets[:length])
    if len(octets) < length or place + length + _promised(head) > size:
        return Fault(place, f"a {head.name} that runs beyond the file", octets)
    window.take(length)
    return head


def _promised(head: Head) -> int:
    """The bytes that a record has by what stands before it."""
    return int.from_bytes(head.octets[:2] if head.name == "CDR header" else head.octets, "big")


def _element(window: _Window, levels: list[_Level], format_: Format) -> Element | Fault:
    """The element at hand, its content not yet taken if it is constructed."""
    place, octets, level = window.at, window.see(_HEAD_BYTES), levels[-1]
    room = level.end - place
    key, constructed, begin, stop = read_head(np.frombuffer(octets + bytes(_HEAD_BYTES), np.uint8), 0, _FAR)
    ends = key == END_OF_CONTENTS and not constructed and stop == begin
    in_file = all(one.open_end or one.cut for one in levels[1:])
    if key < 0:
        return Fault(place, FAULTS[-key], octets)
    if begin > room or (stop > room and not (constructed and in_file)):
        return Fault(place, _CUT_FILE if in_file else FAULTS[CUT], octets)
    if ends and not level.open_end:
        return Fault(place, FAULTS[BAD_END], octets)
    if constructed and len(levels) > DEEPEST:
        return Fault(place, FAULTS[TOO_DEEP], octets)
    field = None if ends else meaning(format_, level.field, key)
    content = window.take(begin if constructed else stop)
    length = INDEFINITE if stop == INDEFINITE else stop - begin
    return Element(len(levels) - 1, place, key, constructed, place + begin, length, field, content[begin:])


def _step(window: _Window, levels: list[_Level], element: Element) -> None:
    """Open or close levels behind ``element``; an unknown one outside everything may be a list of records."""
    if element.constructed:
        open_end, limit = element.length == INDEFINITE, levels[-1].end
        end = limit if open_end else element.begin + element.length
        known = element.field or (None if len(levels) == 1 else _UNKNOWN)
        levels.append(_Level(known, min(end, limit), open_end, cut=end > limit))
    elif element.key == END_OF_CONTENTS and element.length == 0:
        levels.pop()
    while len(levels) > 1 and not (levels[-1].open_end or levels[-1].cut) and window.at >= levels[-1].end:
        levels.pop()
