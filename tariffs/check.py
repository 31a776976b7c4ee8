"""What a loaded tariff must have before it can be compiled: names that exist, one currency a plan, exact prices.

Enters: a ``Tariff``. Leaves: its problems. Always holds: a tariff without problems compiles, and kernel
arithmetic on it stays within 64 bits or says so per row.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import Final

from tariffs.accumulators import accumulator_problems
from tariffs.allowances import allowance_problems
from tariffs.calendar import overlaps
from tariffs.discounts import discount_problems
from tariffs.fees import fee_problems
from tariffs.model import NO_TAX, OTHER_CLASS, Calendar, Plan, Problem, Rate, Rule, Step, Tariff

EXACT_MAX: Final = 2**62
"""Bound of ``price x per`` (reduced) and of the common multiple of a plan's ``per``."""

ALWAYS: Final = Calendar("")


def calendar_of(tariff: Tariff, plan: Plan) -> Calendar:
    """The plan's calendar; one of a single band where it names none."""
    return tariff.calendars.get(plan.calendar, ALWAYS)


def reduced(step: Step) -> tuple[int, int]:
    """``price / per`` in lowest terms: nano for units."""
    common = gcd(step.price, step.per)
    return step.price // common, step.per // common


def check(tariff: Tariff) -> list[Problem]:
    """Every problem of names, currencies, calendars and exactness."""
    found = [*_calendars(tariff), *_prices(tariff)]
    if OTHER_CLASS in tariff.classes:
        found.append(Problem(tariff.classes[OTHER_CLASS].place, "class.other", "is the class of events of no class"))
    for plan in tariff.plans.values():
        found += _plan(tariff, plan)
    found += [*allowance_problems(tariff), *accumulator_problems(tariff)]
    found += [*fee_problems(tariff), *discount_problems(tariff)]
    return found


def _calendars(tariff: Tariff) -> Iterator[Problem]:
    for calendar in tariff.calendars.values():
        for message in overlaps(calendar):
            yield Problem(calendar.place, f"calendar.{calendar.id}.bands", message)


def _prices(tariff: Tariff) -> Iterator[Problem]:
    decks = (rate for deck in tariff.decks.values() for rate in deck.rates)
    for rate in (*tariff.rates.values(), *decks):
        yield from _price(rate)


def _price(rate: Rate) -> Iterator[Problem]:
    for step in rate.steps:
        price, per = reduced(step)
        if price * per >= EXACT_MAX:
            message = f"{step.price} nano per {step.per} cannot be computed exactly in 64 bits"
            yield Problem(rate.place, f"rate.{rate.id}", message)


def _plan(tariff: Tariff, plan: Plan) -> Iterator[Problem]:
    key = f"plan.{plan.id}"
    if plan.calendar and plan.calendar not in tariff.calendars:
        yield Problem(plan.place, f"{key}.calendar", f"there is no calendar {plan.calendar}")
    yield from _beside(tariff, plan)
    bands = calendar_of(tariff, plan).band_names
    for version in plan.versions:
        for rule in version.rules:
            yield from _names(tariff, rule, bands, key)
            yield from _currency(tariff, rule, plan, key)


def _beside(tariff: Tariff, plan: Plan) -> Iterator[Problem]:
    """Taxes and conversions that are not there."""
    if plan.tax not in (*tariff.taxes, "", NO_TAX):
        yield Problem(plan.place, f"plan.{plan.id}.tax", f"there is no tax {plan.tax}")
    pair = (plan.currency, plan.bill_currency)
    if plan.bill_currency and not any((each.base, each.target) == pair for each in tariff.conversions):
        message = f"conversions.csv has no rate from {plan.currency} to {plan.bill_currency}"
        yield Problem(plan.place, f"plan.{plan.id}.bill_currency", message)


def _names(tariff: Tariff, rule: Rule, bands: tuple[str, ...], key: str) -> Iterator[Problem]:
    asked = {
        "zone": (rule.zone, tariff.zones),
        "origin": (rule.origin, tariff.zones),
        "class": (rule.call_class, (*tariff.classes, OTHER_CLASS)),
        "band": (rule.band, bands),
        "rate": ((rule.rate,) if rule.rate else (), tariff.rates),
        "deck": ((rule.deck,) if rule.deck else (), tariff.decks),
        "tax": ((rule.tax,) if rule.tax else (), (*tariff.taxes, NO_TAX)),
    }
    for column, (names, known) in asked.items():
        for name in names:
            if name not in known:
                yield Problem(rule.place, f"{key}.rule.{column}", f"there is no {column} {name}")


def _currency(tariff: Tariff, rule: Rule, plan: Plan, key: str) -> Iterator[Problem]:
    source = tariff.decks.get(rule.deck) if rule.deck else tariff.rates.get(rule.rate)
    if source is not None and source.currency != plan.currency:
        message = f"{source.id} is in {source.currency or 'no currency'}, the plan in {plan.currency}"
        yield Problem(rule.place, f"{key}.rule", message)
