"""A tariff folder as a ``Tariff``, with every problem that its text has.

Enters: a folder of TOML and CSV files (docs/tariffs.md). Leaves: the model and the problems, sorted by
place. Always holds: loading never stops at the first problem and never raises for what a file says.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from tariffs import sheets, values
from tariffs.accumulators import accumulator
from tariffs.allowances import allowance
from tariffs.classes import call_class
from tariffs.conversions import conversions
from tariffs.decks import deck
from tariffs.discounts import discount
from tariffs.fees import fee
from tariffs.model import (
    COLUMNS,
    DIRECTIONS,
    EVER_FROM,
    EVER_TO,
    SERVICES,
    TAX_MODES,
    Accumulator,
    Allowance,
    Calendar,
    CallClass,
    Discount,
    Fee,
    Place,
    Plan,
    Problem,
    Rate,
    Rule,
    Tariff,
    Tax,
    Version,
    Zone,
)
from tariffs.partners import FILE as PARTNERS
from tariffs.partners import partners
from tariffs.rates import rate, rounding
from tariffs.source import Table, key_lines
from tariffs.special import special_days
from tariffs.taxes import tax

T = TypeVar("T", Zone, Calendar, Rate, Plan, Tax, CallClass, Allowance, Accumulator, Fee, Discount)


def load(folder: Path) -> tuple[Tariff, list[Problem]]:
    """Read every TOML file of ``folder`` and the CSV files that they name; see docs/tariffs.md."""
    problems: list[Problem] = []
    folder = Path(folder)
    files = [table for path in sorted(folder.glob("*.toml")) if (table := _toml(path, problems)) is not None]
    if not files:
        problems.append(Problem(Place(str(folder)), "", "expected a folder with at least one readable .toml file"))
    zone = _default_zone(files)
    read = _Reader(folder, zone, files)
    calendars = read.all("calendar", _calendar)
    rates = read.all("rate", lambda table: rate(table, table.text("currency")))
    decks = {t.path[-1]: d for t in read.tables("deck") if (d := deck(t, folder, zone)) is not None}
    plans = read.all("plan", lambda table: _plan(table, zone))
    zones = read.all("zone", _zone)
    taxes = read.all("tax", tax)
    classes = read.all("class", lambda table: call_class(table, folder))
    allowances = read.all("allowance", allowance)
    accumulators = read.all("accumulator", accumulator)
    fees = read.all("fee", fee)
    discounts = read.all("discount", discount)
    for table in files:
        table.done()
    tariff = Tariff(
        calendars=calendars,
        zones=zones,
        decks={str(name): found for name, found in decks.items()},
        rates=rates,
        plans=plans,
        subscriptions=sheets.subscriptions(folder / "subscriptions.csv", zone, tuple(plans), problems),
        trunks=sheets.trunks(folder / "trunks.csv", zone, tuple(plans), problems),
        partners=partners(folder / PARTNERS, zone, tuple(plans), problems),
        taxes=taxes,
        classes=classes,
        allowances=allowances,
        accumulators=accumulators,
        fees=fees,
        discounts=discounts,
        conversions=conversions(folder / "conversions.csv", zone, problems),
        zone=zone.key,
    )
    return tariff, sorted(problems)


def _toml(path: Path, problems: list[Problem]) -> Table | None:
    try:
        text = path.read_text("utf-8")
        return Table(tomllib.loads(text), path.name, (), key_lines(text), problems)
    except (OSError, ValueError) as error:
        problems.append(Problem(Place(path.name), "", f"cannot be read: {error}"))
        return None


def _default_zone(files: list[Table]) -> ZoneInfo:
    zone = ZoneInfo("UTC")
    for file in files:
        table = file.table("tariff")
        zone = table.get("zone", zone, str, "an IANA time zone", values.zone_info)
        table.done()
    return zone


@dataclass
class _Reader:
    """The tables of one kind, over all files of the folder."""

    folder: Path
    zone: ZoneInfo
    files: list[Table]
    seen: dict[tuple[str, str], Place] = field(default_factory=dict)

    def tables(self, kind: str) -> Iterator[Table]:
        for file in self.files:
            group = file.table(kind)
            for name in group.content:
                table = group.table(name)
                first = self.seen.setdefault((kind, name), table.place)
                if first != table.place:
                    table.problem("", f"is defined already in {first.file}:{first.line}")
                else:
                    yield table

    def all(self, kind: str, read: Callable[[Table], T]) -> dict[str, T]:
        found: dict[str, T] = {}
        for table in self.tables(kind):
            found[str(table.path[-1])] = read(table)
            table.done()
        return found


def _zone(table: Table) -> Zone:
    zone = Zone(
        str(table.path[-1]),
        table.converted("prefixes", values.prefix),
        table.converted("local", values.prefix),
        table.place,
    )
    for key, found in (("prefixes", zone.prefixes), ("local", zone.local)):
        for prefix in sorted({p for p in found if found.count(p) > 1} if len(set(found)) < len(found) else ()):
            table.problem(key, f"{prefix or '*'} is there twice")
    return replace(zone, prefixes=tuple(dict.fromkeys(zone.prefixes)), local=tuple(dict.fromkeys(zone.local)))


def _calendar(table: Table) -> Calendar:
    special, bands = table.table("special"), table.table("bands")
    names = frozenset(special.content)
    return Calendar(
        id=str(table.path[-1]),
        zone=table.get("zone", "UTC", str, "an IANA time zone", lambda name: values.zone_info(name).key),
        default=table.text("default", "any"),
        special=special_days(special),
        bands=tuple((name, bands.converted(name, lambda text: values.span(text, names))) for name in bands.content),
        place=bands.place,
    )


def _plan(table: Table, zone: ZoneInfo) -> Plan:
    table.required("currency")
    match = table.texts("match", COLUMNS)
    if len(set(match)) < len(match):
        table.problem("match", "names a column twice")
    match = tuple(dict.fromkeys((*match, *COLUMNS)))
    versions = tuple(_version(below, zone) for below in table.tables("version"))
    rules = tuple(_rule(below) for below in table.tables("rule"))
    if bool(versions) == bool(rules):
        table.problem("", "expected either versions or rules")
    if not versions:
        versions = (Version(EVER_FROM, EVER_TO, rules, table.place),)
    ordered = tuple(sorted(versions, key=lambda version: version.valid_from))
    for before, after in pairwise(ordered):
        if before.valid_to > after.valid_from:
            table.problem("version", f"lines {before.place.line} and {after.place.line} are in force at the same time")
    return Plan(
        id=str(table.path[-1]),
        currency=table.text("currency"),
        calendar=table.text("calendar"),
        match=match,
        versions=ordered,
        place=table.place,
        tax=table.text("tax"),
        tax_mode=table.text("tax_mode", "exclusive", TAX_MODES),
        bill_currency=table.text("bill_currency"),
        bill_rounding=rounding(table.table("bill_rounding")),
    )


def _version(table: Table, zone: ZoneInfo) -> Version:
    def period(key: str, unbounded: int) -> int:
        return table.get(key, unbounded, str, "a date as a string", lambda text: values.instant(text, zone))

    rules = tuple(_rule(below) for below in table.tables("rule"))
    version = Version(period("valid_from", EVER_FROM), period("valid_to", EVER_TO), rules, table.place)
    if version.valid_from >= version.valid_to:
        table.problem("valid_to", "the period ends before it begins")
    table.done()
    return version


def _rule(table: Table) -> Rule:
    rule = Rule(
        service=table.texts("service", SERVICES),
        direction=table.texts("direction", DIRECTIONS),
        zone=table.texts("zone"),
        band=table.texts("band"),
        rate=table.text("rate"),
        deck=table.text("deck"),
        place=table.place,
        tax=table.text("tax"),
        origin=table.texts("origin"),
        call_class=table.texts("class"),
    )
    if bool(rule.rate) == bool(rule.deck):
        table.problem("rate", "expected either a rate or a deck")
    if rule.deck and rule.zone:
        table.problem("zone", "a rule with a deck takes its zones from the deck")
    table.done()
    return rule
