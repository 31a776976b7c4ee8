"""Plans of the folder: a chain of rating plans as zones, a calendar and rules.

Enters: ``Offers`` and chains of plan ids. Leaves: the tables ``[zone]``, ``[calendar]`` and ``[plan]``. Always
holds: each prefix of a plan is in one zone of it, and what prices it in each band is written out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from tariffs.importers.cgrates.choice import Choice, Chosen
from tariffs.importers.cgrates.offers import Offer, Offers, Prefix
from tariffs.importers.cgrates.rows import ANY
from tariffs.importers.cgrates.timings import calendar, days
from tariffs.model import ANY_BAND

Table = dict[str, object]

MATCH: Final = ["zone", "band", "service", "direction"]
"""A destination goes before all: a rule for any number never beats one for the number's zone."""


def plan_id(chain: Sequence[str]) -> str:
    """The id of the plan that a chain makes: the ids of its rating plans, joined."""
    return "+".join(chain)


@dataclass
class Plans:
    """Plans in the making; a chain of which nothing can be priced makes none."""

    offers: Offers
    zone: str
    zones: dict[str, Table] = field(default_factory=dict)
    calendars: dict[str, Table] = field(default_factory=dict)
    plans: dict[str, Table] = field(default_factory=dict)

    def add(self, chain: tuple[str, ...]) -> None:
        """Write the plan of ``chain``."""
        choice = Choice(self.offers, chain)
        found = days(choice.timings)
        choice.parts = list(dict.fromkeys(part for line in found.lines for _, _, part in line))
        groups: dict[Chosen, list[Prefix]] = defaultdict(list)
        for prefix, chosen in choice.prefixes().items():
            groups[chosen].append(prefix)
        anywhere = choice.anywhere
        bands = _bands([*groups, anywhere])
        rules: list[Table] = []
        for chosen, prefixes in groups.items():
            self._explain(chosen, bands, prefixes)
            rules += _rules({"zone": self._zone(chosen, prefixes)}, chosen, bands)
        rules += _rules({}, anywhere, bands)
        self._report_letters(choice, anywhere)
        if not rules:
            return
        name = plan_id(chain)
        self.plans[name] = {"currency": self.offers.currency, "match": MATCH, "rule": rules}
        if len(set(bands)) > 1:
            table = calendar(found, dict(zip(choice.parts, bands, strict=True)).__getitem__, self.zone)
            shared = next((known for known, other in self.calendars.items() if other == table), name)
            self.calendars[shared] = table
            self.plans[name]["calendar"] = shared

    def _zone(self, chosen: Chosen, prefixes: list[Prefix]) -> str:
        """The zone of ``prefixes``: named by their destinations, numbered where the name is taken."""
        base = "+".join(dict.fromkeys(offer.destination for offer in chosen if offer and self._own(offer, prefixes)))
        table: Table = {
            "prefixes": sorted("+" + prefix.digits for prefix in prefixes if not prefix.local),
            "local": sorted(prefix.digits for prefix in prefixes if prefix.local),
        }
        name, number = base, 1
        while self.zones.setdefault(name, table) != table:
            number += 1
            name = f"{base}-{number}"
        return name

    def _own(self, offer: Offer, prefixes: list[Prefix]) -> bool:
        return any(offer.destination in self.offers.holders[prefix] for prefix in prefixes)

    def _explain(self, chosen: Chosen, bands: list[str], prefixes: list[Prefix]) -> None:
        """Report where others price these prefixes in bands that they have no timing for."""
        own = next(offer for offer in chosen if offer and self._own(offer, prefixes))
        shown = ", ".join(dict.fromkeys(prefix.digits for prefix in prefixes[:10]))
        report = self.offers.report
        others: dict[str, list[str]] = defaultdict(list)
        for band, offer in dict(zip(bands, chosen, strict=True)).items():
            if offer is None:
                others["its events are no_rate"].append(band)
            elif not self._own(offer, prefixes):
                others[f"{offer.destination} of {offer.plan} prices it there"].append(band)
        for how, within in others.items():
            place = f"in {', '.join(within)} of plan {own.plan}"
            report.decided(own.place, f"{own.destination} ({shown}) has no timing in force {place}: {how}")
        terms = {str(self.offers.rates[each.rate]["rounding"]) for each in chosen if each}
        if len(terms) > 1:
            report.decided(own.place, f"{own.destination} ({shown}) rounds a whole event as its first band does")

    def _report_letters(self, choice: Choice, anywhere: Chosen) -> None:
        """Report prefixes that are no digits: nothing priced is lost if they are free and nothing else prices them."""
        for plan in choice.chain:
            for destination, offers in self.offers.plans[plan].items():
                free = all(offer.free for offer in offers) and not any(anywhere)
                for text, place in self.offers.letters(destination):
                    message = f"prefix {text!r} of {destination} is no number: plan {plan} cannot price it"
                    if free and not text[:1].isdigit():
                        self.offers.report.decided(place, f"{message}; it is free there, here it is no_rate")
                    else:
                        self.offers.report.lost(place, message)


def _bands(found: list[Chosen]) -> list[str]:
    """The band of each part of the week: parts that are priced alike share one, named by the timings that win."""
    named: dict[Chosen, str] = {}
    for column in zip(*found, strict=True):
        if column in named:
            continue
        winners = dict.fromkeys(offer.timing.id for offer in column if offer and offer.timing.id != ANY)
        base = "+".join(sorted(winners)) or ANY_BAND
        names = (base if number == 1 else f"{base}-{number}" for number in count(1))
        named[column] = next(name for name in names if name not in named.values())
    return [named[column] for column in zip(*found, strict=True)]


def _rules(where: Table, chosen: Chosen, bands: list[str]) -> list[Table]:
    """A rule for each offer's rate, with the bands in which it applies unless it applies in all."""
    by_rate: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for band, offer in dict(zip(bands, chosen, strict=True)).items():
        if offer:
            by_rate[offer.rate, offer.services].append(band)
    rules = []
    for (rate, services), within in by_rate.items():
        rule: Table = dict(where)
        if len(within) < len(set(bands)):
            rule["band"] = within
        if services:
            rule["service"] = list(services)
        rules.append(rule | {"rate": rate})
    return rules
