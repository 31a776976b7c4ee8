"""The oracle: what every leg of an event costs, by docs/tariffs.md, in exact fractions.

Enters: a ``Tariff`` and an ``Event``. Leaves: the charges, leg by leg, or the reason code that sets the event
aside. Always holds: nothing of the engine is imported; slow and plain is right.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.oracle.cost import sum_up, text
from tests.oracle.folder import Plan, Rate, Rule, Tariff, Version
from tests.oracle.words import Aside, Charge, Event

SERVED = {"originated": "a_number", "forwarded": "a_number", "terminated": "b_number"}


@dataclass(frozen=True)
class Destination:
    zone: str = ""
    deck: str = ""
    label: str = ""
    prefix: str = ""
    rate: Rate | None = None
    """A deck row's own rate."""


def charges(tariff: Tariff, event: Event) -> list[Charge] | str:
    """All charges of ``event``, or the reason code that sets it aside."""
    try:
        legs = guided(tariff, event)
        return [priced(tariff, event, leg, account, plan) for leg, account, plan in legs]
    except Aside as reason:
        return str(reason)


# Who pays


def guided(tariff: Tariff, event: Event) -> list[tuple[str, str, str]]:
    """(leg, account, plan) of each leg that applies."""
    agreements = [("wholesale_in", "in", event.trunk_in), ("wholesale_out", "out", event.trunk_out)]
    carriers = {leg: carrier(tariff, event, trunk, side) for leg, side, trunk in agreements if trunk and tariff.trunks}
    legs = {"retail": subscriber(tariff, event)} | carriers
    paying = [(leg, *payer) for leg, payer in legs.items() if payer]
    for _, _, plan in paying:
        if not plan or not version(tariff.plans[plan], event):
            raise Aside("no_plan")
    if not {"retail", "wholesale_in"} & {leg for leg, _, _ in paying}:
        raise Aside("no_account")
    return paying


def subscriber(tariff: Tariff, event: Event) -> tuple[str, str] | None:
    """(account, plan) of the first key that has a subscription in force."""
    number = getattr(event, SERVED.get(event.direction, ""), "")
    keys = [("number", number), ("imsi", event.imsi), ("account", event.account), ("trunk", event.trunk_in)]
    listed = [row for key in keys for row in tariff.subscriptions if (row.kind, row.key) == key]
    for row in listed:
        if event.start_us in row.period:
            return row.account, row.plan
    if listed:
        raise Aside("no_plan")
    return None


def carrier(tariff: Tariff, event: Event, name: str, side: str) -> tuple[str, str] | None:
    """(carrier, plan) of a trunk; None if it is our own."""
    for trunk in tariff.trunks:
        if trunk.name == name and trunk.direction in (side, "both") and event.start_us in trunk.period:
            return (trunk.carrier, trunk.plans[side]) if trunk.carrier else None
    raise Aside("unknown_trunk")


def version(plan: Plan, event: Event) -> Version | None:
    return next((each for each in plan.versions if event.start_us in each.period), None)


# Which rate


def destinations(tariff: Tariff, rules: list[Rule], event: Event) -> list[Destination]:
    """What holds the longest prefix of the B-number among all that ``rules`` name: a zone stands before a deck."""
    number, kind = event.b_number, "prefixes" if event.b_number.startswith("+") else "local"
    digits = number.removeprefix("+")
    plus = "+" if kind == "prefixes" else ""
    zones = {zone for rule in rules for zone in listed(rule.get("zone"))}
    decks = {rule["deck"] for rule in rules if "deck" in rule and kind == "prefixes"}
    found = [
        (len(prefix), Destination(zone, "", zone, plus + prefix))
        for zone in zones
        for prefix in (each.removeprefix("+").removeprefix("*") for each in tariff.zones[zone].get(kind, []))
        if number and digits.startswith(prefix)
    ] + [
        (len(row.digits), Destination("", deck, row.zone, plus + row.digits, row.rate))
        for deck in decks
        for row in tariff.decks[deck]
        if event.start_us in row.period and digits.startswith(row.digits)
    ]
    longest = max((length for length, _ in found), default=0)
    return [place for length, place in found if length == longest] or [Destination()]


def listed(value: str | list[str] | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else value


def fits(rule: Rule, column: str, value: str) -> bool:
    return column not in rule or value in listed(rule[column])


def choice(
    tariff: Tariff, plan: Plan, rules: list[Rule], places: list[Destination], band: str | None
) -> tuple[Destination, Rate]:
    """In ``band`` the first of ``places`` that has a rule there, and the rate of its most specific one."""
    if band is None:
        raise Aside("no_band")

    def named(rule: Rule) -> list[bool]:
        return [column in rule or (column == "zone" and "deck" in rule) for column in plan.match]

    for place in places:
        fitting = [
            rule
            for rule in rules
            if fits(rule, "band", band) and fits(rule, "zone", place.zone) and fits(rule, "deck", place.deck)
        ]
        if fitting:
            best = max(fitting, key=named)
            rate = place.rate if "deck" in best else tariff.rates[best["rate"]]
            if rate is not None:
                return place, rate
            break
    raise Aside("no_rate")


def priced(tariff: Tariff, event: Event, leg: str, account: str, plan_name: str) -> Charge:
    plan = tariff.plans[plan_name]
    in_force = version(plan, event)
    rules = [
        rule
        for rule in (in_force.rules if in_force else [])
        if fits(rule, "service", event.service) and fits(rule, "direction", event.direction)
    ]
    if not rules:
        raise Aside("no_rate")
    second = event.start_us // 1_000_000
    places = destinations(tariff, rules, event)
    band = plan.calendar.band(second)
    place, rate = choice(tariff, plan, rules, places, band)
    billed, amount, note = sum_up(
        event, second, str(band), plan.calendar, lambda band: choice(tariff, plan, rules, places, band)[1]
    )
    return Charge(
        leg,
        account,
        plan_name,
        rate.name,
        place.label,
        place.prefix,
        str(band),
        billed,
        text(amount),
        rate.currency,
        note,
    )
