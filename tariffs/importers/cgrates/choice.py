"""Which offer prices a number at a time: CGRateS's choice, made once for every prefix and part of the week.

Enters: the offers of a chain of plans (a plan, then those of its fallback subjects). Leaves: for each prefix the
offer in each set of timings in force. Always holds: a longer number is priced as its longest prefix here is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from tariffs.importers.cgrates.offers import Offer, Offers, Prefix
from tariffs.importers.cgrates.rows import ANY
from tariffs.importers.cgrates.timings import InForce, Timing

Chosen = tuple[Offer | None, ...]
"""The offer in each part of the week, in the order of ``Choice.parts``."""


@dataclass
class Choice:
    """The choice within ``chain``, a list of plan ids: the first that has a price in force gives it."""

    offers: Offers
    chain: tuple[str, ...]
    parts: list[InForce] = field(default_factory=list)
    best: dict[tuple[str, str, InForce], Offer | None] = field(default_factory=dict)

    @property
    def timings(self) -> set[Timing]:
        """Every timing that a line of the chain has."""
        return {offer.timing for offer in self._all()}

    @property
    def anywhere(self) -> Chosen:
        """The choice for a number with no prefix."""
        return self._chosen(Prefix("", local=False))

    def prefixes(self) -> dict[Prefix, Chosen]:
        """The choice for each prefix of the chain that is priced otherwise than the number without its last digits."""
        used = {offer.destination for offer in self._all()}
        known = sorted(
            (prefix for prefix, holders in self.offers.holders.items() if used.intersection(holders)),
            key=lambda prefix: (len(prefix.digits), prefix.digits, prefix.local),
        )
        found = {prefix: self._chosen(prefix) for prefix in known}
        nobody = self.anywhere
        return {
            prefix: chosen
            for prefix, chosen in found.items()
            if chosen != next((found[short] for short in _shorter(prefix) if short in found), nobody)
        }

    def _all(self) -> Iterator[Offer]:
        for plan in self.chain:
            for offers in self.offers.plans[plan].values():
                yield from offers

    def _chosen(self, prefix: Prefix) -> Chosen:
        levels = [self.offers.holders.get(each, []) for each in (prefix, *_shorter(prefix))]
        return tuple(self._at([each for each in levels if each], part) for part in self.parts)

    def _at(self, levels: list[list[str]], part: InForce) -> Offer | None:
        """The longest prefix that has a destination in force, then ``*any``; then the same in the next plan."""
        for plan in self.chain:
            for destinations in (*levels, [ANY]):
                if offer := self._heaviest(plan, destinations, part):
                    return offer
        return None

    def _heaviest(self, plan: str, destinations: list[str], part: InForce) -> Offer | None:
        """Of the destinations that have an offer in force, that with the heaviest line of all; the first of equals."""
        found = [offer for name in destinations if (offer := self._in_force(plan, name, part))]
        return self._first(found, lambda each: max(one.weight for one in self.offers.plans[plan][each.destination]))

    def _in_force(self, plan: str, destination: str, part: InForce) -> Offer | None:
        """The destination's heaviest line in force, then the one that began latest; the first of equals."""
        key = (plan, destination, part)
        if key not in self.best:
            offers = [each for each in self.offers.plans[plan].get(destination, []) if each.timing.id in part]
            self.best[key] = self._first(offers, lambda each: (each.weight, each.timing.start_min))
        return self.best[key]

    def _first(self, offers: list[Offer], order: Callable[[Offer], Fraction | tuple[Fraction, int]]) -> Offer | None:
        """The highest of ``offers``; of equals the first in the files, which is reported where they differ in rate."""
        if len(offers) < 2:
            return offers[0] if offers else None
        highest = max(map(order, offers))
        equal = [offer for offer in offers if order(offer) == highest]
        for other in equal[1:]:
            if other.rate != equal[0].rate:
                message = f"of {equal[0].destination} and {other.destination}, equal in weight, the first is taken"
                self.offers.report.decided(other.place, f"{message}: that of line {equal[0].place.line}")
        return equal[0]


def _shorter(prefix: Prefix) -> Iterator[Prefix]:
    for length in range(len(prefix.digits) - 1, 0, -1):
        yield Prefix(prefix.digits[:length], prefix.local)
