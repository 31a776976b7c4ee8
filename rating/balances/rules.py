"""The rules of drawing, as functions of integers: docs/tariffs.md, "Drawing" and "Beginning".

Enters: integers. Leaves: integers. Always holds: exact; with the bounds of tariffs/allowances.py and usage below
2^53 nothing passes 2^63.
"""

from __future__ import annotations

from mediation.jit import kernel
from tariffs.model import PRORATIONS


@kernel
def units_for(usage: int, numerator: int, denominator: int) -> int:
    """The units that ``usage`` draws, rounded up to whole ones."""
    return (usage * numerator + denominator - 1) // denominator


@kernel
def drawn(left: int, have: int, increment: int, numerator: int, denominator: int, split: int) -> tuple[int, int]:
    """(usage that is free, units drawn for it) of ``left`` units of usage, from a lot of which ``have`` is left."""
    count = (left + increment - 1) // increment
    whole = units_for(count * increment, numerator, denominator)
    if whole <= have:
        return left, whole
    if split:
        usage = have * denominator // numerator
        if usage >= left:
            return left, have
        return usage, units_for(usage, numerator, denominator)
    usage = have * denominator // (increment * numerator) * increment
    return usage, units_for(usage, numerator, denominator)


def granted(amount: int, rest_us: int, whole_us: int, proration: int) -> int:
    """The units of a lot of which only ``rest_us`` of ``whole_us`` are left when its holder begins."""
    mode = PRORATIONS[proration]
    if mode == "none" or rest_us >= whole_us:
        return amount
    units, rest = divmod(amount * rest_us, whole_us)
    return units + int((mode == "up" and rest > 0) or (mode == "half_up" and 2 * rest >= whole_us))
