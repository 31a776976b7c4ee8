"""Loops over priced legs for what stands beside the amount: its tax, and what it is in the bill's currency.

Enters: the price of each leg in nano and the arrays of a ``Catalogue``. Leaves: amount, tax and converted amount in
nano, or a reason. Always holds: amount and tax sum to the price where prices hold the tax; each is rounded once.
"""

from __future__ import annotations

from typing import Final

from mediation.jit import kernel
from mediation.reasons import CODE
from rating import rules
from rating.find_kernels import Bytes
from rating.kernels import AMOUNT_OVERFLOW
from rating.rules import exact_price, rounded
from tariffs.catalogue import (
    BILL_END,
    BILL_FIRST,
    BILL_MODE,
    BILL_UNIT,
    CELL_BILL,
    CONVERSION_DENOMINATOR,
    CONVERSION_FROM,
    CONVERSION_NUMERATOR,
    CONVERSION_TO,
    ITEM_TAX,
    NONE,
    TAX_DENOMINATOR,
    TAX_INCLUSIVE,
    TAX_MODE,
    TAX_NUMERATOR,
    TAX_UNIT,
    Codes,
    Ints,
)

NO_CONVERSION: Final = CODE["no_conversion"]


@kernel
def add_taxes(item: Codes, items: Ints, taxes: Ints, amount: Ints, tax: Ints, reason: Bytes) -> None:
    """The ``tax`` of each priced leg; taken out of the ``amount`` where prices hold it."""
    for leg in range(len(item)):
        if reason[leg] != 0:
            continue
        row = items[item[leg], ITEM_TAX]
        if row == NONE:
            continue
        per, unit = taxes[row, TAX_DENOMINATOR], taxes[row, TAX_UNIT]
        whole, rest = exact_price(amount[leg], taxes[row, TAX_NUMERATOR], per, per)
        if whole != rules.OVERFLOW:
            whole = rounded(whole, rest, per, unit, taxes[row, TAX_MODE])
        if whole == rules.OVERFLOW or whole >= rules.AMOUNT_END:
            reason[leg] = AMOUNT_OVERFLOW
        else:
            held = taxes[row, TAX_INCLUSIVE] == 1
            tax[leg] = min(whole, amount[leg]) if held else whole  # rounded up, it may pass the price that holds it
            if held:
                amount[leg] -= tax[leg]


@kernel
def find_conversions(
    rows: Ints,
    cell: Codes,
    start_us: Ints,
    cells: Ints,
    bills: Ints,
    conversions: Ints,
    conversion: Codes,
    reason: Bytes,
) -> None:
    """The row of the rate that converts each leg's amount, in force at the start; NONE without a bill."""
    for leg in range(len(rows)):
        conversion[leg] = NONE
        if reason[leg] != 0 or cells[cell[leg], CELL_BILL] == NONE:
            continue
        bill, start = cells[cell[leg], CELL_BILL], start_us[rows[leg]]
        for row in range(bills[bill, BILL_FIRST], bills[bill, BILL_END]):
            if conversions[row, CONVERSION_FROM] <= start < conversions[row, CONVERSION_TO]:
                conversion[leg] = row
                break
        if conversion[leg] == NONE:
            reason[leg] = NO_CONVERSION


@kernel
def convert_amounts(
    cell: Codes,
    conversion: Codes,
    cells: Ints,
    bills: Ints,
    conversions: Ints,
    amount: Ints,
    converted: Ints,
    reason: Bytes,
) -> None:
    """Each ``amount`` in the currency of the bill."""
    for leg in range(len(cell)):
        row = conversion[leg]
        if reason[leg] != 0 or row == NONE:
            continue
        bill, per = cells[cell[leg], CELL_BILL], conversions[row, CONVERSION_DENOMINATOR]
        whole, rest = exact_price(amount[leg], conversions[row, CONVERSION_NUMERATOR], per, per)
        if whole != rules.OVERFLOW:
            whole = rounded(whole, rest, per, bills[bill, BILL_UNIT], bills[bill, BILL_MODE])
        if whole == rules.OVERFLOW or whole >= rules.AMOUNT_END:
            reason[leg] = AMOUNT_OVERFLOW
        else:
            converted[leg] = whole
