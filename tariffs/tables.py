"""Rates and calendars as the integer tables of a catalogue.

Enters: rates and calendars of a tariff. Leaves: arrays whose columns are the constants of tariffs/catalogue.py. Always
holds: a price is in lowest terms beside the one that was written; a calendar of one band holds at all times.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
import numpy.typing as npt

from tariffs import catalogue as layout
from tariffs.calendar import compile_calendar, horizon
from tariffs.catalogue import NONE, Codes, Ints
from tariffs.check import reduced
from tariffs.model import BOUNDARIES, COUNTERS, EVER_FROM, EVER_TO, MODES, STAGES, Calendar, Rate, Rounding


def integers(found: Iterable[list[int]], width: int) -> Ints:
    """``found`` as a table of ``width`` columns."""
    return np.array(list(found), np.int64).reshape(-1, width)


def rate_tables(rates: list[Rate]) -> tuple[Ints, Ints]:
    """The catalogue's ``rates`` and ``steps``."""
    made: list[list[int]] = []
    steps: list[list[int]] = []
    names = {rate.id: code for code, rate in reversed(list(enumerate(rates)))}
    for rate in rates:
        first = len(steps)
        untils = [*(step.start for step in rate.steps[1:]), EVER_TO]
        for step, until in zip(rate.steps, untils, strict=True):
            steps.append([step.start, until, *reduced(step), step.increment, step.price, step.per, 0])
        made.append([
            rate.setup_fee,
            rate.free_under,
            NONE if rate.min_charge is None else rate.min_charge,
            NONE if rate.max_charge is None else rate.max_charge,
            *_behaviour(rate.boundary, rate.step_counter, rate.rounding),
            rate.minimum,
            first,
            len(steps),
            names[rate.id],
            *steps[first][2:4],
            rate.steps[0].increment if len(rate.steps) == 1 and rate.rounding.stage == "charge" else 0,
        ])  # fmt: skip
    return integers(made, layout.RATE_COLUMNS), integers(steps, layout.STEP_COLUMNS)


@cache
def _behaviour(boundary: str, counter: str, shown: Rounding) -> tuple[int, ...]:
    """The codes of RATE_BOUNDARY to RATE_STAGE."""
    codes = BOUNDARIES.index(boundary), COUNTERS.index(counter), MODES.index(shown.mode)
    return *codes, shown.unit, STAGES.index(shown.stage)


def calendar_tables(calendars: list[Calendar], bands: list[str]) -> tuple[Codes, Codes, Ints, Ints]:
    """Where each calendar's changes begin, the index into them, their instants, and the band from each on."""
    parts: list[tuple[Ints, npt.NDArray[np.int64]]] = []
    begin, end = horizon()
    for calendar in calendars:
        codes = np.array([bands.index(band) for band in calendar.band_names], np.int64)
        if len(codes) == 1:
            parts.append((np.array([EVER_FROM]), codes))
            continue
        times, found = compile_calendar(calendar)
        parts.append((np.r_[times, end], np.r_[codes[found], NONE]))
    starts = np.cumsum([0, *(len(times) for times, _ in parts)]).astype(np.int32)
    seconds = np.arange(begin, end, 1 << layout.INDEX_SHIFT)
    places = [
        np.searchsorted(times, seconds, side="right") - 1 + first
        for first, (times, _) in zip(starts[:-1], parts, strict=True)
    ]
    return (
        starts,
        np.array(places, np.int32),
        np.concatenate([p[0] for p in parts]),
        np.concatenate([p[1] for p in parts]),
    )
