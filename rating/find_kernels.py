"""Loops that find what prices each leg: its cell, its destination, its band, its item.

Enters: columns of usage, legs (usage row and plan version) and the arrays of a ``Catalogue``. Leaves: codes per
leg, or a reason. Always holds: one loop looks for one thing and calls nothing, so that the memory accesses of
many legs overlap (a call with arrays would count references, which costs more than the look-up).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from mediation.jit import kernel
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
def find_destinations(  # noqa: C901, PLR0912 - a call for the walk would count references of its arrays
    rows: Ints,
    cell: Codes,
    start_us: Ints,
    offsets: Codes,
    text: Bytes,
    cells: Ints,
    nodes: Codes,
    items: Ints,
    first: Codes,
    end: Codes,
) -> None:
    """The items ``first`` to ``end`` of the longest prefix of each leg's number that exists at the start.

    Without one, the items of numbers that no prefix matches. ``offsets`` and ``text`` are the number's column.
    """
    for leg in range(len(rows)):
        if cell[leg] == NONE:
            continue
        row = rows[leg]
        begin, stop, start = offsets[row], offsets[row + 1], start_us[row]
        root = cells[cell[leg], CELL_LOCAL]
        if begin < stop and text[begin] == _PLUS:
            root = cells[cell[leg], CELL_E164]
            begin += 1
        first[leg], end[leg] = cells[cell[leg], CELL_FIRST], cells[cell[leg], CELL_END]
        exists = False
        while not exists:
            node, best, best_stop = root, NONE, begin
            if nodes[root, END] > 0:
                best = root
            for place in range(begin, stop):
                digit = int(np.int64(text[place])) - _ZERO
                if digit < 0 or digit > 9:
                    break
                node = nodes[node, digit]
                if node == 0:
                    break
                if nodes[node, END] > 0:
                    best, best_stop = node, place + 1
            if best == NONE:
                break
            for item in range(nodes[best, FIRST], nodes[best, END]):
                if items[item, ITEM_FROM] <= start < items[item, ITEM_TO]:
                    first[leg], end[leg], exists = nodes[best, FIRST], nodes[best, END], True
                    break
            if best_stop == begin:
                break
            stop = best_stop - 1


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
