"""Our own network, as TAP files present it: TADIG code, currencies, recording entities.

Enters: a TOML file (docs/roaming.md). Leaves: an :class:`Operator`. Always holds: what it says fits TAP 3.12;
every problem of the file is told at once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mediation.keys import Keys
from mediation.tap_checks import MAX_AGE_DAYS
from mediation.tap_header import SDR

ANY_ELEMENT = "*"
"""Stands for every network element that no entity lists."""
_TADIG = re.compile(r"[A-Z0-9]{5}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_MOST_DECIMALS = 6
_MOST_EVENTS = 50_000
_MOST_AGE_DAYS = 36_500


class OperatorError(ValueError):
    """A description of our network that cannot be used; the text lists every problem."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A recording entity: its code in files, its type (TD.57: 1 MSC, 2 SMSC, 3 GGSN, 4 SGSN, ...), its address."""

    code: int
    type: int
    id: str


@dataclass(frozen=True, slots=True)
class Operator:
    """What our files say of us. ``entities`` are by the network element of usage.

    ``max_age_days``: how much older than its file an event may be (0: however old).
    """

    tadig: str
    local_currency: str
    tap_currency: str
    decimals: int
    country: str
    zone: ZoneInfo
    test: bool
    home_gateway: bool
    tax_type: str
    most_events: int
    max_age_days: int
    entities: Mapping[str, Entity]

    def entity(self, element: str) -> Entity | None:
        """The recording entity that ``element`` is, if it is any."""
        return self.entities.get(element, self.entities.get(ANY_ELEMENT))


def read_operator(path: Path) -> Operator:
    """The operator that the TOML file ``path`` describes.

    Raises:
        OperatorError: it cannot be read, or says too little or something wrong.

    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise OperatorError(f"{path}: cannot be read: {fault}") from None
    keys = Keys(table, f"{path.name}: ")
    operator = Operator(
        tadig=_fitting(keys, "tadig", _TADIG, "5 capitals or digits"),
        local_currency=_fitting(keys, "local_currency", _CURRENCY, "3 capitals"),
        tap_currency=_fitting(keys, "tap_currency", _CURRENCY, "3 capitals", SDR),
        decimals=_at_most(keys, "decimals", 5, _MOST_DECIMALS),
        country=keys.text("country", ""),
        zone=_zone(keys),
        test=keys.flag("test", default=False),
        home_gateway=keys.choice("gateway", ("home", "visited"), "home") == "home",
        tax_type=_fitting(keys, "tax_type", re.compile(r"\d{2}", re.ASCII), "2 digits", "13"),
        most_events=_at_most(keys, "most_events", _MOST_EVENTS, _MOST_EVENTS, least=1),
        max_age_days=_at_most(keys, "max_age_days", MAX_AGE_DAYS, _MOST_AGE_DAYS),
        entities=_entities(keys),
    )
    keys.finish()
    if keys.problems:
        raise OperatorError("\n".join(keys.problems))
    return operator


def _fitting(keys: Keys, key: str, pattern: re.Pattern[str], words: str, default: str | None = None) -> str:
    value = keys.text(key, default)
    if value and not pattern.fullmatch(value):
        keys.wrong(key, words)
    return value


def _at_most(keys: Keys, key: str, default: int, most: int, least: int = 0) -> int:
    value = keys.whole(key, default)
    if not least <= value <= most:
        keys.wrong(key, f"{least} to {most}")
    return value


def _zone(keys: Keys) -> ZoneInfo:
    try:
        return ZoneInfo(keys.text("zone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        keys.wrong("zone", "an IANA time zone")
        return ZoneInfo("UTC")


def _entities(keys: Keys) -> dict[str, Entity]:
    found: dict[str, Entity] = {}
    tables: list[Any] = keys.table.pop("entity", [])
    if not isinstance(tables, list) or not tables or not all(isinstance(each, dict) for each in tables):
        keys.wrong("entity", "at least one table [[entity]]")
        return found
    for code, table in enumerate(tables):
        own = Keys(dict(table), f"{keys.where}entity {code + 1}: ", keys.problems)
        entity = Entity(code, own.whole("type", 1), own.text("id"))
        for element in own.texts("elements", (ANY_ELEMENT,)):
            if element in found:
                own.wrong("elements", f"{element} to be of one entity only")
            found[element] = entity
        own.finish()
    return found
