"""The leg ``roaming_in``: what a visited network charges for our subscriber, taken as its record gives it.

Enters: usage that was rated. Leaves: a ``charge`` row for each event that names an amount. Always holds: amount, tax
and rate are those of the record; in the visited network's own currency it is the exact product, rounded once, half up.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mediation.amounts import PLACES
from mediation.fields import AMOUNT, LABEL, schema
from mediation.stage import constant

LEG = "roaming_in"
NOTE = "given"
"""The note of a charge that is not ours: the record gave it."""

_ZERO = pa.scalar(Decimal(0), AMOUNT)


def with_given(charges: pa.RecordBatch, usage: pa.RecordBatch, tariff_version: str) -> pa.RecordBatch | pa.Table:
    """``charges``, and those that the records of ``usage`` give."""
    if usage["given_amount"].null_count == usage.num_rows:
        return charges
    return pa.Table.from_batches([charges, given_charges(usage, tariff_version)])


def given_charges(usage: pa.RecordBatch, tariff_version: str, rating_run: int = 0) -> pa.RecordBatch:
    """The charges that the records of ``usage`` give, in their order."""
    named = pc.is_valid(usage["given_amount"])
    rows = usage.filter(named)
    count, rate = rows.num_rows, rows["given_rate"]
    has_rate = pc.is_valid(rate)
    columns = {
        "leg": constant(LEG, count),
        "kind": constant("charge", count),
        "account": rows["network"],
        "billed_usage": rows["usage"],
        "amount": rows["given_amount"],
        "currency": rows["given_currency"],
        "tax_amount": pc.fill_null(rows["given_tax"], _ZERO),
        "converted_amount": _converted(rows["given_amount"], rate),
        "converted_currency": _where(has_rate, rows["given_local_currency"]),
        "conversion_rate": pc.fill_null(rate, _ZERO),
        "conversion_source": _where(has_rate, rows["source"]),
        "note": constant(NOTE, count),
        "tariff_version": constant(tariff_version, count),
        "rating_run": pa.array(np.full(count, rating_run, np.int64)),
    }
    blank, kept, out = constant("", count), set(rows.schema.names), schema("charge")
    arrays = [columns.get(name, rows[name] if name in kept else blank) for name in out.names]
    return pa.RecordBatch.from_arrays(arrays, schema=out)


def _converted(amount: pa.Decimal128Array, rate: pa.Decimal128Array) -> pa.Decimal128Array:
    product = pc.round(pc.multiply(amount, rate), ndigits=PLACES, round_mode="half_towards_infinity")
    return pc.fill_null(product.cast(AMOUNT), _ZERO)


def _where(mask: pa.BooleanArray, labels: pa.DictionaryArray) -> pa.DictionaryArray:
    return pc.if_else(mask, labels.cast(pa.string()), "").dictionary_encode().cast(LABEL)
