"""Conversion rates: from ``conversions.csv`` to rows of exact fractions.

Enters: the CSV file; the plans that bill in another currency. Leaves: ``Conversion``s, and the rows of a
catalogue's ``conversions`` and ``bills``. Always holds: each rate holds until the next date of its pair; it is a
reduced fraction of two ints whose product is below 2^62.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from math import gcd
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from tariffs import sheets, values
from tariffs.catalogue import BILL_COLUMNS, CONVERSION_COLUMNS, NONE, Ints
from tariffs.check import EXACT_MAX
from tariffs.model import EVER_TO, MODES, NANO, Conversion, Plan, Problem

FILE: Final = "conversions.csv"


def conversions(path: Path, zone: ZoneInfo, problems: list[Problem]) -> tuple[Conversion, ...]:
    """The rates of ``conversions.csv``; none where the file is absent."""
    sheet = sheets.read(path, problems, ("from", "to", "rate", "date", "source")) if path.exists() else None
    if sheet is None:
        return ()
    sheet.convert("rate", ".rate", pl.Int64, _rate)
    sheet.convert("date", "valid_from", pl.Int64, partial(_midnight, zone))
    rows = sheet.frame.sort("from", "to", "valid_from", "line").to_dicts()
    found = []
    for row, following in pairwise([*rows, {"from": None}]):
        same = (row["from"], row.get("to")) == (following["from"], following.get("to"))
        until = following["valid_from"] if same else EVER_TO
        if until == row["valid_from"]:
            sheet.problem(following["line"], "date", f"is the date of line {row['line']} already")
            continue
        names = (row["from"], row["to"], row[".rate"], row["date"], row["source"])
        found.append(Conversion(*names, valid_from=row["valid_from"], valid_to=until))
    return tuple(found)


def _rate(text: str) -> int:
    nano = values.above_zero(text)
    if nano * NANO // gcd(nano, NANO) ** 2 >= EXACT_MAX:
        raise ValueError(f"cannot be computed exactly in 64 bits: {text!r}")
    return nano


def _midnight(zone: ZoneInfo, text: str) -> int:
    return values.instant(values.day(text).isoformat(), zone)


@dataclass
class Bills:
    """The currencies into which plans convert, numbered as they are met, and the rates that lead there."""

    known: Iterable[Conversion]
    currencies: dict[str, int]
    bills: dict[tuple[object, ...], list[int]] = field(default_factory=dict)
    rows: list[Conversion] = field(default_factory=list)

    def number(self, plan: Plan) -> int:
        """The row of ``plan``'s bill; NONE where nothing is converted."""
        if not plan.bill_currency:
            return NONE
        key = (plan.currency, plan.bill_currency, plan.bill_rounding)
        if key not in self.bills:
            first = len(self.rows)
            self.rows += [each for each in self.known if (each.base, each.target) == key[:2]]
            shown, currency = plan.bill_rounding, self.currencies[plan.bill_currency]
            self.bills[key] = [currency, first, len(self.rows), shown.unit, MODES.index(shown.mode), 0, 0, 0]
        return list(self.bills).index(key)

    def arrays(self) -> tuple[Ints, Ints, list[str], list[str]]:
        """The catalogue's ``bills`` and ``conversions``, the dates and the sources that these name."""
        dates, sources = ([*dict.fromkeys(getattr(row, name) for row in self.rows)] for name in ("date", "source"))
        converted = [[*_exact(row), dates.index(row.date), sources.index(row.source)] for row in self.rows]
        bills = np.array([*self.bills.values()], np.int64).reshape(-1, BILL_COLUMNS)
        return bills, np.array(converted, np.int64).reshape(-1, CONVERSION_COLUMNS), dates, sources


def _exact(row: Conversion) -> Iterator[int]:
    common = gcd(row.rate, NANO)
    yield from (row.valid_from, row.valid_to, row.rate // common, NANO // common, row.rate)
