"""The tables of a catalogue that every event looks into, as narrow as they can be.

Enters: a ``Catalogue``. Leaves: ``Narrow``, what the loops of finding and pricing read. Always holds: it says nothing
that the catalogue does not say, and is no part of its version. What random access costs is the memory that it goes
to: so a row holds what one event reads and no more, what many rows have alike stands once, and sets of the same
prefixes share their bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np

from rating.choices import Choices, choices, told_apart
from rating.rules import STAGE_CHARGE
from tariffs.catalogue import (
    RATE_FIRST_STEP,
    RATE_FREE_UNDER,
    RATE_MAX,
    RATE_MIN,
    RATE_MINIMUM,
    RATE_MODE,
    RATE_NAME,
    RATE_PER,
    RATE_SETUP,
    RATE_STAGE,
    RATE_UNIT,
    STEP_INCREMENT,
    STEP_UNTIL,
    Catalogue,
    Codes,
    Ints,
)
from tariffs.prefixes import LENGTH, NONE, SET_FIRST, SET_HEADS

(
    TERM_UNTIL,
    TERM_FREE_UNDER,
    TERM_SETUP,
    TERM_MINIMUM,
    TERM_INCREMENT,
    TERM_PER,
    TERM_MIN,
    TERM_MAX,
    TERM_UNIT,
    TERM_MODE,
    TERM_COLUMNS,
) = range(11)
"""Of terms: TERM_UNTIL is the usage up to which the first step prices all of it; 0 where not the charge is rounded."""

STEPS: Final = (4, 2, 1)
"""How far a search for a bound goes on at a time, without a branch, when few are left."""
AT_ONCE: Final = sum(STEPS) + 1
"""So many bounds that no key reaches stand behind each set."""
_BEYOND: Final = np.full(AT_ONCE, 2**63 - 1)
_TERMS: Final = [RATE_FREE_UNDER, RATE_SETUP, RATE_MINIMUM, RATE_MIN, RATE_MAX, RATE_UNIT, RATE_MODE, RATE_PER]


@dataclass(frozen=True, slots=True, eq=False)
class Narrow:
    """Sets of prefixes with their ``heads`` and ``bounds``; the items chosen; terms, names and which terms of rates.

    ``digits``: how many the longest prefix has.
    """

    digits: int
    sets: Ints
    heads: Codes
    bounds: Ints
    longest: Codes
    chosen: Choices
    terms: Ints
    rate_terms: Ints
    rate_names: Codes


_MADE: Final[WeakKeyDictionary[Catalogue, Narrow]] = WeakKeyDictionary()


def narrow(catalogue: Catalogue) -> Narrow:
    """The narrow tables of ``catalogue``, made once."""
    made = _MADE.get(catalogue)
    if made is None:
        made = _MADE[catalogue] = _narrow(catalogue)
    return made


def _narrow(catalogue: Catalogue) -> Narrow:
    found = (catalogue.prefix_sets, catalogue.prefix_heads, catalogue.prefix_bounds, catalogue.prefix_longest)
    names = catalogue.rates[:, RATE_NAME].astype(np.int32)
    digits = int(catalogue.destinations[:, LENGTH].max(initial=0))
    terms, rate_terms = _terms(catalogue)
    return Narrow(digits, *shared_sets(*found), choices(catalogue, rate_terms), terms, rate_terms, names)


def shared_sets(sets: Ints, heads: Codes, bounds: Ints, longest: Codes) -> tuple[Ints, Codes, Ints, Codes]:
    """Sets of prefixes with their heads, bounds and longest prefixes: those of sets of the same prefixes stand once.

    ``longest`` counts from the first destination of the set on.
    """
    shared, known = sets.copy(), dict[bytes, int]()
    parts: list[tuple[Codes, Ints, Codes]] = []
    sizes = [0, 0]
    for row, own in zip(shared, _each_set(sets, heads, bounds, longest), strict=True):
        key = own[1].tobytes() + own[2].tobytes()
        if key not in known:
            known[key] = sizes[0]
            parts.append((own[0] + np.int32(sizes[1]), *own[1:]))
            sizes = [sizes[0] + len(own[0]), sizes[1] + len(own[1])]
        row[SET_HEADS] = known[key]
    own_heads, own_bounds, own_longest = zip(*parts, strict=True)
    return shared, np.concatenate(own_heads), np.concatenate(own_bounds), np.concatenate(own_longest)


def _each_set(sets: Ints, heads: Codes, bounds: Ints, longest: Codes) -> Iterator[tuple[Codes, Ints, Codes]]:
    """Heads, bounds and longest of each set, as if it were the only one."""
    for row, (first, end) in zip(sets, pairwise([*sets[:, SET_HEADS].tolist(), len(heads)]), strict=True):
        own = slice(heads[first], heads[end - 1] + 1)
        local = np.where(longest[own] == NONE, NONE, longest[own] - row[SET_FIRST])
        padded = np.r_[local, np.full(AT_ONCE, NONE)].astype(np.int32)
        yield heads[first:end] - heads[first], np.r_[bounds[own], _BEYOND], padded


def _terms(catalogue: Catalogue) -> tuple[Ints, Ints]:
    """What rates say but for their prices, and the row of it for each rate."""
    rates, first = catalogue.rates, catalogue.steps[catalogue.rates[:, RATE_FIRST_STEP]]
    every = np.empty((len(rates), TERM_COLUMNS), np.int64)
    every[:, TERM_UNTIL] = np.where(rates[:, RATE_STAGE] == STAGE_CHARGE, first[:, STEP_UNTIL], 0)
    every[:, TERM_INCREMENT] = first[:, STEP_INCREMENT]
    columns = [TERM_FREE_UNDER, TERM_SETUP, TERM_MINIMUM, TERM_MIN, TERM_MAX, TERM_UNIT, TERM_MODE, TERM_PER]
    every[:, columns] = rates[:, _TERMS]
    by_per = np.argsort(rates[:, RATE_PER], kind="stable")  # of a deck's rates nothing but price and per differ
    terms, place = told_apart(every[by_per])
    of_rate = np.empty(len(rates), np.int64)
    of_rate[by_per] = place
    return terms, of_rate
