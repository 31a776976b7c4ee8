"""The price of every leg of a batch, as arrays.

Enters: ``Guided`` and a catalogue. Leaves: ``Legs``: what was found for each leg of each event, and its price in
nano, or a reason. Always holds: legs stand leg by leg in usage order; what a partial costs is the price of its
session up to its end less that up to its beginning, so that partials sum to the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rating.beside_kernels import add_taxes, convert_amounts, find_conversions
from rating.call_class import call_classes, origin_items
from rating.columns import coded, integers, tariff_starts
from rating.destinations import longest_prefixes
from rating.find_kernels import BLOCK, Bytes, choose_variants, find_bands, find_cells
from rating.flat_kernels import price_flat
from rating.guide import Guided, direction_codes, service_codes
from rating.item_kernels import find_items, take_items
from rating.kernels import RUN_COLUMNS, price_walked
from rating.narrow import narrow
from rating.rules import ALLOWANCE, GRADUATED, USAGE_END, VOLUME, ZERO_USAGE
from tariffs.catalogue import NONE, Catalogue, Codes, Ints

T = TypeVar("T", bound=np.generic)

TIMED_UNIT = "s"
"""The unit of usage that time bands divide."""


@dataclass(frozen=True)
class Prices:
    """Per leg: billed usage, and in nano the amount, its tax and what it is in the bill's currency."""

    billed: Ints
    amount: Ints
    tax: Ints
    converted: Ints

    def less(self, before: Prices) -> Prices:
        """These prices less those ``before``."""
        return Prices(*(getattr(self, each.name) - getattr(before, each.name) for each in fields(Prices)))


@dataclass(frozen=True)
class Legs:
    """One entry per leg of an event; ``row`` is the event's row in usage, ``reason`` why it has no price.

    ``covered``: what money that plans include pays of it, in nano; empty where there is no such money.
    """

    leg: Codes
    row: Ints
    account: Codes
    version: Codes
    reason: Bytes
    cell: Codes
    destination: Codes
    item: Codes
    zone: Codes
    prefix: Codes
    rate: Codes
    terms: Codes
    price: Ints
    change: Codes
    band: Codes
    conversion: Codes
    origin: Codes
    call_class: Codes
    note: Codes
    prices: Prices
    free: Free
    covered: Ints


@dataclass(frozen=True)
class Free:
    """What is not of the event alone; empty where there is no such thing.

    Per leg: ``units`` of usage that are free, from its beginning; flags of rating/rules.py about the ``remainder`` and
    about tiers; for these what was ``counted``.
    """

    units: Ints
    remainder: Ints
    counted: Ints

    def apart(self) -> npt.NDArray[np.bool_]:
        """Which legs are priced otherwise than by the event alone."""
        return np.asarray((self.units > 0) | (self.remainder & TIERS != 0))

    def tiers(self) -> Free:
        """The same tiers of usage of which nothing is free."""
        return Free(np.zeros_like(self.units), self.remainder & TIERS, self.counted)

    def taken(self, at: Ints) -> Free:
        """Of the legs ``at`` alone."""
        return Free(self.units[at], self.remainder[at], self.counted[at])


TIERS: Final = GRADUATED | VOLUME
NO_INTS: Final = np.zeros(0, np.int64)
NOTHING_FREE: Final = Free(NO_INTS, NO_INTS, NO_INTS)
NO_RUNS: Final = np.zeros((0, RUN_COLUMNS), np.int64)

Draws = Callable[[Legs, pa.RecordBatch], Free]
"""What is free of each leg of a usage batch; of the legs nothing is priced yet."""


def price_all(guided: Guided, catalogue: Catalogue, runs: Ints = NO_RUNS, draw: Draws | None = None) -> Legs:
    """Price every leg of every row; ``runs`` takes the runs of increments of each leg in turn."""
    legs, usage = _found(guided, catalogue), guided.usage
    free = draw(legs, usage) if draw else NOTHING_FREE
    if not free.apart().any():
        return _priced(legs, usage, catalogue, runs)
    return _partly_free(Legs(**{**vars(legs), "free": free}), usage, catalogue, runs)


def _partly_free(legs: Legs, usage: pa.RecordBatch, catalogue: Catalogue, runs: Ints) -> Legs:
    """Price the legs of which something is free, or whose steps are tiers, apart from the others."""
    some = legs.free.apart()
    places = [np.flatnonzero(some), np.flatnonzero(~some)]
    ones, others = (_each(lambda column, at=at: column[at], legs) for at in places)
    free = legs.free.taken(places[0])
    rows = usage.select(_PRICED_BY).take(pa.array(ones.row))
    ones = Legs(**{**vars(ones), "row": np.arange(len(ones.row)), "free": free})
    priced = _priced(ones, rows, catalogue, runs), _priced(others, usage, catalogue, runs)
    back = np.argsort(np.concatenate(places))
    whole = _each(lambda *columns: np.concatenate(columns)[back], *priced)
    return Legs(**{**vars(whole), "row": legs.row, "free": legs.free})


_PRICED_BY: Final = ["start_utc", "session_start_utc", "unit", "usage", "usage_offset"]


def _each(make: Callable[..., npt.NDArray[Any]], *legs: Legs) -> Legs:
    """What ``make`` makes of each column of ``legs``; nothing is free of it."""
    prices = [[getattr(each.prices, part.name) for each in legs] for part in fields(Prices)]
    made: dict[str, Any] = {
        "prices": Prices(*(make(*column) for column in prices)),
        "free": NOTHING_FREE,
        "covered": NO_INTS,
    }
    for part in fields(Legs):
        if part.name not in made:
            made[part.name] = make(*(getattr(each, part.name) for each in legs))
    return Legs(**made)


def _priced(legs: Legs, usage: pa.RecordBatch, catalogue: Catalogue, runs: Ints) -> Legs:
    """Price ``legs``; of a later partial the session up to its end, less up to its beginning or what is free of it."""
    used, offset = integers(usage["usage"]), integers(usage["usage_offset"])
    if not offset.any():
        _price(legs, usage, used, catalogue, runs, legs.free)
        return legs
    # beyond USAGE_END every quantity is as good as another, and the sum of two cannot wrap
    used, offset = np.minimum(used, USAGE_END), np.minimum(offset, USAGE_END)
    free, before = legs.free, _unpriced(legs, catalogue)
    skipped, free_before = offset, NOTHING_FREE
    if len(free.units):
        later = offset[legs.row] > 0
        skipped = np.where(later, offset + free.units, 0)
        free = Free(np.where(later, 0, free.units), free.remainder, free.counted)
        free_before = free.tiers()
    _price(legs, usage, used + offset, catalogue, runs, free)
    _price(before, usage, skipped, catalogue, NO_RUNS, free_before)
    legs.note[used[legs.row] == 0] = ZERO_USAGE
    if len(free.units):
        legs.note[legs.free.units >= used] = ALLOWANCE
    return Legs(**{**vars(legs), "prices": legs.prices.less(before.prices)})


def _unpriced(legs: Legs, catalogue: Catalogue) -> Legs:
    """The same legs, for the prices of another usage; reasons are shared."""
    count = len(legs.row)
    return Legs(**{**vars(legs), "note": np.zeros(count, np.int32), "prices": _no_prices(count, catalogue)})


def _no_prices(count: int, catalogue: Catalogue) -> Prices:
    """Room for prices; taxes and conversions that no tariff makes share their zeros."""
    amount, unfilled = np.zeros((2, count), np.int64)
    return Prices(
        np.zeros(count, np.int64),
        amount,
        np.zeros(count, np.int64) if len(catalogue.taxes) else unfilled,
        np.zeros(count, np.int64) if len(catalogue.bills) else unfilled,
    )


def _found(guided: Guided, catalogue: Catalogue) -> Legs:
    """Cell, destination, band and item of every leg."""
    usage = guided.usage
    rows = [np.flatnonzero(versions != NONE) for versions in guided.versions]
    row = _joined(rows)
    leg = np.repeat(np.arange(len(rows), dtype=np.int32), [len(part) for part in rows])
    version, account = (
        _joined([_taken(column, part) for column, part in zip(columns, rows, strict=True)])
        for columns in (guided.versions, guided.accounts)
    )
    count = len(row)
    reason: Bytes = np.zeros(count, np.uint8)
    cell, item, rate, terms, left = np.empty((5, count), np.int32)
    change, unfilled = np.zeros((2, count), np.int32)
    zone, prefix, band, note = (np.zeros(count, np.int32) for _ in range(4))  # charges keep them, but not the others
    price: Ints = np.empty(count, np.int64)
    start, cells, items = tariff_starts(usage), catalogue.cells, catalogue.items
    services, directions = service_codes(usage, catalogue), direction_codes(usage, catalogue)
    find_cells(row, version, services, directions, catalogue.selector, cell, reason)
    origin, call_class = unfilled, unfilled
    if len(catalogue.variants):
        origin = origin_items(usage, row, cell, catalogue)
        call_class = call_classes(usage, row, account, catalogue)
        choose_variants(cell, origin, call_class, len(catalogue.classes) + 1, cells, items, catalogue.variants, reason)
    calendars = (catalogue.calendar_changes, catalogue.band_index, catalogue.instants, catalogue.bands)
    find_bands(row, cell, start, cells, *calendars, change, band, reason)
    destination = longest_prefixes(usage, "b_number", row, cell, cells, catalogue)
    tables = narrow(catalogue)
    chosen = tables.chosen
    others = take_items(
        *(row, cell, destination, band, start),
        *(chosen.choosing, chosen.choices, chosen.prices, chosen.periods),
        *(item, zone, prefix, rate, terms),
        *(price, reason, left, np.empty((2, BLOCK), np.int32)),
    )
    find_items(
        *(left[:others], row, cell, destination, band, start),
        *(cells, catalogue.destinations, items, catalogue.rates, tables.rate_terms),
        *(item, zone, prefix, rate, terms),
        *(price, reason),
    )
    return Legs(
        leg=leg,
        row=row,
        account=account,
        version=version,
        reason=reason,
        cell=cell,
        destination=destination,
        item=item,
        zone=zone,
        prefix=prefix,
        rate=rate,
        terms=terms,
        price=price,
        change=change,
        band=band,
        conversion=np.zeros(count, np.int32) if len(catalogue.bills) else unfilled,
        origin=origin,
        call_class=call_class,
        note=note,
        prices=_no_prices(count, catalogue),
        free=NOTHING_FREE,
        covered=NO_INTS,
    )


def _taken(column: Codes, rows: Ints) -> Codes:
    """``rows`` of a column, in order."""
    return column.copy() if len(rows) == len(column) else column[rows]


def _joined(parts: list[npt.NDArray[T]]) -> npt.NDArray[T]:
    """``parts`` one after another; nothing is copied where all but one are empty."""
    some = [part for part in parts if len(part)]
    return some[0] if len(some) == 1 else np.concatenate(parts)


def _price(legs: Legs, usage: pa.RecordBatch, used: Ints, catalogue: Catalogue, runs: Ints, free: Free) -> None:
    """Write the prices of usage ``used``, their notes and the reasons why there is none."""
    start, cells, prices, tables = tariff_starts(usage), catalogue.cells, legs.prices, narrow(catalogue)
    timed = coded(usage["unit"], lambda unit: unit == TIMED_UNIT, np.bool_)
    walked = np.arange(len(legs.row), dtype=np.int32)
    if not len(runs) and not len(free.units):
        others = price_flat(
            *(legs.row, legs.cell, legs.change, legs.terms, legs.price, timed, start, used),
            *(cells, tables.terms, catalogue.calendar_changes, catalogue.instants),
            *(legs.reason, prices.billed, prices.amount, legs.note),
            walked,
            np.empty(BLOCK, np.int32),
        )
        walked = walked[:others]
    price_walked(
        *(walked, legs.row, legs.cell, legs.destination, legs.change, legs.rate, timed, start, used),
        *(cells, catalogue.destinations, catalogue.items, catalogue.rates, catalogue.steps),
        *(catalogue.calendar_changes, catalogue.instants, catalogue.bands),
        runs,
        legs.reason,
        *(prices.billed, prices.amount),
        legs.note,
        *(free.units, free.remainder, free.counted),
    )
    if len(catalogue.taxes):
        add_taxes(legs.item, catalogue.items, catalogue.taxes, prices.amount, prices.tax, legs.reason)
    if len(catalogue.bills):
        bills = (cells, catalogue.bills, catalogue.conversions)
        find_conversions(legs.row, legs.cell, start, *bills, legs.conversion, legs.reason)
        convert_amounts(legs.cell, legs.conversion, *bills, prices.amount, prices.converted, legs.reason)
