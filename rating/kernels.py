"""Loops over a catalogue's arrays: find the subscription, the prefix and the item, and price events.

Enters: columns of usage and the arrays of a ``Catalogue`` (its column constants name what is read).
Leaves: codes, units and nano per row. Always holds: nothing is allocated per row, nothing wraps, the GIL
is not held; the same source runs as plain Python, and ``price_event`` writes down each run of increments
where room is given for it, which is what explain shows.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from mediation.jit import kernel
from mediation.reasons import CODE
from rating import rules
from rating.rules import exact_sum, increments_before, limited, rounded, run_price
from tariffs.catalogue import (
    ANY,
    CELL_CALENDAR,
    CELL_DENOMINATOR,
    CELL_E164,
    CELL_END,
    CELL_FIRST,
    CELL_LOCAL,
    ITEM_BAND,
    ITEM_FROM,
    ITEM_RATE,
    ITEM_TO,
    NONE,
    RATE_BOUNDARY,
    RATE_COUNTER,
    RATE_FIRST_STEP,
    RATE_FREE_UNDER,
    RATE_MAX,
    RATE_MIN,
    RATE_MINIMUM,
    RATE_MODE,
    RATE_SETUP,
    RATE_STAGE,
    RATE_UNIT,
    STEP_INCREMENT,
    STEP_PER,
    STEP_PRICE,
    STEP_UNTIL,
    Codes,
    Ints,
)
from tariffs.prefixes import END, FIRST

Bytes = npt.NDArray[np.uint8]

NO_RATE: Final = CODE["no_rate"]
NO_BAND: Final = CODE["no_band"]
AMOUNT_OVERFLOW: Final = CODE["amount_overflow"]

RUN_BAND, RUN_RATE, RUN_STEP, RUN_FROM, RUN_COUNT, RUN_UNITS, RUN_WHOLE, RUN_REST, RUN_COLUMNS = range(9)

_PLUS: Final = 43
_ZERO: Final = 48


@kernel
def band_change(instants: Ints, first: int, end: int, second: int) -> int:
    """The place in ``first..end`` of the last change not after ``second``; ``first - 1`` before all of them."""
    low, high = first, end
    while low < high:
        middle = (low + high) // 2
        if instants[middle] <= second:
            low = middle + 1
        else:
            high = middle
    return low - 1


@kernel
def in_force(items: Ints, first: int, end: int, start_us: int) -> bool:
    """Whether any of the items ``first..end`` exists at ``start_us``."""
    for item in range(first, end):  # noqa: SIM110 - numba compiles no generators
        if items[item, ITEM_FROM] <= start_us < items[item, ITEM_TO]:
            return True
    return False


@kernel
def choose(items: Ints, first: int, end: int, start_us: int, band: int) -> int:
    """The first item in ``first..end`` that exists at ``start_us`` and holds in ``band``; NONE without one."""
    for item in range(first, end):
        of_band = items[item, ITEM_BAND]
        if (of_band in (ANY, band)) and items[item, ITEM_FROM] <= start_us < items[item, ITEM_TO]:
            return item
    return NONE


@kernel
def longest(nodes: Codes, root: int, text: Bytes, begin: int, end: int) -> tuple[int, int]:
    """The deepest node below ``root`` with items on the path of the digits ``text[begin:end]``, and its depth."""
    node, best, depth = root, NONE, 0
    if nodes[root, END] > 0:
        best = root
    for place in range(begin, end):
        digit = int(np.int64(text[place])) - _ZERO
        if digit < 0 or digit > 9:
            break
        node = nodes[node, digit]
        if node == 0:
            break
        if nodes[node, END] > 0:
            best, depth = node, place - begin + 1
    return best, depth


@kernel
def destination(
    nodes: Codes, items: Ints, cells: Ints, cell: int, text: Bytes, begin: int, end: int, start_us: int
) -> tuple[int, int]:
    """The items (first, end) of the longest prefix of ``text[begin:end]`` that exists at ``start_us``.

    Without one, the items of numbers that no prefix matches.
    """
    root = cells[cell, CELL_LOCAL]
    if begin < end and text[begin] == _PLUS:
        root = cells[cell, CELL_E164]
        begin += 1
    while True:
        node, depth = longest(nodes, root, text, begin, end)
        if node == NONE:
            return cells[cell, CELL_FIRST], cells[cell, CELL_END]
        first, last = nodes[node, FIRST], nodes[node, END]
        if in_force(items, first, last, start_us):
            return first, last
        if depth == 0:
            return cells[cell, CELL_FIRST], cells[cell, CELL_END]
        end = begin + depth - 1


@kernel
def rate_in_band(items: Ints, first: int, end: int, start_us: int, band: int) -> tuple[int, int]:
    """The rate in ``band`` among the items ``first..end``, or the reason why there is none: (reason, rate)."""
    if band == NONE:
        return NO_BAND, NONE
    item = choose(items, first, end, start_us, band)
    if item == NONE or items[item, ITEM_RATE] == NONE:
        return NO_RATE, NONE
    return 0, items[item, ITEM_RATE]


@kernel
def price_event(  # noqa: C901, PLR0911, PLR0912, PLR0915 - one walk along the event; every path shares its state
    usage: int,
    start_us: int,
    timed: bool,
    rate: int,
    first: int,
    end: int,
    change: int,
    change_end: int,
    denominator: int,
    items: Ints,
    rates: Ints,
    steps: Ints,
    instants: Ints,
    bands: Ints,
    runs: Ints,
) -> tuple[int, int, int, int]:
    """Price one event: (reason, billed usage, amount in nano, note); reason 0 where it is priced.

    ``rate`` is the one at the start, of the items ``first..end``; ``change`` is the place of the calendar's
    last change before the start, ``change_end`` the end of its changes. ``runs`` takes one row for each run
    of increments, as many as there is room for. docs/tariffs.md, "How usage becomes an amount".
    """
    if usage == 0:
        return 0, 0, 0, rules.ZERO_USAGE
    if usage >= rules.USAGE_END:
        return AMOUNT_OVERFLOW, 0, 0, 0
    start_s = start_us // 1_000_000
    crosses = timed and change + 1 < change_end and instants[change + 1] < start_s + usage
    boundary = rates[rate, RATE_BOUNDARY]
    if crosses and boundary == rules.END:
        change = band_change(instants, change, change_end, start_s + usage - 1)
        reason, rate = rate_in_band(items, first, end, start_us, bands[change])
        if reason:
            return reason, 0, 0, 0
    terms = rate
    if usage < rates[terms, RATE_FREE_UNDER]:
        return 0, 0, 0, rules.FREE_UNDER
    splits = crosses and boundary >= rules.CARRY
    cut = splits and boundary == rules.CUT
    isolated = rates[terms, RATE_COUNTER] == rules.ISOLATED
    unit, mode, stage = rates[terms, RATE_UNIT], rates[terms, RATE_MODE], rates[terms, RATE_STAGE]
    opening = rates[terms, RATE_MINIMUM]
    whole, rest, billed, run = rates[terms, RATE_SETUP], 0, 0, 0
    position, part_from = 0, 0
    while True:
        part_to = usage
        if splits and change + 1 < change_end:
            part_to = min(usage, instants[change + 1] - start_s)
        if cut:
            position = part_from
        origin = position
        counted_from = origin if isolated else 0
        if position < part_to and part_from > 0:
            reason, rate = rate_in_band(items, first, end, start_us, bands[change])
            if reason:
                return reason, 0, 0, 0
        step = rates[rate, RATE_FIRST_STEP]
        while position < part_to:
            while steps[step, STEP_UNTIL] <= position - counted_from:
                step += 1
            if opening > 0:
                increment, count = opening, 1
                opening = 0
            else:
                increment = steps[step, STEP_INCREMENT]
                limit = min(part_to, counted_from + steps[step, STEP_UNTIL])
                count = increments_before(limit, position, increment)
            price, per = steps[step, STEP_PRICE], steps[step, STEP_PER]
            more, more_rest = run_price(count, increment, price, per, denominator, stage, unit, mode)
            if run < len(runs):
                runs[run, RUN_BAND], runs[run, RUN_RATE], runs[run, RUN_STEP] = bands[change], rate, step
                runs[run, RUN_FROM], runs[run, RUN_COUNT], runs[run, RUN_UNITS] = position, count, count * increment
                runs[run, RUN_WHOLE], runs[run, RUN_REST] = more, more_rest
            run += 1
            whole, rest = exact_sum(whole, rest, more, more_rest, denominator)
            if whole == rules.OVERFLOW:
                return AMOUNT_OVERFLOW, 0, 0, 0
            position += count * increment
        billed += position - origin
        if part_to == usage or (position >= usage and not cut):
            break
        part_from = part_to
        change += 1
    whole, rest, note = limited(whole, rest, rates[terms, RATE_MIN], rates[terms, RATE_MAX])
    amount = rounded(whole, rest, denominator, unit, mode)
    if amount >= rules.AMOUNT_END:
        return AMOUNT_OVERFLOW, 0, 0, 0
    return 0, billed, amount, note


@kernel
def price_legs(
    rows: Ints,
    versions: Codes,
    services: Codes,
    directions: Codes,
    timed: npt.NDArray[np.bool_],
    start_us: Ints,
    usage: Ints,
    offsets: Codes,
    text: Bytes,
    selector: Codes,
    cells: Ints,
    nodes: Codes,
    items: Ints,
    rates: Ints,
    steps: Ints,
    changes: Codes,
    instants: Ints,
    bands: Ints,
    runs: Ints,
    reason: npt.NDArray[np.uint8],
    out_cell: Codes,
    out_item: Codes,
    out_band: Codes,
    billed: Ints,
    amount: Ints,
    note: Codes,
) -> None:
    """Price leg ``i``: usage row ``rows[i]`` by plan version ``versions[i]``; results go to the last seven arrays.

    ``offsets`` and ``text`` are the Arrow buffers of the B-number; ``start_us`` and ``usage`` are by usage row.
    """
    for leg in range(len(rows)):
        row = rows[leg]
        cell = selector[versions[leg], services[row], directions[row]]
        out_cell[leg] = cell
        if cell == NONE:
            reason[leg] = NO_RATE
            continue
        start = start_us[row]
        first, end = destination(nodes, items, cells, cell, text, offsets[row], offsets[row + 1], start)
        calendar = cells[cell, CELL_CALENDAR]
        change_first, change_end = changes[calendar], changes[calendar + 1]
        change = band_change(instants, change_first, change_end, start // 1_000_000)
        if change < change_first or bands[change] == NONE:
            reason[leg] = NO_BAND
            continue
        item = choose(items, first, end, start, bands[change])
        out_item[leg], out_band[leg] = item, bands[change]
        if item == NONE or items[item, ITEM_RATE] == NONE:
            reason[leg] = NO_RATE
            continue
        rate, denominator = items[item, ITEM_RATE], cells[cell, CELL_DENOMINATOR]
        reason[leg], billed[leg], amount[leg], note[leg] = price_event(
            usage[row], start, timed[row], rate, first, end, change, change_end, denominator,
            items, rates, steps, instants, bands, runs,
        )  # fmt: skip
