"""Which paths the records of a file have: the columns of a table of them.

Enters: records, block by block. Leaves: a source whose format also names the unknown tags that were seen (by tag, in
hex), and its columns. Always holds: paths are noted in the order in which they first stand; their number and depth are
bounded; a record with a fault gives the paths before it; unknown tags above 9,999 are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from mediation.ber.columns import RECORD, Repeat, Source, SourceColumn, parse_path
from mediation.ber.format import Field, Format, tag_text
from mediation.ber.raw import meaning
from mediation.ber.tlv import DEEPEST, END_OF_CONTENTS, INDEFINITE, read_head
from mediation.jit import kernel

Bytes = npt.NDArray[np.uint8]
Spans = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]

MOST_NODES = 4_000
"""Places of elements that are noted; real files have a few hundred."""
MOST_COLUMNS = 1_000
_HIGHEST_TAG = 9_999
"""A plan has room for every number up to the highest tag below an element, so noise must not name any."""
_KEY, _FIRST, _NEXT, _LAST = range(4)
"""What is noted of a node: its tag's key, its first child, the next one beside it, its last child (0: none)."""


@kernel
def _child(nodes: Ints, count: int, node: int, key: int) -> tuple[int, int]:
    """The node of ``key`` below ``node``, made if there is room: (node, or 0; nodes)."""
    child = int(nodes[node, _FIRST])
    while child:
        if nodes[child, _KEY] == key:
            return child, count
        child = int(nodes[child, _NEXT])
    if count == len(nodes):
        return 0, count
    nodes[count, _KEY] = key
    last = int(nodes[node, _LAST])
    if last:
        nodes[last, _NEXT] = count
    else:
        nodes[node, _FIRST] = count
    nodes[node, _LAST] = count
    return count, count + 1


@kernel
def note_paths(  # noqa: C901 - one loop, its state in locals
    text: Bytes, begins: Spans, ends: Spans, nodes: Ints, count: int, levels: Ints
) -> int:
    """Note the places of all elements of the records ``begins:ends`` below node 0: the number of nodes.

    ``levels`` has room for a level's node, the end of its content, and whether an end-of-contents closes it.
    """
    for row in range(len(begins)):
        depth, place, end = 0, int(begins[row]), int(ends[row])
        levels[0, 0], levels[0, 1], levels[0, 2] = 0, end, 0
        while place < end:
            key, constructed, begin, stop = read_head(text, place, int(levels[depth, 1]))
            if key < 0:
                break
            place = begin if constructed else stop
            if key == END_OF_CONTENTS and not constructed:
                if not levels[depth, 2]:
                    break
                depth -= 1
            else:
                node, count = _child(nodes, count, int(levels[depth, 0]), key)
                if constructed and node and depth < DEEPEST:
                    depth += 1
                    open_end = stop == INDEFINITE
                    levels[depth, 0], levels[depth, 2] = node, open_end
                    levels[depth, 1] = levels[depth - 1, 1] if open_end else stop
                elif constructed:
                    if stop == INDEFINITE:
                        break
                    place = stop
            while depth > 0 and not levels[depth, 2] and place == levels[depth, 1]:
                depth -= 1
            if depth == 0:
                break
    return count


@dataclass(slots=True)
class Occurring:
    """The places of elements that records of ``source`` have had so far."""

    source: Source
    _nodes: Ints = field(default_factory=lambda: np.zeros((MOST_NODES, 4), np.int64))
    _levels: Ints = field(default_factory=lambda: np.zeros((DEEPEST + 1, 3), np.int64))
    _count: int = 1

    def note(self, text: Bytes, begins: Spans, ends: Spans) -> None:
        """Note the records ``begins:ends`` of ``text``."""
        self._count = note_paths(text, begins, ends, self._nodes, self._count, self._levels)

    def columns(self) -> tuple[Source, int]:
        """The source with a column for the record's name and each path that was noted, and how many were left out."""
        drawn = _Drawing(self.source.format, self._nodes)
        names = list(dict.fromkeys(drawn.paths()))
        kept = names[:MOST_COLUMNS]
        columns = tuple(SourceColumn(name, (parse_path(name),), Repeat.JOIN) for name in kept)
        named = SourceColumn(RECORD, (parse_path(RECORD),))
        return replace(self.source, format=drawn.format, columns=(named, *columns)), len(names) - len(kept)


class _Drawing:
    """The paths of noted places, by names; ``format`` becomes one that also names unknown tags."""

    def __init__(self, format_: Format, nodes: Ints) -> None:
        self._nodes = nodes.tolist()
        self.format = replace(
            format_,
            types={name: dict(tags) for name, tags in format_.types.items()},
            choices={name: dict(tags) for name, tags in format_.choices.items()},
            tags=dict(format_.tags),
        )

    def paths(self) -> Iterator[str]:
        """Every path of a value, from below the record on."""
        for node in self._below(0):
            record = self.format.records.get(self._nodes[node][_KEY])
            if record:
                yield from self._inside(node, record, ())

    def _below(self, node: int) -> Iterator[int]:
        child = self._nodes[node][_FIRST]
        while child:
            yield child
            child = self._nodes[child][_NEXT]

    def _inside(self, node: int, known: Field, path: tuple[str, ...]) -> Iterator[str]:
        for child in self._below(node):
            key = self._nodes[child][_KEY]
            found = meaning(self.format, known, key) or self._named(known, key)
            if found is None:
                continue
            of_list = found.name == known.name and found.depth < known.depth
            below = path if of_list else (*path, found.name)
            if found.of and self._nodes[child][_FIRST]:
                yield from self._inside(child, found, below)
            elif below:
                yield ".".join(below)

    def _named(self, inside: Field, key: int) -> Field | None:
        """An unknown tag, known from now on by itself; None for one that no vendor can mean."""
        if key >> 2 > _HIGHEST_TAG:
            return None
        named = Field(tag_text(key))
        for tables in (self.format.types, self.format.choices):
            if inside.of in tables:
                tables[inside.of][key] = named  # type: ignore[index] # they are the drawing's own
                return named
        self.format.tags[key] = named  # type: ignore[index] # likewise
        return named
