"""Which lots are held: those on which usage from some instant on may draw, or that it may end.

Enters: a lake, a catalogue. Leaves: instants, in UTC microseconds. Always holds: nothing is left out before its time is
closed, and some time more; which period a lot was granted for decides, so that all rows of a lot are held or none;
what is granted once is always held.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import numpy as np

from rating.lake import Lake
from rating.lake.closed import closed_until
from rating.story import micros
from tariffs import catalogue as layout
from tariffs.catalogue import Catalogue

LATE: Final = timedelta(days=62)
"""How much older than the line of closed time usage may be without lots being read again."""
EVER: Final = 0
"""Before the first period of any allowance."""


def held_since(lake: Lake) -> int:
    """Usage that starts from then on finds its lots at hand."""
    line = closed_until(lake)
    return micros(line - LATE) if line else EVER


def first_period(catalogue: Catalogue, since: int) -> int:
    """Where the first period begins for which lots were granted that usage from ``since`` on may meet.

    That is the one before the first from which anything may have rolled over: its lot ends when the next one is opened.
    """
    begins = [since]
    for terms in catalogue.allowances:
        periods = catalogue.allowance_periods[terms[layout.ALLOWANCE_PERIODS] : terms[layout.ALLOWANCE_PERIODS_END]]
        place = int(np.searchsorted(periods, since, "right")) - 2 - int(terms[layout.ALLOWANCE_ROLLOVERS])
        if len(periods) > 2:  # else a begin and an end: one period for ever
            begins.append(int(periods[place]) if place >= 0 else EVER)
    return min(begins)
