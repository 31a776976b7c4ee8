"""Allowances: from TOML tables to values, and what must hold between them and the rest of the tariff.

Enters: ``[allowance.ID]`` tables; a loaded tariff. Leaves: ``Allowance``s; the problems of a tariff's allowances; what
accumulators have in common with them. Always holds: amounts, increments and factors are small enough for kernel
arithmetic to stay within 64 bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from math import gcd
from typing import Final, TypedDict

from tariffs import values
from tariffs.model import (
    DIRECTIONS,
    OTHER_CLASS,
    PERIODS,
    PRORATIONS,
    REMAINDERS,
    SERVICES,
    UNITS,
    Accumulator,
    Allowance,
    Calendar,
    Fee,
    Period,
    Problem,
    Tariff,
)
from tariffs.source import Table

FACTOR_END: Final = 256
"""Both terms of a factor, in lowest terms, are below it."""
AMOUNT_END: Final = 2**48
"""Amounts, increments, limits and caps are below it."""
ROLLOVERS_MAX: Final = 12
"""Periods for which what is left may stay."""
COUNT_MAX: Final = 2**12
"""Allowances and accumulators of a tariff."""

_DAYS: Final = re.compile(r"([1-9]\d{0,3}) days")
_RATIO: Final = re.compile(r"(\d{1,9})/(\d{1,9})")


class Scope(TypedDict):
    """What allowances and accumulators say alike: of whom and of which usage they are, and when."""

    plans: tuple[str, ...]
    unit: str
    currency: str
    period: Period
    time_zone: str
    service: tuple[str, ...]
    direction: tuple[str, ...]
    zone: tuple[str, ...]
    call_class: tuple[str, ...]
    band: tuple[str, ...]
    pool: bool


def scope(table: Table) -> Scope:
    """The keys of ``table`` that allowances and accumulators have in common."""
    table.required("plan")
    if ("unit" in table.content) == ("currency" in table.content):
        table.problem("unit", "expected either unit or currency")
    return Scope(
        plans=table.texts("plan"),
        unit=table.text("unit", "", UNITS),
        currency=table.text("currency"),
        period=period(table),
        time_zone=table.get("time_zone", "", str, "an IANA time zone", lambda name: values.zone_info(name).key),
        service=table.texts("service", SERVICES),
        direction=table.texts("direction", DIRECTIONS),
        zone=table.texts("zone"),
        call_class=table.texts("class"),
        band=table.texts("band"),
        pool=table.flag("pool"),
    )


def allowance(table: Table) -> Allowance:
    """The allowance that ``table`` describes."""
    table.required("amount")
    rollover, said = table.table("rollover"), scope(table)
    quantity = money_above_zero if said["currency"] else _units
    made = Allowance(
        id=str(table.path[-1]),
        **said,
        amount=quantity(table, "amount", 1),
        priority=table.units("priority", 0, 0),
        increment=_units(table, "increment", 1),
        split=table.flag("split") or bool(said["currency"]),
        factor=table.get("factor", (1, 1), str, 'a factor as a string such as "0.5" or "3/2"', factor),
        member_cap=quantity(table, "member_cap", 0) if "member_cap" in table.content else None,
        rollover_limit=quantity(rollover, "limit", 0),
        rollover_periods=rollover.units("periods", 1 if rollover.content else 0, 1),
        valid_days=table.units("valid_days", 0, 1),
        proration=table.text("proration", "none", PRORATIONS),
        remainder=table.text("remainder", "continue", REMAINDERS),
        setup_fee_on_free=table.flag("setup_fee_on_free"),
        place=table.place,
    )
    table.used.add("member_cap")
    if rollover.content:
        rollover.required("limit")
    rollover.done()
    for key, wrong in _misfits(made):
        table.problem(key, wrong)
    for key in _OF_UNITS if made.currency else ():
        if key in table.content:
            table.problem(key, "belongs to an allowance of units, not of money")
    return made


_OF_UNITS: Final = ("increment", "split", "factor", "remainder", "setup_fee_on_free")


def _units(table: Table, key: str, default: int) -> int:
    found = table.units(key, default, 1)
    if found >= AMOUNT_END:
        table.problem(key, f"expected less than 2^48, not {found}")
        return default
    return found


def money_above_zero(table: Table, key: str, default: int) -> int:
    """Nano-units from a decimal string above zero."""
    return table.get(key, default, str, 'money as a string such as "10.00"', values.above_zero)


def period(table: Table) -> Period:
    """How often something is granted or charged: the keys ``period`` and ``anchor``."""
    made = table.get("period", Period(), str, "a period", _period_of)
    anchor = table.get("anchor", made.anchor, str, "a date as a string", values.day)
    if made.kind == "days" and "anchor" not in table.content:
        table.problem("anchor", "is required: a day on which a period begins")
    if made.kind != "days" and "anchor" in table.content:
        table.problem("anchor", 'belongs to a period such as "30 days"')
        return made
    return Period(made.kind, made.days, anchor)


def _period_of(text: str) -> Period:
    """``day``, ``week``, ``month``, ``once``, or a number of days."""
    if found := _DAYS.fullmatch(text):
        return Period("days", int(found[1]))
    if text in PERIODS and text != "days":
        return Period(text)
    raise ValueError(f'expected day, week, month, once or a number of days such as "30 days", not {text!r}')


def factor(text: str) -> tuple[int, int]:
    """A decimal string or a ratio of whole numbers, above zero, in lowest terms."""
    found = _RATIO.fullmatch(text.strip())
    above, below = (int(found[1]), int(found[2])) if found else (values.money(text), 10**9)
    common = gcd(above, below) or 1
    above, below = above // common, below // common
    if not above or not below or max(above, below) >= FACTOR_END:
        raise ValueError(f"expected a factor above 0 whose terms are below {FACTOR_END} when reduced, not {text!r}")
    return above, below


def _misfits(made: Allowance) -> Iterator[tuple[str, str]]:
    """Keys that do not go with the others."""
    once = made.period.kind == "once"
    if once and made.rollover_periods:
        yield "rollover", "an allowance granted once has no next period"
    if made.valid_days and not once:
        yield "valid_days", 'belongs to the period "once"'
    if made.rollover_periods > ROLLOVERS_MAX:
        yield "rollover", f"expected at most {ROLLOVERS_MAX} periods, not {made.rollover_periods}"
    if once and made.proration != "none":
        yield "proration", "an allowance granted once is whole"
    if made.member_cap is not None and not made.pool:
        yield "member_cap", "belongs to an allowance of a pool"


def time_zone(tariff: Tariff, made: Allowance | Accumulator | Fee) -> str:
    """The zone of periods: its own, else that of its plans' calendars; empty where these differ."""
    if made.time_zone:
        return made.time_zone
    plans = [tariff.plans[name] for name in made.plans if name in tariff.plans]
    zones = {tariff.calendars.get(plan.calendar, Calendar("")).zone for plan in plans}
    return zones.pop() if len(zones) == 1 else ""


def allowance_problems(tariff: Tariff) -> Iterator[Problem]:
    """What does not fit together: see :func:`scope_problems`; money that pays for another currency's bills."""
    zones = zone_names(tariff) if tariff.allowances else frozenset()
    for made in tariff.allowances.values():
        key = f"allowance.{made.id}"
        yield from scope_problems(tariff, made, key, zones)
        bills = {tariff.plans[name].bill_currency for name in made.plans if made.currency and name in tariff.plans}
        if bills - {"", made.currency}:
            message = f"is {made.currency}; a plan's bill is in {', '.join(sorted(bills - {''}))}"
            yield Problem(made.place, f"{key}.currency", message)


def scope_problems(tariff: Tariff, made: Allowance | Accumulator, key: str, zones: frozenset[str]) -> Iterator[Problem]:
    """Names that do not exist, periods without one zone, money of a currency that a plan does not charge."""
    plans = [tariff.plans[name] for name in made.plans if name in tariff.plans]
    bands = {b for plan in plans for b in tariff.calendars.get(plan.calendar, Calendar("")).band_names}
    asked = {
        "plan": (made.plans, tariff.plans),
        "zone": (made.zone, zones),
        "class": (made.call_class, (*tariff.classes, OTHER_CLASS)),
        "band": (made.band, bands),
    }
    for column, (names, known) in asked.items():
        for name in names:
            if name not in known:
                yield Problem(made.place, f"{key}.{column}", f"there is no {column} {name}")
    if plans and not time_zone(tariff, made):
        yield Problem(made.place, f"{key}.time_zone", "is required: the plans' calendars have several zones")
    charged = {plan.currency for plan in plans} - {made.currency}
    if made.currency and charged:
        yield Problem(made.place, f"{key}.currency", f"is {made.currency}; a plan charges {', '.join(sorted(charged))}")


def zone_names(tariff: Tariff) -> frozenset[str]:
    """Every zone that a charge may name."""
    decks = (name for deck in tariff.decks.values() for name in deck.rows["zone"].unique().to_list())
    return frozenset((*tariff.zones, *decks))


@cache
def boundaries(period: Period, zone: str) -> tuple[int, ...]:
    """Where periods begin, in UTC microseconds, the last being the end: civil midnights in ``zone``, 1990 to 2060.

    A day whose midnight clocks skip begins with its first instant.
    """
    moments = [values.instant(day.isoformat(), values.zone_info(zone)) for day in first_days(period)]
    return tuple(moments)


def first_days(period: Period) -> list[date]:
    """The days with which periods begin, the last being the end: 1990 to 2060."""
    first, last = date(1990, 1, 1), date(2060, 1, 1)
    if period.kind == "once":
        return [first, last]
    if period.kind == "month":
        return [date(first.year + month // 12, month % 12 + 1, 1) for month in range((last.year - first.year) * 12 + 1)]
    length, anchor = {"day": (1, first), "week": (7, first), "days": (period.days, period.anchor)}[period.kind]
    begin = first.toordinal() + (anchor.toordinal() - first.toordinal()) % length
    return [date.fromordinal(day) for day in range(begin, last.toordinal() + 1, length)]
