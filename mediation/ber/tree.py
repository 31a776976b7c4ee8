"""An element as a tree of names and texts: for headers, for people, for what is written again.

Enters: bytes and a format. Leaves: a :data:`Tree`. Always holds: every value that the bytes have is in the tree, what
the format does not name by its tag and in hex; depth and elements have limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mediation.ber.format import UNIVERSAL, Field, Format, Value, tag_text
from mediation.ber.tlv import BAD_END, DEEPEST, END_OF_CONTENTS, FAULTS, INDEFINITE, TOO_DEEP, element_end, read_head
from mediation.ber.values import shown

Tree = Mapping[str, Sequence["Tree | str"]]
"""What stands in a structure, by name and in order; the elements of a list stand under the list's own name."""

MOST_ELEMENTS = 100_000
"""Elements of a tree; a header has hundreds."""
_UNKNOWN = Field("")


class TreeError(ValueError):
    """Bytes that are no element, or more of them than a tree may have, from byte ``place`` on."""

    def __init__(self, place: int, what: str) -> None:
        super().__init__(f"byte {place}: {what}")
        self.place = place
        self.what = what


def tree_of(content: bytes, format_: Format, inside: Field | None = None) -> Tree:
    """The elements that ``content`` consists of: those of the type of ``inside``, or else records.

    What the tags of ``format_`` mean everywhere, they mean here.

    Raises:
        TreeError: it is cut or no BER, deeper or larger than a tree may be.

    """
    own = format_.records if inside is None else format_.inside(inside)
    reading = _Reading(np.frombuffer(bytearray(content), np.uint8), {**format_.tags, **own}, format_)
    return reading.structure(_UNKNOWN, 0, len(content), 0)


def structures(tree: Tree, names: Sequence[str]) -> Iterator[Tree]:
    """Every structure that ``names`` lead to, one within the other; the tree itself where there are none."""
    if not names:
        yield tree
        return
    for inside in tree.get(names[0], ()):
        if not isinstance(inside, str):
            yield from structures(inside, names[1:])


class _Element(NamedTuple):
    """An element of the bytes: its tag's key, the bounds of its content."""

    key: int
    constructed: bool
    begin: int
    end: int


@dataclass(slots=True, eq=False)
class _Reading:
    """Bytes being read as trees of ``format``; ``top`` is what may stand outside everything."""

    bytes: npt.NDArray[np.uint8]
    top: Mapping[int, Field]
    format: Format
    count: int = 0

    def structure(self, field: Field, begin: int, end: int, depth: int) -> Tree:
        """What stands in ``field``."""
        if depth > DEEPEST:
            raise TreeError(begin, FAULTS[TOO_DEEP])
        tree: dict[str, list[Tree | str]] = {}
        for element in self._elements(begin, end):
            known = self.format.child(field, element.key) if depth else self.top.get(element.key)
            inner = known or Field(tag_text(element.key))
            tree.setdefault(inner.name, []).extend(self._occurrences(inner, element, depth + 1))
        return tree

    def _occurrences(self, field: Field, element: _Element, depth: int) -> Iterator[Tree | str]:
        """What one element holds: itself, or the elements of the list that it is."""
        lists = field.depth - 1 if field.depth and self.format.is_choice(field) else field.depth
        if lists and element.constructed and depth <= DEEPEST:
            for inner in self._elements(element.begin, element.end):
                yield from self._occurrences(replace(field, depth=field.depth - 1), inner, depth + 1)
        elif element.constructed and field.of:
            yield self.structure(field, element.begin, element.end, depth)
        elif element.constructed and field.name == tag_text(element.key):
            yield self._unknown(field, element, depth)
        elif element.constructed and field.value is not Value.ANY and depth <= DEEPEST:
            yield from self._in_segments(field, element, depth)
        else:
            yield self._value(field, element)

    def _in_segments(self, field: Field, element: _Element, depth: int) -> Iterator[str]:
        """The value that its segments make together, and what is no segment of it, in hex."""
        value, strange = bytearray(), list[str]()
        self._lay(element, depth, value, strange)
        yield shown(field.value, bytes(value))
        yield from strange

    def _lay(self, element: _Element, depth: int, value: bytearray, strange: list[str]) -> None:
        """Lay segments of a value together (X.690 8.7.3); elements of another class are none of them."""
        for inner in self._elements(element.begin, element.end):
            if inner.key & 3 != UNIVERSAL:
                strange.append(self._value(_UNKNOWN, inner))
            elif not inner.constructed:
                value += self.bytes[inner.begin : inner.end].tobytes()
            elif depth < DEEPEST:
                self._lay(inner, depth + 1, value, strange)
            else:
                raise TreeError(inner.begin, FAULTS[TOO_DEEP])

    def _unknown(self, field: Field, element: _Element, depth: int) -> Tree | str:
        """What stands in an element that the format does not name: elements, or whatever it is, in hex."""
        try:
            return self.structure(field, element.begin, element.end, depth)
        except TreeError:
            if self.count > MOST_ELEMENTS:
                raise
            return self._value(field, element)

    def _value(self, field: Field, element: _Element) -> str:
        kind = Value.ANY if element.constructed or field.of else field.value
        return shown(kind, self.bytes[element.begin : element.end].tobytes())

    def _elements(self, at: int, end: int) -> Iterator[_Element]:
        while at < end:
            key, constructed, begin, stop = read_head(self.bytes, at, end)
            fault, behind, place = (-key, stop, at) if key < 0 else (0, stop, at)
            if key == END_OF_CONTENTS and not constructed and stop == begin:
                fault = BAD_END
            elif not fault and stop == INDEFINITE:
                behind, fault = element_end(self.bytes, at, end)
                stop, place = behind - 2, behind
            self.count += 1
            if fault or self.count > MOST_ELEMENTS:
                raise TreeError(place, FAULTS[fault] or f"more than {MOST_ELEMENTS} elements")
            yield _Element(key, constructed, begin, stop)
            at = behind
