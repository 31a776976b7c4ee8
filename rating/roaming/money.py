"""The money of TAP files: amounts in whole units of the last decimal, exchange rates, taxes.

Enters: the catalogue that priced charges, and our network. Leaves: a :class:`Money` of that catalogue. Always holds:
an amount is written as it stands or not at all: what has more decimals than the file is refused, nothing is rounded
here; rates are those of the tariff's conversions, in force at the event's start.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rating.roaming.operator import Operator
from tariffs.catalogue import Catalogue
from tariffs.conversions import FILE as CONVERSIONS
from tariffs.conversions import conversions
from tariffs.model import Conversion
from tariffs.text import TOML

_NANO_PLACES = 9
_TAX_PLACES = 5
"""Decimals of a percentage in a TAP file."""


class TapOutError(Exception):
    """Files that cannot be written; the text says what must be mended first."""


@dataclass(frozen=True, slots=True)
class Due:
    """What is billed for an event: units of the file's last decimal."""

    charge: int
    tax: int
    tax_code: str


@dataclass(frozen=True, slots=True)
class Money:
    """How one tariff's charges are told: ``rates`` lead from the file's currency to ours; ``said`` is its TOML."""

    operator: Operator
    said: dict[str, Any]
    rates: tuple[Conversion, ...]

    def check(self, plan: str) -> None:
        """Whether the charges of ``plan`` fit the file by what it declares, whatever they happen to be.

        Raises:
            TapOutError: something of it rounds to more decimals than the file has.

        """
        places = self.operator.decimals
        for what, scale in self._scales(plan):
            if scale > places:
                raise TapOutError(
                    f"plan {plan}: {what} rounds to {scale} decimals, files have {places}: declare a rounding of scale "
                    f"{places} or less, or write more decimals (at most 6)"
                )

    def due(self, row: dict[str, Any]) -> Due:
        """The amounts of a charge.

        Raises:
            TapOutError: it is in another currency, or has more decimals than the file.

        """
        wanted = self.operator.tap_currency
        if row["currency"] == wanted:
            return Due(self._units(row, "amount"), self._units(row, "tax_amount"), row["tax_code"])
        if row["converted_currency"] != wanted:
            raise TapOutError(
                f"plan {row['plan']} charges in {row['currency']}, files are in {wanted}: give the plan the "
                f"bill_currency {wanted}, or write files in {row['currency']} (tap_currency)"
            )
        if row["tax_amount"]:
            raise TapOutError(f"plan {row['plan']} has a tax in {row['currency']}, which has no amount in {wanted}")
        return Due(self._units(row, "converted_amount"), 0, "")

    def rate(self, start_us: int) -> tuple[int, int]:
        """Local currency for one unit of the file's, at ``start_us``: (rate, its decimals).

        Raises:
            TapOutError: the tariff has none.

        """
        operator = self.operator
        if operator.tap_currency == operator.local_currency:
            return 1, 0
        for each in self.rates:
            if each.valid_from <= start_us < each.valid_to:
                return shortest(each.rate)
        pair = f"{operator.tap_currency} to {operator.local_currency}"
        raise TapOutError(f"{CONVERSIONS} has no rate from {pair} for every event")

    def percent(self, tax: str) -> str:
        """The percentage of ``tax`` as TAP has it: 7 digits, of which 5 are decimals."""
        whole = Decimal(self.said["tax"][tax]["percent"]).scaleb(_TAX_PLACES)
        if whole >= 10**7:
            raise TapOutError(f"tax {tax}: TAP files have percentages below 100")
        return f"{int(whole):07}"

    def _units(self, row: dict[str, Any], name: str) -> int:
        scaled = row[name].scaleb(self.operator.decimals)
        if scaled != int(scaled):
            raise TapOutError(
                f"event {row['event_id']}: {name} {row[name]} has more than {self.operator.decimals} decimals"
            )
        return int(scaled)

    def _scales(self, plan: str) -> Iterator[tuple[str, int]]:
        """What rounds the amounts of ``plan`` that files tell, and to how many decimals."""
        said = self.said["plan"][plan]
        if said["currency"] != self.operator.tap_currency:
            yield "bill_rounding", _scale(said.get("bill_rounding", {}))
            return
        rules = [rule for version in said["version"] for rule in version["rule"]]
        for kind in ("rate", "deck"):
            for name in dict.fromkeys(rule[kind] for rule in rules if kind in rule):
                yield f"{kind} {name}", _scale(self.said[kind][name].get("rounding", {}))
        for name in dict.fromkeys([said.get("tax", ""), *(rule.get("tax", "") for rule in rules)]):
            if name in self.said.get("tax", {}):
                yield f"tax {name}", _scale(self.said["tax"][name].get("rounding", {}))


def money_of(catalogue: Catalogue, operator: Operator) -> Money:
    """How the charges that ``catalogue`` priced are told in files of ``operator``."""
    text = catalogue.folder_text()
    said = tomllib.loads(text[TOML].decode())
    zone = ZoneInfo(said.get("tariff", {}).get("zone", "UTC"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / CONVERSIONS
        path.write_bytes(text.get(CONVERSIONS, b"from,to,rate,date,source\n"))
        pair = (operator.tap_currency, operator.local_currency)
        return Money(operator, said, tuple(c for c in conversions(path, zone, []) if (c.base, c.target) == pair))


def shortest(nano: int) -> tuple[int, int]:
    """A number of nano-units as (whole number, decimals), without zeros at its end."""
    places = _NANO_PLACES
    while places and nano % 10 == 0:
        nano, places = nano // 10, places - 1
    return nano, places


def _scale(rounding: dict[str, Any]) -> int:
    return int(rounding.get("scale", _NANO_PLACES))
