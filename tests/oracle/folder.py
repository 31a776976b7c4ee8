"""A tariff folder as plain values, read by the words of docs/tariffs.md and nothing else.

Enters: a folder. Leaves: a ``Tariff``: calendars and plans as their TOML, rates and deck rows as exact
fractions, periods as microseconds. Always holds: nothing of the engine is imported; a good folder is assumed.
"""

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.civil import Calendar, calendar

COLUMNS = ("service", "direction", "origin", "zone", "class", "band")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Text = dict[str, str]
Table = dict[str, Any]
Rule = dict[str, Any]


@dataclass(frozen=True)
class Period:
    """Half open, in microseconds of UTC; None is unbounded."""

    begin: int | None = None
    end: int | None = None

    def __contains__(self, instant: int) -> bool:
        return (self.begin is None or self.begin <= instant) and (self.end is None or instant < self.end)


@dataclass(frozen=True)
class Step:
    start: int
    price: Fraction
    """For one unit."""
    increment: int


@dataclass(frozen=True)
class Rate:
    name: str
    currency: str
    steps: tuple[Step, ...]
    minimum: int
    setup_fee: Fraction
    free_under: int
    min_charge: Fraction | None
    max_charge: Fraction | None
    boundary: str
    step_counter: str
    mode: str
    scale: int
    stage: str
    accumulator: str = ""
    tiers: str = "graduated"


@dataclass(frozen=True)
class Row:
    """A deck's row; without a rate its events cannot be priced."""

    digits: str
    zone: str
    rate: Rate | None
    period: Period


@dataclass(frozen=True)
class Version:
    period: Period
    rules: list[Rule]


@dataclass(frozen=True)
class Rounding:
    mode: str
    scale: int


@dataclass(frozen=True)
class Tax:
    name: str
    share: Fraction
    rounding: Rounding


@dataclass(frozen=True)
class Conversion:
    pair: tuple[str, str]
    begin: int
    """It holds until the next of its pair begins."""
    rate: Fraction
    date: str
    source: str


@dataclass(frozen=True)
class Plan:
    currency: str
    calendar: Calendar
    match: list[str]
    versions: list[Version]
    tax: str
    inclusive: bool
    bill: str
    bill_rounding: Rounding


@dataclass(frozen=True)
class Subscription:
    kind: str
    key: str
    account: str
    plan: str
    period: Period
    pool: str = ""


@dataclass(frozen=True)
class Trunk:
    name: str
    carrier: str
    direction: str
    plans: dict[str, str]
    period: Period


@dataclass(frozen=True)
class Partner:
    account: str
    networks: list[str]
    """The first digits of its subscribers' IMSIs."""
    plan_out: str
    period: Period


@dataclass(frozen=True)
class CallClass:
    name: str
    prefixes: list[str]
    local: list[str]
    subscribed: bool
    same_account: bool
    members: set[tuple[str, str]]


@dataclass(frozen=True)
class Tariff:
    zones: dict[str, dict[str, list[str]]]
    decks: dict[str, list[Row]]
    rates: dict[str, Rate]
    plans: dict[str, Plan]
    subscriptions: list[Subscription]
    trunks: list[Trunk]
    partners: list[Partner]
    taxes: dict[str, Tax]
    conversions: list[Conversion]
    classes: list[CallClass]
    allowances: dict[str, Table]
    accumulators: dict[str, Table]


def read(folder: Path) -> Tariff:
    said: dict[str, Table] = {}
    for file in sorted(folder.glob("*.toml")):
        for kind, entries in tomllib.loads(file.read_text()).items():
            said.setdefault(kind, {}).update(entries)
    zone = ZoneInfo(said.get("tariff", {}).get("zone", "UTC"))
    calendars = {name: calendar(entry) for name, entry in said.get("calendar", {}).items()}
    return Tariff(
        zones=said.get("zone", {}),
        decks={name: deck(folder, name, entry, zone) for name, entry in said.get("deck", {}).items()},
        rates={name: rate(name, entry) for name, entry in said.get("rate", {}).items()},
        plans={name: plan(entry, calendars, zone) for name, entry in said.get("plan", {}).items()},
        subscriptions=[
            Subscription(row["kind"], row["key"], row["account"], row["plan"], period(row, zone), row.get("pool", ""))
            for row in table(folder / "subscriptions.csv")
        ],
        trunks=[
            Trunk(
                row["trunk"],
                row["carrier"],
                row["direction"],
                {"in": row["plan_in"], "out": row["plan_out"]},
                period(row, zone),
            )
            for row in table(folder / "trunks.csv")
        ],
        partners=[
            Partner(row["partner"], row["networks"].replace("-", "").split(), row["plan_out"], period(row, zone))
            for row in table(folder / "partners.csv")
        ],
        taxes={
            name: Tax(name, Fraction(entry["percent"]) / 100, rounding(entry.get("rounding", {})))
            for name, entry in said.get("tax", {}).items()
        },
        allowances=said.get("allowance", {}),
        accumulators=said.get("accumulator", {}),
        classes=[
            CallClass(
                name,
                entry.get("prefixes", []),
                entry.get("local", []),
                entry.get("subscribed", False),
                entry.get("same_account", False),
                {(row["account"], row["number"]) for row in table(folder / entry["members"])}
                if "members" in entry
                else set(),
            )
            for name, entry in said.get("class", {}).items()
        ],
        conversions=[
            Conversion(
                (row["from"], row["to"]),
                instant(row["date"], zone),
                Fraction(row["rate"]),
                row["date"],
                row["source"],
            )
            for row in table(folder / "conversions.csv")
        ],
    )


def table(file: Path, separator: str = ",", encoding: str = "utf-8") -> list[Text]:
    if not file.exists():
        return []
    with file.open(encoding=encoding, newline="") as lines:
        return list(csv.DictReader(lines, delimiter=separator))


def period(row: Text, zone: ZoneInfo, pattern: str | None = None) -> Period:
    begin, end = row.get("valid_from"), row.get("valid_to")
    return Period(instant(begin, zone, pattern) if begin else None, instant(end, zone, pattern) if end else None)


def instant(text: str, zone: ZoneInfo, pattern: str | None = None) -> int:
    said = datetime.strptime(text, pattern) if pattern else datetime.fromisoformat(text)  # noqa: DTZ007 (zone follows)
    return ((said if said.tzinfo else said.replace(tzinfo=zone)) - EPOCH) // timedelta(microseconds=1)


def plan(entry: Table, calendars: dict[str, Calendar], zone: ZoneInfo) -> Plan:
    versions = entry.get("version") or [{"rule": entry.get("rule", [])}]
    return Plan(
        currency=entry["currency"],
        calendar=calendars[entry["calendar"]] if "calendar" in entry else calendar({}),
        match=list(dict.fromkeys((*entry.get("match", []), *COLUMNS))),
        versions=[Version(period(version, zone), version["rule"]) for version in versions],
        tax=entry.get("tax", "none"),
        inclusive=entry.get("tax_mode") == "inclusive",
        bill=entry.get("bill_currency", ""),
        bill_rounding=rounding(entry.get("bill_rounding", {})),
    )


def rounding(entry: Table) -> Rounding:
    return Rounding(entry.get("mode", "half_up"), entry.get("scale", 9))


def rate(name: str, entry: Table) -> Rate:
    steps = entry.get("steps") or [entry]
    rounding = entry.get("rounding", {})
    return Rate(
        name=name,
        currency=entry["currency"],
        steps=tuple(
            Step(step.get("from", 0), Fraction(step["price"]) / step.get("per", 1), step.get("increment", 1))
            for step in steps
        ),
        minimum=steps[0].get("minimum", 0),
        setup_fee=Fraction(entry.get("setup_fee", 0)),
        free_under=entry.get("free_under", 0),
        min_charge=Fraction(entry["min_charge"]) if "min_charge" in entry else None,
        max_charge=Fraction(entry["max_charge"]) if "max_charge" in entry else None,
        boundary=entry.get("boundary", "carry"),
        step_counter=entry.get("step_counter", "consecutive"),
        mode=rounding.get("mode", "half_up"),
        scale=rounding.get("scale", 9),
        stage=rounding.get("stage", "charge"),
        accumulator=entry.get("accumulator", ""),
        tiers=entry.get("tiers", "graduated"),
    )


def deck(folder: Path, name: str, entry: Table, zone: ZoneInfo) -> list[Row]:
    zone = ZoneInfo(entry["date_zone"]) if "date_zone" in entry else zone
    where = entry.get("where", {})
    lines = table(folder / entry["file"], entry.get("separator", ","), entry.get("encoding", "utf-8"))
    return [
        deck_row(name, entry, {column: line[header] for column, header in entry["columns"].items()}, zone)
        for line in lines
        if all(line[column] in values for column, values in where.items())
    ]


def deck_row(name: str, entry: Table, row: Text, zone: ZoneInfo) -> Row:
    step = {"per": 60} | entry | {key: int(row[key]) for key in ("minimum", "increment") if key in row}
    fee = {"setup_fee": row["setup_fee"]} if "setup_fee" in row else {}
    return Row(
        digits=row["prefix"].removeprefix("+"),
        zone=row["zone"],
        rate=rate(name, step | fee | {"price": row["price"]}) if row["price"] else None,
        period=period(row, zone, entry.get("date_format")),
    )
