"""The oracle: what every leg of an event costs, by docs/tariffs.md, in exact fractions.

Enters: a ``Tariff`` and an ``Event``. Leaves: the charges, leg by leg, or the reason code that sets the event
aside. Always holds: nothing of the engine is imported; slow and plain is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise
from math import ceil, floor

from tests.oracle.civil import Calendar
from tests.oracle.folder import Plan, Rate, Step, Tariff, Version

LIMIT = 10**9
USAGE_LIMIT = 2**53
SERVED = {"originated": "a_number", "forwarded": "a_number", "terminated": "b_number"}


@dataclass(frozen=True)
class Event:
    service: str
    direction: str
    unit: str
    usage: int
    start_us: int
    a_number: str = ""
    b_number: str = ""
    account: str = ""
    imsi: str = ""
    trunk_in: str = ""
    trunk_out: str = ""


@dataclass(frozen=True)
class Charge:
    leg: str
    account: str
    plan: str
    rate: str
    zone: str
    prefix: str
    band: str
    billed_usage: int
    amount: str
    currency: str
    note: str


class Aside(Exception):  # noqa: N818 (it is an outcome, not an error)
    """The event is set aside; the argument is the reason code."""


@dataclass(frozen=True)
class Destination:
    zone: str = ""
    deck: str = ""
    label: str = ""
    prefix: str = ""
    rate: Rate | None = None
    """A deck row's own rate."""


@dataclass(frozen=True)
class Segment:
    """Usage from ``begin`` to ``end`` in one band (None: beyond the calendar)."""

    begin: int
    end: int
    band: str | None


@dataclass(frozen=True)
class Run:
    """Increments of one step laid end to end."""

    segment: int
    step: Step
    minimum: bool
    length: int
    count: int


RateOf = Callable[[str | None], Rate]


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


def destination(tariff: Tariff, rules: list[dict], event: Event) -> Destination:
    """The longest prefix of the B-number among all that ``rules`` name; a zone's before a deck's."""
    number, kind = event.b_number, "prefixes" if event.b_number.startswith("+") else "local"
    digits = number.removeprefix("+")
    plus = "+" if kind == "prefixes" else ""
    found: list[tuple[int, bool, Destination]] = []
    for zone in {zone for rule in rules for zone in listed(rule.get("zone"))}:
        for prefix in (each.removeprefix("+").removeprefix("*") for each in tariff.zones[zone].get(kind, [])):
            if number and digits.startswith(prefix):
                found.append((len(prefix), True, Destination(zone, "", zone, plus + prefix)))
    for deck in {rule["deck"] for rule in rules if "deck" in rule and kind == "prefixes"}:
        for row in tariff.decks[deck]:
            if event.start_us in row.period and digits.startswith(row.digits):
                found.append((len(row.digits), False, Destination("", deck, row.zone, plus + row.digits, row.rate)))
    return max(found, key=lambda each: each[:2])[2] if found else Destination()


def listed(value: str | list[str] | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else value


def fits(rule: dict, column: str, value: str) -> bool:
    return column not in rule or value in listed(rule[column])


def rate_of(tariff: Tariff, plan: Plan, rules: list[dict], place: Destination, band: str) -> Rate:
    """The rate of the most specific of ``rules`` for this place and band."""
    fitting = [
        rule
        for rule in rules
        if fits(rule, "band", band)
        and ("zone" not in rule or place.zone in listed(rule["zone"]))
        and ("deck" not in rule or place.deck == rule["deck"])
    ]

    def named(rule: dict) -> list[bool]:
        return [column in rule or (column == "zone" and "deck" in rule) for column in plan.match]

    best = max(fitting, key=named, default=None)
    rate = None if best is None else place.rate if "deck" in best else tariff.rates[best["rate"]]
    if rate is None:
        raise Aside("no_rate")
    return rate


# What it costs


def priced(tariff: Tariff, event: Event, leg: str, account: str, plan_name: str) -> Charge:
    plan = tariff.plans[plan_name]
    rules = [
        rule
        for rule in version(plan, event).rules
        if fits(rule, "service", event.service) and fits(rule, "direction", event.direction)
    ]
    if not rules:
        raise Aside("no_rate")
    second = event.start_us // 1_000_000
    place = destination(tariff, rules, event)

    def rate_in(band: str | None) -> Rate:
        if band is None:
            raise Aside("no_band")
        return rate_of(tariff, plan, rules, place, band)

    band = plan.calendar.band(second) or ""
    rate = rate_in(band or None)
    billed, amount, note = sum_up(event, second, band, plan.calendar, rate_in)
    return Charge(
        leg, account, plan_name, rate.name, place.label, place.prefix, band, billed, text(amount), rate.currency, note
    )


def sum_up(event: Event, second: int, band: str, calendar: Calendar, rate_in: RateOf) -> tuple[int, Fraction, str]:
    """(billed usage, amount, note) of an event."""
    rate = rate_in(band)
    if event.usage == 0:
        return 0, Fraction(0), "zero_usage"
    boundary = rate.boundary if event.unit == "s" else "start"
    if boundary == "end":
        band = calendar.band(second + event.usage - 1)
        rate = rate_in(band)
    if event.usage >= USAGE_LIMIT:
        raise Aside("amount_overflow")
    if event.usage < rate.free_under:
        return 0, Fraction(0), "free_under"
    segments = [Segment(0, event.usage, band)]
    if boundary in ("carry", "cut"):
        segments = list(segmented(second, event.usage, calendar))
    runs = list(laid(rate, segments, rate_in))
    amount = rate.setup_fee + total(rate, runs)
    if amount >= LIMIT:
        raise Aside("amount_overflow")
    return sum(run.length * run.count for run in runs), *limited(rate, amount)


def segmented(second: int, usage: int, calendar: Calendar) -> Iterator[Segment]:
    """The usage, parted where the band changes; bands change at whole minutes only."""
    minutes = range((second // 60 + 1) * 60, second + usage, 60)
    bands = [(0, calendar.band(second)), *((minute - second, calendar.band(minute)) for minute in minutes)]
    changes = [bands[0], *(after for before, after in pairwise(bands) if before[1] != after[1]), (usage, None)]
    for (begin, band), (end, _) in pairwise(changes):
        yield Segment(begin, end, band)


def laid(rate: Rate, segments: list[Segment], rate_in: RateOf, *, leap: bool = True) -> Iterator[Run]:
    """The increments of the usage; ``leap`` counts those of one step at once, else they are laid one by one."""
    if rate.boundary == "cut":
        for number, part in enumerate(segments):
            yield from cover(rate, [(number, part)], rate_in, leap=leap)
    else:
        yield from cover(rate, list(enumerate(segments)), rate_in, leap=leap)


def cover(rate: Rate, segments: list[tuple[int, Segment]], rate_in: RateOf, *, leap: bool) -> Iterator[Run]:
    """Increments laid from the first segment's beginning until they cover the last one."""
    at, usage = segments[0][1].begin, segments[-1][1].end
    entered, inside = at, segments[0][0]
    while at < usage:
        number, segment = next((n, s) for n, s in segments if at < s.end)
        if number != inside:
            entered, inside = at, number
        steps = (rate_in(segment.band) if segment.begin else rate).steps
        counter = at - entered if rate.step_counter == "isolated" else at
        step = [each for each in steps if each.start <= counter][-1]
        if at == 0 and rate.minimum:
            run = Run(number, step, minimum=True, length=rate.minimum, count=1)
        else:
            starts = [at + each.start - counter for each in steps if each.start > counter]
            stop = min([segment.end, *starts])
            run = Run(number, step, False, step.increment, ceil(Fraction(stop - at, step.increment)) if leap else 1)
        yield run
        at += run.length * run.count


def total(rate: Rate, runs: list[Run]) -> Fraction:
    """The sum of all increments, rounded before it is added where the rate says so."""
    if rate.stage == "increment":
        return sum((rounded(run.step.price * run.length, rate) * run.count for run in runs), Fraction(0))
    sums = [
        sum((run.step.price * run.length * run.count for run in same), Fraction(0))
        for _, same in groupby(runs, lambda run: (run.segment, run.step, run.minimum))
    ]
    return sum((rounded(each, rate) if rate.stage == "step" else each for each in sums), Fraction(0))


def limited(rate: Rate, amount: Fraction) -> tuple[Fraction, str]:
    """The amount within its limits, rounded, and the limit that it met."""
    note = ""
    if rate.min_charge is not None and amount < rate.min_charge:
        amount, note = rate.min_charge, "min_charge"
    if rate.max_charge is not None and amount > rate.max_charge:
        amount, note = rate.max_charge, "max_charge"
    amount = rounded(amount, rate)
    if amount >= LIMIT:
        raise Aside("amount_overflow")
    return amount, note


def rounded(amount: Fraction, rate: Rate) -> Fraction:
    """``amount`` (never below zero) at the rate's scale, by its mode."""
    scaled = amount * 10**rate.scale
    whole = floor(scaled)
    rest = scaled - whole
    half = Fraction(1, 2)
    up = {
        "down": False,
        "up": rest > 0,
        "half_up": rest >= half,
        "half_even": rest > half or (rest == half and whole % 2 == 1),
    }[rate.mode]
    return Fraction(whole + up, 10**rate.scale)


def text(amount: Fraction) -> str:
    """``amount`` with its nine decimals."""
    nano = int(amount * LIMIT)
    return f"{nano // LIMIT}.{nano % LIMIT:09}"
