"""The oracle: what every leg of an event costs, by docs/tariffs.md, in exact fractions.

Enters: a ``Tariff`` and an ``Event``. Leaves: the charges, leg by leg, or the reason code that sets the event
aside. Always holds: nothing of the engine is imported; slow and plain is right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from tests.oracle.allowances import Book, Party
from tests.oracle.cost import LIMIT, NOTHING_FREE, USAGE_LIMIT, Remainder, rounded, sum_up, text
from tests.oracle.folder import Conversion, Plan, Rate, Rounding, Rule, Tariff, Tax, Version
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


def charges(tariff: Tariff, event: Event, book: Book | None = None) -> list[Charge] | str:
    """All charges of ``event``, or the reason code that sets it aside; what it draws is taken off ``book``."""
    then = book.copy() if book else None
    try:
        legs = guided(tariff, event)
        found = [priced(tariff, event, leg, account, plan, then) for leg, account, plan in legs]
    except Aside as reason:
        return charges(tariff, event) if book else str(reason)
    if book and then:
        book.take(then)
    return found


# Who pays


def guided(tariff: Tariff, event: Event) -> list[tuple[str, str, str]]:
    """(leg, account, plan) of each leg that applies."""
    agreements = [("wholesale_in", "in", event.trunk_in), ("wholesale_out", "out", event.trunk_out)]
    carriers = {leg: carrier(tariff, event, trunk, side) for leg, side, trunk in agreements if trunk and tariff.trunks}
    ours, known = subscriber(tariff, event)
    host = None if ours else home(tariff, event)
    if known and not ours and not (host and host[1]):
        raise Aside("no_plan")
    legs = {"retail": ours} | carriers | {"roaming_out": host}
    paying = [(leg, *payer) for leg, payer in legs.items() if payer]
    for _, _, plan in paying:
        if not plan or not version(tariff.plans[plan], event):
            raise Aside("no_plan")
    if not {"retail", "wholesale_in", "roaming_out"} & {leg for leg, _, _ in paying}:
        raise Aside("no_account")
    return paying


def subscriber(tariff: Tariff, event: Event) -> tuple[tuple[str, str] | None, bool]:
    """(account, plan) of the first key that has a subscription in force, and whether any key is known."""
    number = getattr(event, SERVED.get(event.direction, ""), "")
    keys = [("number", number), ("imsi", event.imsi), ("account", event.account), ("trunk", event.trunk_in)]
    listed = [row for key in keys for row in tariff.subscriptions if (row.kind, row.key) == key]
    for row in listed:
        if event.start_us in row.period:
            return (row.account, row.plan), True
    return None, bool(listed)


def home(tariff: Tariff, event: Event) -> tuple[str, str] | None:
    """(partner, plan) of the longest network that a visitor's IMSI begins with; no plan if none is in force."""
    listed = [
        (len(network), partner)
        for partner in tariff.partners
        for network in partner.networks
        if partner.plan_out and event.imsi.startswith(network)
    ]
    agreed = [each for each in listed if event.start_us in each[1].period]
    if agreed:
        partner = max(agreed, key=lambda each: each[0])[1]
        return partner.account, partner.plan_out
    return ("", "") if listed else None


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
) -> tuple[Destination, Rate, Rule]:
    """In ``band`` the first of ``places`` that has a rule there, the rate of its most specific one, and that rule."""
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
                return place, rate, best
            break
    raise Aside("no_rate")


def priced(tariff: Tariff, event: Event, leg: str, account: str, plan_name: str, book: Book | None) -> Charge:
    plan = tariff.plans[plan_name]
    in_force = version(plan, event)
    rules = [
        rule
        for rule in (in_force.rules if in_force else [])
        if fits(rule, "service", event.service) and fits(rule, "direction", event.direction)
    ]
    origin, kind = origin_of(tariff, rules, event), class_of(tariff, event, account)
    rules = [rule for rule in rules if fits(rule, "origin", origin) and fits(rule, "class", kind)]
    if not rules:
        raise Aside("no_rate")
    second = event.start_us // 1_000_000
    places = destinations(tariff, rules, event)
    band = plan.calendar.band(second)
    place, rate, rule = choice(tariff, plan, rules, places, band)

    said = {
        "service": event.service,
        "direction": event.direction,
        "zone": place.label,
        "class": kind,
        "band": str(band),
    }
    may_draw = leg != "roaming_in" and max(rate.free_under, 1) <= event.usage < USAGE_LIMIT
    if not may_draw:
        book = None
    party = Party(event, account, plan_name, said)
    uses = book.draw(party, event.usage) if book else []
    free, terms = sum(use.usage for use in uses), [tariff.allowances[use.lot[1]] for use in uses]
    restarts, fee = (
        bool(terms) and terms[-1].get("remainder") == "restart",
        any("setup_fee_on_free" in t for t in terms),
    )

    counts = book.count(party, free) if book else {}
    remainder = tiered(tariff, event, rate, counts, Remainder(free, restarts, fee))

    def session(usage: int, remainder: Remainder = NOTHING_FREE) -> Cost:
        """What the session costs up to ``usage``."""
        billed, price, note = sum_up(
            replace(event, usage=usage),
            second,
            str(band),
            plan.calendar,
            lambda band: choice(tariff, plan, rules, places, band)[1],
            remainder,
        )
        return beside(tariff, plan, rule, event, billed, price, note)

    later = event.usage_offset > 0
    whole = session(event.usage_offset + event.usage, remainder.tiers() if later else remainder)
    before = session(event.usage_offset + free, remainder.tiers()) if later else Cost()
    note = "allowance" if free and free == event.usage else whole.note
    cost = whole.less(before)
    if book and (charged := book.spend(party, cost.amount)) != cost.amount:
        cost, note = capped(tariff, plan, rule, cost, charged), "spend_cap"
    due = int((cost.amount + cost.tax) * LIMIT)
    paid = sum(use.units for use in book.draw(party, due, money=True)) if book and due > 0 else 0
    applied, conversion = taxed(tariff, plan, rule), converting(tariff, plan, event)
    return Charge(
        leg,
        account,
        plan_name,
        rate.name,
        place.label,
        place.prefix,
        str(band),
        cost.billed,
        text(cost.amount),
        rate.currency,
        note if event.usage else "zero_usage",
        text(cost.tax),
        applied.name if applied else "",
        text(cost.converted),
        plan.bill,
        text(conversion.rate if conversion else Fraction(0)),
        conversion.date if conversion else "",
        conversion.source if conversion else "",
        free,
        text(Fraction(paid, LIMIT)),
    )


def tiered(
    tariff: Tariff, event: Event, rate: Rate, counts: dict[str, tuple[Fraction, Fraction]], remainder: Remainder
) -> Remainder:
    """``remainder`` with the tiers of an event that the rate's accumulator counted."""
    if rate.accumulator not in counts:
        return remainder
    before, after = (int(total) for total in counts[rate.accumulator])
    if rate.tiers == "volume":
        return replace(remainder, last=after - 1)
    counted = tariff.accumulators[rate.accumulator].get("count_free", True)
    return replace(remainder, begins=before - event.usage_offset - (0 if counted else remainder.free))


def capped(tariff: Tariff, plan: Plan, rule: Rule, cost: Cost, charged: Fraction) -> Cost:
    """``cost`` of which only so much is ``charged``; tax and converted amount in the same proportion."""
    applied = taxed(tariff, plan, rule)
    tax = share(cost.tax, charged / cost.amount, applied.rounding) if applied else Fraction(0)
    return Cost(cost.billed, charged, tax, share(cost.converted, charged / cost.amount, plan.bill_rounding), cost.note)


def share(whole: Fraction, part: Fraction, rounding: Rounding) -> Fraction:
    size = min(rounded(abs(whole) * part, rounding), abs(whole))
    return size if whole > 0 else -size


# What kind of call


def begun(number: str, prefixes: list[str], local: list[str]) -> list[int]:
    """The lengths of the prefixes with which a number begins: E.164 ones or local ones."""
    digits, among = number.removeprefix("+"), prefixes if number.startswith("+") else local
    bare = [each.removeprefix("+").removeprefix("*") for each in among]
    return [len(each) for each in bare if number and digits.startswith(each)]


def origin_of(tariff: Tariff, rules: list[Rule], event: Event) -> str:
    zones = {zone for rule in rules for zone in listed(rule.get("origin"))}
    lists = {zone: tariff.zones[zone] for zone in zones}
    lengths = {
        zone: max(begun(event.a_number, said.get("prefixes", []), said.get("local", [])), default=-1)
        for zone, said in lists.items()
    }
    best = max(lengths.values(), default=-1)
    return next((zone for zone, length in lengths.items() if length == best >= 0), "")


def class_of(tariff: Tariff, event: Event, payer: str) -> str:
    """The first class of which any condition holds for the other party."""
    number = event.a_number if event.direction == "terminated" else event.b_number
    accounts = [
        row.account
        for row in tariff.subscriptions
        if row.kind == "number" and row.key == number and event.start_us in row.period
    ]
    for each in tariff.classes:
        if (
            begun(number, each.prefixes, each.local)
            or (each.subscribed and accounts)
            or (each.same_account and payer in accounts)
            or (payer, number) in each.members
        ):
            return each.name
    return "other"


# What stands beside the amount


@dataclass(frozen=True)
class Cost:
    billed: int = 0
    amount: Fraction = Fraction(0)
    tax: Fraction = Fraction(0)
    converted: Fraction = Fraction(0)
    note: str = ""

    def less(self, before: Cost) -> Cost:
        billed, amount = self.billed - before.billed, self.amount - before.amount
        return Cost(billed, amount, self.tax - before.tax, self.converted - before.converted, self.note)


def taxed(tariff: Tariff, plan: Plan, rule: Rule) -> Tax | None:
    return tariff.taxes.get(rule.get("tax", plan.tax))


def converting(tariff: Tariff, plan: Plan, event: Event) -> Conversion | None:
    """The last rate of the pair that began before the event did."""
    if not plan.bill:
        return None
    pair = (plan.currency, plan.bill)
    begun = [each for each in tariff.conversions if each.pair == pair and each.begin <= event.start_us]
    if not begun:
        raise Aside("no_conversion")
    return max(begun, key=lambda each: each.begin)


def beside(tariff: Tariff, plan: Plan, rule: Rule, event: Event, billed: int, price: Fraction, note: str) -> Cost:
    """Amount, tax and converted amount of a price."""
    applied, amount, tax, converted = taxed(tariff, plan, rule), price, Fraction(0), Fraction(0)
    if applied:
        exact = price * applied.share / ((1 + applied.share) if plan.inclusive else 1)
        tax = below_limit(rounded(exact, applied.rounding))
        tax = min(tax, price) if plan.inclusive else tax
        amount = price - tax if plan.inclusive else price
    if conversion := converting(tariff, plan, event):
        converted = below_limit(rounded(amount * conversion.rate, plan.bill_rounding))
    return Cost(billed, amount, tax, converted, note)


def below_limit(amount: Fraction) -> Fraction:
    if amount >= LIMIT:
        raise Aside("amount_overflow")
    return amount
