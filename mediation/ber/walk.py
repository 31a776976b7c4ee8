"""The walk: records of tags and lengths become columns of texts, by a plan.

Enters: a buffer, the bounds of its records, a :class:`~mediation.ber.plan.Plan`. Leaves: texts as spans of an
output buffer, and for each record a verdict and the place of its fault. Always holds: one pass, no allocation per
record; whatever the bytes are, the walk reads each at most once, and ends.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mediation.ber.columns import Repeat
from mediation.ber.format import KINDS, Value
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
    LITERAL,
    LITERAL_TEXT,
    LOW,
    NOTHING,
    RANK,
    REPEAT,
    REPEATS,
    SLOT,
    TOP,
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
    LEFT_OVER,
    TOO_DEEP,
    element_end,
    read_head,
)
from mediation.ber.values import put_decimal, put_value, room_for, signed
from mediation.jit import inlined, kernel

Bytes = npt.NDArray[np.uint8]
Spans = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]

UNKNOWN_RECORD = 100
"""A verdict beside the faults of ``tlv``: no record of the format has this tag."""
JOINED_BYTES = 400
"""A joined text grows no further."""

_FIRST, _LAST, _SUM, _JOIN, _COUNT, _SAME = (REPEATS.index(r) for r in Repeat)
_ANY = KINDS.index(Value.ANY)
_BEST, _TOTAL, _BEGIN, _END = range(4)
"""What is known of a column while a record is walked: the rank of its value, its sum, the bounds of its text."""
_NODE, _LIMIT, _OPEN_END, _OPEN_GATES = range(4)
"""What is known of a level: its node, where it ends at the latest, whether by an end-of-contents, the open gates."""
_UNTOUCHED = 1 << 30
_MOST = (1 << 63) - 1
_NUMBER_BYTES = 21
_AND_MORE = 43


@inlined
def _child(plan: Plan, node: int, key: int) -> int:
    """The node of ``key`` below ``node``; a universal tag may stand for any element of a list."""
    if plan.nodes[node, LOW] <= key < plan.nodes[node, HIGH]:
        child = int(plan.jump[plan.nodes[node, BASE] + key])
        if child != NOTHING:
            return child
    return int(plan.nodes[node, WILD]) if key & 3 == 0 else NOTHING


@kernel
def _opened(plan: Plan, node: int, text: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    """The bits of the gates that the value of ``node`` opens, which is made behind ``at``; -1 for want of room."""
    bits, watch = 0, int(plan.nodes[node, WATCH])
    while watch >= 0:
        wanted = plan.gates[watch, GATE_TEXT]
        first, last = int(plan.text_ends[wanted]), int(plan.text_ends[wanted + 1])
        if at + room_for(end - begin) > len(out):
            return -1
        stop = put_value(plan.gates[watch, GATE_KIND], text, begin, end, out, at)
        if _equal(out, at, stop, plan.texts, first, last):
            bits |= 1 << int(plan.gates[watch, GATE_BIT])
        watch = int(plan.gates[watch, GATE_AFTER])
    return bits


@inlined
def _equal(a: Bytes, begin: int, end: int, b: Bytes, first: int, last: int) -> bool:
    if end - begin != last - first:
        return False
    for i in range(end - begin):  # noqa: SIM110 - a generator is no kernel
        if a[begin + i] != b[first + i]:
            return False
    return True


@inlined
def _put(plan: Plan, slot: int, text: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    """The text that ``slot`` makes of the value ``begin:end``."""
    kind = int(plan.slots[slot, KIND])
    if kind != LITERAL:
        return put_value(kind, text, begin, end, out, at)
    literal = plan.slots[slot, LITERAL_TEXT]
    for i in range(plan.text_ends[literal], plan.text_ends[literal + 1]):
        out[at] = plan.texts[i]
        at += 1
    return at


@kernel
def _append(out: Bytes, cells: Ints, column: int, begin: int, end: int, mark: int) -> None:
    """Join the text ``begin:end`` to that of ``column`` by ``mark``, within the ``JOINED_BYTES`` that it has."""
    at, more = int(cells[column, _END]), end - begin
    if at - cells[column, _BEGIN] + 1 + more > JOINED_BYTES:
        return
    out[at] = mark
    for i in range(more):
        out[at + 1 + i] = out[begin + i]
    cells[column, _END] = at + 1 + more


@inlined
def _added(total: int, text: Bytes, begin: int, end: int) -> int:
    """``total`` and the integer ``begin:end``; ``_MOST`` where 64 bits do not hold it."""
    if end - begin > 8 or total == _MOST:
        return _MOST
    number = signed(text, begin, end)
    beyond = number >= _MOST - total if total > 0 else total < 0 and number < -_MOST - total
    return _MOST if beyond else total + number


@inlined
def _take(plan: Plan, slot: int, text: Bytes, begin: int, end: int, out: Bytes, at: int, cells: Ints) -> int:
    """Give the value ``begin:end`` to the column of ``slot``, whose rank is the best: the place behind its text."""
    column, repeat = plan.slots[slot, COLUMN], plan.slots[slot, REPEAT]
    fresh = plan.slots[slot, RANK] < cells[column, _BEST]
    if fresh:
        cells[column, _BEST], cells[column, _TOTAL] = plan.slots[slot, RANK], 0
    if repeat == _COUNT:
        cells[column, _TOTAL] += 1
    elif repeat == _SUM:
        cells[column, _TOTAL] = _added(int(cells[column, _TOTAL]), text, begin, end)
    elif fresh or repeat != _FIRST:
        stop = _put(plan, slot, text, begin, end, out, at)
        if fresh or repeat == _LAST:
            cells[column, _BEGIN], cells[column, _END] = at, stop
            return max(stop, at + JOINED_BYTES) if repeat >= _JOIN else stop
        if repeat == _JOIN:
            _append(out, cells, column, at, stop, 59)
        elif not _equal(out, int(cells[column, _BEGIN]), int(cells[column, _END]), out, at, stop):
            _append(out, cells, column, at, stop, 124)
    return at


@inlined
def _fill(
    plan: Plan, node: int, levels: Ints, depth: int, text: Bytes, begin: int, end: int, out: Bytes, at: int, cells: Ints
) -> int:
    """Give the value ``begin:end`` to every column that wants it: the place behind the texts; -1 for want of room."""
    slot = int(plan.nodes[node, SLOT])
    while slot >= 0:
        if at + room_for(end - begin) + len(plan.texts) + JOINED_BYTES > len(out):
            return -1
        gates = plan.slots[slot, GATES]
        if (
            levels[depth, _OPEN_GATES] & gates == gates
            and plan.slots[slot, RANK] <= cells[plan.slots[slot, COLUMN], _BEST]
        ):
            at = _take(plan, slot, text, begin, end, out, at, cells)
        slot = int(plan.slots[slot, AFTER])
    return at


@inlined
def _descend(levels: Ints, depth: int, node: int, stop: int) -> None:
    """Enter the element of ``node``, whose content ends at ``stop``."""
    levels[depth, _NODE], levels[depth, _OPEN_GATES] = node, levels[depth - 1, _OPEN_GATES]
    levels[depth, _OPEN_END] = stop == INDEFINITE
    levels[depth, _LIMIT] = levels[depth - 1, _LIMIT] if stop == INDEFINITE else stop


@inlined
def _leave(levels: Ints, depth: int, place: int) -> int:
    """The level at which the walk goes on, since those below it end at ``place``."""
    while depth > 0 and not levels[depth, _OPEN_END] and place == levels[depth, _LIMIT]:
        depth -= 1
    return depth


@inlined
def _is_leaf(plan: Plan, node: int) -> bool:
    return node != NOTHING and plan.nodes[node, WILD] == node


@inlined
def _whole(plan: Plan, node: int, text: Bytes, place: int, limit: int, stop: int) -> tuple[int, int]:
    """Where a structure ends that is wanted as it is: (place, fault); (INDEFINITE, FINE) if this is none."""
    slot = int(plan.nodes[node, SLOT])
    if not _is_leaf(plan, node) or slot < 0 or plan.slots[slot, KIND] != _ANY:
        return INDEFINITE, FINE
    return (stop, FINE) if stop != INDEFINITE else element_end(text, place, limit)


@inlined
def _walk_record(  # noqa: C901, PLR0911, PLR0912 - the one loop of the walk, its state in locals
    plan: Plan, text: Bytes, place: int, end: int, levels: Ints, out: Bytes, at: int, cells: Ints
) -> tuple[int, int, int]:
    """Walk the record at ``place``: (place behind the texts, or -1 for want of room; verdict; place of the fault)."""
    depth = 0
    levels[0, _NODE], levels[0, _LIMIT], levels[0, _OPEN_END], levels[0, _OPEN_GATES] = TOP, end, 0, 0
    while True:
        limit = int(levels[depth, _LIMIT])
        key, constructed, begin, stop = read_head(text, place, limit)
        if key < 0:
            return at, -key, place
        if key == END_OF_CONTENTS and not constructed and stop == begin:
            if not levels[depth, _OPEN_END]:
                return at, BAD_END, place
            place, depth = begin, _leave(levels, depth - 1, begin)
            if depth == 0:
                return at, FINE, place
            continue
        node = _child(plan, int(levels[depth, _NODE]), key)
        if depth == 0 and (node == NOTHING or not constructed):
            return at, UNKNOWN_RECORD, place
        if constructed:
            whole, fault = _whole(plan, node, text, place, limit, stop)
            if fault:
                return at, fault, whole
            if whole != INDEFINITE:
                constructed, stop = False, whole
        enter = constructed and (node != NOTHING or stop == INDEFINITE)
        if not constructed and plan.nodes[node, WATCH] >= 0:
            opened = _opened(plan, node, text, begin, stop, out, at)
            if opened < 0:
                return -1, FINE, place
            levels[depth, _OPEN_GATES] |= opened
        if plan.nodes[node, SLOT] >= 0 and not (enter and _is_leaf(plan, node)):
            at = _fill(plan, node, levels, depth, text, begin, begin if enter else stop, out, at, cells)
        if enter:
            depth += 1
            if depth > DEEPEST:
                return at, TOO_DEEP, place
            _descend(levels, depth, node, stop)
        place = begin if enter else stop
        depth = _leave(levels, depth, place)
        if depth == 0 or at < 0:
            return at, FINE, place


@inlined
def _put_totals(plan: Plan, out: Bytes, at: int, cells: Ints) -> int:
    """The sums and counts as text; one beyond 64 bits is no number."""
    for column in plan.totals:
        if cells[column, _BEST] < _UNTOUCHED:
            cells[column, _BEGIN] = at
            at = put_decimal(int(cells[column, _TOTAL]), out, at)
            if cells[column, _TOTAL] == _MOST:
                out[at] = _AND_MORE
                at += 1
            cells[column, _END] = at
    return at


@inlined
def _left_over(text: Bytes, place: int, end: int) -> bool:
    """Whether anything but filler stands behind the element of a record."""
    while place < end and (text[place] == 0 or text[place] == 0xFF):
        place += 1
    return place < end


@kernel
def _walk(
    text: Bytes,
    begin: Spans,
    end: Spans,
    plan: Plan,
    row: int,
    out: Bytes,
    at: int,
    first: Spans,
    last: Spans,
    verdict: Bytes,
    places: Ints,
    levels: Ints,
    cells: Ints,
) -> tuple[int, int]:
    """Walk the records from ``row`` on: (the row that lacked room, or the number of rows; place behind the texts)."""
    columns = len(first)
    for i in range(row, len(begin)):
        for column in range(columns):
            cells[column, _BEST], cells[column, _BEGIN], cells[column, _END] = _UNTOUCHED, at, at
        behind, fault, place = _walk_record(plan, text, int(begin[i]), int(end[i]), levels, out, at, cells)
        if behind < 0 or behind + columns * _NUMBER_BYTES > len(out):
            return i, at
        if fault == FINE and _left_over(text, place, int(end[i])):
            fault = LEFT_OVER
        at = _put_totals(plan, out, behind, cells)
        verdict[i], places[i] = fault, place
        for column in range(columns):
            first[column, i], last[column, i] = cells[column, _BEGIN], cells[column, _END]
    return len(begin), at


def texts_of(
    text: Bytes, begin: Spans, end: Spans, plan: Plan, columns: int
) -> tuple[Bytes, Spans, Spans, Bytes, Ints]:
    """Walk every record: (texts, first and last byte by column and row, verdict and place of its fault by row)."""
    rows = len(begin)
    first, last = np.zeros((columns, rows), np.int32), np.zeros((columns, rows), np.int32)
    verdict, places = np.zeros(rows, np.uint8), np.zeros(rows, np.int64)
    levels, cells = np.empty((DEEPEST + 1, 4), np.int64), np.empty((columns, 4), np.int64)
    more = len(plan.texts) + columns * _NUMBER_BYTES + 4 * JOINED_BYTES
    out = np.empty(2 * len(text) + rows * int(np.diff(plan.text_ends).max(initial=0)) + more, np.uint8)
    row, at = _walk(text, begin, end, plan, 0, out, 0, first, last, verdict, places, levels, cells)
    while row < rows:
        out = np.concatenate([out[:at], np.empty(len(out) + more, np.uint8)])
        row, at = _walk(text, begin, end, plan, row, out, at, first, last, verdict, places, levels, cells)
    return out[:at], first, last, verdict, places
