"""Priced legs as rows of the ``charge`` table.

Enters: usage, ``Legs`` and the catalogue that priced them. Leaves: a batch in the schema of ``charge``. Always
holds: amounts are int64 nano until they become DECIMAL(18, 9); a column that the tariff does not fill costs next to
nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from mediation.amounts import decimal
from mediation.fields import AMOUNT, LABEL, schema
from mediation.stage import constant, nulls, zeros
from rating.columns import labelled, looked_up
from rating.guide import LEGS
from rating.legs import Legs
from rating.narrow import narrow
from rating.rules import NOTES
from tariffs.catalogue import (
    BILL_CURRENCY,
    CELL_BILL,
    CELL_CURRENCY,
    CONVERSION_DATE,
    CONVERSION_RATE,
    CONVERSION_SOURCE,
    ITEM_TAX,
    NONE,
    VERSION_PLAN,
    Catalogue,
    Codes,
    Ints,
    names,
)

_LEG_NAMES: Final = names([*LEGS])
_NOTE_NAMES: Final = names([*NOTES])


def charges(
    usage: pa.RecordBatch, legs: Legs, kept: Ints | slice, catalogue: Catalogue, rating_run: int
) -> pa.RecordBatch:
    """The ``charge`` rows of the legs ``kept``: some, or all of them."""
    row, leg = legs.row[kept], legs.leg[kept]
    count, of_legs = len(row), _taken(usage.select(["event_id", "source", "start_utc"]), row, leg)
    columns = {
        "event_id": of_legs["event_id"],
        "leg": labelled(leg, _LEG_NAMES),
        "kind": constant("charge", count),
        "source": of_legs["source"],
        "start_utc": of_legs["start_utc"],
        "account": labelled(legs.account[kept], catalogue.account_names),
        "plan": _named(catalogue.versions[:, VERSION_PLAN], legs.version[kept], catalogue.plan_names),
        "rate": _named(narrow(catalogue).rate_names, legs.rate[kept], catalogue.rate_names),
        "zone": labelled(legs.zone[kept], catalogue.zone_names),
        "prefix": labelled(legs.prefix[kept], catalogue.prefix_names),
        "band": labelled(legs.band[kept], catalogue.band_names),
        "billed_usage": pa.array(legs.prices.billed[kept]),
        "free_usage": pa.array(legs.free.units[kept]) if len(legs.free.units) else zeros(pa.int64(), count),
        "amount": decimal(legs.prices.amount[kept]),
        "currency": _named(catalogue.cells[:, CELL_CURRENCY], legs.cell[kept], catalogue.currency_names),
        **_tax(legs, kept, count, catalogue),
        **_conversion(legs, kept, count, catalogue),
        "covered_amount": decimal(legs.covered[kept]) if len(legs.covered) else zeros(AMOUNT, count),
        "expected_amount": nulls(AMOUNT, count),
        "expected_currency": nulls(LABEL, count),
        "note": labelled(legs.note[kept], _NOTE_NAMES),
        "tariff_version": constant(catalogue.version, count),
        "rating_run": pa.array(np.full(count, rating_run, np.int64)),
    }
    out = schema("charge")
    return pa.RecordBatch.from_arrays([columns[name] for name in out.names], schema=out)


def _taken(usage: pa.RecordBatch, row: Ints, leg: Codes) -> pa.RecordBatch:
    """The usage of each leg; as it is, where every event has that one leg: legs stand leg by leg."""
    alike = len(row) == usage.num_rows > 0 and leg[0] == leg[-1]
    return usage if alike else usage.take(pa.array(row))


def _tax(legs: Legs, kept: Ints | slice, count: int, catalogue: Catalogue) -> dict[str, pa.Array]:
    if not len(catalogue.taxes):
        return {"tax_amount": zeros(AMOUNT, count), "tax_code": constant("", count)}
    codes = catalogue.items[legs.item[kept], ITEM_TAX]
    return {"tax_amount": decimal(legs.prices.tax[kept]), "tax_code": _or_empty(codes, catalogue.tax_names)}


def _conversion(legs: Legs, kept: Ints | slice, count: int, catalogue: Catalogue) -> dict[str, pa.Array]:
    empty = ("converted_currency", "conversion_date", "conversion_source")
    if not len(catalogue.bills):
        zero = zeros(AMOUNT, count)
        return {"converted_amount": zero, "conversion_rate": zero} | {e: constant("", count) for e in empty}
    row, bill = legs.conversion[kept], catalogue.cells[legs.cell[kept], CELL_BILL]
    table, none = catalogue.conversions[row], row == NONE
    currency = catalogue.bills[bill, BILL_CURRENCY]
    codes = (np.where(none, NONE, each) for each in (currency, table[:, CONVERSION_DATE], table[:, CONVERSION_SOURCE]))
    texts = (catalogue.currency_names, catalogue.date_names, catalogue.source_names)
    return {
        "converted_amount": decimal(legs.prices.converted[kept]),
        "conversion_rate": decimal(np.where(none, 0, table[:, CONVERSION_RATE])),
    } | {name: _or_empty(code, text) for name, code, text in zip(empty, codes, texts, strict=True)}


def _named(column: Ints | Codes, rows: Codes, texts: pa.StringArray) -> pa.DictionaryArray:
    """The names that a ``column`` of a table has for ``rows`` of it."""
    return labelled(looked_up(column.astype(np.int32, copy=False), rows), texts)


def _or_empty(codes: Codes | Ints, texts: pa.StringArray) -> pa.DictionaryArray:
    """``codes`` into ``texts``; NONE is the empty text."""
    return labelled((codes + 1).astype(np.int32), pa.concat_arrays([names([""]), texts]))
