"""When lots are there: from what holder, allowance and period say.

Enters: keys of lots, or their parts; a catalogue. Leaves: instants in UTC microseconds. Always holds: the one place for
when a lot begins, when its period is over and when it ends; docs/tariffs.md, "Lots".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rating.balances.lots import OWN, ROLLED, lot_keys, lot_parts
from rating.balances.rules import granted
from tariffs import catalogue as layout
from tariffs.catalogue import ALLOWANCE_BITS, NONE, Catalogue, Ints
from tariffs.model import EVER_FROM


@dataclass(frozen=True)
class Spans:
    """Lots: whose they are, from when on and until when they are there; ``since`` the first instant of their period."""

    holder: Ints
    allowance: Ints
    period: Ints
    rolled: npt.NDArray[np.bool_]
    since: Ints
    begin: Ints
    over: Ints
    end: Ints


def spans_of(keys: Ints, catalogue: Catalogue) -> Spans:
    """The lots ``keys``. A lot that rolled over begins where its period is ``over``."""
    holder, allowance, period, kind = lot_parts(keys)
    terms, instants = catalogue.allowances, catalogue.allowance_periods
    place, last = (
        terms[allowance, layout.ALLOWANCE_PERIODS] + period,
        terms[allowance, layout.ALLOWANCE_PERIODS_END] - 1,
    )
    since, over = instants[place], instants[place + 1]
    rolled = kind == ROLLED
    stays = np.where(rolled, terms[allowance, layout.ALLOWANCE_ROLLOVERS], 0)
    begin, end = (
        np.maximum(since, held_since(holder, allowance, catalogue)),
        instants[np.minimum(place + 1 + stays, last)],
    )
    valid = terms[allowance, layout.ALLOWANCE_VALID_US]
    end = np.where(valid > 0, np.minimum(end, begin + valid), end)
    return Spans(holder, allowance, period, rolled, since, begin, over, end)


def predecessors(keys: Ints, catalogue: Catalogue) -> Ints:
    """The lot that has ended where each of ``keys`` begins: that of which it is the rest, or the one before it.

    NONE where there is none, and for what is no lot. So each lot, when it is opened, ends one other.
    """
    holder, allowance, period, kind = lot_parts(keys)
    rollovers = catalogue.allowances[allowance, layout.ALLOWANCE_ROLLOVERS]
    back = np.where(kind == ROLLED, 0, 1 + rollovers)
    was = np.where((kind == OWN) & (rollovers > 0), ROLLED, OWN)
    has = (kind <= ROLLED) & (period >= back)
    return np.where(has, lot_keys(holder, allowance, np.maximum(period - back, 0), was), NONE)


def grants(lots: Spans, catalogue: Catalogue) -> Ints:
    """The units with which each lot of its own period begins."""
    units: Ints = catalogue.allowances[lots.allowance, layout.ALLOWANCE_AMOUNT]
    proration = catalogue.allowances[lots.allowance, layout.ALLOWANCE_PRORATION]
    late = (lots.begin > lots.since) & (proration > 0)
    for at in np.flatnonzero(late).tolist():
        spans = int(lots.over[at] - lots.begin[at]), int(lots.over[at] - lots.since[at])
        units[at] = granted(int(units[at]), *spans, int(proration[at]))
    return units


def held_since(holder: Ints, allowance: Ints, catalogue: Catalogue) -> Ints:
    """When each holder began to have the allowance."""
    if not len(catalogue.holders):
        return np.full(len(holder), EVER_FROM)
    key = holder << ALLOWANCE_BITS | allowance
    place = np.minimum(np.searchsorted(catalogue.holders[:, 0], key), len(catalogue.holders) - 1)
    return np.where(catalogue.holders[place, 0] == key, catalogue.holders[place, 1], EVER_FROM)
