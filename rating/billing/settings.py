"""What every bill shares: issuer, numbers, terms, cycles, thresholds of the checks, texts.

Enters: ``billing.toml`` of a customer folder (docs/billing.md), which may be absent. Leaves: :class:`Settings`, and
problems with file, line and key. Always holds: a cycle has a day that every month has; settings are JSON and back
without loss, since a run keeps its own.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from rating.period import Period
from tariffs import values
from tariffs.model import Place, Problem
from tariffs.source import Table, key_lines

FILE: Final = "billing.toml"
LANGUAGES: Final = ("en", "zh")
LAST_DAY: Final = 28
"""The last day of the month on which a cycle may begin: February has it, too."""

_YEAR: Final = "{year}"
_DIGITS_MOST: Final = 12


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who sends the bills: name, lines of the address, tax number, lines below each invoice."""

    name: str = ""
    address: tuple[str, ...] = ()
    tax_id: str = ""
    note: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cycle:
    """A billing cycle: its periods are months that begin on ``day``, in a civil zone."""

    day: int = 1
    zone: str = "UTC"

    def period(self, text: str) -> Period:
        """The period that ``2026-10`` names: the month that begins on the cycle's day in it; or days as they are.

        Raises:
            PeriodError: it is no period.

        """
        named = Period.parse(text, self.zone)
        if len(text) != len("2026-10") or self.day == 1:
            return named
        first, after = (each.replace(day=self.day) for each in (named.first, named.last + timedelta(days=1)))
        return Period(first, after - timedelta(days=1), self.zone)


@dataclass(frozen=True, slots=True)
class Settings:
    """The billing settings.

    Fees of bills of the last ``fee_months`` are corrected where holdings come out otherwise. A bill that differs from
    the last one by more than both ``outlier_nano`` and ``outlier_percent`` is a finding.
    ``texts``: by language, what categories, zones and taxes are called. ``regions``: the percentage (in units of 10^-4)
    of each tax code there.
    """

    issuer: Issuer = Issuer()
    series: Mapping[str, str] = field(default_factory=lambda: {"invoice": "INV-{year}-", "credit_note": "CN-{year}-"})
    digits: int = 6
    due_days: int = 14
    fee_months: int = 3
    cycles: Mapping[str, Cycle] = field(default_factory=lambda: {"monthly": Cycle()})
    outlier_percent: int = 100
    outlier_nano: int = 20 * 10**9
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    regions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def series_of(self, kind: str, issued_on: date) -> str:
        """The series of numbers of bills of ``kind`` of that day."""
        return self.series[kind].replace(_YEAR, f"{issued_on:%Y}")

    def to_json(self) -> str:
        """The settings as a line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)


def from_json(text: str) -> Settings:
    """The settings that :meth:`Settings.to_json` wrote."""
    made = json.loads(text)
    issuer: dict[str, Any] = made.pop("issuer")
    issuer |= {key: tuple(issuer[key]) for key in ("address", "note")}
    cycles = {name: Cycle(**cycle) for name, cycle in made.pop("cycles").items()}
    return Settings(issuer=Issuer(**issuer), cycles=cycles, **made)


def read_settings(path: Path, problems: list[Problem]) -> Settings:
    """The settings of the file ``path``; those of the shipped defaults where it is absent or wrong."""
    if not path.exists():
        return Settings()
    try:
        text = path.read_text("utf-8")
        table = Table(tomllib.loads(text), path.name, (), key_lines(text), problems)
    except (OSError, ValueError) as error:
        problems.append(Problem(Place(path.name), "", f"cannot be read: {error}"))
        return Settings()
    return _settings(table)


def _settings(table: Table) -> Settings:
    plain = Settings()
    numbers, terms, outlier = (table.table(key) for key in ("numbers", "terms", "outlier"))
    made = Settings(
        issuer=_issuer(table.table("issuer")),
        series={kind: _series(numbers, kind, prefix) for kind, prefix in plain.series.items()},
        digits=_at_most(numbers, "digits", plain.digits, 1, _DIGITS_MOST),
        due_days=_at_most(terms, "due_days", plain.due_days, 0, 365),
        fee_months=_at_most(terms, "fee_months", plain.fee_months, 0, 120),
        cycles=_cycles(table.table("cycle")) or plain.cycles,
        outlier_percent=outlier.units("percent", plain.outlier_percent, 0),
        outlier_nano=outlier.money("least", plain.outlier_nano),
        texts=_texts(table.table("text")),
        regions=_regions(table.table("region")),
    )
    if len(set(made.series.values())) < len(made.series):
        numbers.problem("credit_note", "is the prefix of invoices, too")
    for each in (table, numbers, terms, outlier):
        each.done()
    return made


def _issuer(table: Table) -> Issuer:
    made = Issuer(table.text("name"), table.texts("address"), table.text("tax_id"), table.texts("note"))
    table.done()
    return made


def _series(table: Table, kind: str, default: str) -> str:
    prefix = table.text(kind, default)
    if not prefix or not prefix.isprintable():
        table.problem(kind, "expected a prefix of numbers")
    return prefix


def _at_most(table: Table, key: str, default: int, least: int, most: int) -> int:
    found = table.units(key, default, least)
    if found > most:
        table.problem(key, f"expected {least} to {most}, not {found}")
        return default
    return found


def _cycles(tables: Table) -> dict[str, Cycle]:
    found = {}
    for name in sorted(tables.content):
        table = tables.table(name)
        zone = table.get("zone", "UTC", str, "an IANA time zone", lambda text: values.zone_info(text).key)
        found[name] = Cycle(_at_most(table, "day", 1, 1, LAST_DAY), zone)
        table.done()
    return found


def _texts(tables: Table) -> dict[str, dict[str, str]]:
    found = {}
    for language in sorted(tables.content):
        table = tables.table(language)
        found[language] = {key: table.text(key) for key in sorted(table.content)}
        if language not in LANGUAGES:
            tables.problem(language, f"expected one of {', '.join(LANGUAGES)}")
    return found


def _regions(tables: Table) -> dict[str, dict[str, int]]:
    found = {}
    for name in sorted(tables.content):
        table = tables.table(name)
        found[name] = {
            code: table.get(code, 0, str, 'a percentage as a string such as "20"', values.percent)
            for code in sorted(table.content)
        }
    return found
