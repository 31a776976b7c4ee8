"""Loops that find where each leg goes and when: its cell, its destination, its band.

Enters: columns of usage, legs (usage row and plan version) and the arrays of a ``Catalogue``. Leaves: codes per
leg, or a reason. Always holds: one loop looks for one thing and calls nothing, so that the memory accesses of
many legs overlap (a call with arrays would count references, which costs more than the look-up).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from mediation.jit import index, inlined, kernel
from mediation.reasons import CODE
from rating.digits import ONES, WORD, digits_at, first_of, none, worth
from rating.narrow import AT_ONCE, STEPS
from tariffs.catalogue import (
    CELL_CALENDAR,
    CELL_E164,
    CELL_LOCAL,
    CELL_VARIANTS,
    INDEX_FIRST_S,
    INDEX_SHIFT,
    ITEM_RATE,
    NONE,
    Codes,
    Ints,
)
from tariffs.prefixes import BASE, DIGITS_MAX, SET_FIRST, SET_HEADS, SET_SHIFT

Bytes = npt.NDArray[np.uint8]

NO_RATE: Final = CODE["no_rate"]
NO_BAND: Final = CODE["no_band"]

BLOCK: Final = 1_024
"""Legs that a loop takes at once before the next loop takes them: what one has read, the next has at hand."""

SET, LAST = range(2)
"""Rows of the room for a block's searches."""

_UNITS: Final[tuple[int, ...]] = tuple(BASE ** (DIGITS_MAX - length) for length in range(DIGITS_MAX + 1))
"""How many keys a prefix of so many digits spans."""

_PLUS: Final = 43
_ZERO: Final = 48


@kernel
def find_cells(
    rows: Ints, versions: Codes, services: Codes, directions: Codes, selector: Codes, cell: Codes, reason: Bytes
) -> None:
    """``cell`` of each leg: the rules that its plan version has for the service and direction of usage row ``rows``."""
    for leg in range(len(rows)):
        row = rows[leg]
        cell[leg] = selector[versions[leg], services[row], directions[row]]
        if cell[leg] == NONE:
            reason[leg] = NO_RATE


@kernel
def choose_variants(
    cell: Codes,
    origin: Codes,
    call_class: Codes,
    classes: int,
    cells: Ints,
    items: Ints,
    variants: Codes,
    reason: Bytes,
) -> None:
    """Replace each ``cell`` that varies by that of the leg's origin (an item, or NONE) and class of ``classes``."""
    for leg in range(len(cell)):
        if reason[leg] != 0 or cells[cell[leg], CELL_VARIANTS] == NONE:
            continue
        zone = 0 if origin[leg] == NONE else items[origin[leg], ITEM_RATE]
        cell[leg] = variants[cells[cell[leg], CELL_VARIANTS] + zone * classes + call_class[leg]]
        if cell[leg] == NONE:
            reason[leg] = NO_RATE


@kernel
def number_ranges(offsets: Codes, text: Bytes, digits: int, keys: Ints) -> None:
    """The key of the first ``digits`` of each number, as tariffs/prefixes.py makes it; -1 - key without a ``+``."""
    room = WORD if digits <= WORD else 2 * WORD
    for row in range(len(keys)):
        begin, end = int(offsets[row]), int(offsets[row + 1])
        plus = begin < end and text[index(begin)] == _PLUS
        begin += int(plus)
        mask = first_of(min(end - begin, digits))
        key = -1
        if digits <= room and begin + room <= len(text):
            head = digits_at(text, begin, mask)
            if not none(head):
                key = worth(head + (ONES & mask), BASE) * _UNITS[WORD]
            if digits > WORD and key >= 0:
                mask = first_of(max(min(end - begin, digits) - WORD, 0))
                tail = digits_at(text, begin + WORD, mask)
                key = -1 if none(tail) else key + worth(tail + (ONES & mask), BASE) * _UNITS[2 * WORD]
        if key < 0:
            key = _range_key(text, begin, min(end, begin + digits))
        keys[row] = key if plus else -1 - key


@kernel
def _range_key(text: Bytes, begin: int, end: int) -> int:
    """The key of the digits from ``begin`` on, up to ``end`` or what is no digit."""
    key, length = 0, 0
    for place in range(begin, end):
        digit = int(np.int64(text[place])) - _ZERO
        if digit < 0 or digit > 9:
            break
        key = key * BASE + digit + 1
        length += 1
    return key * _UNITS[length]


@kernel
def find_prefixes(
    rows: Ints,
    cell: Codes,
    keys: Ints,
    cells: Ints,
    sets: Ints,
    heads: Codes,
    bounds: Ints,
    longest: Codes,
    destination: Codes,
    searched: Codes,
) -> None:
    """The ``destination`` of the longest prefix of each leg's number in its cell's sets; NONE without one.

    ``searched`` is room for a block's sets and the last bounds that each leg may come to.
    """
    for base in range(0, len(rows), BLOCK):
        block = slice(base, base + BLOCK)
        row, place = rows[block], destination[block]
        prefixes, last = searched[SET, : len(row)], searched[LAST, : len(row)]
        _find_heads(row, cell[block], keys, cells, sets, heads, prefixes, place, last)
        _find_bounds(row, keys, bounds, last, place)
        _find_longest(prefixes, sets, longest, place)


@inlined
def _digits_key(key: int) -> int:
    """A number's key, whether or not it begins with a ``+``."""
    return max(key, -1 - key)


@kernel
def _find_heads(
    rows: Ints,
    cell: Codes,
    keys: Ints,
    cells: Ints,
    sets: Ints,
    heads: Codes,
    prefixes: Codes,
    place: Codes,
    last: Codes,
) -> None:
    """The set of ``prefixes`` for each leg, and between which bounds of it, ``place`` and ``last``, its key is."""
    for leg in range(len(rows)):
        key, own = keys[index(rows[leg])], cell[leg]
        column = CELL_LOCAL if key < 0 else CELL_E164
        chosen = cells[index(max(own, 0)), column] if own != NONE else 0
        head = index(sets[index(chosen), SET_HEADS] + (_digits_key(key) >> sets[index(chosen), SET_SHIFT]))
        prefixes[leg], place[leg], last[leg] = chosen, heads[head], heads[head + index(1)]


@kernel
def _find_bounds(rows: Ints, keys: Ints, bounds: Ints, last: Codes, place: Codes) -> None:
    """Move ``place`` to the last bound not above each leg's key."""
    for leg in range(len(rows)):
        key, low, high = _digits_key(keys[index(rows[leg])]), int(place[leg]), int(last[leg])
        while high - low >= AT_ONCE:
            middle = (low + high + 1) >> 1
            if bounds[index(middle)] <= key:
                low = middle
            else:
                high = middle - 1
        for step in STEPS:
            low += step * int(bounds[index(low + step)] <= key)
        place[leg] = low


@kernel
def _find_longest(prefixes: Codes, sets: Ints, longest: Codes, place: Codes) -> None:
    """The destination from each bound ``place`` on, in its stead."""
    for leg in range(len(place)):
        found = longest[index(place[leg])]
        place[leg] = sets[index(prefixes[leg]), SET_FIRST] + found if found != NONE else NONE


@kernel
def find_bands(
    rows: Ints,
    cell: Codes,
    start_us: Ints,
    cells: Ints,
    changes: Codes,
    band_index: Codes,
    instants: Ints,
    bands: Ints,
    change: Codes,
    band: Codes,
    reason: Bytes,
) -> None:
    """The place of the last ``change`` of band not after each leg's start, and the ``band`` from it on."""
    for leg in range(len(rows)):
        if cell[leg] == NONE:
            continue
        calendar = cells[index(cell[leg]), CELL_CALENDAR]
        place, last = int(changes[index(calendar)]), int(changes[index(calendar + 1)]) - 1
        if place < last:
            second = start_us[index(rows[leg])] // 1_000_000
            if second < INDEX_FIRST_S or second >= instants[index(last)]:
                reason[leg] = NO_BAND
                continue
            place = int(band_index[index(calendar), index((second - INDEX_FIRST_S) >> INDEX_SHIFT)])
            while instants[index(place + 1)] <= second:
                place += 1
        change[leg], band[leg] = place, bands[index(place)]
