"""Balances that action plans of CGRateS grant, as allowances.

Enters: an ``ActionSource`` and the timings. Leaves: ``Grant``s by action plan. Always holds: every action of a plan
that accounts have is a grant or a finding; what an allowance cannot say is lost, with its line.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final

from tariffs.allowances import ROLLOVERS_MAX
from tariffs.importers.cgrates.action_rows import ActionPlanRow, ActionRow, ActionSource
from tariffs.importers.cgrates.offers import Offers
from tariffs.importers.cgrates.rates import duration_s
from tariffs.importers.cgrates.rows import ANY
from tariffs.importers.cgrates.timings import DAY_MIN, Timing
from tariffs.importers.exact import decimal, money
from tariffs.importers.report import Report

Table = dict[str, object]

RESET: Final = "*topup_reset"
MONEY: Final = "*monetary"
_UNITS: Final = {
    "*voice": ("voice", "s"),
    "*sms": ("sms", "event"),
    "*mms": ("mms", "event"),
    "*data": ("data", "byte"),
}
_TOLD: Final = ("*log", "*cdrlog", "*http_post", "*http_post_async", "*mail_async", "*export", "*reset_threshold")
"""Actions that tell somebody something and cost nothing."""
_PERIODS: Final = {"*asap": "once", "*daily": "day", "*weekly": "week", "*monthly": "month"}
_EXPIRIES: Final = {"*daily": "day", "*weekly": "week", "*monthly": "month", "*month_end": "month"}
_NEVER: Final = ("", "*unlimited", "*never")
_HOURS: Final = re.compile(r"\+?(\d+)h")


@dataclass(frozen=True)
class Grant:
    """One allowance: its ``table`` without plans, amount, priority and classes.

    ``amount`` of major units or units, for one account; what ``stays`` is left for the periods that follow.
    """

    row: ActionRow
    period: str
    amount: Fraction
    table: Table = field(compare=False)
    stays: bool
    destinations: tuple[str, ...]
    weight: Fraction

    @property
    def pool(self) -> str:
        """The shared group to which the balance belongs; empty for none."""
        return self.row.group

    @property
    def rank(self) -> tuple[bool, Fraction]:
        """Its place in the order of use: balances of named destinations first, then the heaviest."""
        return not self.destinations, -self.weight

    def allowance(self, accounts: int, classes: Mapping[str, list[str]]) -> Table:
        """The table for so many ``accounts`` that share it, but for plans and priority; ``classes`` by destination."""
        whole = self.amount * accounts
        amount = money(whole) if "currency" in self.table else int(whole)
        table = self.table | {"amount": amount}
        if self.destinations:
            table["class"] = [name for each in self.destinations for name in classes[each]]
        if self.stays:
            table["rollover"] = {"limit": amount, "periods": ROLLOVERS_MAX}
        return table | ({"pool": True} if self.pool else {})


@dataclass(frozen=True)
class Grants:
    """Reads grants; what ``offers`` knows of timings, destinations and the currency holds here, too."""

    source: ActionSource
    offers: Offers
    zone: str

    @property
    def report(self) -> Report:
        """Where findings go."""
        return self.offers.report

    def of(self, plan: str) -> list[Grant]:
        """What the action plan grants to each of its accounts."""
        found: dict[ActionRow, dict[str, Grant]] = defaultdict(dict)
        for line in self.source.plans[plan]:
            if line.actions not in self.source.actions:
                self.report.lost(line.place, f"there are no actions {line.actions}")
            for row in self.source.actions.get(line.actions, []):
                for grant in self._granted(line, row):
                    if found[row].setdefault(grant.period, grant) is not grant and row.action != RESET:
                        self.report.lost(line.place, f"{row.id} is done twice then: it is granted once")
        grants = [grant for periods in found.values() for grant in self._without_first(periods)]
        self._report_resets(grants)
        return grants

    def _without_first(self, periods: dict[str, Grant]) -> list[Grant]:
        """A grant at once and one each period are one: the first period's is granted when a subscription begins."""
        recurring = [grant for period, grant in periods.items() if period != "once"]
        if "once" not in periods:
            for grant in recurring:
                self.report.decided(grant.row.place, "is granted for the period in which a subscription begins, too")
        return recurring or list(periods.values())

    def _granted(self, line: ActionPlanRow, row: ActionRow) -> Iterator[Grant]:
        if row.action in _TOLD:
            self.report.decided(row.place, f"{row.action} changes no balance: not imported")
        elif row.action not in ("*topup", RESET):
            self.report.lost(row.place, f"{row.action} has no counterpart")
        elif row.disabled == "true":
            self.report.decided(row.place, "the balance is disabled: not imported")
        else:
            try:
                period = self._period(line)
            except ValueError as error:
                self.report.lost(line.place, f"{error}: {line.actions} is not granted then")
                return
            try:
                yield self._grant(row, period)
            except ValueError as error:
                self.report.lost(row.place, f"{error}: the balance is not imported")

    def _period(self, line: ActionPlanRow) -> str:
        if line.timing in _PERIODS:
            if line.timing != "*asap":
                message = f"{line.timing} begins when the source is loaded; here periods begin at civil midnights"
                self.report.decided(line.place, message)
            return _PERIODS[line.timing]
        if line.timing not in self.offers.timings:
            raise ValueError(f"timing {line.timing} is missing or cannot be expressed")
        return _period_of(self.offers.timings[line.timing])

    def _grant(self, row: ActionRow, period: str) -> Grant:
        for text, what in ((row.filters, "filters"), (row.categories, "categories"), (row.timings, "timings")):
            if text not in ("", ANY):
                raise ValueError(f"a balance with {what} ({text}) has no counterpart")
        if row.blocker == "true":
            raise ValueError("a balance that blocks those behind it has no counterpart")
        amount, terms = self._money(row) if row.type == MONEY else _units(row)
        valid, stays = self._kept(row, period)
        return Grant(
            row=row,
            period=period,
            amount=amount,
            table=terms | valid | {"period": period, "time_zone": self.zone},
            stays=stays,
            destinations=self._destinations(row),
            weight=decimal(row.weight or "0"),
        )

    def _destinations(self, row: ActionRow) -> tuple[str, ...]:
        names = tuple(name.strip() for name in row.destinations.split(";") if name.strip() not in ("", ANY))
        for name in names:
            if name not in self.offers.source.destinations:
                raise ValueError(f"there is no destination {name}")
            for text, place in self.offers.letters(name):
                self.report.lost(place, f"prefix {text!r} of {name} is no number: no balance is for it")
        return names

    def _money(self, row: ActionRow) -> tuple[Fraction, Table]:
        if row.subject:
            raise ValueError(f"a balance of money at the prices of {row.subject} has no counterpart")
        return decimal(row.units or "0"), {"currency": self.offers.currency}

    def _kept(self, row: ActionRow, period: str) -> tuple[Table, bool]:
        """The days for which what is granted once is there; whether what is left of a period stays."""
        hours = _HOURS.fullmatch(row.expiry)
        if period == "once" and hours and int(hours[1]) % 24 == 0:
            return {"valid_days": int(hours[1]) // 24}, False
        if period != "once" and (row.action == RESET or _EXPIRIES.get(row.expiry) == period):
            if row.expiry not in (*_NEVER, *_EXPIRIES):
                raise ValueError(f"a balance of each {period} that ends at {row.expiry} has no counterpart")
            return {}, False
        if row.expiry not in _NEVER:
            raise ValueError(f"a balance that ends at {row.expiry} has no counterpart")
        if period == "once":
            return {}, False
        self.report.lost(row.place, f"what is left stays for {ROLLOVERS_MAX} more periods, not for ever")
        return {}, True

    def _report_resets(self, grants: list[Grant]) -> None:
        """Report grants that reset a balance that another one of the plan grants too."""
        known: dict[tuple[str, str], Grant] = {}
        for grant in grants:
            key = (grant.row.type, grant.row.balance)
            other = known.setdefault(key, grant)
            if other is not grant and grant.row.balance and RESET in (grant.row.action, other.row.action):
                line = other.row.place.line
                self.report.lost(grant.row.place, f"{grant.row.balance} is granted in line {line}, too: both stay")


def _period_of(timing: Timing) -> str:
    """The period that begins when ``timing`` does."""
    if timing.start_min == 0 and timing.end_min == DAY_MIN:
        plain = replace(timing, id="", month_days=frozenset(), weekdays=frozenset())
        days = (sorted(timing.month_days), sorted(timing.weekdays))
        known = {((), ()): "day", ((1,), ()): "month", ((), (1,)): "week"}
        found = known.get((tuple(days[0]), tuple(days[1])))
        if found and plain == Timing(""):
            return found
    raise ValueError(f"timing {timing.id} begins at no midnight of every day, Monday or first of a month")


def _units(row: ActionRow) -> tuple[Fraction, Table]:
    """A balance of units, free for who has it."""
    if row.type not in _UNITS:
        raise ValueError(f"a balance of {row.type or 'no type'} has no counterpart")
    service, unit = _UNITS[row.type]
    amount = duration_s(row.units) if unit == "s" else decimal(row.units or "0")
    increment = Fraction(1)
    if row.subject.startswith("*zero"):
        step = row.subject.removeprefix("*zero")
        increment = duration_s(step) if unit == "s" else decimal(step)
    elif row.subject:
        raise ValueError(f"a balance at the prices of {row.subject} has no counterpart")
    if amount.denominator != 1 or increment.denominator != 1 or not increment:
        raise ValueError(f"{row.units} in steps of {increment} are no whole units")
    return amount, {"unit": unit, "service": service, "increment": int(increment)}
