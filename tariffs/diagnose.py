"""Everything that is wrong with a tariff folder, and everything that looks wrong.

Enters: a folder. Leaves: its tariff, its catalogue if it has one, and all problems, sorted by place. Always
holds: one fault does not hide another: rules that name nothing real are set aside, and the rest is judged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from tariffs.catalogue import Catalogue
from tariffs.compare import compare
from tariffs.compile import compile_tariff
from tariffs.lints import lints
from tariffs.lints.jumps import jumps
from tariffs.load import load
from tariffs.model import Calendar, Place, Plan, Problem, Rate, Step, Tariff


@dataclass(frozen=True)
class Diagnosis:
    """A tariff folder judged; without a catalogue it cannot be used."""

    tariff: Tariff
    catalogue: Catalogue | None
    problems: list[Problem]

    @property
    def errors(self) -> list[Problem]:
        """The problems that keep the tariff from being used."""
        return [problem for problem in self.problems if problem.fatal]


def diagnose(
    folder: Path, instant: int, against: Catalogue | None = None, jump_percent: Decimal = Decimal(25)
) -> Diagnosis:
    """Load, check, compile and lint ``folder``; ``against`` is what is in force, to find jumps from."""
    tariff, problems = load(folder)
    catalogue, found = compile_tariff(tariff)
    problems += found
    if catalogue is None:
        problems += [each for each in compile_tariff(_sound(tariff, found))[1] if each.fatal]
    else:
        problems += lints(tariff, catalogue, instant)
        if against is not None:
            problems += jumps(tariff, compare(against, catalogue, instant), jump_percent, instant)
    unloadable = any(problem.fatal for problem in problems)
    return Diagnosis(tariff, None if unloadable else catalogue, sorted(set(problems)))


def _sound(tariff: Tariff, problems: Iterable[Problem]) -> Tariff:
    """``tariff`` without the rules, and with harmless calendars and rates, for those that ``problems`` are about."""
    places = {problem.place for problem in problems}
    return replace(
        tariff,
        calendars={name: _calm(calendar, places) for name, calendar in tariff.calendars.items()},
        rates={name: _simple(rate, places) for name, rate in tariff.rates.items()},
        plans={
            name: _ruled(plan, places)
            for name, plan in tariff.plans.items()
            if plan.calendar == "" or plan.calendar in tariff.calendars
        },
    )


def _calm(calendar: Calendar, places: set[Place]) -> Calendar:
    if calendar.place not in places:
        return calendar
    return replace(calendar, bands=tuple((name, ()) for name, _ in calendar.bands))


def _simple(rate: Rate, places: set[Place]) -> Rate:
    return replace(rate, steps=(Step(0, 0, 1, 1),)) if rate.place in places else rate


def _ruled(plan: Plan, places: set[Place]) -> Plan:
    versions = (
        replace(version, rules=tuple(rule for rule in version.rules if rule.place not in places))
        for version in plan.versions
    )
    return replace(plan, versions=tuple(versions))
