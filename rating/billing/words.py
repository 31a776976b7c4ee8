"""The words and formats of an invoice in a customer's language.

Enters: a language, the texts of the run's settings. Leaves: words, dates, money, quantities as text. Always holds:
money is formatted from exact decimals with all its digits; a text that no table has is shown as it is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

_MIB: Final = 1 << 20


@cache
def _shipped() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(files("rating.billing").joinpath("texts.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language by key."""

    texts: Mapping[str, str]

    @property
    def locale(self) -> str:
        """The locale of formats."""
        return self.texts["locale"]

    def __call__(self, key: str, default: str = "", **parts: str) -> str:
        """The text of ``key`` with its ``parts``; ``default``, or the key itself, where no table has it."""
        known = self.texts.get(key)
        if known is None:
            return default or key
        for name, part in parts.items():
            known = known.replace(f"{{{name}}}", part)
        return known

    def day(self, value: date) -> str:
        """A date."""
        return format_date(value, "medium", self.locale)

    def money(self, amount: Decimal, currency: str) -> str:
        """An amount with its currency, at least in minor units, with every digit that it has."""
        return format_currency(_plain(amount), currency, locale=self.locale, decimal_quantization=False)

    def count(self, number: int) -> str:
        """A whole number."""
        return format_decimal(number, locale=self.locale)

    def quantity(self, used: int, unit: str) -> str:
        """Seconds as hours, minutes, seconds; bytes as MiB with one decimal, rounded up; of events nothing."""
        if unit == "s":
            minutes, seconds = divmod(abs(used), 60)
            sign = "-" if used < 0 else ""
            return f"{sign}{minutes // 60}:{minutes % 60:02}:{seconds:02}"
        if unit == "byte":
            return f"{format_decimal(Decimal(-(-used * 10 // _MIB)).scaleb(-1), locale=self.locale)} MiB"
        return ""

    def category(self, line: Mapping[str, Any]) -> str:
        """What a line of usage is called: its service, and the way if it has a name for that."""
        way = f"{line['category']}.{line['direction']}"
        return self(way, self(line["category"]))


def _plain(amount: Decimal) -> Decimal:
    """``amount`` without the zeros at its end."""
    return amount.normalize() if amount else Decimal(0)


def words(language: str, overrides: Mapping[str, Mapping[str, str]]) -> Words:
    """The words of ``language``, one of those shipped, with what ``overrides`` say otherwise."""
    return Words({**_shipped()[language], **overrides.get(language, {})})
