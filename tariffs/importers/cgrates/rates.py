"""Rates of CGRateS as rates of a tariff folder: slots as steps, with fee, rounding and ceiling.

Enters: the slots of a rate and a row of DestinationRates. Leaves: a ``Priced``: the table of ``[rate.ID]``.
Always holds: prices are exact; figures with a time suffix are seconds, bare ones are bytes or events.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from tariffs.importers.cgrates.rows import DestinationRateRow, RateRow
from tariffs.importers.exact import decimal, money, places, price_per
from tariffs.importers.report import Report

TIME_SERVICES: Final = ("voice",)
UNIT_SERVICES: Final = ("sms", "mms", "data", "content")

_MODES: Final = {"*up": "up", "*down": "down", "*middle": "half_up"}
_PARTS: Final = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)")
_SECONDS: Final = {
    "h": Fraction(3600),
    "m": Fraction(60),
    "s": Fraction(1),
    "ms": Fraction(1, 10**3),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "ns": Fraction(1, 10**9),
}
_SCALE_MAX: Final = 9


@dataclass(frozen=True)
class Priced:
    """A rate as the folder has it, and whether it costs nothing.

    ``services`` are those whose unit its figures count; empty: all, as it has a fee at most.
    """

    table: dict[str, object]
    services: tuple[str, ...]
    free: bool


def priced(slots: list[RateRow], row: DestinationRateRow, currency: str, report: Report) -> Priced:
    """The rate that ``slots`` and the terms of ``row`` make; ValueError where it cannot be expressed."""
    timed = any(not _bare(text) for slot in slots for text in (slot.per, slot.increment, slot.start))
    steps = sorted((_step(slot, timed) for slot in slots), key=lambda step: step["from"])
    starts = [step["from"] for step in steps]
    if starts[0] != 0 or len(set(starts)) < len(starts):
        raise ValueError(f"rate {row.rate}: slots must begin at 0 and each at its own start")
    first = min(slots, key=lambda slot: _units(slot.start, timed))
    for slot in slots:
        if slot is not first and _amount(slot.connect_fee):
            report.lost(slot.place, f"the connect fee of a later slot ({slot.connect_fee}) is never charged")
    fee = _amount(first.connect_fee)
    ceiling = _ceiling(row, report)
    table: dict[str, object] = {"currency": currency, "steps": steps}
    if fee:
        table["setup_fee"] = money(fee)
    if ceiling:
        table["max_charge"] = money(ceiling)
    table["rounding"] = _rounding(row, max(places(fee), places(ceiling)), report)
    by_usage = any(_amount(slot.price) for slot in slots)
    services = (TIME_SERVICES if timed else UNIT_SERVICES) if by_usage else ()
    return Priced(table, services, free=not (fee or by_usage))


def _step(slot: RateRow, timed: bool) -> dict[str, int | str]:
    """A slot as a step; a unit or an increment of 0 is 1."""
    price, per = price_per(_amount(slot.price), _units(slot.per, timed) or Fraction(1))
    increment = _units(slot.increment, timed) or Fraction(1)
    if increment.numerator == 1:
        increment = Fraction(1)  # usage is whole units, so a part of one that divides it bills the same
    start = _units(slot.start, timed)
    if increment.denominator != 1 or start.denominator != 1:
        raise ValueError(f"rate {slot.id}: increments and starts must be whole seconds, not {slot.increment}")
    return {"from": int(start), "price": price, "per": per, "increment": int(increment)}


def _amount(text: str) -> Fraction:
    return decimal(text or "0")


def _bare(text: str) -> bool:
    return not text or text.isdecimal()


def _units(text: str, timed: bool) -> Fraction:
    """A duration in seconds, where bare figures are nanoseconds; else a number of bytes or events."""
    if _bare(text):
        return Fraction(int(text or 0), 10**9 if timed else 1)
    parts = list(_PARTS.finditer(text))
    if "".join(part[0] for part in parts) != text:
        raise ValueError(f"expected a duration such as 60s or 1m30s, not {text!r}")
    return sum((Fraction(part[1]) * _SECONDS[part[2]] for part in parts), Fraction(0))


def duration_s(text: str) -> Fraction:
    """A duration in seconds; a bare figure is nanoseconds, none is 0."""
    return _units(text, timed=True)


def _ceiling(row: DestinationRateRow, report: Report) -> Fraction:
    """The highest charge; 0: none. Only ``*free`` lowers the charge of a finished event."""
    ceiling = _amount(row.max_cost)
    if not ceiling or row.strategy == "*free":
        return ceiling
    why = "it ends the call, a finished one costs its price" if row.strategy == "*disconnect" else "no known strategy"
    report.decided(row.place, f"max cost {row.max_cost} {row.strategy or '(no strategy)'} limits no charge: {why}")
    return Fraction(0)


def _rounding(row: DestinationRateRow, needed: int, report: Report) -> dict[str, object]:
    """Mode and decimals of the total; ``needed`` are the decimals of the fee and the ceiling."""
    if row.method not in _MODES or not row.decimals:
        if row.method or row.decimals:
            report.decided(row.place, f"rounding {row.method!r} {row.decimals!r} is none: 9 decimals are kept")
        return {"mode": "half_up", "scale": _SCALE_MAX}
    if not row.decimals.isdecimal():
        raise ValueError(f"expected a number of decimals, not {row.decimals!r}")
    scale = min(int(row.decimals), _SCALE_MAX)
    if scale < int(row.decimals):
        report.decided(row.place, f"rounds to 9 decimals, not {row.decimals}")
    if scale == 0:
        report.decided(row.place, "0 decimals round to whole units; the source leaves such charges unrounded")
    if scale < needed:
        report.lost(row.place, f"rounds to {needed} decimals, not {scale}: the connect fee or max cost needs them")
    return {"mode": _MODES[row.method], "scale": max(scale, needed)}
