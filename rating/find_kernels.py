"""Loops that find what prices each leg: its cell, its destination, its band, its item.

Enters: columns of usage, legs (usage row and plan version) and the arrays of a ``Catalogue``. Leaves: codes per
leg, or a reason. Always holds: one loop looks for one thing and calls nothing, so that the memory accesses of
many legs overlap (a call with arrays would count references, which costs more than the look-up).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from mediation.jit import allocating, kernel
from mediation.reasons import CODE
from tariffs.catalogue import (
    ANY,
    CELL_CALENDAR,
    CELL_E164,
    CELL_END,
    CELL_FIRST,
    CELL_LOCAL,
    CELL_VARIANTS,
    INDEX_FIRST_S,
    INDEX_SHIFT,
    ITEM_BAND,
    ITEM_FROM,
    ITEM_RATE,
    ITEM_TO,
    NONE,
    Codes,
    Ints,
)
from tariffs.prefixes import END, FIRST

Bytes = npt.NDArray[np.uint8]

NO_RATE: Final = CODE["no_rate"]
NO_BAND: Final = CODE["no_band"]

BLOCK: Final = 1_024
"""Legs that walk down their tries together."""

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


@allocating
def walk_prefixes(
    rows: Ints, cell: Codes, offsets: Codes, text: Bytes, cells: Ints, nodes: Codes, best: Codes, stop: Codes
) -> None:
    """The node ``best`` of the longest prefix of each leg's number (NONE), and where in ``text`` that prefix ends.

    A block of legs takes one step down its tries after another: each is a random access, and those of a block overlap.
    """
    going, node, place, last = np.empty((4, BLOCK), np.int32)
    for base in range(0, len(rows), BLOCK):
        count = 0
        for leg in range(base, min(base + BLOCK, len(rows))):
            best[leg] = NONE
            if cell[leg] == NONE:
                continue
            row, own = rows[leg], leg - base
            begin, last[own], root = offsets[row], offsets[row + 1], cells[cell[leg], CELL_LOCAL]
            if begin < last[own] and text[begin] == _PLUS:
                root = cells[cell[leg], CELL_E164]
                begin += 1
            node[own], place[own], going[count] = root, begin, own
            count += 1
        while count > 0:
            left = 0
            for at in range(count):
                own = going[at]
                here = node[own]
                if nodes[here, END] > 0:
                    best[base + own], stop[base + own] = here, place[own]
                if place[own] < last[own]:
                    digit = int(np.int64(text[place[own]])) - _ZERO
                    if 0 <= digit <= 9 and nodes[here, digit] > 0:
                        node[own] = nodes[here, digit]
                        place[own] += 1
                        going[left] = own
                        left += 1
            count = left


@kernel
def find_destinations(  # noqa: C901 - a call would count references of its arrays
    rows: Ints,
    cell: Codes,
    start_us: Ints,
    offsets: Codes,
    text: Bytes,
    cells: Ints,
    nodes: Codes,
    items: Ints,
    best: Codes,
    stop: Codes,
    first: Codes,
    end: Codes,
) -> None:
    """The items ``first`` to ``end`` of the longest prefix of each leg's number that exists at the start.

    ``best`` and ``stop`` are what ``walk_prefixes`` found; where that does not exist then, shorter ones are tried.
    Without any, the items of numbers that no prefix matches.
    """
    for leg in range(len(rows)):
        if cell[leg] == NONE:
            continue
        start, begin, found, until = start_us[rows[leg]], offsets[rows[leg]], best[leg], stop[leg]
        root = cells[cell[leg], CELL_LOCAL]
        if begin < offsets[rows[leg] + 1] and text[begin] == _PLUS:
            root = cells[cell[leg], CELL_E164]
            begin += 1
        first[leg], end[leg] = cells[cell[leg], CELL_FIRST], cells[cell[leg], CELL_END]
        exists = False
        while found != NONE:
            for item in range(nodes[found, FIRST], nodes[found, END]):
                if items[item, ITEM_FROM] <= start < items[item, ITEM_TO]:
                    first[leg], end[leg], exists = nodes[found, FIRST], nodes[found, END], True
                    break
            if exists or until == begin:
                break
            shorter, node, found = until - 1, root, NONE
            for place in range(begin, shorter + 1):
                if nodes[node, END] > 0:
                    found, until = node, place
                if place < shorter:
                    node = nodes[node, int(np.int64(text[place])) - _ZERO]


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
        calendar = cells[cell[leg], CELL_CALENDAR]
        place, last = changes[calendar], changes[calendar + 1] - 1
        if place < last:
            second = start_us[rows[leg]] // 1_000_000
            if second < INDEX_FIRST_S or second >= instants[last]:
                reason[leg] = NO_BAND
                continue
            place = band_index[calendar, (second - INDEX_FIRST_S) >> INDEX_SHIFT]
            while instants[place + 1] <= second:
                place += 1
        change[leg], band[leg] = place, bands[place]


@kernel
def choose_items(
    rows: Ints, first: Codes, end: Codes, band: Codes, start_us: Ints, items: Ints, chosen: Codes, reason: Bytes
) -> None:
    """The item ``chosen`` for each leg: the first of its destination that exists at the start and holds in its band."""
    for leg in range(len(rows)):
        if reason[leg] != 0:
            continue
        start, wanted = start_us[rows[leg]], np.int64(band[leg])
        found = NONE
        for item in range(first[leg], end[leg]):
            of_band = items[item, ITEM_BAND]
            if (of_band in (ANY, wanted)) and items[item, ITEM_FROM] <= start < items[item, ITEM_TO]:
                found = item
                break
        chosen[leg] = found
        if found == NONE or items[found, ITEM_RATE] == NONE:
            reason[leg] = NO_RATE
