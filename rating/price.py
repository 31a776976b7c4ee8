"""Pricing: guided usage becomes ``charge`` rows.

Enters: ``Guided`` and a catalogue. Leaves: ``Priced`` (the usage that was priced and its charges, leg by
leg in usage order) and the rejected rows: ``no_rate``, ``no_band``, ``amount_overflow``. Always holds: an
event has all its legs' charges or none; amounts are int64 nano until they become DECIMAL(18, 9).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation.fields import AMOUNT, schema
from mediation.stage import Fault, constant, split
from rating.columns import coded, integers, labelled, text_buffers
from rating.find_kernels import choose_items, find_bands, find_cells, find_destinations
from rating.guide import LEGS, Guided, direction_codes, service_codes
from rating.kernels import RUN_COLUMNS, price_legs
from rating.rules import NOTES
from tariffs.catalogue import (
    CELL_CURRENCY,
    ITEM_PREFIX,
    ITEM_RATE,
    ITEM_ZONE,
    NONE,
    RATE_NAME,
    VERSION_PLAN,
    Catalogue,
    Codes,
    Ints,
    names,
)

TIMED_UNIT = "s"
"""The unit of usage that time bands divide."""

_LEG_NAMES = names([*LEGS])
_NOTE_NAMES = names([*NOTES])


@dataclass(frozen=True)
class Priced:
    """Usage that was priced, and its charges: all retail rows in usage order, then each further leg."""

    usage: pa.RecordBatch
    charges: pa.RecordBatch


@dataclass(frozen=True)
class Legs:
    """What pricing found, one entry per leg of an event; ``row`` is the event's row in usage."""

    leg: Codes
    row: Ints
    account: Codes
    version: Codes
    reason: npt.NDArray[np.uint8]
    cell: Codes
    item: Codes
    band: Codes
    billed: Ints
    amount: Ints
    note: Codes


def price(guided: Guided, catalogue: Catalogue, rating_run: int = 0) -> tuple[Priced, pa.RecordBatch]:
    """Price every leg of ``guided``; docs/tariffs.md, "How usage becomes an amount"."""
    usage = guided.usage
    legs = price_all(guided, catalogue)
    reason = np.zeros(usage.num_rows, np.uint8)
    failed = np.flatnonzero(legs.reason)[::-1]  # the first leg that failed is written last
    reason[legs.row[failed]] = legs.reason[failed]
    first = dict(zip(legs.row[failed].tolist(), failed.tolist(), strict=True))
    fault = Fault(
        reason,
        lambda row: LEGS[legs.leg[first[row]]],
        lambda row: f"{usage['b_number'][row]} {_plan(catalogue, legs, first[row])}",
    )
    accepted, rejected = split(usage, fault)
    kept = np.flatnonzero(reason[legs.row] == 0) if len(failed) else np.arange(len(legs.row))
    return Priced(accepted, charges(usage, legs, kept, catalogue, rating_run)), rejected


def _plan(catalogue: Catalogue, legs: Legs, leg: int) -> str:
    return catalogue.name("plan", int(catalogue.versions[legs.version[leg], VERSION_PLAN]))


def price_all(guided: Guided, catalogue: Catalogue, runs: Ints | None = None) -> Legs:
    """Run the kernel over every leg of every row; ``runs`` takes the runs of increments of each leg in turn."""
    usage = guided.usage
    rows = [np.flatnonzero(guided.versions[leg] != NONE) for leg in range(len(LEGS))]
    row = np.concatenate(rows)
    leg = np.repeat(np.arange(len(LEGS), dtype=np.int32), [len(part) for part in rows])
    version = guided.versions[leg, row]
    reason, change = np.zeros(len(row), np.uint8), np.zeros(len(row), np.int32)
    cell, item, band, note, first, end = np.zeros((6, len(row)), np.int32)
    billed, amount = np.zeros((2, len(row)), np.int64)
    start, cells, items = integers(usage["start_utc"]), catalogue.cells, catalogue.items
    bands = (catalogue.instants, catalogue.bands)
    services, directions = service_codes(usage, catalogue), direction_codes(usage, catalogue)
    find_cells(row, version, services, directions, catalogue.selector, cell, reason)
    number = text_buffers(usage["b_number"])
    find_destinations(row, cell, start, *number, cells, catalogue.nodes, items, first, end)
    changes = catalogue.calendar_changes
    find_bands(row, cell, start, cells, changes, catalogue.band_index, *bands, change, band, reason)
    choose_items(row, first, end, band, start, items, item, reason)
    price_legs(
        row,
        cell,
        first,
        end,
        change,
        item,
        coded(usage["unit"], lambda unit: unit == TIMED_UNIT, np.bool_),
        start,
        integers(usage["usage"]),
        cells,
        items,
        catalogue.rates,
        catalogue.steps,
        changes,
        *bands,
        np.zeros((0, RUN_COLUMNS), np.int64) if runs is None else runs,
        reason,
        billed,
        amount,
        note,
    )
    return Legs(leg, row, guided.accounts[leg, row], version, reason, cell, item, band, billed, amount, note)


def charges(usage: pa.RecordBatch, legs: Legs, kept: Ints, catalogue: Catalogue, rating_run: int) -> pa.RecordBatch:
    """The ``charge`` rows of the legs ``kept``."""
    row, item, count = pa.array(legs.row[kept]), legs.item[kept], len(kept)
    columns = {
        "event_id": usage["event_id"].take(row),
        "leg": labelled(legs.leg[kept], _LEG_NAMES),
        "kind": constant("charge", count),
        "source": usage["source"].take(row),
        "start_utc": usage["start_utc"].take(row),
        "account": labelled(legs.account[kept], catalogue.account_names),
        "plan": _column(catalogue.versions, VERSION_PLAN, legs.version[kept], catalogue.plan_names),
        "rate": _rate_names(catalogue, item),
        "zone": _column(catalogue.items, ITEM_ZONE, item, catalogue.zone_names),
        "prefix": _column(catalogue.items, ITEM_PREFIX, item, catalogue.prefix_names),
        "band": labelled(legs.band[kept], catalogue.band_names),
        "billed_usage": pa.array(legs.billed[kept]),
        "amount": decimal(legs.amount[kept]),
        "currency": _column(catalogue.cells, CELL_CURRENCY, legs.cell[kept], catalogue.currency_names),
        "note": labelled(legs.note[kept], _NOTE_NAMES),
        "tariff_version": constant(catalogue.version, count),
        "rating_run": pa.array(np.full(count, rating_run, np.int64)),
    }
    out = schema("charge")
    return pa.RecordBatch.from_arrays([columns[name] for name in out.names], schema=out)


def _column(table: Ints, column: int, rows: Codes, texts: pa.StringArray) -> pa.DictionaryArray:
    return labelled(table[:, column].astype(np.int32)[rows], texts)


def _rate_names(catalogue: Catalogue, item: Codes) -> pa.DictionaryArray:
    named = catalogue.rates[:, RATE_NAME][catalogue.items[:, ITEM_RATE]] if len(catalogue.items) else np.zeros(0)
    return labelled(named.astype(np.int32)[item], catalogue.rate_names)


def decimal(nano: Ints) -> pa.Decimal128Array:
    """Nano-units as DECIMAL(18, 9): 128-bit little-endian integers, the high half being the sign."""
    wide = np.empty((len(nano), 2), np.int64)
    wide[:, 0] = nano
    wide[:, 1] = nano >> 63
    return pa.Decimal128Array.from_buffers(AMOUNT, len(nano), [None, pa.py_buffer(wide)])
