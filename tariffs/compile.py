"""A tariff as a catalogue: names become codes, rules are decided, prefixes become ranges.

Enters: a ``Tariff``. Leaves: the ``Catalogue`` and every problem. Always holds: with a problem that is not
lint there is no catalogue; the same tariff gives the same catalogue, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import lcm
from typing import Final

import numpy as np
import polars as pl

from tariffs import catalogue as layout
from tariffs.allowance_tables import allowance_tables
from tariffs.catalogue import NONE, Catalogue, Ints, names
from tariffs.cells import ITEM_SCHEMA, Items, Numbering, cell_items, matrix
from tariffs.check import EXACT_MAX, calendar_of, check, reduced
from tariffs.classes import member_table
from tariffs.conversions import Bills
from tariffs.deciding import describe, matching, of_call
from tariffs.guiding import guiding
from tariffs.model import (
    ANY_BAND,
    DIRECTIONS,
    OTHER_CLASS,
    SERVICES,
    Calendar,
    Plan,
    Problem,
    Rate,
    Rule,
    Tariff,
)
from tariffs.prefixes import PrefixSets
from tariffs.tables import calendar_tables, integers, rate_tables
from tariffs.taxes import TaxRows
from tariffs.text import text_table
from tariffs.variants import class_items, origin_items, origins, varies

_ITEM_COLUMNS: Final = ["valid_from", "valid_to", "band", "zone", "name", "rate", "rule", "tax"]


def compile_tariff(tariff: Tariff) -> tuple[Catalogue | None, list[Problem]]:
    """Compile ``tariff``; None where it has a problem that is not lint."""
    problems = check(tariff)
    if problems:
        return None, sorted(problems)
    build = _Build(tariff)
    made = build.catalogue()
    found = sorted(set(build.problems))
    return (None if any(problem.fatal for problem in found) else made), found


@dataclass
class _Build:
    """A catalogue in the making: tables that grow while plans are compiled."""

    tariff: Tariff
    problems: list[Problem] = field(default_factory=list)
    rates: list[Rate] = field(default_factory=list)
    rules: dict[str, int] = field(default_factory=dict)
    taxes: TaxRows = field(init=False)
    bills: Bills = field(init=False)
    variants: list[int] = field(default_factory=list)
    cells: list[list[int]] = field(default_factory=list)
    known: dict[tuple[object, ...], int] = field(default_factory=dict)
    items: list[pl.DataFrame] = field(default_factory=list)
    prefixes: PrefixSets = field(default_factory=PrefixSets)
    item_count: int = 0

    def catalogue(self) -> Catalogue:
        tariff = self.tariff
        calendars = {"": Calendar(""), **tariff.calendars}
        bands = list(dict.fromkeys([ANY_BAND, *(b for c in calendars.values() for b in c.band_names)]))
        billed = {plan.bill_currency for plan in tariff.plans.values() if plan.bill_currency}
        currencies = sorted(billed | {plan.currency for plan in tariff.plans.values()})
        self.taxes = TaxRows(tariff.taxes)
        self.bills = Bills(tariff.conversions, {name: code for code, name in enumerate(currencies)})
        numbering = self._numbering(bands)
        versions: list[list[int]] = []
        selector: list[list[list[int]]] = []
        ends = [0]
        for number, plan in enumerate(tariff.plans.values()):
            context = [list(calendars).index(plan.calendar), currencies.index(plan.currency), self.bills.number(plan)]
            for version in plan.versions:
                versions.append([version.valid_from, version.valid_to, number, 0])
                selector.append(self._selector(plan, version.rules, numbering, context))
            ends.append(len(versions))
        classes, guided = self._classes(), guiding(tariff)
        items, zones, prefixes = self._items()
        rates, steps = rate_tables(self.rates)
        bills, converted, dates, sources = self.bills.arrays()
        changes, index, instants, codes = calendar_tables(list(calendars.values()), bands)
        return Catalogue(
            items=items,
            rates=rates,
            steps=steps,
            taxes=self.taxes.rows(),
            bills=bills,
            conversions=converted,
            variants=np.array(self.variants, np.int32),
            classes=classes,
            cells=integers(self.cells, layout.CELL_COLUMNS),
            selector=np.array(selector, np.int32).reshape(len(versions), len(SERVICES) + 1, len(DIRECTIONS) + 1),
            versions=integers(versions, layout.VERSION_COLUMNS),
            plan_versions=np.array(ends, np.int32),
            calendar_changes=changes,
            band_index=index,
            instants=instants,
            bands=codes,
            service_names=names([*SERVICES]),
            direction_names=names([*DIRECTIONS]),
            band_names=names(bands),
            zone_names=names(zones),
            prefix_names=names(prefixes),
            rate_names=names([rate.id for rate in self.rates]),
            rule_names=names(list(self.rules)),
            plan_names=names(list(tariff.plans)),
            currency_names=names(currencies),
            class_names=names(list(tariff.classes)),
            tax_names=names(self.taxes.names()),
            date_names=names(dates),
            source_names=names(sources),
            **text_table(tariff),
            **self.prefixes.arrays(),
            **guided,
            **allowance_tables(tariff, self._known(zones, bands, currencies), guided["account_names"], self.rates),
            **member_table(list(tariff.classes.values()), guided["account_names"]),
        )

    def _known(self, zones: list[str], bands: list[str], currencies: list[str]) -> dict[str, dict[str, int]]:
        """The codes of names that allowances turn on."""
        told = {"plan": self.tariff.plans, "zone": zones, "class": self.tariff.classes, "band": bands}
        told["currency"] = currencies
        return {kind: {name: code for code, name in enumerate(names)} for kind, names in told.items()}

    def _numbering(self, bands: list[str]) -> Numbering:
        rates = {name: number for number, name in enumerate(self.tariff.rates)}
        self.rates = list(self.tariff.rates.values())
        decks = {}
        for name, deck in self.tariff.decks.items():
            decks[name] = len(self.rates)
            self.rates += deck.rates
        codes = {band: code for code, band in enumerate(bands)}
        return Numbering(
            codes, rates, decks, lambda rule: self.rules.setdefault(describe(rule), len(self.rules)), self.taxes.number
        )

    def _selector(
        self, plan: Plan, rules: tuple[Rule, ...], numbering: Numbering, context: list[int]
    ) -> list[list[int]]:
        """The cell of every service and direction, the last of each for names that no rule can match."""
        return [
            [
                self._cell(plan, matching(rules, service, direction), numbering, context)
                for direction in (*DIRECTIONS, "")
            ]
            for service in (*SERVICES, "")
        ]

    def _cell(self, plan: Plan, rules: tuple[Rule, ...], numbering: Numbering, context: list[int]) -> int:
        if not rules:
            return NONE
        if not varies(rules):
            return self._plain_cell(plan, rules, numbering, context)
        key = ("varying", rules, plan.match, plan.tax, plan.tax_mode, *context)
        if key not in self.known:
            zones, first = origins(rules), len(self.variants)
            classes = (OTHER_CLASS, *self.tariff.classes)
            self.variants += [
                self._plain_cell(plan, of_call(rules, zone, name), numbering, context)
                for zone in ("", *zones)
                for name in classes
            ]
            items, problems = origin_items(self.tariff, plan, rules, zones)
            self.problems += problems
            base = [0, 0, context[0], 0, 0, 1, *context[1:], *self._roots(items), first, 0, 0, 0, 0, 0]
            self.known[key] = len(self.cells)
            self.cells.append(base)
        return self.known[key]

    def _plain_cell(self, plan: Plan, rules: tuple[Rule, ...], numbering: Numbering, context: list[int]) -> int:
        if not rules:
            return NONE
        key = (rules, plan.match, plan.tax, plan.tax_mode, *context)
        if key not in self.known:
            bands = calendar_of(self.tariff, plan).band_names
            items, problems = cell_items(self.tariff, plan, rules, bands, numbering)
            self.problems += problems
            self.known[key] = len(self.cells)
            roots = self._roots(items.prefixes)
            first = self.item_count
            self._keep(items.anywhere)
            row = [*roots, context[0], first, self.item_count, self._denominator(plan, items), *context[1:]]
            self.cells.append([*row, 0, 0, NONE, 0, 0, 0, 0, 0])
        return self.known[key]

    def _roots(self, items: pl.DataFrame) -> list[int]:
        """The sets of E.164 and of local prefixes."""
        return [self._prefix_set(items.filter(pl.col("local") == local)) for local in (False, True)]

    def _classes(self) -> Ints:
        rows = []
        for each in self.tariff.classes.values():
            flags = [int(each.subscribed), int(each.same_account)]
            rows.append([*self._roots(class_items(each)), 0, 0, 0, *flags, 0])
        return integers(rows, layout.CLASS_COLUMNS)

    def _prefix_set(self, items: pl.DataFrame) -> int:
        if not items.height:
            return 0
        number = self.prefixes.add(items["prefix"].to_numpy().astype("S"), self.item_count)
        self._keep(items)
        return number

    def _keep(self, items: pl.DataFrame) -> None:
        self.items.append(items)
        self.item_count += items.height

    def _denominator(self, plan: Plan, items: Items) -> int:
        used = pl.concat([items.prefixes["rate"], items.anywhere["rate"]]).unique().to_list()
        pers = {reduced(step)[1] for number in used if number >= 0 for step in self.rates[number].steps}
        common = lcm(*pers)
        if common >= EXACT_MAX:
            message = "the units (per) of its rates have no common multiple below 2^62"
            self.problems.append(Problem(plan.place, f"plan.{plan.id}", message))
            return 1
        return common

    def _items(self) -> tuple[Ints, list[str], list[str]]:
        """All items as integers, and the names of their zones and prefixes."""
        every = pl.concat([pl.DataFrame(schema=ITEM_SCHEMA), *self.items])
        anywhere = pl.col("zone").eq("") & pl.col("prefix").eq("")
        plus = pl.when(pl.col("local") | anywhere).then(pl.lit("")).otherwise(pl.lit("+"))
        every = every.with_columns((plus + pl.col("prefix")).alias("name"))
        zones, prefixes = ([*every[column].unique(maintain_order=True)] for column in ("zone", "name"))
        coded = every.with_columns(_coded("zone", zones), _coded("name", prefixes))
        return matrix(coded, _ITEM_COLUMNS, layout.ITEM_COLUMNS), zones, prefixes


def _coded(column: str, known: list[str]) -> pl.Expr:
    return pl.col(column).replace_strict(known, range(len(known)), default=NONE, return_dtype=pl.Int64)
