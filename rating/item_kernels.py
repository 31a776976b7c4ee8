"""Loops that find the item that prices each leg.

Enters: cell, destination, band and start of each leg, and the arrays of a ``Catalogue`` and of its ``Choices``. Leaves:
the item with what charges tell of it and its price, or a reason. Always holds: most legs take the item that was chosen
beforehand; those that it does not fit are listed, and gone through one by one.
"""

from __future__ import annotations

from mediation.jit import index, inlined, kernel
from rating.choices import (
    CHOICE_DESTINATION,
    CHOICE_FIRST,
    CHOICE_SLOTS,
    CHOICE_STRIDE,
    OF_ITEM,
    OF_PERIOD,
    OF_PREFIX,
    OF_RATE,
    OF_TERMS,
    OF_ZONE,
)
from rating.find_kernels import BLOCK, NO_RATE, Bytes
from tariffs.catalogue import (
    ANY,
    CELL_END,
    CELL_FIRST,
    ITEM_BAND,
    ITEM_FROM,
    ITEM_PREFIX,
    ITEM_RATE,
    ITEM_TO,
    ITEM_ZONE,
    NONE,
    RATE_PRICE,
    Codes,
    Ints,
)
from tariffs.prefixes import END, FIRST, SHORTER

CHOSEN, PERIOD = range(2)
"""Rows of the room for a block's choices."""


@inlined
def in_force(since: int, until: int, start: int) -> bool:
    """Whether ``start`` lies in a period; no branch turns on it."""
    return (since <= start) & (start < until)


@inlined
def holds(of_band: int, band: int) -> bool:
    """Whether what is ``of_band`` (or of ANY) holds in ``band``; no branch turns on it."""
    return (of_band == ANY) | (of_band == band)


@kernel
def take_items(
    rows: Ints,
    cell: Codes,
    destination: Codes,
    band: Codes,
    start_us: Ints,
    choosing: Ints,
    choices: Codes,
    prices: Ints,
    periods: Ints,
    item: Codes,
    zone: Codes,
    prefix: Codes,
    rate: Codes,
    terms: Codes,
    price: Ints,
    reason: Bytes,
    left: Codes,
    looked: Codes,
) -> int:
    """The item chosen beforehand for each leg, and with it its zone, prefix, rate, terms and price.

    The places of legs that it does not fit, or that have a ``reason``, are written to ``left``; the answer is how many
    there are. ``looked`` is room for the choices of a block.
    """
    count = 0
    for base in range(0, len(rows), BLOCK):
        block = slice(base, base + BLOCK)
        chosen, period = looked[CHOSEN, : len(rows[block])], looked[PERIOD, : len(rows[block])]
        _find_choices(cell[block], destination[block], band[block], choosing, chosen)
        _find_periods(chosen, choices, period)
        _take_choices(
            chosen, choices, prices, item[block], zone[block], prefix[block], rate[block], terms[block], price[block]
        )
        count = _note_left(base, rows[block], start_us, period, periods, rate[block], reason[block], left, count)
    return count


@kernel
def _find_choices(cell: Codes, destination: Codes, band: Codes, choosing: Ints, chosen: Codes) -> None:
    """The choice for each leg."""
    for leg in range(len(cell)):
        own, place = cell[leg], destination[leg] + 1  # no cell: the last row
        if place != 0:
            place -= choosing[own, CHOICE_DESTINATION]
        slot = choosing[own, index(CHOICE_SLOTS + band[leg])]
        chosen[leg] = choosing[own, CHOICE_FIRST] + place * choosing[own, CHOICE_STRIDE] + slot


@kernel
def _find_periods(chosen: Codes, choices: Codes, period: Codes) -> None:
    """The period of each choice. So short a loop has many rows fetched at a time, which the next one has at hand."""
    for leg in range(len(chosen)):
        period[leg] = choices[index(chosen[leg]), OF_PERIOD]


@kernel
def _take_choices(
    chosen: Codes,
    choices: Codes,
    prices: Ints,
    item: Codes,
    zone: Codes,
    prefix: Codes,
    rate: Codes,
    terms: Codes,
    price: Ints,
) -> None:
    for leg in range(len(chosen)):
        row = index(chosen[leg])
        item[leg], zone[leg], prefix[leg] = choices[row, OF_ITEM], choices[row, OF_ZONE], choices[row, OF_PREFIX]
        rate[leg], terms[leg], price[leg] = choices[row, OF_RATE], choices[row, OF_TERMS], prices[row]


@kernel
def _note_left(
    base: int,
    rows: Ints,
    start_us: Ints,
    period: Codes,
    periods: Ints,
    rate: Codes,
    reason: Bytes,
    left: Codes,
    count: int,
) -> int:
    """Write to ``left``, from ``count`` on, which legs have no rate or a ``period`` that their start is not in."""
    for leg in range(len(rows)):
        of = index(period[leg])
        exists = in_force(periods[of, 0], periods[of, 1], start_us[index(rows[leg])])
        left[index(count)] = base + leg
        count += 1 - int(exists & (rate[leg] != NONE) & (reason[leg] == 0))
    return count


@kernel
def find_items(
    left: Codes,
    rows: Ints,
    cell: Codes,
    destination: Codes,
    band: Codes,
    start_us: Ints,
    cells: Ints,
    destinations: Codes,
    items: Ints,
    rates: Ints,
    rate_terms: Ints,
    item: Codes,
    zone: Codes,
    prefix: Codes,
    rate: Codes,
    terms: Codes,
    price: Ints,
    reason: Bytes,
) -> None:
    """As :func:`take_items`, for the legs ``left``: the first item that exists at the start and holds in the band.

    Where none exists, those of the next shorter prefix are asked, which is the ``destination`` then, and in the end
    those of numbers that no prefix matches.
    """
    for leg in left:
        start = start_us[rows[leg]]
        item[leg], destination[leg] = _existing(
            cell[leg], destination[leg], band[leg], start, cells, destinations, items
        )
        zone[leg], prefix[leg], rate[leg], terms[leg], price[leg] = 0, 0, NONE, 0, 0
        if item[leg] != NONE:
            row = item[leg]
            zone[leg], prefix[leg], rate[leg] = items[row, ITEM_ZONE], items[row, ITEM_PREFIX], items[row, ITEM_RATE]
        if rate[leg] != NONE:
            terms[leg], price[leg] = rate_terms[rate[leg]], rates[rate[leg], RATE_PRICE]
        elif reason[leg] == 0:
            reason[leg] = NO_RATE


@kernel
def _existing(
    cell: int, destination: int, band: int, start_us: int, cells: Ints, destinations: Codes, items: Ints
) -> tuple[int, int]:
    """The item that exists at the start and holds in ``band`` (NONE), and the destination that it is of."""
    while True:
        exists = False
        first, end = items_of(cell, destination, cells, destinations)
        for row in range(first, end):
            if in_force(items[row, ITEM_FROM], items[row, ITEM_TO], start_us):
                exists = True
                if holds(items[row, ITEM_BAND], band):
                    return row, destination
        if exists or destination == NONE:
            return NONE, destination
        destination = destinations[destination, SHORTER]


@kernel
def items_of(cell: int, destination: int, cells: Ints, destinations: Codes) -> tuple[int, int]:
    """Where the items of a destination begin and end; without one, those of the cell (NONE: no items)."""
    if destination != NONE:
        return int(destinations[destination, FIRST]), int(destinations[destination, END])
    if cell != NONE:
        return cells[cell, CELL_FIRST], cells[cell, CELL_END]
    return 0, 0
