"""Taxes: from TOML tables to rows of exact fractions.

Enters: ``[tax.ID]`` tables; the plans that name them. Leaves: ``Tax``es, and the rows of a catalogue's
``taxes``. Always holds: a tax inclusive in prices and the same tax added to them are two rows; each is the
price times a reduced fraction of two ints whose product is below 2^62.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import gcd

import numpy as np

from tariffs import values
from tariffs.catalogue import NONE, TAX_COLUMNS, Ints
from tariffs.model import MODES, NO_TAX, Plan, Rule, Tax
from tariffs.rates import rounding
from tariffs.source import Table

_HUNDRED = 100 * 10**4


def tax(table: Table) -> Tax:
    """The tax that ``table`` describes."""
    table.required("percent")
    percent = table.get("percent", 0, str, 'a percentage as a string such as "20"', values.percent)
    return Tax(str(table.path[-1]), percent, rounding(table.table("rounding")))


@dataclass
class TaxRows:
    """The taxes that plans apply, numbered as they are met."""

    taxes: dict[str, Tax]
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def number(self, plan: Plan, rule: Rule) -> int:
        """The row of the tax on what ``rule`` of ``plan`` prices; NONE for no tax."""
        name = rule.tax or plan.tax
        if name in ("", NO_TAX) or name not in self.taxes:
            return NONE
        return self.numbers.setdefault((name, plan.tax_mode), len(self.numbers))

    def rows(self) -> Ints:
        """The catalogue's ``taxes``."""
        return np.array([self._row(*key) for key in self.numbers], np.int64).reshape(-1, TAX_COLUMNS)

    def names(self) -> list[str]:
        """The tax of each row."""
        return [name for name, _ in self.numbers]

    def _row(self, name: str, mode: str) -> list[int]:
        made = self.taxes[name]
        inclusive = mode == "inclusive"
        per = _HUNDRED + made.percent if inclusive else _HUNDRED
        common = gcd(made.percent, per)
        shown = made.rounding
        return [made.percent // common, per // common, shown.unit, MODES.index(shown.mode), int(inclusive), 0, 0, 0]
