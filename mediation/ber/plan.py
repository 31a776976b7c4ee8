"""The plan of a walk: wanted paths as arrays that a kernel follows from tag to tag.

Enters: a format and columns. Leaves: a :class:`Plan`. Always holds: node 0 is nothing wanted, node 1 stands
above the records; a path that a format does not have is an error, never an empty column.

A node is an element at one place of the format; its children are found by their tag's key in a stretch of
``jump``. A slot is one column that wants the value of a node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mediation.ber.columns import RECORD, Gate, Repeat, SourceColumn, Step, by_name, resolved, wanted_value
from mediation.ber.format import KINDS, Field, Format

Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.void]
Bytes = npt.NDArray[np.uint8]

REPEATS: tuple[Repeat, ...] = tuple(Repeat)
LITERAL = len(KINDS)
"""The kind of a slot whose text is in the plan, not in the record."""
NOTHING, TOP = 0, 1
NO_SLOT, UNUSUAL = -1, -2
_MOST_GATES = 62


NODE = np.dtype([(name, np.int32) for name in ("low", "high", "base", "wild", "slot", "watch", "usual", "column")])
"""A node: its children's keys ``low`` to ``high`` stand in ``jump`` from ``base`` on; ``wild`` is as :class:`_Node` has
it; ``slot`` and ``watch`` are its first slot and gate (NO_SLOT: none); ``usual`` is its slot, too, but UNUSUAL unless
it has one at most, which takes the first value without a condition; ``column`` is that of its slot."""
SLOT = np.dtype(
    [(name, np.int32) for name in ("after", "column", "rank", "repeat", "kind", "literal")] + [("gates", np.int64)]
)
"""A slot: the node's next one; the column, the rank of its path, what repeats become, the kind of value; the text of a
literal; the bits of the gates that must be open."""
GATE = np.dtype([(name, np.int32) for name in ("after", "bit", "kind", "text")])
"""A gate: the node's next one; its bit, the kind of value, and the text that opens it."""


class Plan(NamedTuple):
    """Arrays that a kernel follows: a row a node, slot and gate; texts end to end.

    ``widest``: how many columns want one node at most.
    """

    nodes: Rows
    jump: npt.NDArray[np.int32]
    slots: Rows
    gates: Rows
    texts: Bytes
    text_ends: Ints
    widest: int


@dataclass(slots=True, eq=False)
class _Node:
    """A node while the plan is drawn: children by key, ``wild`` for any universal tag, slots, watched gates."""

    children: dict[int, int] = field(default_factory=dict)
    wild: int = NOTHING
    slots: list[int] = field(default_factory=list)
    watched: list[int] = field(default_factory=list)
    gates: dict[Gate, int] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Drawing:
    """A plan while it is drawn."""

    format: Format
    nodes: list[_Node] = field(default_factory=lambda: [_Node(), _Node()])
    slots: list[tuple[int, ...]] = field(default_factory=list)
    gates: list[tuple[int, int, int]] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)

    def text(self, text: str) -> int:
        """The number of ``text`` among the plan's texts."""
        self.texts.append(text.encode())
        return len(self.texts) - 1

    def below(self, node: int, key: int, field: Field) -> list[int]:
        """The nodes from ``node`` down to one element of ``field``: one more for each list of tagged elements."""
        steps = [self._child(node, key)]
        lists = field.depth - 1 if field.depth and self.format.is_choice(field) else field.depth
        for _ in range(lists):
            above = self.nodes[steps[-1]]
            if above.wild == NOTHING:
                self.nodes.append(_Node())
                above.wild = len(self.nodes) - 1
            steps.append(above.wild)
        if not field.of:
            self.nodes[steps[-1]].wild = steps[-1]
        return steps

    def _child(self, node: int, key: int) -> int:
        children = self.nodes[node].children
        if key not in children:
            self.nodes.append(_Node())
            children[key] = len(self.nodes) - 1
        return children[key]

    def want(
        self, chain: list[tuple[int, Field]], steps: Sequence[Step], column: int, rank: int, repeat: Repeat
    ) -> None:
        """Let the column ``column`` take the value that ``chain`` leads to; ``steps`` may condition its last parts."""
        gates = [None] * (len(chain) - len(steps)) + [step.gate for step in steps]
        node, wanted = TOP, 0
        for (key, inner), gate in zip(chain, gates, strict=True):
            node = self.below(node, key, inner)[-1]
            if gate is not None:
                wanted |= 1 << self._gated(node, inner, gate)
        kind = KINDS.index(wanted_value(chain[-1][1]))
        self._slot(node, (column, rank, REPEATS.index(repeat), kind, -1, wanted))

    def _slot(self, node: int, slot: tuple[int, ...]) -> None:
        if slot not in (self.slots[s] for s in self.nodes[node].slots):
            self.nodes[node].slots.append(len(self.slots))
            self.slots.append(slot)

    def name(self, key: int, record: Field, column: int) -> None:
        """Let the column ``column`` hold the name of ``record``."""
        node = self.below(TOP, key, record)[-1]
        self._slot(node, (column, 0, 0, LITERAL, self.text(record.name), 0))

    def _gated(self, node: int, inner: Field, gate: Gate) -> int:
        """The bit that stands for ``gate`` at ``node``."""
        gates = self.nodes[node].gates
        if gate not in gates:
            found = by_name(self.format, inner, gate.sibling)
            if found is None or found[1].of or len(self.gates) >= _MOST_GATES:
                raise ValueError(f"a value beside the path's fields, not {gate.sibling!r}")
            gates[gate] = len(self.gates)
            watched = self.below(node, *found)[-1]
            self.nodes[watched].watched.append(len(self.gates))
            self.gates.append((gates[gate], KINDS.index(found[1].value), self.text(gate.text)))
        return gates[gate]


def plan(format_: Format, columns: Sequence[SourceColumn]) -> Plan:
    """The plan that fills ``columns``, in their order.

    Raises:
        ValueError: a path names what the format does not have.

    """
    drawing = _Drawing(format_)
    for key, record in format_.records.items():
        drawing.below(TOP, key, record)
    for number, column in enumerate(columns):
        for rank, path in enumerate(column.paths):
            if path[0].name == RECORD:
                for key, record in format_.records.items():
                    drawing.name(key, record, number)
                continue
            chains = list(resolved(format_, path))
            if not chains:
                raise ValueError(f"a path of format {format_.name}, not {'.'.join(s.name for s in path)!r}")
            for chain in chains:
                drawing.want(chain, path, number, rank, column.repeat)
    return _arrays(drawing)


def _arrays(drawing: _Drawing) -> Plan:
    slot, after = _chained([n.slots for n in drawing.nodes], len(drawing.slots))
    watch, gate_after = _chained([n.watched for n in drawing.nodes], len(drawing.gates))
    nodes: list[tuple[int, ...]] = []
    jump: list[int] = []
    for number, node in enumerate(drawing.nodes):
        low, high = (min(node.children), max(node.children) + 1) if node.children else (0, 0)
        column = drawing.slots[slot[number]][0] if node.slots else NO_SLOT
        nodes.append(
            (low, high, len(jump) - low, node.wild, slot[number], watch[number], _usual(drawing, node), column)
        )
        jump += [node.children.get(key, NOTHING) for key in range(low, high)]
    texts = bytearray().join(drawing.texts)
    return Plan(
        nodes=np.array(nodes, NODE),
        jump=np.array(jump, np.int32),
        slots=np.array([(a, *s) for a, s in zip(after, drawing.slots, strict=True)], SLOT),
        gates=np.array([(a, *g) for a, g in zip(gate_after, drawing.gates, strict=True)], GATE),
        texts=np.frombuffer(texts, np.uint8),
        text_ends=np.cumsum([0, *(len(t) for t in drawing.texts)]).astype(np.int64),
        widest=max((len(node.slots) for node in drawing.nodes), default=0),
    )


def _usual(drawing: _Drawing, node: _Node) -> int:
    """What a node is to a walk that skims: its only slot, NO_SLOT, or UNUSUAL."""
    if not node.slots and not node.watched:
        return NO_SLOT
    _, _, repeat, _, _, gates = drawing.slots[node.slots[0]] if node.slots else (0,) * 6
    simple = len(node.slots) == 1 and not node.watched and REPEATS[repeat] is Repeat.FIRST and not gates
    return node.slots[0] if simple else UNUSUAL


def _chained(lists: list[list[int]], count: int) -> tuple[list[int], list[int]]:
    """Lists of numbers as linked ones: the first of each list, and what comes after each number (NO_SLOT: none)."""
    first, after = [], [NO_SLOT] * count
    for numbers in lists:
        first.append(numbers[0] if numbers else NO_SLOT)
        for here, following in pairwise(numbers):
            after[here] = following
    return first, after
