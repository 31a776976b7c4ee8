"""What the other network charges for an event, as its record says it: the amount, its tax, its exchange rate.

Enters: :class:`~mediation.records.Fields` and the layout's :class:`~mediation.layout.GivenCharge`. Leaves: the
``given_`` columns of usage, and which rows have figures that are none. Always holds: amounts are integers until they
are DECIMAL; what does not fit, converted or not, is a fault of the row, never cut.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation.amounts import PLACES, decimal
from mediation.fields import AMOUNT, GIVEN, LABEL
from mediation.layout import GivenCharge, Mapping
from mediation.records import Fields
from mediation.spans import column_of, distinct

_MOST_DIGITS = 18
_MOST = 10**18 - 1
"""The largest DECIMAL(18, 9), in nano."""
_LARGEST_RATE = 10**15
_UNIT = 10**PLACES

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def given(fields: Fields, rule: GivenCharge) -> tuple[dict[str, pa.Array], Mask]:
    """The ``given_`` columns (null where the record names no amount), and which rows are at fault."""
    rows = len(fields.records)
    has = np.zeros(rows, np.bool_)
    for name in rule.amount:
        column = column_of(fields, Mapping("given_amount", (name,)))
        has |= column.begin < column.end
    decimals, bad = _numbers(fields, rule.decimals, PLACES)
    amount, tax = (_nano(fields, plus, minus, decimals, bad) for plus, minus in _parts(rule))
    rate, no_rate = _numbers(fields, rule.rate, 0)
    rate_decimals, no_decimals = _numbers(fields, rule.rate_decimals, 0)
    exact, overflow = _scaled(rate, rate_decimals)
    bad |= no_rate | no_decimals | overflow | _too_large(amount, exact)
    columns = {
        "given_amount": decimal(amount, has),
        "given_tax": decimal(tax, has),
        "given_currency": _labels(fields, rule.currency, rule.currency_default, has),
        "given_rate": decimal(exact, has & (exact > 0)),
        "given_local_currency": _labels(fields, rule.local_currency, "", has),
    }
    return columns, bad & has


def nothing_given(rows: int) -> dict[str, pa.Array]:
    """The ``given_`` columns of a source that names no charges."""
    types = {"given_currency": LABEL, "given_local_currency": LABEL}
    return {name: pa.nulls(rows, types.get(name, AMOUNT)) for name in GIVEN}


def _parts(rule: GivenCharge) -> tuple[tuple[Sequence[str], Sequence[str]], ...]:
    return (rule.amount, rule.refund), (rule.tax, rule.tax_refund)


def _nano(fields: Fields, plus: Sequence[str], minus: Sequence[str], decimals: Ints, bad: Mask) -> Ints:
    """The sum of the columns ``plus`` less twice that of ``minus`` (which is in it), in nano; faults go to ``bad``."""
    total = np.zeros(len(fields.records), np.int64)
    for names, weight in ((plus, 1), (minus, -2)):
        for name in names:
            part, wrong = _numbers(fields, name, 0)
            bad |= wrong | (np.abs(part) > 1 << 59) | (np.abs(total) > 1 << 61)
            total += weight * np.where(bad, 0, part)
    scaled, overflow = _scaled(total, decimals)
    bad |= overflow
    return scaled


def _scaled(numbers: Ints, decimals: Ints) -> tuple[Ints, Mask]:
    """``numbers`` of so many ``decimals`` in nano, and which of them 64 bits do not hold."""
    factor = np.power(10, np.clip(PLACES - decimals, 0, PLACES), dtype=np.int64)
    bad = (np.abs(numbers) > _MOST // factor) | (decimals < 0) | (decimals > PLACES)
    return np.where(bad, 0, numbers) * factor, bad


def _too_large(amount: Ints, rate: Ints) -> Mask:
    """Which amounts might not fit when they are converted, whole units rounded up; no rate is a million or more."""
    whole, factor = np.abs(amount) // _UNIT + 1, np.minimum(rate, _LARGEST_RATE) // _UNIT + 1
    return np.asarray((rate >= _LARGEST_RATE) | (whole * factor > _UNIT), np.bool_)


def _numbers(fields: Fields, name: str, absent: int) -> tuple[Ints, Mask]:
    """The whole numbers of a column, ``absent`` where it is empty; and which texts are none."""
    rows = len(fields.records)
    if not name:
        return np.full(rows, absent, np.int64), np.zeros(rows, np.bool_)
    codes, texts = distinct(column_of(fields, Mapping("given_amount", (name,))))
    good = [t.removeprefix("-").isdecimal() and t.isascii() and len(t) <= _MOST_DIGITS for t in texts]
    numbers = np.array([int(t) if ok else absent for t, ok in zip(texts, good, strict=True)], np.int64)
    wrong = np.array([bool(t) and not ok for t, ok in zip(texts, good, strict=True)], np.bool_)
    return numbers[codes], wrong[codes]


def _labels(fields: Fields, name: str, default: str, has: Mask) -> pa.DictionaryArray:
    if name:
        codes, texts = distinct(column_of(fields, Mapping("given_currency", (name,))))
    else:
        codes, texts = np.zeros(len(has), np.int32), [""]
    dictionary = pa.array([t or default for t in texts], pa.string())
    return (
        pa.array([dictionary[c].as_py() for c in codes.tolist()], pa.string(), mask=~has)
        .dictionary_encode()
        .cast(LABEL)
    )
