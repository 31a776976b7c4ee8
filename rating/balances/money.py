"""Spend caps: charges of which only a part is charged.

Enters: priced legs, and of some of them the amount that caps let pass. Leaves: legs with that amount, its tax and what
it is in the currency of the bill. Always holds: both are cut in the proportion of the amount, rounded once as they were
before, and never grow.
"""

from __future__ import annotations

import numpy as np

from rating.legs import Legs, Prices
from rating.rules import SPEND_CAP, rounded
from tariffs.catalogue import (
    BILL_MODE,
    BILL_UNIT,
    CELL_BILL,
    ITEM_TAX,
    TAX_MODE,
    TAX_UNIT,
    Catalogue,
    Ints,
)


def cut(legs: Legs, order: Ints, passed: Ints, catalogue: Catalogue) -> Legs:
    """``legs`` of which those in ``order`` are charged at what ``passed``."""
    at = np.flatnonzero(legs.prices.amount[order] != passed)
    if not len(at):
        return legs
    leg, less = order[at], passed[at]
    amount, tax, converted = (each.copy() for each in (legs.prices.amount, legs.prices.tax, legs.prices.converted))
    note = legs.note.copy()
    taxes = catalogue.items[legs.item[leg], ITEM_TAX]
    bills = catalogue.cells[legs.cell[leg], CELL_BILL]
    tax[leg] = _shares(tax[leg], amount[leg], less, catalogue.taxes[:, [TAX_UNIT, TAX_MODE]], taxes)
    converted[leg] = _shares(converted[leg], amount[leg], less, catalogue.bills[:, [BILL_UNIT, BILL_MODE]], bills)
    amount[leg], note[leg] = less, SPEND_CAP
    return Legs(**{**vars(legs), "note": note, "prices": Prices(legs.prices.billed, amount, tax, converted)})


def _shares(whole: Ints, amount: Ints, part: Ints, terms: Ints, row: Ints) -> Ints:
    """Of each ``whole`` the share ``part / amount``, rounded by its row of ``terms`` (unit, mode)."""
    shares = np.zeros(len(whole), np.int64)
    for at in np.flatnonzero((whole != 0) & (part != 0)).tolist():
        unit, mode = (int(term) for term in terms[row[at]])
        shares[at] = share(int(whole[at]), int(amount[at]), int(part[at]), unit, mode)
    return shares


def share(whole: int, amount: int, part: int, unit: int, mode: int) -> int:
    """``whole`` x ``part / amount`` as a multiple of ``unit``, no further from zero than ``whole``.

    ``part`` and ``amount`` (not 0) have one sign.
    """
    quotient, rest = divmod(abs(whole) * abs(part), abs(amount))
    size = min(rounded(quotient, rest, abs(amount), unit, mode), abs(whole))
    return size if whole > 0 else -size
