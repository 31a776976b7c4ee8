"""Containers: what stands around the records of a file.

Enters: the first bytes of a file. Leaves: where its records stand, and what its header says, as a tree. Always holds:
header, records and trailer are the whole file; a file that does not begin as its container should is refused before
anything of it is rated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mediation.ber.columns import LONGEST_HEADER, Body, Said, Source
from mediation.ber.elements import CDR_HEADER, PLAIN
from mediation.ber.format import Field, tag_text
from mediation.ber.tlv import CUT, FAULTS, FINE, INDEFINITE, element_end, read_head
from mediation.ber.tree import Tree, TreeError, tree_of
from mediation.ber.ts32297 import HEADER_BYTES, read_file_header

_HEAD_BYTES = 16
_FAR = 1 << 40


class ContainerError(ValueError):
    """A file that does not begin as its container should; the message names the byte and what was expected."""


def prefix_of(source: Source) -> int:
    """What stands before each record, as ``elements.py`` has it."""
    if source.container == "ts32297":
        return CDR_HEADER
    return source.prefix_bytes if source.container == "prefixed" else PLAIN


def opened(source: Source, head: bytes, size: int) -> Said:
    """What a file of ``size`` bytes that begins with ``head`` (``LONGEST_HEADER`` bytes of it, or all) says of itself.

    Raises:
        ContainerError: it is no such file.

    """
    if source.container == "ts32297":
        return _file_header(head, size)
    if source.container == "nested" and head:
        try:
            return _descent(source, head, size)
        except TreeError as fault:
            raise ContainerError(str(fault)) from None
    return Said()


def _file_header(head: bytes, size: int) -> Said:
    header = int.from_bytes(head[4:8], "big")
    if not HEADER_BYTES <= header <= min(size, LONGEST_HEADER):
        expected = f"the length of a TS 32.297 file header, {HEADER_BYTES} to {size}"
        raise ContainerError(f"byte 4: expected {expected}, not {header}")
    return Said(Body(header), {"file": [read_file_header(head[:header])]})


def _descent(source: Source, head: bytes, size: int) -> Said:
    """Follow the path of the list down to its first record, reading what stands before it at each level."""
    reading = _Descent(np.frombuffer(bytearray(head) + bytes(_HEAD_BYTES), np.uint8), len(head), size, source)
    header: dict[str, Sequence[Tree | str]] = {}
    level, field, cut = header, None, False
    at, end = 0, INDEFINITE
    for step in source.list_path or (None,):
        first = at
        found = reading.seek(None if step is None else step.name, field, at, size if end == INDEFINITE else end)
        level.update(tree_of(head[first : found.place], source.format, field))
        if found.field is None:
            return Said(Body(size, size), header, cut)
        inside: dict[str, Sequence[Tree | str]] = {}
        level[found.field.name] = [inside]
        level, field, at, end = inside, found.field, found.begin, found.end
        cut |= end > size
        end = min(end, size)
    return Said(Body(at, end), header, cut)


class _Found(NamedTuple):
    """An element: its place, what it is (None: it is not there), and the bounds of its content."""

    place: int
    field: Field | None
    begin: int
    end: int


class _Descent(NamedTuple):
    """The first ``have`` of ``size`` bytes, in which the list of the records is looked for; zeros follow them."""

    data: npt.NDArray[np.uint8]
    have: int
    size: int
    source: Source

    def seek(self, name: str | None, inside: Field | None, at: int, end: int) -> _Found:
        """The element ``name`` (None: any) among those from ``at`` on; a list of any name is the first structure."""
        format_ = self.source.format
        while at < min(end, self.have) and (inside is None or self.data[at : at + 2].any()):
            key, constructed, begin, stop = read_head(self.data, at, _FAR)
            if key < 0 or begin > self.have:
                raise ContainerError(f"byte {at}: {FAULTS[-key if key < 0 else CUT]}")
            known = format_.child(inside, key) if inside else format_.tags.get(key) or format_.records.get(key)
            if constructed and (name is None or (known and known.name == name)):
                return _Found(at, known or Field(tag_text(key)), begin, stop)
            if inside is None and known is None:
                raise ContainerError(
                    f"byte {at}: expected {name or 'a list'} of {format_.name}, not tag {tag_text(key)}"
                )
            self._reach(stop)
            at, fault = (stop, FINE) if stop != INDEFINITE else element_end(self.data, at, self.have)
            if fault:
                raise ContainerError(f"byte {at}: {FAULTS[fault]}")
        return _Found(self.size if inside is None else at, None, at, at)

    def _reach(self, place: int) -> None:
        """Complain if ``place`` lies beyond the bytes at hand, though the file has it."""
        if self.have < min(place, self.size):
            raise ContainerError(f"byte {self.have}: expected the first record within {LONGEST_HEADER >> 20} MiB")
