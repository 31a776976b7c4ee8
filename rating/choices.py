"""Which item a destination's calls in a band are priced by, found beforehand.

Enters: a ``Catalogue``. Leaves: for each cell, each of its destinations (and numbers of none) and each band that its
calendar can give, one row: the first item that holds in that band. Always holds: whether that item exists at the
start of a call is left to who reads the row; where none holds, the row's period never is in force.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from tariffs.catalogue import (
    ANY,
    CELL_CALENDAR,
    CELL_E164,
    CELL_END,
    CELL_FIRST,
    CELL_LOCAL,
    ITEM_BAND,
    ITEM_FROM,
    ITEM_PREFIX,
    ITEM_RATE,
    ITEM_TO,
    ITEM_ZONE,
    NONE,
    RATE_PRICE,
    Catalogue,
    Codes,
    Ints,
)
from tariffs.prefixes import END, FIRST, SET_END, SET_FIRST

OF_PERIOD, OF_ITEM, OF_ZONE, OF_PREFIX, OF_RATE, OF_TERMS, OF_PRICE, OF_COLUMNS = 0, 1, 2, 3, 4, 5, 6, 8
"""Of a choice: its period is a row of ``periods``, its terms one of the terms of rates. The last two columns are the
price of its rate's first step, which ``prices`` shows as one number."""
CHOICE_FIRST, CHOICE_STRIDE, CHOICE_DESTINATION, CHOICE_SLOTS = range(4)
"""Of a cell: where its choices begin, how many each destination has, the first of its destinations, and from the last
column on which of the choices is that of each band. The last row is that of no cell."""
NEVER: Final = 0
"""The choice of no cell, and the period that no instant is in."""


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """The rows of choices with their prices and periods, and how each cell finds its own."""

    choosing: Ints
    choices: Codes
    prices: Ints
    periods: Ints


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """What has choices of its own: its cell, its items. The first of each cell is of numbers that no prefix matches."""

    cell: Ints
    first: Ints
    end: Ints


def choices(catalogue: Catalogue, rate_terms: Ints) -> Choices:
    """The choices of ``catalogue``, whose rates have the terms ``rate_terms``."""
    destination, sizes = _destinations(catalogue)
    groups = _groups(catalogue, destination, sizes)
    slots = _slots(catalogue, groups)
    stride = slots.max(axis=1, initial=0) + 1
    row = NEVER + 1 + np.r_[0, np.cumsum(stride[groups.cell])]
    chosen = np.full(row[-1], NONE, np.int64)
    for band in range(slots.shape[1]):
        own = np.flatnonzero(slots[groups.cell, band] != NONE)
        chosen[row[own] + slots[groups.cell[own], band]] = _first_holding(catalogue, band, groups, own)
    begins = row[np.cumsum(sizes) - sizes]
    choosing = np.column_stack([begins, stride, destination, np.maximum(slots, 0)])
    no_cell = np.zeros((1, choosing.shape[1]), np.int64)
    return Choices(np.r_[choosing, no_cell], *_rows(catalogue, chosen, rate_terms))


def _destinations(catalogue: Catalogue) -> tuple[Ints, Ints]:
    """The first destination of each cell, those of its sets being neighbours, and how many it has, with none as one."""
    sets = catalogue.prefix_sets[catalogue.cells[:, [CELL_E164, CELL_LOCAL]]]
    first, end = sets[:, :, SET_FIRST], sets[:, :, SET_END]
    some = first < end
    begins = np.where(some, first, len(catalogue.destinations)).min(axis=1)
    return begins, np.maximum(np.where(some, end, 0).max(axis=1) - begins, 0) + 1


def _groups(catalogue: Catalogue, destination: Ints, sizes: Ints) -> _Groups:
    cells, cell = catalogue.cells, np.repeat(np.arange(len(sizes)), sizes)
    place = np.arange(len(cell)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    anywhere = np.flatnonzero(place == 0)
    rows = destination[cell] + place - 1
    rows[anywhere] = 0
    padded = np.r_[catalogue.destinations, np.zeros((1, catalogue.destinations.shape[1]), np.int32)]
    first, end = padded[rows, FIRST].astype(np.int64), padded[rows, END].astype(np.int64)
    first[anywhere], end[anywhere] = cells[:, CELL_FIRST], cells[:, CELL_END]
    return _Groups(cell, first, end)


def _slots(catalogue: Catalogue, groups: _Groups) -> Ints:
    """Of each cell and band the place among a destination's choices; NONE for a band that its calendar has not.

    Where no item names a band, one choice does for all: that of the first.
    """
    named = np.r_[0, np.cumsum(catalogue.items[:, ITEM_BAND] != ANY)]
    varies = np.bincount(groups.cell, named[groups.end] > named[groups.first], len(catalogue.cells)) > 0
    slots = np.full((len(catalogue.cells), len(catalogue.band_names)), NONE, np.int64)
    changes = catalogue.calendar_changes
    for calendar in np.unique(catalogue.cells[:, CELL_CALENDAR]):
        bands = np.unique(catalogue.bands[changes[calendar] : changes[calendar + 1]])
        bands = bands[bands != NONE]
        of = catalogue.cells[:, CELL_CALENDAR] == calendar
        slots[np.ix_(of & varies, bands)] = np.arange(len(bands))
    slots[~varies, 0] = 0
    return slots


def _first_holding(catalogue: Catalogue, band: int, groups: _Groups, own: Ints) -> Ints:
    """The first item that holds in ``band`` of each of the groups ``own``; NONE without one."""
    of_band = catalogue.items[:, ITEM_BAND]
    holding = np.r_[np.flatnonzero((of_band == ANY) | (of_band == band)), len(of_band)]
    first = holding[np.searchsorted(holding, groups.first[own])]
    return np.where(first < groups.end[own], first, NONE)


def _rows(catalogue: Catalogue, chosen: Ints, rate_terms: Ints) -> tuple[Codes, Ints, Ints]:
    """The choices, each with an item of ``chosen`` or none, their prices and their periods."""
    made = np.frombuffer(pa.allocate_buffer(len(chosen) * OF_COLUMNS * 4), np.int32)  # rows within a line of the cache
    rows = made.reshape(-1, OF_COLUMNS)
    rows[:] = 0
    prices = rows.view(np.int64)[:, OF_PRICE // 2]
    found = chosen != NONE
    item = catalogue.items[chosen[found]]
    periods, period = told_apart(item[:, [ITEM_FROM, ITEM_TO]])
    rows[:, OF_ITEM], rows[:, OF_RATE] = chosen, NONE
    rows[found, OF_PERIOD] = period + 1
    for column, wide in ((OF_ZONE, ITEM_ZONE), (OF_PREFIX, ITEM_PREFIX), (OF_RATE, ITEM_RATE)):
        rows[found, column] = item[:, wide]
    priced = np.flatnonzero(rows[:, OF_RATE] != NONE)
    rate = rows[priced, OF_RATE]
    rows[priced, OF_TERMS], prices[priced] = rate_terms[rate], catalogue.rates[rate, RATE_PRICE]
    return rows, prices, np.r_[np.zeros((1, 2), np.int64), periods]


def told_apart(rows: Ints) -> tuple[Ints, Ints]:
    """``rows``, neighbours that are alike as one, and the place of each among those that are left."""
    new = np.ones(len(rows), np.bool_)
    new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    return rows[new], np.cumsum(new) - 1
