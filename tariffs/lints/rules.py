"""Rules that no event can meet, and definitions that no rule names.

Enters: a tariff and its catalogue. Leaves: lints of codes ``unreachable`` and ``unused``. Always holds: a rule
is reachable exactly if the compiled plan version has an item that it made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from tariffs.catalogue import Catalogue
from tariffs.deciding import describe
from tariffs.model import Accumulator, Allowance, Calendar, CallClass, Deck, Problem, Rate, Tariff, Zone
from tariffs.pricelist import cells, prices


def unreachable_rules(tariff: Tariff, catalogue: Catalogue) -> Iterator[Problem]:
    """Rules that lose to more specific ones everywhere, or whose zones and decks are empty."""
    scopes = cells(catalogue).select("plan", "version_from", "cell").unique()
    met = scopes.join(prices(catalogue, scopes["cell"].unique()).select("cell", "rule").unique(), on="cell")
    winning = set(met.select("plan", "version_from", "rule").iter_rows())
    for plan in tariff.plans.values():
        for version in plan.versions:
            for rule in version.rules:
                if (plan.id, version.valid_from, describe(rule)) not in winning:
                    message = f"never applies, other rules are more specific everywhere: {describe(rule)}"
                    yield Problem(rule.place, f"plan.{plan.id}.rule", message, lint=True, code="unreachable")


def unused(tariff: Tariff) -> Iterator[Problem]:
    """Zones, decks, rates and calendars that no plan names, classes that nothing beside it does either."""
    rules = [rule for plan in tariff.plans.values() for version in plan.versions for rule in version.rules]
    drawing: list[Allowance | Accumulator] = [*tariff.allowances.values(), *tariff.accumulators.values()]
    classes = {name for each in rules for name in each.call_class} | {n for each in drawing for n in each.call_class}
    named: dict[str, tuple[Mapping[str, Zone | CallClass | Deck | Rate | Calendar], set[str]]] = {
        "zone": (tariff.zones, {zone for rule in rules for zone in (*rule.zone, *rule.origin)}),
        "class": (tariff.classes, classes),
        "deck": (tariff.decks, {rule.deck for rule in rules}),
        "rate": (tariff.rates, {rule.rate for rule in rules}),
        "calendar": (tariff.calendars, {plan.calendar for plan in tariff.plans.values()}),
    }
    for kind, (known, used) in named.items():
        for name, defined in known.items():
            if name not in used:
                yield Problem(defined.place, f"{kind}.{name}", "no plan names it", lint=True, code="unused")


def rows_of(catalogue: Catalogue, plan: str) -> pl.DataFrame:
    """Every price that any version of ``plan`` has."""
    return prices(catalogue, cells(catalogue).filter(pl.col("plan") == plan)["cell"].unique().sort())
