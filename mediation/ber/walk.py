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
from mediation.ber.plan import (
    AFTER,
    BASE,
    COLUMN,
    GATE_AFTER,
    GATE_BIT,
    GATE_KIND,
    GATE_TEXT,
    GATES,
    HIGH,
    KIND,
    LOW,
    NO_SLOT,
    NOTHING,
    RANK,
    REPEAT,
    REPEATS,
    SLOT,
    TOP,
    USUAL,
    WATCH,
    WILD,
    Plan,
)
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
Ints = npt.NDArray[np.int64]

UNKNOWN_RECORD = 100
"""A verdict beside the faults of ``tlv``: no record of the format has this tag."""

_LAST = REPEATS.index(Repeat.LAST)
_ANY = KINDS.index(Value.ANY)
_NODE, _LIMIT, _OPEN_END, _OPEN_GATES = range(4)
"""What is known of a level: its node, where it ends at the latest, whether by an end-of-contents, the open gates."""
MARK, BEGIN, END, NEXT = range(4)
"""What a cell tells: the slot of the best value, from 1 (0: none), and its bounds; or, where a column takes several,
which of ``several`` are its first and last. Of one of these: its slot, its bounds, which comes next (-1: none)."""
_SHORT = 0x80
"""Below it a tag number or a length is one octet."""
_CONSTRUCTED = 0x20


class Desk(NamedTuple):
    """Where one record is walked.

    ``text``: the record, room for values in segments; ``spare``: room for any value's text; ``cells``: a row a column;
    ``several``: the values of columns that take more than one; ``levels``: a row a level.
    """

    text: Bytes
    spare: Bytes
    cells: Ints
    several: Ints
    levels: Ints


def desk_for(plan: Plan, longest: int, columns: int) -> Desk:
    """A desk for records of at most ``longest`` bytes: no element of theirs has less than two."""
    return Desk(
        text=np.empty(2 * longest, np.uint8),
        spare=np.empty(room_for(longest), np.uint8),
        cells=np.empty((columns, 3), np.int64),
        several=np.empty((plan.widest * (longest // 2), 4), np.int64),
        levels=np.empty((DEEPEST + 1, 4), np.int64),
    )


@inlined
def _child(plan: Plan, node: int, key: int) -> int:
    """The node of ``key`` below ``node``; a universal tag may stand for any element of a list."""
    here = index(node)
    if plan.nodes[here, LOW] <= key < plan.nodes[here, HIGH]:
        child = int(plan.jump[index(plan.nodes[here, BASE] + key)])
        if child != NOTHING:
            return child
    return int(plan.nodes[here, WILD]) if key & 3 == 0 else NOTHING


@kernel
def _opened(plan: Plan, node: int, desk: Desk, begin: int, end: int) -> int:
    """The bits of the gates that the value of ``node`` opens."""
    bits, watch = 0, int(plan.nodes[node, WATCH])
    while watch >= 0:
        wanted = plan.gates[watch, GATE_TEXT]
        first, last = int(plan.text_ends[wanted]), int(plan.text_ends[wanted + 1])
        stop = put_value(plan.gates[watch, GATE_KIND], desk.text, begin, end, desk.spare, 0)
        if equal(desk.spare, 0, stop, plan.texts, first, last):
            bits |= 1 << int(plan.gates[watch, GATE_BIT])
        watch = int(plan.gates[watch, GATE_AFTER])
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
def _note(plan: Plan, slot: int, cells: Ints, begin: int, end: int) -> None:
    """Note the value ``begin:end`` for the column of ``slot``, unless that has one as good."""
    here = index(slot)
    column = index(plan.slots[here, COLUMN])
    mark = cells[column, MARK]
    if mark == 0 or plan.slots[here, RANK] < plan.slots[index(mark - 1), RANK]:
        cells[column, MARK], cells[column, BEGIN], cells[column, END] = slot + 1, begin, end


@inlined
def _note_all(plan: Plan, slot: int, gates: int, begin: int, end: int, desk: Desk, count: int) -> int:
    """Note the value ``begin:end`` for every column that wants it: how many stand in ``several`` then."""
    cells, several = desk.cells, desk.several
    while slot != NO_SLOT:
        column, wanted, repeat = int(plan.slots[slot, COLUMN]), plan.slots[slot, GATES], plan.slots[slot, REPEAT]
        mark = int(cells[column, MARK])
        better = mark == 0 or plan.slots[slot, RANK] < plan.slots[mark - 1, RANK]
        again = not better and plan.slots[slot, RANK] == plan.slots[mark - 1, RANK] and repeat >= _LAST
        if gates & wanted == wanted and (better or again):
            if repeat <= _LAST:
                cells[column, MARK], cells[column, BEGIN], cells[column, END] = slot + 1, begin, end
            else:
                several[count, MARK], several[count, NEXT] = slot, -1
                several[count, BEGIN], several[count, END] = begin, end
                if better:
                    cells[column, MARK], cells[column, BEGIN] = slot + 1, count
                else:
                    several[cells[column, END], NEXT] = count
                cells[column, END] = count
                count += 1
        slot = int(plan.slots[slot, AFTER])
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
        while place == limit and not levels[level, _OPEN_END]:
            level -= 1
            if level < depth:
                return place, FINE, laid
            limit = int(levels[level, _LIMIT])
        key, constructed, first, stop = read_head(text, place, limit)
        if key < 0:
            return place, -key, laid
        if key == END_OF_CONTENTS and not constructed and stop == first:
            if not levels[level, _OPEN_END]:
                return place, BAD_END, laid
            place, limit, levels[level, _OPEN_END] = first, first, 0
        elif key & 3 != UNIVERSAL:
            place, fault = element_end(text, place, limit)
            if fault != FINE:
                return place, fault, laid
        elif constructed:
            if level == DEEPEST:
                return place, TOO_DEEP, laid
            levels[level, _LIMIT] = limit
            level, place = level + 1, first
            levels[level, _OPEN_END] = stop == INDEFINITE
            limit = limit if stop == INDEFINITE else stop
        else:
            laid, place = _lay(text, first, stop, laid), stop


@kernel
def _whole(
    plan: Plan, node: int, desk: Desk, depth: int, place: int, limit: int, laid: int
) -> tuple[int, int, int, int]:
    """The structure at ``place`` as one value: (where that begins and ends, place behind it or of a fault, fault)."""
    _, _, begin, stop = read_head(desk.text, place, limit)
    slot = int(plan.nodes[node, SLOT])
    if slot != NO_SLOT and plan.slots[slot, KIND] == _ANY:
        behind, fault = element_end(desk.text, place, limit)
        return begin, behind, behind, fault
    desk.levels[depth, _OPEN_END] = stop == INDEFINITE
    behind, fault, last = _segments(desk, depth, begin, limit if stop == INDEFINITE else stop, laid)
    return laid, last, behind, fault


@inlined
def _skim(plan: Plan, node: int, text: Bytes, place: int, limit: int, cells: Ints) -> int:
    """Step over the primitive elements that most records consist of: to the first of anything else.

    Their tags have one octet or two, their lengths one; no column wants them, or just one the first of them.
    """
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
            slot = int(plan.nodes[index(child), USUAL])
            if slot < NO_SLOT:
                break
            if slot != NO_SLOT:
                _note(plan, slot, cells, begin, stop)
        place = stop
    return place


@inlined
def _take(plan: Plan, node: int, desk: Desk, begin: int, end: int, gates: int, count: int) -> tuple[int, int]:
    """Give the value ``begin:end`` of ``node`` to all that look at it: (open gates, how many stand in ``several``)."""
    if plan.nodes[node, WATCH] != NO_SLOT:
        gates |= _opened(plan, node, desk, begin, end)
    return gates, _note_all(plan, int(plan.nodes[node, SLOT]), gates, begin, end, desk, count)


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
            if constructed and child != NOTHING and plan.nodes[child, WILD] == child:
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
                levels[depth, _NODE], levels[depth, _LIMIT] = node, limit
                levels[depth, _OPEN_END], levels[depth, _OPEN_GATES] = open_end, gates
                depth, node, place, open_end = depth + 1, child, begin, stop == INDEFINITE
                limit = limit if open_end else stop
        if depth > 0:
            place = _skim(plan, node, text, place, limit, desk.cells)
        while place == limit and not open_end and depth > 0:
            depth -= 1
            node, limit = int(levels[depth, _NODE]), int(levels[depth, _LIMIT])
            open_end, gates = levels[depth, _OPEN_END] != 0, int(levels[depth, _OPEN_GATES])
        if depth == 0:
            return FINE, place
