"""Volume tiers: rates that look at what a whole period came to, and so are settled when it is closed.

Enters: tariffs, the instant before which time is closed. Leaves: how far back a replay goes. Always holds: all usage of
a period that is settled is rated by the total that the period came to, also what came before the usage that changed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import numpy as np

from rating.story import EPOCH
from tariffs.catalogue import (
    ALLOWANCE_PERIODS,
    ALLOWANCE_PERIODS_END,
    TIERS_OF,
    TIERS_VOLUME,
    Catalogue,
    Ints,
)


def has_volume_tiers(catalogue: Catalogue) -> bool:
    """Whether some rate looks at the total that a period came to."""
    return any(True for _ in _boundaries(catalogue))


def settling(catalogues: Iterable[Catalogue], closed: datetime, until: datetime) -> datetime:
    """Where the first of those periods begins that are over by ``until`` and were not when ``closed`` was the line."""
    first, last, begin = micros(closed), micros(until), micros(closed)
    for catalogue in catalogues:
        for instants in _boundaries(catalogue):
            begins = instants[:-1][(instants[1:] > first) & (instants[1:] <= last)]
            begin = min(begin, int(begins.min(initial=begin)))
    return EPOCH + timedelta(microseconds=begin)


def settled_since(since: Ints, catalogues: Iterable[Catalogue], settled: datetime) -> Ints:
    """``since`` (microseconds), or where the settled period begins in which that is."""
    back = since.copy()
    for catalogue in catalogues:
        for instants in _boundaries(catalogue):
            place = np.clip(np.searchsorted(instants, since, "right") - 1, 0, len(instants) - 2)
            begin, over = instants[place], instants[place + 1]
            back = np.where((begin <= since) & (over <= micros(settled)), np.minimum(back, begin), back)
    return back


def micros(instant: datetime) -> int:
    """``instant`` in microseconds since 1970."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def _boundaries(catalogue: Catalogue) -> Iterator[Ints]:
    """The boundaries of the periods of each accumulator whose total some rate looks at."""
    tiers = catalogue.rate_tiers
    if len(tiers):
        for code in np.unique(tiers[tiers[:, TIERS_VOLUME] == 1, TIERS_OF]):
            first, end = catalogue.allowances[code, [ALLOWANCE_PERIODS, ALLOWANCE_PERIODS_END]]
            yield catalogue.allowance_periods[first:end]
