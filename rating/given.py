"""The leg ``roaming_in``: what a visited network charges for our subscriber, taken as its record gives it.

Enters: usage that was rated; whose partner each event is of, and what our own plan makes of it. Leaves: a ``charge``
row for each event that names an amount. Always holds: amount, tax and rate are those of the record; in the visited
network's own currency it is the exact product, rounded once, half up; our own price stands beside it and changes
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mediation.amounts import PLACES
from mediation.fields import AMOUNT, LABEL, schema
from mediation.stage import constant, empty
from tariffs.catalogue import NONE, Catalogue, Codes

LEG = "roaming_in"
NOTE = "given"
"""The note of a charge that is not ours: the record gave it."""

UNPRICED = -2
_ZERO = pa.scalar(Decimal(0), AMOUNT)


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """What stands beside given amounts, by row of usage: the partner's account, and the row of ``prices``.

    The row is NONE without a plan_in, UNPRICED where that has no price. ``prices`` are charges of our own. Nothing at
    all, where the tariff has no roaming partners.
    """

    accounts: Codes | None = None
    place: Codes | None = None
    prices: pa.RecordBatch = field(default_factory=lambda: empty("charge"))


def with_given(
    charges: pa.RecordBatch, usage: pa.RecordBatch, catalogue: Catalogue, beside: Beside, rating_run: int
) -> pa.RecordBatch:
    """``charges``, and those that the records of ``usage`` give."""
    if usage["given_amount"].null_count == usage.num_rows:
        return charges
    named = usage["given_amount"].is_valid()
    rows = usage.filter(named)
    count = rows.num_rows
    columns = {
        **_given(rows),
        **_beside(rows, named, beside, catalogue),
        "leg": constant(LEG, count),
        "kind": constant("charge", count),
        "note": constant(NOTE, count),
        "tariff_version": constant(catalogue.version, count),
        "rating_run": pa.array(np.full(count, rating_run, np.int64)),
    }
    kept, out = set(rows.schema.names), schema("charge")
    columns |= {name: rows[name] for name in kept if name not in columns}
    arrays = [columns[part.name] if part.name in columns else _blank(part.type, count) for part in out]
    both = pa.Table.from_batches([charges, pa.RecordBatch.from_arrays(arrays, schema=out)])
    whole: pa.RecordBatch = both.unify_dictionaries().combine_chunks().to_batches()[0]
    return whole


def _given(rows: pa.RecordBatch) -> dict[str, pa.Array]:
    """What the records themselves say."""
    rate = rows["given_rate"]
    has_rate = pc.is_valid(rate)
    return {
        "billed_usage": rows["usage"],
        "amount": rows["given_amount"],
        "currency": rows["given_currency"],
        "tax_amount": pc.fill_null(rows["given_tax"], _ZERO),
        "converted_amount": _converted(rows["given_amount"], rate),
        "converted_currency": _where(has_rate, rows["given_local_currency"]),
        "conversion_rate": pc.fill_null(rate, _ZERO),
        "conversion_source": _where(has_rate, rows["source"]),
    }


def _beside(rows: pa.RecordBatch, named: pa.BooleanArray, beside: Beside, catalogue: Catalogue) -> dict[str, pa.Array]:
    """Who bills us (the network, where it is no partner's), and our own price."""
    if beside.accounts is None or beside.place is None:
        empty_price = {"expected_amount": pa.nulls(len(rows), AMOUNT), "expected_currency": pa.nulls(len(rows), LABEL)}
        return {"account": rows["network"], **empty_price}
    mask = named.to_numpy(zero_copy_only=False)
    accounts, place = beside.accounts[mask], beside.place[mask]
    partner = catalogue.account_names.take(pa.array(accounts, mask=accounts == NONE))
    taken = beside.prices.take(pa.array(place, mask=place < 0))
    billed = pc.not_equal(taken["converted_currency"].cast(pa.string()), "")
    currencies = [taken[name].cast(pa.string()) for name in ("converted_currency", "currency")]
    return {
        "account": _label(pc.coalesce(partner, rows["network"].cast(pa.string()))),
        "expected_amount": pc.if_else(billed, taken["converted_amount"], taken["amount"]),
        "expected_currency": _label(pc.if_else(pa.array(place == UNPRICED), "", pc.if_else(billed, *currencies))),
    }


def converted(amount: Decimal, rate: Decimal) -> Decimal:
    """One ``amount`` at ``rate``, as charges have it."""
    value: Decimal = _converted(pa.array([amount], AMOUNT), pa.array([rate], AMOUNT))[0].as_py()
    return value


def _converted(amount: pa.Decimal128Array, rate: pa.Decimal128Array) -> pa.Decimal128Array:
    product = pc.round(pc.multiply(amount, rate), ndigits=PLACES, round_mode="half_towards_infinity")
    return pc.fill_null(product.cast(AMOUNT), _ZERO)


def _blank(kind: pa.DataType, count: int) -> pa.Array:
    """What a charge that is not ours has in a column of our prices: no text, or zero."""
    return constant("", count) if kind == LABEL else pa.repeat(pa.scalar(0, kind), count)


def _where(mask: pa.BooleanArray, labels: pa.DictionaryArray) -> pa.DictionaryArray:
    return _label(pc.if_else(mask, labels.cast(pa.string()), ""))


def _label(texts: pa.StringArray) -> pa.DictionaryArray:
    return texts.dictionary_encode().cast(LABEL)
