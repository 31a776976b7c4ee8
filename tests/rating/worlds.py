"""Random worlds: small tariff folders and the events that try their edges, from any ``random.Random``.

Enters: a source of randomness (seeded for volume, hypothesis's for shrinking). Leaves: a ``World``, the text of
a folder with what its events should come near, and events. Always holds: a folder is right by docs/tariffs.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from tests.oracle.civil import days_of

ZONES = ("Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
RANGES = (*DAYS, "mon-fri", "sat-sun", "mon-sun", "fri-mon", "mon,wed,fri", "sun,tue-thu")
CLOCKS = (
    *("00:00", "00:15", "01:00", "01:30", "02:00", "02:30", "03:00", "06:00", "07:59", "08:00", "12:00", "12:05"),
    *("17:59", "18:00", "18:01", "22:00", "23:00", "23:59", "24:00"),
)
WHOLE_DAY = ("00:00", "24:00")
DATES = (
    *("2023-12-31", "2024-01-01", "2024-02-28", "2024-02-29", "2024-03-10", "2024-03-31", "2024-04-01", "2024-04-07"),
    *("2024-07-03", "2024-10-06", "2024-10-27", "2024-11-03", "2024-12-25", "2024-12-26", "2024-12-31"),
)
EDGES = (
    *("2024-01-01", "2024-02-29 12:00", "2024-03-31T05:30:00", "2024-04-07T00:00:00.5Z", "2024-07-03 18:00+02:00"),
    *("2024-10-27 12:00", "2024-12-25", "2025-01-01T00:00:00Z"),
)
"""Dates on which things begin and end, in order."""
PREFIXES = ("1", "12", "121", "2", "44", "447", "4475", "44751", "4420", "61", "612", "977", "9")
LOCALS = ("1", "11", "112", "2", "23", "2327", "45")
PRICES = (0, 10**7, 5 * 10**7, 12_500_000, 10**8, 333_333_333, 1, 10**9, 10_240_000_000, 99_999_999_999, 7 * 10**9)
"""Nano-units."""
PERS = (1, 1, 6, 7, 60, 60, 60, 3600, 1000, 1024, 1_048_576)
INCREMENTS = (1, 1, 6, 7, 30, 60, 60, 300, 1024, 1_048_576)
FROMS = (1, 30, 59, 60, 61, 180, 600, 601, 3600, 1_000_000, 10_000_000_000)
COLUMNS = ("service", "direction", "origin", "zone", "class", "band")
SERVICES = ("voice", "sms", "mms", "data", "content")
DIRECTIONS = ("originated", "terminated", "forwarded", "transit")
NUMBERS = ("+447700900001", "+447700900002", "+12125550100", "2327", "112", "+6129999000")
IMSIS = ("234150000000001", "234150000000002", "262010000000001", "262017000000001", "310260000000001", "26201")
ACCOUNTS = ("PBX-1", "PBX-2")
BILLS = ("XDR", "USD")
TRUNKS = ("TG-A", "TG-B", "TG-C", "TG-OWN")


Rule = dict[str, list[str]]


@dataclass
class World:
    """The files of a folder by name, and what its calendars turn on."""

    files: dict[str, bytes] = field(default_factory=dict)
    zone: str = "UTC"
    """Of its dates."""
    edges: list[tuple[str, str]] = field(default_factory=list)
    """(zone, clock) where some band of a calendar begins or ends."""

    def write(self, folder: Path) -> None:
        for name, content in self.files.items():
            (folder / name).write_bytes(content)


@dataclass(frozen=True)
class Kind:
    """What a world may hold."""

    dated: bool = True
    """Periods and special days."""
    limits: bool = True
    """Minimum and maximum charges."""
    rounded: bool = True
    """Rounding at any scale and stage; else once, at nine decimals."""
    factor: int = 1
    """Multiplies every price and fee, all else being equal."""


ANY = Kind()


def world(random: Random, kind: Kind = ANY) -> World:
    """A random tariff folder."""
    return _Maker(random, kind).world()


class _Maker:
    """Draws the parts of a folder one after another."""

    def __init__(self, random: Random, kind: Kind) -> None:
        self.random, self.kind = random, kind
        self.lines: list[str] = []
        self.classes: list[str] = []
        self.made = World()

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def world(self) -> World:
        self.made.zone = self.random.choice(ZONES)
        self.table("tariff", zone=self.made.zone)
        calendars = {name: self.calendar(name) for name in ("one", "two")}
        zones = self.zones()
        rates = [self.rate(f"rate-{number}") for number in range(self.random.randint(2, 6))]
        decks = self.decks()
        taxes, self.classes = self.taxes(), self.call_classes()
        self.keep("prices.toml", self.lines)
        self.lines = []
        plans = ["retail", "business", "carriage"]
        for plan in plans:
            self.plan(plan, calendars, zones, rates, decks, taxes)
        self.keep("plans.toml", self.lines)
        self.subscriptions(plans)
        self.keep("family.csv", ["account,number", *(f"A{at % 4 + 1},{each}" for at, each in enumerate(NUMBERS))])
        self.conversions()
        if self.chance(0.7):
            self.trunks(plans)
        if self.chance(0.6):
            self.partners(plans)
        return self.made

    def keep(self, file: str, lines: list[str], encoding: str = "utf-8") -> None:
        self.made.files[file] = "".join(f"{line}\n" for line in lines).encode(encoding)

    def table(self, name: str, /, **entries: object) -> None:
        self.lines += [f"[{name}]", *(f"{key} = {toml(value)}" for key, value in entries.items())]

    # Calendars

    def calendar(self, name: str) -> list[str]:
        """Write a calendar and return its bands."""
        zone = self.random.choice(ZONES)
        default = self.random.choice(("offpeak", "offpeak", "peak", None))
        special = self.special() if self.kind.dated and self.chance(0.6) else {}
        bands = self.bands([*special, *RANGES, *["mon-sun", "mon-fri", "sat-sun"] * 6])
        clocks = {clock for spans in bands.values() for span in spans for clock in _clocks(span)}
        self.made.edges += [(zone, clock) for clock in sorted({"00:00", *clocks})]
        self.table(f"calendar.{name}", zone=zone, **({"default": default} if default else {}))
        self.table(f"calendar.{name}.bands", **bands)
        self.table(f"calendar.{name}.special", **special)
        return sorted({*bands, default or "any"})

    def special(self) -> dict[str, list[str]]:
        dates = self.random.sample(DATES, 6)
        return {"xmas": dates[:3], self.random.choice(("sun", "mon", "gala")): dates[3:]}

    def bands(self, days: list[str]) -> dict[str, list[str]]:
        """Spans that share no minute of a day with another band, also not by running over midnight."""
        taken: dict[tuple[str, int], str] = {}
        bands: dict[str, list[str]] = {}
        for _ in range(self.random.choice((0, 2, 6, 12, 20))):
            band, day = self.random.choice(("peak", "night", "holiday")), self.random.choice(days)
            first = self.random.randrange(len(CLOCKS) - 1)
            begin, end = CLOCKS[first], CLOCKS[(first + self.random.choice((1, 1, 2, 3, 8, 15))) % len(CLOCKS)]
            if begin == end:
                continue
            covered = set(_covered(day, _minutes(begin), _minutes(end)))
            if all(taken.get(minute, band) == band for minute in covered):
                taken |= dict.fromkeys(covered, band)
                bands.setdefault(band, []).append(day if (begin, end) == WHOLE_DAY else f"{day} {begin}-{end}")
        return bands

    # Prices

    def zones(self) -> list[str]:
        names = ["near", "far", "mobile"]
        prefixes, local = _dealt(self.random, PREFIXES, names), _dealt(self.random, LOCALS, names)
        if self.chance(0.2):
            prefixes[self.random.choice(names)].append("*")
        for name in names:
            written = [p if p == "*" or self.chance(0.5) else f"+{p}" for p in prefixes[name]]
            self.table(f"zone.{name}", prefixes=written, local=local[name])
        return names

    def price(self) -> str:
        nano = self.random.choice(PRICES) if self.chance(0.7) else self.random.randrange(10**9)
        return _money(nano * self.kind.factor)

    def fee(self, most: int, scale: int) -> str:
        """Up to ``most`` tenths of a unit, whole at ``scale``."""
        unit = 10 ** (9 - scale)
        return _money(self.random.randint(0, most) * 10**8 // unit * unit * self.kind.factor)

    def rate(self, name: str) -> str:
        steps = [
            {"from": start, "price": self.price(), "per": self.random.choice(PERS)}
            | {"increment": self.random.choice(INCREMENTS)}
            for start in sorted({0, *self.random.sample(FROMS, self.random.randint(0, 3))})
        ]
        if self.chance(0.5):
            steps[0]["minimum"] = self.random.choice((1, 6, 30, 45, 60, 90, 600))
        only = steps[0] if len(steps) == 1 and self.chance(0.5) else {}
        said = {key: value for key, value in only.items() if key != "from"} or {"steps": steps}
        self.table(f"rate.{name}", currency="EUR", **said, **self.terms())
        return name

    def terms(self) -> dict[str, Any]:
        """The keys that a rate and a deck share."""
        scale = self.random.randint(0, 9) if self.kind.rounded else 9
        terms: dict[str, Any] = {
            "boundary": self.random.choice(("start", "end", "carry", "carry", "cut", "cut")),
            "step_counter": self.random.choice(("consecutive", "isolated")),
            "rounding": {
                "mode": self.random.choice(("half_up", "half_even", "up", "down")),
                "scale": scale,
                "stage": self.random.choice(("charge", "step", "increment")) if self.kind.rounded else "charge",
            },
        }
        if self.chance(0.3):
            terms["free_under"] = self.random.choice((1, 2, 31, 60))
        if self.chance(0.4):
            terms["setup_fee"] = self.fee(5, scale)
        limits = sorted((self.fee(30, scale), self.fee(30, scale)), key=float)
        drawn = zip(("min_charge", "max_charge"), limits, strict=True)
        return terms | {key: limit for key, limit in drawn if self.kind.limits and self.chance(0.3)}

    def decks(self) -> list[str]:
        names = ["az", "premium"]
        prefixes = _dealt(self.random, PREFIXES, names)
        for name in names:
            self.deck(name, prefixes[name])
        return names

    def deck(self, name: str, prefixes: list[str]) -> None:
        terms = self.terms()
        text: dict[str, str] = {"separator": self.random.choice((",", ";"))} if self.chance(0.5) else {}
        text |= {"encoding": "latin-1"} if self.chance(0.3) else {}
        text |= {"date_zone": "America/New_York"} if self.chance(0.3) else {}
        text |= {"date_format": "%d/%m/%Y %H:%M:%S"} if self.chance(0.3) else {}
        optional = [key for key in ("minimum", "increment", "setup_fee") if self.chance(0.4)]
        columns = ["prefix", "zone", "price", *optional, "valid_from", "valid_to"]
        rows = [dict(zip((*columns, "Status"), (*columns, "Status"), strict=True))]
        for prefix in prefixes:
            for period in self.periods(0.5):
                begin, end = (_rewritten(date, text.get("date_format", "")) for date in period)
                rows.append(self.deck_row(prefix, terms["rounding"]["scale"]) | {"valid_from": begin, "valid_to": end})
            rows += [rows[-1] | {"Status": "Old"}] if self.chance(0.1) else []
        terms |= {key: self.random.choice((1, 6, 60)) for key in ("minimum", "increment") if self.chance(0.4)}
        if self.chance(0.6):
            terms["per"] = self.random.choice(PERS)
        lines = [text.get("separator", ",").join(row[column] for column in (*columns, "Status")) for row in rows]
        self.keep(f"{name}.csv", lines, text.get("encoding", "utf-8"))
        self.table(f"deck.{name}", file=f"{name}.csv", currency="EUR", unpriced="suspend", **text, **terms)
        self.table(f"deck.{name}.columns", **{column: column for column in columns})
        self.table(f"deck.{name}.where", Status=["Current"])

    def deck_row(self, prefix: str, scale: int) -> dict[str, str]:
        return {
            "prefix": self.random.choice(("", "+")) + prefix,
            "zone": f"Zone {prefix} \u00e9",
            "price": "" if self.chance(0.1) else self.price(),
            "minimum": str(self.random.choice((0, 1, 30, 60))),
            "increment": str(self.random.choice(INCREMENTS)),
            "setup_fee": self.fee(3, scale),
            "Status": "Current",
        }

    def periods(self, share: float = 0.2) -> list[tuple[str, str]]:
        """One period without end, or (``share``) several that do not overlap, with or without a gap."""
        if not self.kind.dated or not self.chance(share):
            return [("", "")]
        edges = [EDGES[at] for at in sorted(self.random.sample(range(len(EDGES)), self.random.randint(1, 3)))]
        edges = [self.random.choice(("", edges[0])), *edges[1:], self.random.choice(("", "2026-01-01"))]
        pairs = list(pairwise(edges))
        return [pair for pair in pairs if self.chance(0.85)] or pairs[:1]

    def rounding(self) -> dict[str, object]:
        mode = self.random.choice(("half_up", "half_even", "up", "down"))
        return {"mode": mode, "scale": self.random.randint(0, 9) if self.kind.rounded else 9}

    def taxes(self) -> list[str]:
        for name, percent in (("vat", ("20", "0", "7.7")), ("levy", ("8.875", "0.0001", "999.9999"))):
            self.table(f"tax.{name}", percent=self.random.choice(percent), rounding=self.rounding())
        return ["vat", "levy"]

    def call_classes(self) -> list[str]:
        local, prefixes = self.random.sample(LOCALS, 2), self.random.sample(PREFIXES, 2)
        kinds: dict[str, dict[str, object]] = {
            "emergency": {"local": local},
            "family": {"members": "family.csv"},
            "group": {"same_account": True},
            "on-net": {"subscribed": True, "prefixes": prefixes if self.chance(0.3) else []},
        }
        names = self.random.sample(list(kinds), self.random.choice((0, 0, 1, 3, 4)))
        for name in names:
            self.table(f"class.{name}", **kinds[name])
        return names

    def conversions(self) -> None:
        lines = ["from,to,rate,date,source"]
        for target in BILLS:
            dates = ["2023-01-01", *self.random.sample(DATES[1:], 3)] if self.kind.dated else ["1980-01-01"]
            for date in self.random.sample(dates[self.chance(0.1) :], len(dates) - 1) or dates:
                rate = _money(self.random.choice((10**9, 1_218_700_000, 1, 16_234_123_000_000, 333_333_333)))
                lines.append(f"EUR,{target},{rate},{date},{self.random.choice(('ECB', 'IMF'))}")
        self.keep("conversions.csv", lines)

    # Plans

    def plan(
        self,
        name: str,
        calendars: dict[str, list[str]],
        zones: list[str],
        rates: list[str],
        decks: list[str],
        taxes: list[str],
    ) -> None:
        match = self.random.sample(COLUMNS, self.random.randint(1, len(COLUMNS)))
        calendar = self.random.choice((*calendars, *calendars, None))
        bands = calendars[calendar] if calendar else ["any"]
        beside: dict[str, object] = {"calendar": calendar} if calendar else {}
        if self.chance(0.5):
            beside |= {"tax": self.random.choice(taxes), "tax_mode": self.random.choice(("inclusive", "exclusive"))}
        if self.chance(0.4):
            beside |= {"bill_currency": self.random.choice(BILLS), "bill_rounding": self.rounding()}
        self.table(f"plan.{name}", currency="EUR", match=match, **beside)
        for begin, end in self.periods():
            dates = {key: date for key, date in (("valid_from", begin), ("valid_to", end)) if date}
            kind = "version.rule" if dates or self.chance(0.5) else "rule"
            if kind == "version.rule":
                self.table(f"[plan.{name}.version]", **dates)
            for rule in self.rules(bands, zones, decks):
                rate = {} if "deck" in rule else {"rate": self.random.choice(rates)}
                short = {column: values[0] if len(values) == 1 else values for column, values in rule.items()}
                tax = {"tax": self.random.choice((*taxes, "none"))} if self.chance(0.2) else {}
                self.table(f"[plan.{name}.{kind}]", **short, **rate, **tax)

    def rules(self, bands: list[str], zones: list[str], decks: list[str]) -> list[Rule]:
        columns = {
            "service": (SERVICES, 0.3),
            "direction": (DIRECTIONS, 0.25),
            "band": (bands, 0.4),
            "zone": (zones, 0.6),
            "origin": (zones, 0.15),
            "class": ([*self.classes, "other"], 0.2) if self.classes else ([], 0),
        }
        rules: list[Rule] = []
        for _ in range(self.random.randint(3, 10)):
            rule: Rule = {
                column: self.random.sample(values, self.random.randint(1, len(values)))
                for column, (values, share) in columns.items()
                if self.chance(share)
            }
            if "zone" not in rule and self.chance(0.6):
                rule["deck"] = [self.random.choice(decks)]
            each = [rule | {"band": [band]} for band in bands] if self.chance(0.5) else [rule]
            rules += [rule for rule in each if not any(_rivals(rule, other) for other in rules)]
        return rules

    # Who pays

    def subscriptions(self, plans: list[str]) -> None:
        lines = ["kind,key,account,plan,valid_from,valid_to"]
        for kind, keys in (("number", NUMBERS), ("imsi", IMSIS), ("account", ACCOUNTS), ("trunk", ("", *TRUNKS[-1:]))):
            for key in keys[1:]:
                for begin, end in self.periods():
                    payer = f"A{self.random.randint(1, 4)},{self.random.choice(plans)}"
                    lines.append(f"{kind},{key},{payer},{begin},{end}")
        self.keep("subscriptions.csv", lines)

    def trunks(self, plans: list[str]) -> None:
        lines = ["trunk,carrier,direction,plan_in,plan_out,valid_from,valid_to"]
        for trunk in TRUNKS[:-1]:
            direction = self.random.choice(("in", "out", "both", "both", "both", "both"))
            for begin, end in self.periods():
                sides = ",".join(self.random.choice((*plans, *plans, *plans, "")) for _ in range(2))
                lines.append(f"{trunk},carrier-{self.random.randint(1, 3)},{direction},{sides},{begin},{end}")
        lines.append("TG-OWN,,both,,,,")
        self.keep("trunks.csv", lines)

    def partners(self, plans: list[str]) -> None:
        lines = ["partner,tadig,networks,plan_in,plan_out,valid_from,valid_to"]
        for number, networks in enumerate(("262-01 234-15", "262-017", "310-260", "310-26")):
            for begin, end in self.periods():
                sides = ",".join(self.random.choice((*plans, *plans, "")) for _ in range(2))
                lines.append(f"partner-{number % 3},AAAA{number},{networks},{sides},{begin},{end}")
        self.keep("partners.csv", lines)


def toml(value: object) -> str:
    """``value`` as TOML: JSON, but for inline tables."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def _money(nano: int) -> str:
    return f"{nano // 10**9}.{nano % 10**9:09}"


def _rewritten(date: str, pattern: str) -> str:
    """``date`` in another format, without its offset."""
    return datetime.fromisoformat(date).strftime(pattern) if date and pattern else date


def _clocks(span: str) -> list[str]:
    """Where a span begins and ends."""
    _, _, hours = span.partition(" ")
    return hours.split("-") if hours else []


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _covered(days: str, begin: int, end: int) -> Iterable[tuple[str, int]]:
    """The minutes of days that a span covers; one that wraps runs into the next weekday."""
    for day in (day for part in days.split(",") for day in days_of(part)):
        for minute in range(begin, end if end > begin else end + 1440):
            if minute < 1440:
                yield day, minute
            elif day in DAYS:
                yield DAYS[(DAYS.index(day) + 1) % 7], minute - 1440


def _dealt(random: Random, items: Sequence[str], names: Sequence[str]) -> dict[str, list[str]]:
    """Some of ``items``, each given to one of ``names``."""
    dealt: dict[str, list[str]] = {name: [] for name in names}
    for item in random.sample(items, len(items) * 2 // 3):
        dealt[random.choice(names)].append(item)
    return dealt


def _rivals(one: Rule, other: Rule) -> bool:
    """Whether two rules name the same columns and can match one event."""
    return one.keys() == other.keys() and all(set(one[column]) & set(other[column]) for column in one)
