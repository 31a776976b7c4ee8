"""What the lines of a rating plan offer: a destination, a rate, a timing and a weight each.

Enters: a ``Source``. Leaves: ``Offer``s by plan, the rates that they name, the prefixes of destinations. Always
holds: a line of which any part is missing or cannot be expressed gives a finding instead of an offer.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from tariffs.importers.cgrates.rates import Priced, priced
from tariffs.importers.cgrates.rows import ANY, DestinationRateRow, PlanRow, Source
from tariffs.importers.cgrates.timings import ALWAYS, Timing, read_timing
from tariffs.importers.exact import decimal
from tariffs.importers.report import Report
from tariffs.model import Place

_PREFIX: Final = re.compile(r"\+?\d{1,18}")


@dataclass(frozen=True, slots=True)
class Prefix:
    """Digits looked up among local numbers, or among E.164 ones."""

    digits: str
    local: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """One line of a plan for one destination; ``rate`` is an id of the folder."""

    plan: str
    destination: str
    rate: str
    services: tuple[str, ...]
    free: bool
    timing: Timing
    weight: Fraction
    place: Place


@dataclass
class Offers:
    """All offers of a source: by plan and destination, in the order of the files."""

    source: Source
    currency: str
    report: Report
    rates: dict[str, dict[str, object]] = field(default_factory=dict)
    plans: dict[str, dict[str, list[Offer]]] = field(default_factory=dict)
    holders: dict[Prefix, list[str]] = field(default_factory=lambda: defaultdict(list))
    timings: dict[str, Timing] = field(default_factory=lambda: {ANY: ALWAYS})

    def __post_init__(self) -> None:
        """Read prefixes and timings, then every plan."""
        self._prefixes()
        self._timings()
        for name, rows in self.source.plans.items():
            found: dict[str, list[Offer]] = defaultdict(list)
            for row in rows:
                for offer in self._offers(row):
                    found[offer.destination].append(offer)
            self.plans[name] = dict(found)

    def report_unused(self, granted: Iterable[str]) -> None:
        """Report the rows that no line of a plan leads to, but for destinations of balances that are ``granted``."""
        source = self.source
        lines = [row for rows in source.plans.values() for row in rows]
        used = {row.destination_rates for row in lines}
        rates = [row for name in used for row in source.destination_rates.get(name, [])]
        reached = (
            (source.timings, {row.timing for row in lines}),
            (source.destination_rates, used),
            (source.rates, {row.rate for row in rates}),
        )
        for table, names in reached:
            for name in table.keys() - names:
                self.report.decided(table[name][0].place, f"{name} is used by no rating plan: not imported")
        for name in source.destinations.keys() - {row.destination for row in rates} - set(granted):
            place = source.destinations[name][0][1]
            self.report.decided(place, f"{name} is used by no rating plan: not imported")

    def letters(self, destination: str) -> list[tuple[str, Place]]:
        """The prefixes of a destination that are no numbers."""
        return [each for each in self.source.destinations.get(destination, []) if not _PREFIX.fullmatch(each[0])]

    def _prefixes(self) -> None:
        """Which destinations hold a prefix; one without + stands for local numbers and for E.164 ones."""
        for name, prefixes in self.source.destinations.items():
            digits = dict.fromkeys(text for text, _ in prefixes if _PREFIX.fullmatch(text))
            for text in digits:
                for local in (False,) if text.startswith("+") else (False, True):
                    holders = self.holders[Prefix(text.removeprefix("+"), local)]
                    if name not in holders:
                        holders.append(name)

    def _timings(self) -> None:
        for name, rows in self.source.timings.items():
            for row in rows[1:]:
                self.report.lost(row.place, f"timing {name} is defined already in line {rows[0].place.line}")
            try:
                self.timings[name] = read_timing(rows[0])
            except ValueError as error:
                self.report.decided(rows[0].place, f"timing {name} cannot be expressed: {error}")
            else:
                if ";" in rows[0].time:
                    self.report.decided(rows[0].place, f"timing {name} ends at its end time, not at midnight")

    def _offers(self, row: PlanRow) -> Iterator[Offer]:
        rates = self.source.destination_rates.get(row.destination_rates, [])
        try:
            timing, weight = self._terms(row)
        except ValueError as error:
            self.report.lost(row.place, f"{error}: the line is left out")
            return
        for rate in rates:
            try:
                name, made = self._rate(rate)
            except ValueError as error:
                self.report.lost(rate.place, f"{error}: plan {row.id} leaves {rate.destination} out")
                continue
            yield Offer(row.id, rate.destination, name, made.services, made.free, timing, weight, row.place)

    def _terms(self, row: PlanRow) -> tuple[Timing, Fraction]:
        if row.timing not in self.timings:
            raise ValueError(f"timing {row.timing} is missing or cannot be expressed")
        if row.destination_rates not in self.source.destination_rates:
            raise ValueError(f"there is no destination rate {row.destination_rates}")
        return self.timings[row.timing], decimal(row.weight or "0")

    def _rate(self, row: DestinationRateRow) -> tuple[str, Priced]:
        """The rate of ``row`` and its id: that of the source, numbered where its terms differ by destination."""
        if row.destination != ANY and row.destination not in self.source.destinations:
            raise ValueError(f"there is no destination {row.destination}")
        if not self.source.rates.get(row.rate):
            raise ValueError(f"there is no rate {row.rate}")
        made = priced(self.source.rates[row.rate], row, self.currency, self.report)
        name, number = row.rate, 1
        while self.rates.setdefault(name, made.table) != made.table:
            number += 1
            name = f"{row.rate}-{number}"
        return name, made
