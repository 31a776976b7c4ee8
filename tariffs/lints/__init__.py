"""Lints: what a tariff may say, but hardly can mean.

Enters: a tariff, its catalogue, an instant. Leaves: problems of class lint, each with a code
(docs/tariff-tools.md), file and line. Always holds: a lint never keeps a tariff from being used.
"""

from __future__ import annotations

from tariffs.catalogue import Catalogue
from tariffs.lints.currencies import currency_mix
from tariffs.lints.losses import losses
from tariffs.lints.periods import deck_gaps, version_gaps
from tariffs.lints.prefixes import covered, redundant, shadowed
from tariffs.lints.rules import unreachable_rules, unused
from tariffs.lints.steps import unreachable_steps
from tariffs.model import Problem, Tariff


def lints(tariff: Tariff, catalogue: Catalogue, instant: int) -> list[Problem]:
    """Every lint of ``tariff``; prices are compared as they are in force at ``instant`` (UTC microseconds)."""
    return [
        *version_gaps(tariff),
        *deck_gaps(tariff),
        *unreachable_rules(tariff, catalogue),
        *unreachable_steps(tariff),
        *unused(tariff),
        *covered(tariff),
        *redundant(tariff),
        *shadowed(tariff, catalogue),
        *currency_mix(tariff),
        *losses(tariff, catalogue, instant),
    ]
