"""The walks over a batch's legs, in order: each draws on one lot after another, or is counted.

Enters: legs with their candidates (lots in the order in which they are used) and the lots. Leaves: what is free of
each leg, what each candidate gave or counted, and the lots as they then are. Always holds: no lot falls below zero;
nothing is allocated, nothing wraps.
"""

from __future__ import annotations

from typing import Final

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

TOTAL_END: Final = 2**60
"""What an accumulator counts stops there: beyond any tier, and far from where sums wrap."""

Flags = npt.NDArray[np.bool_]


@kernel
def put_in_order(
    leg: Ints, free: Ints, first: Ints, priority: Ints, end: Ints, begin: Ints, name: Ints, use: Ints
) -> None:
    """Write the candidates to ``use``, those of each ``leg`` from ``first`` on, by priority, end, begin and name.

    ``free`` is the next free place of each leg. A leg has few candidates, so that each is put in by going back.
    """
    for candidate in range(len(leg)):
        at, floor = free[leg[candidate]], first[leg[candidate]]
        own = (priority[candidate], end[candidate], begin[candidate], name[candidate])
        free[leg[candidate]] += 1
        while at > floor:
            other = use[at - 1]
            if (priority[other], end[other], begin[other], name[other]) <= own:
                break
            use[at] = other
            at -= 1
        use[at] = candidate


@kernel
def draw_in_order(
    legs: Ints,
    first: Ints,
    usage: Ints,
    lot: Ints,
    cap: Ints,
    allowance: Ints,
    allowances: Ints,
    before: Ints,
    rolled: Flags,
    granted: Ints,
    left: Ints,
    opened: Flags,
    over: Flags,
    moved: Ints,
    given: Ints,
    taken: Ints,
    free: Ints,
    remainder: Ints,
) -> None:
    """Let ``legs`` draw, one after the other: its candidates stand from ``first`` to that of the next leg.

    A lot (``left``) that is not ``opened`` is, when a leg first meets it: see :func:`_open`. ``given`` and ``taken``
    are the usage that each candidate made free and the units for it; ``cap`` is the place of a cap among the lots, or
    below 0.
    """
    for leg in legs:
        for place in range(first[leg], first[leg + 1]):
            own, limit = lot[place], allowances[allowance[place], ALLOWANCE_LIMIT]
            if not opened[own]:
                if rolled[own] and not opened[before[own]]:
                    _open(before[own], limit, before, rolled, granted, left, opened, over, moved)
                _open(own, limit, before, rolled, granted, left, opened, over, moved)
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


@kernel
def _open(
    own: int,
    limit: int,
    before: Ints,
    rolled: Flags,
    granted: Ints,
    left: Ints,
    opened: Flags,
    over: Flags,
    moved: Ints,
) -> None:
    """Open a lot: with what is ``granted``, or ``rolled`` over (``moved``) from the one ``before`` it, now ``over``."""
    opened[own] = True
    left[own] = granted[own]
    was = before[own]
    if was < 0 or not opened[was]:
        return
    if rolled[own]:
        moved[own] = min(left[was], limit)
        left[was] -= moved[own]
        left[own] = moved[own]
    over[was] = True


@kernel
def count_in_order(
    legs: Ints,
    first: Ints,
    quantity: Ints,
    less: Ints,
    total: Ints,
    cap: Ints,
    totals: Ints,
    counted: Ints,
    after: Ints,
) -> None:
    """Let ``legs`` be counted, one after the other: ``totals`` at places ``total`` grow by ``quantity``, or ``less``.

    A total that has a ``cap`` (not below 0) lets pass what brings it no further than that: ``quantity`` becomes the
    growth of the smaller of both. ``counted`` is what each candidate added, ``after`` its total then; a total stops at
    TOTAL_END.
    """
    for leg in legs:
        for place in range(first[leg], first[leg + 1]):
            had = totals[total[place]]
            now = max(min(had + quantity[leg] - less[place], TOTAL_END), -TOTAL_END)
            totals[total[place]], after[place], counted[place] = now, now, now - had
            if cap[place] >= 0:
                quantity[leg] = min(now, cap[place]) - min(had, cap[place])
