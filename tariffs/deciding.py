"""Which rule wins for every destination and band, among the rules that match a service and a direction.

Enters: rules of a plan version. Leaves: the winners, what has none, and problems (equally specific rules). Always
holds: a rule that names a destination is looked at for that destination alone, so the work grows with the rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tariffs.model import Plan, Problem, Rule

ANYWHERE: Final = ("", "")
"""The destination of numbers that no prefix matches."""

Source = tuple[str, str]
"""A destination source of a cell: ("zone", id), ("deck", id) or ANYWHERE."""


@dataclass(frozen=True, slots=True)
class Win:
    """``rule`` wins for the source of that number in ``band``; an empty band: in all of them."""

    source: int
    band: str
    rule: Rule


@dataclass
class Decision:
    """The winners by source (numbered as in ``sources``) and band, and the bands in which a source has none."""

    sources: tuple[Source, ...]
    wins: list[Win] = field(default_factory=list)
    missing: list[tuple[int, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def matching(rules: tuple[Rule, ...], service: str, direction: str) -> tuple[Rule, ...]:
    """The rules that match a service and a direction; an empty name is one that no rule names."""
    return tuple(
        rule
        for rule in rules
        if (not rule.service or service in rule.service) and (not rule.direction or direction in rule.direction)
    )


def of_call(rules: tuple[Rule, ...], origin: str, call_class: str) -> tuple[Rule, ...]:
    """The rules that match an origin zone (empty: none) and a call class."""
    return tuple(
        rule
        for rule in rules
        if (not rule.origin or origin in rule.origin) and (not rule.call_class or call_class in rule.call_class)
    )


def decide(plan: Plan, rules: tuple[Rule, ...], bands: tuple[str, ...]) -> Decision:
    """Who wins among ``rules`` for each source that they name, and ANYWHERE, in each of ``bands``."""
    naming, everywhere = _by_source(rules)
    decision = Decision((*naming, ANYWHERE))
    for number, source in enumerate(decision.sources):
        candidates = [*naming.get(source, ()), *everywhere]
        winners = {band: _winner(plan, candidates, band, decision.problems) for band in bands}
        decision.wins += [Win(number, band, rule) for rule, band in _grouped(winners)]
        if source != ANYWHERE:
            decision.missing += [(number, band) for band, rule in winners.items() if rule is None]
    return decision


def _by_source(rules: tuple[Rule, ...]) -> tuple[dict[Source, list[Rule]], list[Rule]]:
    """The rules that name each source, zones before decks, and those that name none."""
    zones: dict[Source, list[Rule]] = defaultdict(list)
    decks: dict[Source, list[Rule]] = defaultdict(list)
    for rule in rules:
        for zone in dict.fromkeys(rule.zone):
            zones["zone", zone].append(rule)
        if rule.deck:
            decks["deck", rule.deck].append(rule)
    return zones | decks, [rule for rule in rules if not (rule.zone or rule.deck)]


def _winner(plan: Plan, candidates: list[Rule], band: str, problems: list[Problem]) -> Rule | None:
    found = [rule for rule in candidates if not rule.band or band in rule.band]
    ranked = sorted(found, key=lambda rule: specificity(rule, plan.match), reverse=True)
    if len(ranked) > 1 and specificity(ranked[0], plan.match) == specificity(ranked[1], plan.match):
        first, second = sorted((ranked[0], ranked[1]), key=lambda rule: rule.place)
        where = f"{first.place.file}:{first.place.line}"
        problems.append(Problem(second.place, f"plan.{plan.id}.rule", f"as specific as the rule in {where}"))
    return ranked[0] if ranked else None


def specificity(rule: Rule, match: tuple[str, ...]) -> tuple[bool, ...]:
    """Which columns the rule names, in the plan's order; a deck names the zone."""
    return tuple(rule.names(column) for column in match)


def _grouped(winners: dict[str, Rule | None]) -> Iterator[tuple[Rule, str]]:
    """Each winning rule with its bands; an empty band where one rule wins in all of them."""
    if len(set(map(id, winners.values()))) == 1:
        (rule, *_) = winners.values()
        if rule is not None:
            yield rule, ""
        return
    for band, rule in winners.items():
        if rule is not None:
            yield rule, band


def describe(rule: Rule) -> str:
    """A rule in words, without its place: ``service=voice zone=uk-mobile -> rate mobile``."""
    columns = (
        ("service", rule.service),
        ("direction", rule.direction),
        ("origin", rule.origin),
        ("zone", rule.zone),
        ("class", rule.call_class),
        ("band", rule.band),
    )
    told = [f"{column}={','.join(values)}" for column, values in columns if values]
    target = f"rate {rule.rate}" if rule.rate else f"deck {rule.deck}"
    return f"{' '.join(told) or 'everything'} -> {target}"
