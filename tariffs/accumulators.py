"""Accumulators: running totals for a period, that tiers of rates and spend caps look at.

Enters: ``[accumulator.ID]`` tables; a loaded tariff. Leaves: ``Accumulator``s; the problems of a tariff's
accumulators and of the rates that count over them. Always holds: a rate's tiers count units, of the plans that it
prices.
"""

from __future__ import annotations

from collections.abc import Iterator

from tariffs.allowances import COUNT_MAX, money_above_zero, scope, scope_problems, zone_names
from tariffs.model import Accumulator, Place, Plan, Problem, Rate, Tariff
from tariffs.source import Table


def accumulator(table: Table) -> Accumulator:
    """The accumulator that ``table`` describes."""
    said = scope(table)
    cap = money_above_zero(table, "cap", 0) if "cap" in table.content else None
    table.used.update(("cap", "count_free"))
    if cap is not None and not said["currency"]:
        table.problem("cap", "belongs to an accumulator of money")
    if said["currency"] and "count_free" in table.content:
        table.problem("count_free", "belongs to an accumulator of units")
    counts = table.flag("count_free") or "count_free" not in table.content
    return Accumulator(id=str(table.path[-1]), **said, count_free=counts, cap=cap, place=table.place)


def accumulator_problems(tariff: Tariff) -> Iterator[Problem]:
    """Names that do not exist or stand for two things, and tiers that cannot be counted."""
    zones = zone_names(tariff) if tariff.accumulators else frozenset()
    for made in tariff.accumulators.values():
        yield from scope_problems(tariff, made, f"accumulator.{made.id}", zones)
        if made.id in tariff.allowances:
            yield Problem(made.place, f"accumulator.{made.id}", "is the id of an allowance already")
    if len(tariff.allowances) + len(tariff.accumulators) > COUNT_MAX:
        yield Problem(Place(), "allowance", f"expected at most {COUNT_MAX} allowances and accumulators")
    for rate in tariff.rates.values():
        if rate.accumulator:
            yield from _tier_problems(tariff, rate)
    for plan in tariff.plans.values():
        yield from _uncounted(tariff, plan)


def _tier_problems(tariff: Tariff, rate: Rate) -> Iterator[Problem]:
    counted = tariff.accumulators.get(rate.accumulator)
    if counted is None:
        message = f"there is no accumulator {rate.accumulator}"
        yield Problem(rate.place, f"rate.{rate.id}.accumulator", message)
    elif counted.currency:
        yield Problem(rate.place, f"rate.{rate.id}.accumulator", f"{counted.id} counts money, steps count units")


def _uncounted(tariff: Tariff, plan: Plan) -> Iterator[Problem]:
    """Rules whose rate counts over what does not count the plan's usage."""
    rules = [
        (rule, tariff.rates[rule.rate]) for each in plan.versions for rule in each.rules if rule.rate in tariff.rates
    ]
    for rule, rate in rules:
        counted = tariff.accumulators.get(rate.accumulator)
        if counted and plan.id not in counted.plans:
            message = f"rate {rate.id} counts over {counted.id}, which does not count plan {plan.id}"
            yield Problem(rule.place, f"plan.{plan.id}.rule.rate", message)
