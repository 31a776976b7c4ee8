"""The walk over a batch's legs, in order, each drawing on one lot after another.

Enters: legs with their candidates (lots in the order in which they are used) and the lots. Leaves: what is free of
each leg, what each candidate gave, and the lots as they then are. Always holds: no lot falls below zero; nothing is
allocated.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mediation.jit import kernel
from rating.balances.rules import drawn
from rating.rules import FEE_ON_FREE, RESTARTS
from tariffs.catalogue import (
    ALLOWANCE_DENOMINATOR,
    ALLOWANCE_FEE,
    ALLOWANCE_INCREMENT,
    ALLOWANCE_LIMIT,
    ALLOWANCE_NUMERATOR,
    ALLOWANCE_REMAINDER,
    ALLOWANCE_SPLIT,
    Ints,
)

Flags = npt.NDArray[np.bool_]


@kernel
def draw_in_order(  # noqa: C901 - one walk, in which every leg finds what those before it left
    first: Ints,
    usage: Ints,
    lot: Ints,
    cap: Ints,
    allowance: Ints,
    allowances: Ints,
    source: Ints,
    granted: Ints,
    left: Ints,
    opened: Flags,
    moved: Ints,
    given: Ints,
    taken: Ints,
    free: Ints,
    remainder: Ints,
) -> None:
    """Let leg after leg draw: its candidates stand from ``first`` to that of the next leg.

    A lot (``left``) that is not ``opened`` is, when a leg first meets it: with what is ``granted``, or with what rolls
    over (``moved``) from its ``source``. ``given`` and ``taken`` are the usage that each candidate made free and the
    units for it; ``cap`` is the place of a cap among the lots, or below 0.
    """
    for leg in range(len(usage)):
        for place in range(first[leg], first[leg + 1]):
            own, before = lot[place], source[lot[place]]
            if opened[own]:
                continue
            opened[own] = True
            if before < 0:
                left[own] = granted[own]
                continue
            if not opened[before]:
                opened[before] = True
                left[before] = granted[before]
            moved[own] = min(left[before], allowances[allowance[place], ALLOWANCE_LIMIT])
            left[before] -= moved[own]
            left[own] = moved[own]
        rest = usage[leg]
        for place in range(first[leg], first[leg + 1]):
            have, of = left[lot[place]], allowance[place]
            if cap[place] >= 0:
                have = min(have, left[cap[place]])
            if rest == 0 or have <= 0:
                continue
            above, below = allowances[of, ALLOWANCE_NUMERATOR], allowances[of, ALLOWANCE_DENOMINATOR]
            increment, split = allowances[of, ALLOWANCE_INCREMENT], allowances[of, ALLOWANCE_SPLIT]
            given[place], taken[place] = drawn(rest, have, increment, above, below, split)
            if given[place] == 0:
                continue
            rest -= given[place]
            left[lot[place]] -= taken[place]
            if cap[place] >= 0:
                left[cap[place]] -= taken[place]
            restarts = RESTARTS if allowances[of, ALLOWANCE_REMAINDER] else 0
            fee = FEE_ON_FREE if allowances[of, ALLOWANCE_FEE] else 0
            remainder[leg] = restarts | (remainder[leg] & FEE_ON_FREE) | fee
        free[leg] = usage[leg] - rest
