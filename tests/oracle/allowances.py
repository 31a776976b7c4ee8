"""Allowances by docs/tariffs.md: what is left, who draws on it, in which order; one event after the other.

Enters: a tariff, and the charges' circumstances. Leaves: how much usage is free, how much money pays. Always holds:
slow and plain; a period is found from the civil date.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from math import ceil, floor
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.folder import EPOCH, Tariff
from tests.oracle.words import Event

FIRST, LAST = date(1990, 1, 1), date(2060, 1, 1)
Lot = tuple[str, str, date, bool]
"""Holder, allowance, first day of its period, whether it rolled over from there."""


@dataclass(frozen=True)
class Use:
    lot: Lot
    units: int
    usage: int


@dataclass(frozen=True)
class Party:
    """Who pays for an event: ``said`` are service, direction, zone, class and band of its charge."""

    event: Event
    account: str
    plan: str
    said: dict[str, str]


@dataclass
class Book:
    """What is left of every lot, those that are ``over``, what members drew of pools, what was counted."""

    tariff: Tariff
    left: dict[Lot, int] = field(default_factory=dict)
    over: set[Lot] = field(default_factory=set)
    capped: dict[tuple[str, str, date], int] = field(default_factory=dict)
    totals: dict[tuple[str, str, date], Fraction] = field(default_factory=dict)

    def copy(self) -> Book:
        return Book(self.tariff, self.left.copy(), self.over.copy(), self.capped.copy(), self.totals.copy())

    def take(self, other: Book) -> None:
        self.left, self.over, self.capped, self.totals = other.left, other.over, other.capped, other.totals

    def draw(self, party: Party, wanted: int, *, money: bool = False) -> list[Use]:
        """What an event draws for what is ``wanted``: usage, or nano."""
        names = [name for name, terms in self.tariff.allowances.items() if ("currency" in terms) == money]
        lots = [each for name in names for each in self.there(name, party)]
        for _, lot in lots:
            self.opened(lot)
        uses: list[Use] = []
        rest = wanted
        for _, lot in sorted(lots, key=lambda each: each[0]):
            terms = self.tariff.allowances[lot[1]]
            cap = (party.account, lot[1], period(self.tariff, lot[1], party.event.start_us)[0])
            have = self.left[lot]
            if "member_cap" in terms:
                have = min(have, quantity(terms, "member_cap") - self.capped.get(cap, 0))
            usage, units = drawn(terms, rest, max(have, 0)) if rest else (0, 0)
            if usage:
                self.left[lot] -= units
                self.capped[cap] = self.capped.get(cap, 0) + units
                rest -= usage
                uses.append(Use(lot, units, usage))
        return uses

    def holder(self, name: str, party: Party) -> str:
        """Whose an allowance or accumulator is that an event may use; empty if it may not."""
        terms = terms_of(self.tariff, name)
        fits = all(column not in terms or value in listed(terms[column]) for column, value in party.said.items())
        unit = "currency" in terms or terms["unit"] == party.event.unit
        first_of_all, last_of_all = horizon(self.tariff, name)
        _, begin, over = period(self.tariff, name, party.event.start_us)
        within = first_of_all <= begin <= party.event.start_us < over <= last_of_all
        if party.plan not in listed(terms["plan"]) or not unit or not fits or not within:
            return ""
        return self.pool(party.account) if terms.get("pool") else party.account

    def there(self, name: str, party: Party) -> Iterator[tuple[tuple[Any, ...], Lot]]:
        """The lots of an allowance that an event may use, with their place in the order of use."""
        terms, holder, event = self.tariff.allowances[name], self.holder(name, party), party.event
        if not holder:
            return
        first_of_all, last_of_all = horizon(self.tariff, name)
        rollovers = rollovers_of(terms)
        at = event.start_us
        for back in range(rollovers + 1):
            first, begin, over = period(self.tariff, name, at)
            if begin < first_of_all or over > last_of_all:
                return
            grant = max(begin, self.since(name, holder))
            end = over
            for _ in range(rollovers if back else 0):
                end = min((end, period(self.tariff, name, end)[2]), key=lambda each: (each > last_of_all, -each))
            if "valid_days" in terms:
                end = min(end, grant + terms["valid_days"] * 86_400_000_000)
            if grant < over and grant <= event.start_us < end:
                yield (terms.get("priority", 0), end, grant, name), (holder, name, first, back > 0)
            at = begin - 1

    def opened(self, lot: Lot) -> None:
        """Grant a lot, or let it take what rolls over, where that has not happened; the lot before it is over."""
        if lot in self.left:
            return
        holder, name, first, rolled = lot
        terms = self.tariff.allowances[name]
        source = (holder, name, first, False)
        if rolled:
            self.opened(source)
            self.left[lot] = min(self.left[source], quantity(terms["rollover"], "limit"))
            self.left[source] -= self.left[lot]
            self.over.add(source)
            return
        _, begin, over = period(self.tariff, name, midnight(zone(self.tariff, name), first))
        share = Fraction(over - max(begin, self.since(name, holder)), over - begin)
        exact = quantity(terms, "amount") * (share if terms.get("proration", "none") != "none" else 1)
        modes = {"none": exact, "down": floor(exact), "up": ceil(exact), "half_up": floor(exact + Fraction(1, 2))}
        self.left[lot] = int(modes[terms.get("proration", "none")])
        rollovers = rollovers_of(terms)
        for _ in range(1 + rollovers):
            first, begin, _ = period(self.tariff, name, begin - 1)
        before = (holder, name, first, rollovers > 0)
        if before in self.left and before != lot:  # what is granted once has none before it
            self.over.add(before)

    def count(self, party: Party, free: int) -> dict[str, tuple[Fraction, Fraction]]:
        """By accumulator of units what it had counted before an event of which so much is ``free``, and after it."""
        return {
            name: self.add(name, party, party.event.usage - (0 if terms.get("count_free", True) else free))
            for name, terms in self.tariff.accumulators.items()
            if "unit" in terms and self.holder(name, party)
        }

    def spend(self, party: Party, amount: Fraction) -> Fraction:
        """What is charged of ``amount``: each accumulator, by id, counts what those before it let pass."""
        for name, terms in sorted(self.tariff.accumulators.items()):
            if "currency" in terms and self.holder(name, party):
                before, after = self.add(name, party, amount)
                cap = Fraction(terms["cap"]) if "cap" in terms else None
                amount = amount if cap is None else min(cap, after) - min(cap, before)
        return amount

    def add(self, name: str, party: Party, more: Fraction | int) -> tuple[Fraction, Fraction]:
        """A total before and after it has grown."""
        first = period(self.tariff, name, party.event.start_us)[0]
        key = (self.holder(name, party), name, first)
        before = self.totals.get(key, Fraction(0))
        self.totals[key] = before + more
        return before, before + more

    def pool(self, account: str) -> str:
        return next((row.pool for row in self.tariff.subscriptions if row.account == account and row.pool), "")

    def since(self, name: str, holder: str) -> int:
        """The earliest beginning of the holder's subscriptions to plans that grant the allowance."""
        terms = self.tariff.allowances[name]
        begins = [
            row.period.begin
            for row in self.tariff.subscriptions
            if row.plan in listed(terms["plan"]) and (row.pool if terms.get("pool") else row.account) == holder
        ]
        return min((-(2**62) if each is None else each for each in begins), default=-(2**62))


def terms_of(tariff: Tariff, name: str) -> dict[str, Any]:
    return tariff.allowances.get(name) or tariff.accumulators[name]


def rollovers_of(terms: dict[str, Any]) -> int:
    return int(terms["rollover"].get("periods", 1)) if "rollover" in terms else 0


def quantity(terms: dict[str, Any], key: str) -> int:
    """Units, or nano of what is written as money."""
    return int(Fraction(terms[key]) * (10**9 if isinstance(terms[key], str) else 1))


def drawn(terms: dict[str, Any], rest: int, have: int) -> tuple[int, int]:
    """(usage made free, units for it) from a lot of which ``have`` is left."""
    rate, increment = Fraction(terms.get("factor", "1")), terms.get("increment", 1)
    whole = ceil(ceil(Fraction(rest, increment)) * increment * rate)
    if whole <= have:
        return rest, whole
    if terms.get("split") or "currency" in terms:
        usage = floor(have / rate)
        return (rest, have) if usage >= rest else (usage, ceil(usage * rate))
    usage = floor(have / (increment * rate)) * increment
    return usage, ceil(usage * rate)


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def zone(tariff: Tariff, name: str) -> ZoneInfo:
    terms = terms_of(tariff, name)
    if "time_zone" in terms:
        return ZoneInfo(terms["time_zone"])
    return tariff.plans[listed(terms["plan"])[0]].calendar.zone


@cache
def midnight(where: ZoneInfo, day: date) -> int:
    """The first instant of a civil day."""
    return (datetime(day.year, day.month, day.day, tzinfo=where) - EPOCH) // timedelta(microseconds=1)


def period(tariff: Tariff, name: str, instant: int) -> tuple[date, int, int]:
    """(first day, beginning, end) of the period at an instant."""
    where, terms = zone(tariff, name), terms_of(tariff, name)
    kind = terms.get("period", "month")
    day = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)).astimezone(where).date()
    if kind == "once":
        first, after = FIRST, LAST
    elif kind == "month":
        first = day.replace(day=1)
        after = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    else:
        length = {"day": 1, "week": 7}.get(kind) or int(kind.removesuffix(" days"))
        anchor = date.fromisoformat(terms["anchor"]) if "anchor" in terms else date(2024, 1, 1)
        first = day - timedelta(days=(day - anchor).days % length)
        after = first + timedelta(days=length)
    return first, midnight(where, first), midnight(where, after)


def horizon(tariff: Tariff, name: str) -> tuple[int, int]:
    """The first instant of all periods, and the one after the last."""
    where = zone(tariff, name)
    return midnight(where, FIRST), midnight(where, LAST)
