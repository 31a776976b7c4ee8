"""Numbers of other systems as text of ours, exactly.

Enters: decimal text of a source. Leaves: fractions, and the decimal strings of a tariff folder; ValueError says
what was expected. Always holds: no binary float on the way; what has no exact form is refused, never rounded.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import lcm
from typing import Final

from tariffs.model import NANO

_DECIMAL: Final = re.compile(r"(?:0|[1-9]\d{0,11})?(?:\.\d{1,18})?")
_MONEY_MAX: Final = NANO * NANO
_UNITS_MAX: Final = 2**53


def decimal(text: str) -> Fraction:
    """A plain decimal number, never below zero; a leading zero (``015``) is taken for a typing error."""
    text = text.strip()
    if not text or text == "." or not _DECIMAL.fullmatch(text):
        raise ValueError(f"expected a decimal number such as 0.15, not {text!r}")
    return Fraction("0" + text if text.startswith(".") else text)


def money(amount: Fraction) -> str:
    """An amount of major units as the folder writes it."""
    nano = amount * NANO
    if nano.denominator != 1 or nano >= _MONEY_MAX:
        raise ValueError(f"{amount} has no form with 9 digits before and 9 after the point")
    whole, rest = divmod(int(nano), NANO)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")


def price_per(price: Fraction, per: Fraction) -> tuple[str, int]:
    """``price`` for ``per`` units as money and a whole number of units: the smallest multiple that is exact."""
    times = lcm((price * NANO).denominator, per.denominator)
    if per * times >= _UNITS_MAX:
        raise ValueError(f"{price} for {per} units has no exact form")
    return money(price * times), int(per * times)


def places(amount: Fraction) -> int:
    """How many decimals ``amount`` needs; at most 9 are looked at."""
    return next((count for count in range(9) if (amount * 10**count).denominator == 1), 9)
