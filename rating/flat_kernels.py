"""Loops that price the legs that need no walk: within one step of a rate and one band.

Enters: what was found for each leg, usage, and the narrow tables of a ``Catalogue``. Leaves: billed usage and nano per
leg, and the legs that rating/kernels.py is to walk. Always holds: the amounts are those of the walk.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mediation.jit import index, kernel
from rating import rules
from rating.find_kernels import BLOCK, Bytes
from rating.kernels import AMOUNT_OVERFLOW
from rating.narrow import (
    TERM_FREE_UNDER,
    TERM_INCREMENT,
    TERM_MAX,
    TERM_MIN,
    TERM_MINIMUM,
    TERM_MODE,
    TERM_PER,
    TERM_SETUP,
    TERM_UNIT,
    TERM_UNTIL,
)
from rating.rules import flat_price
from tariffs.catalogue import CELL_CALENDAR, Codes, Ints


@kernel
def price_flat(
    rows: Ints,
    cell: Codes,
    change: Codes,
    terms_of: Codes,
    price: Ints,
    timed: npt.NDArray[np.bool_],
    start_us: Ints,
    usage: Ints,
    cells: Ints,
    terms: Ints,
    changes: Codes,
    instants: Ints,
    reason: Bytes,
    billed: Ints,
    amount: Ints,
    note: Codes,
    walked: Codes,
    flat: Codes,
) -> int:
    """Price each leg that has no ``reason`` yet and needs no walk: within a rate's first step, while no band changes.

    The others' places are written to ``walked``; the answer is how many there are. ``flat`` is room for those of a
    block that are priced here: which they are is not to be predicted, and what is looked up for them must not wait.
    """
    others = 0
    for base in range(0, len(rows), BLOCK):
        block = slice(base, base + BLOCK)
        count, others = _tell_flat(
            rows[block], cell[block], change[block], terms_of[block], timed, start_us, usage,
            cells, terms, changes, instants, reason[block], base, flat, walked, others,
        )  # fmt: skip
        _price_told(
            flat[:count], rows[block], terms_of[block], price[block], usage, terms,
            reason[block], billed[block], amount[block], note[block],
        )  # fmt: skip
    return others


@kernel
def _tell_flat(
    rows: Ints,
    cell: Codes,
    change: Codes,
    terms_of: Codes,
    timed: npt.NDArray[np.bool_],
    start_us: Ints,
    usage: Ints,
    cells: Ints,
    terms: Ints,
    changes: Codes,
    instants: Ints,
    reason: Bytes,
    base: int,
    flat: Codes,
    walked: Codes,
    others: int,
) -> tuple[int, int]:
    """Write legs to ``flat`` or, as places among all, to ``walked`` behind the ``others``: how many each has."""
    count = 0
    for leg in range(len(rows)):
        if reason[leg] != 0:
            continue
        row, place = index(rows[leg]), int(change[leg])
        last = changes[index(cells[index(cell[leg]), CELL_CALENDAR] + 1)] - 1
        units, second = usage[row], start_us[row] // 1_000_000
        constant = (not timed[row]) | (place >= last) | (instants[index(min(place + 1, last))] - second >= units)
        until = min(terms[index(terms_of[leg]), TERM_UNTIL], rules.USAGE_END - 1)
        simple = constant & (units > 0) & (units <= until)
        flat[index(count)], walked[index(others)] = leg, base + leg
        count += int(simple)
        others += int(not simple)
    return count, others


@kernel
def _price_told(
    flat: Codes,
    rows: Ints,
    terms_of: Codes,
    price: Ints,
    usage: Ints,
    terms: Ints,
    reason: Bytes,
    billed: Ints,
    amount: Ints,
    note: Codes,
) -> None:
    """Price the legs ``flat`` of a block."""
    for place in range(len(flat)):
        leg = index(flat[place])
        units, own = usage[index(rows[leg])], index(terms_of[leg])
        if units < terms[own, TERM_FREE_UNDER]:
            note[leg] = rules.FREE_UNDER
            continue
        billed[leg], amount[leg], note[leg] = flat_price(
            units, terms[own, TERM_SETUP], terms[own, TERM_MINIMUM], terms[own, TERM_INCREMENT],
            price[leg], terms[own, TERM_PER],
            terms[own, TERM_MIN], terms[own, TERM_MAX], terms[own, TERM_UNIT], terms[own, TERM_MODE],
        )  # fmt: skip
        if amount[leg] == rules.OVERFLOW:
            reason[leg] = AMOUNT_OVERFLOW
