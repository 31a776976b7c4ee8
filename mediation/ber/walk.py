"""The walk: where in a record the values stand that columns want, by a plan.

Enters: the bytes of one record, on a desk of their own, and a :class:`~mediation.ber.plan.Plan`. Leaves: for each
column the bounds of its value, or of its values in order; a verdict and the place of the fault. Always holds: one pass,
no allocation; whatever the bytes are, the walk reads each at most once, and ends.

A value in segments (ITU-T X.690 8.7.3) is laid together behind the record on the desk, and is one value from there on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mediation.ber.columns import Repeat
from mediation.ber.format import KINDS, UNIVERSAL, Value
from mediation.ber.plan import NO_SLOT, NOTHING, REPEATS, TOP, Plan, Rows
from mediation.ber.tlv import (
    BAD_END,
    DEEPEST,
    END_OF_CONTENTS,
    FINE,
    INDEFINITE,
    TOO_DEEP,
    element_end,
    read_head,
)
from mediation.ber.values import put_value, room_for
from mediation.jit import index, inlined, kernel

Bytes = npt.NDArray[np.uint8]
Spans = npt.NDArray[np.int32]

UNKNOWN_RECORD = 100
"""A verdict beside the faults of ``tlv``: no record of the format has this tag."""

_LAST = REPEATS.index(Repeat.LAST)
_ANY = KINDS.index(Value.ANY)
_CELL = np.dtype([("begin", np.int32), ("end", np.int32)])
"""The bounds of a column's value; or, where it takes several, which of ``several`` are its first and last."""
_ONE = np.dtype([(name, np.int32) for name in ("slot", "begin", "end", "next")])
"""One of several values: its slot, its bounds, which comes next (-1: none)."""
_LEVEL = np.dtype([(name, np.int32) for name in ("node", "limit", "open_end")] + [("gates", np.int64)])
"""What is known of a level: its node, where it ends at the latest, whether by an end-of-contents, the open gates."""
_SHORT = 0x80
"""Below it a tag number or a length is one octet."""
_CONSTRUCTED = 0x20


STRIDE = 32
"""Records are laid on the desk in whole strides: what follows one does no harm, and a loop of bytes takes longer."""
TILE = 64
"""Records whose texts are noted on the desk before they stand in columns."""


class Desk(NamedTuple):
    """Where one record is walked.

    ``text``: the record, room for values in segments; ``spare``: room for any value's text; ``marks``: by column, the
    slot of the best value so far, from 1 (0: none); ``cells``: where that is; ``several``: the values of columns that
    take more than one; ``levels``: a row a level; ``first`` and ``last``: bounds of the texts of a tile, by column.
    """

    text: Bytes
    spare: Bytes
    marks: Spans
    cells: Rows
    several: Rows
    levels: Rows
    first: Spans
    last: Spans


def desk_for(plan: Plan, longest: int, columns: int) -> Desk:
    """A desk for records of at most ``longest`` bytes: no element of theirs has less than two."""
    return Desk(
        text=np.empty(2 * longest + STRIDE, np.uint8),
        spare=np.empty(room_for(longest), np.uint8),
        marks=np.empty(columns, np.int32),
        cells=np.empty(columns, _CELL),
        several=np.empty(plan.widest * (longest // 2), _ONE),
        levels=np.empty(DEEPEST + 1, _LEVEL),
        first=np.empty((columns, TILE), np.int32),
        last=np.empty((columns, TILE), np.int32),
    )


@inlined
def _child(plan: Plan, node: int, key: int) -> int:
    """The node of ``key`` below ``node``; a universal tag may stand for any element of a list."""
    above = plan.nodes[index(node)]
    if above["low"] <= key < above["high"]:
        child = int(plan.jump[index(above["base"] + key)])
        if child != NOTHING:
            return child
    return int(above["wild"]) if key & 3 == 0 else NOTHING


@kernel
def _opened(plan: Plan, node: int, desk: Desk, begin: int, end: int) -> int:
    """The bits of the gates that the value of ``node`` opens."""
    bits, watch = 0, int(plan.nodes[node]["watch"])
    while watch >= 0:
        wanted = plan.gates[watch]["text"]
        first, last = int(plan.text_ends[wanted]), int(plan.text_ends[wanted + 1])
        stop = put_value(plan.gates[watch]["kind"], desk.text, begin, end, desk.spare, 0)
        if equal(desk.spare, 0, stop, plan.texts, first, last):
            bits |= 1 << int(plan.gates[watch]["bit"])
        watch = int(plan.gates[watch]["after"])
    return bits


@inlined
def equal(a: Bytes, begin: int, end: int, b: Bytes, first: int, last: int) -> bool:
    """Whether ``begin:end`` of ``a`` is ``first:last`` of ``b``."""
    if end - begin != last - first:
        return False
    for i in range(end - begin):  # noqa: SIM110 - a generator is no kernel
        if a[begin + i] != b[first + i]:
            return False
    return True


@inlined
def _note(plan: Plan, slot: int, column: int, desk: Desk, begin: int, end: int) -> None:
    """Note the value ``begin:end`` for ``column`` by ``slot``, unless it has one as good."""
    mark = int(desk.marks[index(column)])
    if mark == 0 or plan.slots[index(slot)]["rank"] < plan.slots[index(mark - 1)]["rank"]:
        desk.marks[index(column)] = slot + 1
        cell = desk.cells[index(column)]
        cell["begin"], cell["end"] = begin, end


@inlined
def _note_all(plan: Plan, slot: int, gates: int, begin: int, end: int, desk: Desk, count: int) -> int:
    """Note the value ``begin:end`` for every column that wants it: how many stand in ``several`` then."""
    while slot != NO_SLOT:
        wanted = plan.slots[index(slot)]
        rank, repeat = int(wanted["rank"]), int(wanted["repeat"])
        column = index(wanted["column"])
        mark, cell = int(desk.marks[column]), desk.cells[column]
        best = int(plan.slots[index(mark - 1)]["rank"]) if mark else rank + 1
        if gates & wanted["gates"] == wanted["gates"] and (rank < best or (rank == best and repeat >= _LAST)):
            desk.marks[column] = slot + 1
            if repeat <= _LAST:
                cell["begin"], cell["end"] = begin, end
            else:
                one = desk.several[index(count)]
                one["slot"], one["begin"], one["end"], one["next"] = slot, begin, end, -1
                if rank < best:
                    cell["begin"] = count
                else:
                    desk.several[index(cell["end"])]["next"] = count
                cell["end"] = count
                count += 1
        slot = int(wanted["after"])
    return count


@inlined
def _lay(text: Bytes, begin: int, end: int, at: int) -> int:
    """Lay the segment ``begin:end`` at ``at``: the place behind it."""
    for i in range(end - begin):
        text[at + i] = text[begin + i]
    return at + end - begin


@kernel
def _segments(  # noqa: C901 - one loop, its state in locals
    desk: Desk, depth: int, begin: int, limit: int, laid: int
) -> tuple[int, int, int]:
    """Lay the segments from ``begin`` on together at ``laid``: (place behind the value, or of a fault; fault; laid).

    They end at ``limit``, or where the level ``depth`` is left; an element of another class is no segment.
    """
    text, levels, level, place = desk.text, desk.levels, depth, begin
    while True:
        while place == limit and not levels[level]["open_end"]:
            level -= 1
            if level < depth:
                return place, FINE, laid
            limit = int(levels[level]["limit"])
        key, constructed, first, stop = read_head(text, place, limit)
        if key < 0:
            return place, -key, laid
        if key == END_OF_CONTENTS and not constructed and stop == first:
            if not levels[level]["open_end"]:
                return place, BAD_END, laid
            place, limit, levels[level]["open_end"] = first, first, 0
        elif key & 3 != UNIVERSAL:
            place, fault = element_end(text, place, limit)
            if fault != FINE:
                return place, fault, laid
        elif constructed:
            if level == DEEPEST:
                return place, TOO_DEEP, laid
            levels[level]["limit"] = limit
            level, place = level + 1, first
            levels[level]["open_end"] = stop == INDEFINITE
            limit = limit if stop == INDEFINITE else stop
        else:
            laid, place = _lay(text, first, stop, laid), stop


@kernel
def _whole(
    plan: Plan, node: int, desk: Desk, depth: int, place: int, limit: int, laid: int
) -> tuple[int, int, int, int]:
    """The structure at ``place`` as one value: (where that begins and ends, place behind it or of a fault, fault)."""
    _, _, begin, stop = read_head(desk.text, place, limit)
    slot = int(plan.nodes[node]["slot"])
    if slot != NO_SLOT and plan.slots[slot]["kind"] == _ANY:
        behind, fault = element_end(desk.text, place, limit)
        return begin, behind, behind, fault
    desk.levels[depth]["open_end"] = stop == INDEFINITE
    behind, fault, last = _segments(desk, depth, begin, limit if stop == INDEFINITE else stop, laid)
    return laid, last, behind, fault


@inlined
def _skim(plan: Plan, node: int, desk: Desk, place: int, limit: int) -> int:
    """Step over the primitive elements that most records consist of: to the first of anything else.

    Their tags have one octet or two, their lengths one; no column wants them, or just one the first of them.
    """
    text = desk.text
    while limit - place > 2:
        first, length = int(text[index(place)]), int(text[index(place + 1)])
        number, begin = first & 0x1F, place + 2
        if number == 0x1F:
            number, length, begin = length, int(text[index(place + 2)]), place + 3
        stop = begin + length
        if (number | length) >= _SHORT or first & _CONSTRUCTED or stop > limit or first == END_OF_CONTENTS:
            break
        child = _child(plan, node, number << 2 | first >> 6)
        if child != NOTHING:
            below = plan.nodes[index(child)]
            slot = int(below["usual"])
            if slot < NO_SLOT:
                break
            if slot != NO_SLOT:
                _note(plan, slot, below["column"], desk, begin, stop)
        place = stop
    return place


@inlined
def _take(plan: Plan, node: int, desk: Desk, begin: int, end: int, gates: int, count: int) -> tuple[int, int]:
    """Give the value ``begin:end`` of ``node`` to all that look at it: (open gates, how many stand in ``several``)."""
    if plan.nodes[node]["watch"] != NO_SLOT:
        gates |= _opened(plan, node, desk, begin, end)
    return gates, _note_all(plan, int(plan.nodes[node]["slot"]), gates, begin, end, desk, count)


@inlined
def walk(plan: Plan, desk: Desk, end: int) -> tuple[int, int]:  # noqa: C901, PLR0912 - one loop, its state in locals
    """Walk the record that is the first ``end`` bytes of the desk: (verdict; place of the fault, or behind it)."""
    text, levels = desk.text, desk.levels
    place, limit, depth, node, open_end, gates, count, laid = 0, end, 0, TOP, False, 0, 0, end
    while True:
        key, constructed, begin, stop = read_head(text, place, limit)
        if key < 0:
            return -key, place
        if key == END_OF_CONTENTS and not constructed and stop == begin:
            if not open_end:
                return BAD_END, place
            place, limit, open_end = begin, begin, False
        else:
            child = _child(plan, node, key)
            if depth == 0 and (child == NOTHING or not constructed):
                return UNKNOWN_RECORD, place
            last = begin if constructed else stop
            if constructed and child != NOTHING and plan.nodes[child]["wild"] == child:
                begin, last, stop, fault = _whole(plan, child, desk, depth, place, limit, laid)
                if fault:
                    return fault, stop
                constructed, laid = False, max(laid, last)
            if child != NOTHING:
                gates, count = _take(plan, child, desk, begin, last, gates, count)
            place = stop
            if constructed and (child != NOTHING or stop == INDEFINITE):
                if depth == DEEPEST:
                    return TOO_DEEP, begin
                levels[depth]["node"], levels[depth]["limit"] = node, limit
                levels[depth]["open_end"], levels[depth]["gates"] = open_end, gates
                depth, node, place, open_end = depth + 1, child, begin, stop == INDEFINITE
                limit = limit if open_end else stop
        if depth > 0:
            place = _skim(plan, node, desk, place, limit)
        while place == limit and not open_end and depth > 0:
            depth -= 1
            node, limit = int(levels[depth]["node"]), int(levels[depth]["limit"])
            open_end, gates = levels[depth]["open_end"] != 0, int(levels[depth]["gates"])
        if depth == 0:
            return FINE, place
