"""Records become texts: what the walk finds in each, as columns.

Enters: a buffer, the bounds of its records, a :class:`~mediation.ber.plan.Plan`. Leaves: texts as spans of an output
buffer, and for each record a verdict and the place of its fault. Always holds: a value becomes text once, when its
record has been walked; what a column lacks is an empty span.

Columns are written a tile of records at a time: two of them a column, all at once, are more than a processor foresees.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mediation.ber.columns import Repeat
from mediation.ber.elements import header_bytes
from mediation.ber.plan import LITERAL, REPEATS, Plan
from mediation.ber.tlv import FINE, LEFT_OVER
from mediation.ber.values import put_decimal, put_value, room_for, signed
from mediation.ber.walk import STRIDE, TILE, Desk, desk_for, equal, walk
from mediation.jit import index, inlined, kernel

Bytes = npt.NDArray[np.uint8]
Spans = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]

JOINED_BYTES = 400
"""A joined text grows no further."""

_LAST, _SUM, _JOIN, _COUNT = (REPEATS.index(r) for r in (Repeat.LAST, Repeat.SUM, Repeat.JOIN, Repeat.COUNT))
_SEMICOLON, _BAR, _PLUS = b";|+"
_MOST = (1 << 63) - 1
_NO_ROOM = -1


@inlined
def _added(total: int, text: Bytes, begin: int, end: int) -> int:
    """``total`` and the integer ``begin:end``; ``_MOST`` where 64 bits do not hold it."""
    if end - begin > 8 or total == _MOST:
        return _MOST
    number = signed(text, begin, end)
    beyond = number >= _MOST - total if total > 0 else total < 0 and number < -_MOST - total
    return _MOST if beyond else total + number


@kernel
def _put_total(desk: Desk, item: int, repeat: int, out: Bytes, at: int) -> int:
    """How many values there are from ``item`` on, or their sum; one beyond 64 bits is no number."""
    total = item - item
    while item >= 0:
        begin, end = int(desk.several[item]["begin"]), int(desk.several[item]["end"])
        total = total + 1 if repeat == _COUNT else _added(total, desk.text, begin, end)
        item = int(desk.several[item]["next"])
    if at + room_for(8) > len(out):
        return _NO_ROOM
    at = put_decimal(total, out, at)
    if total == _MOST:
        out[at] = _PLUS
        at += 1
    return at


@kernel
def _put_joined(plan: Plan, desk: Desk, item: int, repeat: int, out: Bytes, at: int) -> int:
    """The values from ``item`` on: all of them, or those that differ from the text so far, within ``JOINED_BYTES``."""
    first, behind = at, at
    while item >= 0:
        begin, end = int(desk.several[item]["begin"]), int(desk.several[item]["end"])
        if behind + room_for(end - begin) > len(out):
            return _NO_ROOM
        stop = put_value(plan.slots[desk.several[item]["slot"]]["kind"], desk.text, begin, end, out, behind)
        if behind == first:
            at = stop
        elif stop - first <= JOINED_BYTES and (repeat == _JOIN or not equal(out, first, at, out, behind, stop)):
            out[at] = _SEMICOLON if repeat == _JOIN else _BAR
            at = stop
        behind, item = at + 1, int(desk.several[item]["next"])
    return at


@kernel
def _put_several(plan: Plan, desk: Desk, column: int, out: Bytes, at: int) -> int:
    """The text of a column that takes several values."""
    repeat, item = int(plan.slots[desk.marks[column] - 1]["repeat"]), int(desk.cells[column]["begin"])
    if repeat == _SUM or repeat == _COUNT:  # noqa: PLR1714, SIM109 - a tuple is made each time
        return _put_total(desk, item, repeat, out, at)
    return _put_joined(plan, desk, item, repeat, out, at)


@inlined
def _put_record(plan: Plan, desk: Desk, row: int, out: Bytes, at: int) -> int:
    """Make texts of what the walk of ``row`` of the tile has noted: the place behind them, or ``_NO_ROOM``."""
    for column in range(len(desk.marks)):
        here = index(column)
        mark = int(desk.marks[here])
        if mark == 0:
            continue
        cell, slot = desk.cells[here], plan.slots[index(mark - 1)]
        begin, stop, kind = at, _NO_ROOM, int(slot["kind"])
        if slot["repeat"] > _LAST:
            stop = _put_several(plan, desk, column, out, at)
        elif kind == LITERAL:
            begin, stop = int(plan.text_ends[slot["literal"]]), int(plan.text_ends[slot["literal"] + 1])
        elif at + room_for(cell["end"] - cell["begin"]) <= len(out):
            stop = put_value(kind, desk.text, int(cell["begin"]), int(cell["end"]), out, at)
        if stop == _NO_ROOM:
            return _NO_ROOM
        at = max(at, stop)
        desk.first[here, index(row)], desk.last[here, index(row)] = begin, stop
    return at


@inlined
def _left_over(text: Bytes, place: int, end: int) -> bool:
    """Whether anything but filler stands behind the element of a record."""
    while place < end and (text[place] == 0 or text[place] == 0xFF):
        place += 1
    return place < end


@inlined
def _lay_out(text: Bytes, begin: int, length: int, desk: Desk) -> None:
    """Lay the record of ``length`` bytes at ``begin`` on the desk, where nothing is noted of it."""
    for place in range(min(-(-length // STRIDE) * STRIDE, len(text) - begin)):
        desk.text[index(place)] = text[index(begin + place)]
    desk.marks[:] = 0


@kernel
def _put_tile(
    text: Bytes,
    begin: Spans,
    end: Spans,
    prefix: int,
    plan: Plan,
    desk: Desk,
    row: int,
    out: Bytes,
    at: int,
    verdict: Bytes,
    places: Ints,
) -> tuple[int, int]:
    """The records of one tile, the first of them ``row``: (the row that lacked room or is in no tile yet; as below)."""
    desk.first[:], desk.last[:] = 0, 0
    stop = min(row + TILE, len(begin))
    for i in range(row, stop):
        start = int(begin[i]) + header_bytes(text, int(begin[i]), int(end[i]), prefix)
        length = int(end[i]) - start
        _lay_out(text, start, length, desk)
        fault, place = walk(plan, desk, length)
        behind = _put_record(plan, desk, i - row, out, at)
        if behind == _NO_ROOM:
            return i, at
        if fault == FINE and _left_over(desk.text, place, length):
            fault = LEFT_OVER
        if fault != FINE:
            verdict[i], places[i] = fault, start + place
        at = behind
    return stop, at


@kernel
def _put_records(
    text: Bytes,
    begin: Spans,
    end: Spans,
    prefix: int,
    plan: Plan,
    desk: Desk,
    row: int,
    out: Bytes,
    at: int,
    first: Spans,
    last: Spans,
    verdict: Bytes,
    places: Ints,
) -> tuple[int, int]:
    """Records from ``row`` on: (the row that lacked room, or the number of rows; place behind the texts)."""
    wanted = row
    while row == wanted and row < len(begin):
        done, at = _put_tile(text, begin, end, prefix, plan, desk, row, out, at, verdict, places)
        for column in range(len(first)):
            here = index(column)
            for i in range(done - row):
                first[here, index(row + i)] = desk.first[here, index(i)]
            for i in range(done - row):
                last[here, index(row + i)] = desk.last[here, index(i)]
        row, wanted = done, row + TILE
    return row, at


def texts_of(
    text: Bytes, begin: Spans, end: Spans, prefix: int, plan: Plan, columns: int
) -> tuple[Bytes, Spans, Spans, Bytes, Ints]:
    """Walk every record: (texts, first and last byte by column and row, verdict and place of its fault by row).

    ``prefix`` says what stands before the element of each. Literals stand once, before all other texts.
    """
    rows, longest = len(begin), int((end - begin).max(initial=0))
    first, last = np.empty((columns, rows), np.int32), np.empty((columns, rows), np.int32)
    verdict, places = np.zeros(rows, np.uint8), np.zeros(rows, np.int64)
    desk, more = desk_for(plan, longest, columns), len(plan.texts) + room_for(longest) + columns * room_for(0)
    out = np.empty(2 * len(text) + more, np.uint8)
    row, at = 0, len(plan.texts)
    out[:at] = plan.texts
    while True:
        row, at = _put_records(text, begin, end, prefix, plan, desk, row, out, at, first, last, verdict, places)
        if row == rows:
            return out[:at], first, last, verdict, places
        out = np.concatenate([out[:at], np.empty(len(out) + more, np.uint8)])
