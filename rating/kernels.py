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
from rating.find_kernels import NO_BAND, NO_RATE, Bytes
from rating.item_kernels import items_of
from rating.rules import exact_sum, increments_before, limited, rounded, run_price
from tariffs.catalogue import (
    ANY,
    CELL_CALENDAR,
    CELL_DENOMINATOR,
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

AMOUNT_OVERFLOW: Final = CODE["amount_overflow"]

RUN_BAND, RUN_RATE, RUN_STEP, RUN_FROM, RUN_COUNT, RUN_UNITS, RUN_WHOLE, RUN_REST, RUN_COLUMNS = range(9)


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
def rate_in_band(items: Ints, first: int, end: int, start_us: int, band: int) -> tuple[int, int]:
    """The rate in ``band`` among the items ``first..end``, or the reason why there is none: (reason, rate)."""
    if band == NONE:
        return NO_BAND, NONE
    for item in range(first, end):
        of_band = items[item, ITEM_BAND]
        if (of_band in (ANY, band)) and items[item, ITEM_FROM] <= start_us < items[item, ITEM_TO]:
            rate = items[item, ITEM_RATE]
            return (NO_RATE, NONE) if rate == NONE else (0, rate)
    return NO_RATE, NONE


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
    free: int,
    remainder: int,
    counted: int,
) -> tuple[int, int, int, int]:
    """Price one event: (reason, billed usage, amount in nano, note); reason 0 where it is priced.

    Of its usage so much is ``free``, from the beginning; ``remainder`` (RESTARTS, FEE_ON_FREE) is about the rest. Where
    steps are tiers (GRADUATED, VOLUME), ``counted`` is the counter at the beginning, or at the last unit of all.

    ``rate`` is the one at the start, of the items ``first..end``; ``change`` is the place of the calendar's
    last change before the start, ``change_end`` the end of its changes. ``runs`` takes one row for each run
    of increments, as many as there is room for. docs/tariffs.md, "How usage becomes an amount".
    """
    if usage == 0:
        return 0, 0, 0, rules.ZERO_USAGE
    if usage >= rules.USAGE_END:
        return AMOUNT_OVERFLOW, 0, 0, 0
    if free >= usage:
        return 0, 0, rates[rate, RATE_SETUP] if remainder & rules.FEE_ON_FREE else 0, rules.ALLOWANCE
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
    restarts = remainder & rules.RESTARTS != 0
    graduated, volume = remainder & rules.GRADUATED != 0, remainder & rules.VOLUME != 0
    opening = rates[terms, RATE_MINIMUM] if free == 0 or restarts else 0
    whole, rest, billed, run = rates[terms, RATE_SETUP], 0, 0, 0
    position, part_from = free, free
    while splits and change + 1 < change_end and instants[change + 1] - start_s <= free:
        change += 1
    while True:
        part_to = usage
        if splits and change + 1 < change_end:
            part_to = min(usage, instants[change + 1] - start_s)
        if cut:
            position = part_from
        origin = position
        counted_from = -counted if graduated else origin if isolated else free if restarts else 0
        if position < part_to and part_from > 0:
            reason, rate = rate_in_band(items, first, end, start_us, bands[change])
            if reason:
                return reason, 0, 0, 0
        step = rates[rate, RATE_FIRST_STEP]
        while position < part_to:
            while steps[step, STEP_UNTIL] <= (counted if volume else position - counted_from):
                step += 1
            if opening > 0:
                increment, count = opening, 1
                opening = 0
            else:
                increment = steps[step, STEP_INCREMENT]
                limit = part_to if volume else min(part_to, counted_from + steps[step, STEP_UNTIL])
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
def price_walked(
    walked: Codes,
    rows: Ints,
    cell: Codes,
    destination: Codes,
    change: Codes,
    rate: Codes,
    timed: npt.NDArray[np.bool_],
    start_us: Ints,
    usage: Ints,
    cells: Ints,
    destinations: Codes,
    items: Ints,
    rates: Ints,
    steps: Ints,
    changes: Codes,
    instants: Ints,
    bands: Ints,
    runs: Ints,
    reason: Bytes,
    billed: Ints,
    amount: Ints,
    note: Codes,
    free: Ints,
    remainder: Ints,
    counted: Ints,
) -> None:
    """Price the legs ``walked``, that have no ``reason`` yet, by walking along each event.

    ``free``, ``remainder`` and ``counted`` are of each leg, or empty where nothing is free and no steps are tiers.
    """
    for leg in walked:
        if reason[leg] != 0:
            continue
        row, own, begin, terms, before = rows[leg], cell[leg], 0, 0, 0
        if len(free):
            begin, terms, before = free[leg], remainder[leg], counted[leg]
        first, end = items_of(own, destination[leg], cells, destinations)
        reason[leg], billed[leg], amount[leg], note[leg] = price_event(
            usage[row], start_us[row], timed[row], rate[leg], first, end,
            change[leg], changes[cells[own, CELL_CALENDAR] + 1], cells[own, CELL_DENOMINATOR],
            items, rates, steps, instants, bands, runs, begin, terms, before,
        )  # fmt: skip
