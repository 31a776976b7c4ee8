"""A-Z price sheets as decks (docs/importers.md).

Enters: a sheet and a ``Mapping``. Leaves: ``ID.toml`` with the deck and a plan of it, ``ID.csv``, and a ``Report``.
Always holds: every row with a code is in the deck; one whose price cannot be expressed is there without a price, so
that no shorter code prices its numbers.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from tariffs import values
from tariffs.importers.exact import decimal, money
from tariffs.importers.folder import fresh, prove, shown, write_csv, write_toml
from tariffs.importers.mapping import Mapping
from tariffs.importers.report import Report
from tariffs.importers.sheet import Rows, read_sheet
from tariffs.model import EVER_FROM, EVER_TO, Place

HEADER: Final = (
    "prefix",
    "zone",
    "price",
    "minimum",
    "increment",
    "setup_fee",
    "valid_from",
    "valid_to",
    "source_line",
)
CODES_MAX: Final = 10_000
"""Codes that one range may stand for."""

_RANGE: Final = re.compile(r"\+?(\d+)\s*[-\u2013]\s*\+?(\d+)")
_CODE: Final = re.compile(r"\+?(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a row says of price: of ``Mapping.per`` units (empty: none), intervals, fee."""

    price: str
    minimum: int = 0
    increment: int = 1
    setup_fee: str = "0"


@dataclass(frozen=True, slots=True)
class Entry:
    """One code of a row, in force from an instant to before another."""

    prefix: str
    zone: str
    terms: Terms
    valid_from: int
    valid_to: int
    line: int


def import_deck(sheet: Path, folder: Path, mapping: Mapping) -> Report:
    """Write ``sheet`` to ``folder`` as the deck ``mapping.id`` and a plan of that name.

    Raises:
        ValueError: the sheet cannot be read as ``mapping`` says.
        FileExistsError: the folder holds files of that name already.

    """
    report = Report()
    rows = read_sheet(sheet, mapping)
    zone = values.zone_info(mapping.date_zone)
    fresh(folder, [f"{mapping.id}.toml", f"{mapping.id}.csv"])
    entries = _Reader(mapping, sheet.name, zone, report).entries(rows)
    deck = {
        "file": f"{mapping.id}.csv",
        "currency": mapping.currency,
        "per": mapping.per,
        "unpriced": "suspend",
        "columns": {name: name for name in HEADER[:-1]},
    }
    plan = {"currency": mapping.currency, "rule": [{"service": "voice", "deck": mapping.id}]}
    write_csv(folder / f"{mapping.id}.csv", HEADER, map(_cells, entries))
    tables: dict[str, object] = {"deck": {mapping.id: deck}, "plan": {mapping.id: plan}}
    write_toml(folder / f"{mapping.id}.toml", f"Imported from {sheet.name}; source_line is the line there.", tables)
    report.written = {"prefixes": len(entries), "unpriced": sum(not entry.terms.price for entry in entries)}
    prove(folder, report)
    return report


def _cells(entry: Entry) -> list[object]:
    terms = entry.terms
    period = [shown(entry.valid_from), shown(entry.valid_to)]
    return [
        entry.prefix,
        entry.zone,
        terms.price,
        terms.minimum,
        terms.increment,
        terms.setup_fee,
        *period,
        entry.line,
    ]


@dataclass(frozen=True)
class _Reader:
    mapping: Mapping
    file: str
    zone: ZoneInfo
    report: Report

    def entries(self, rows: Rows) -> list[Entry]:
        """The entries of all rows, in the order of the sheet."""
        left_out: Counter[str] = Counter()
        by_prefix: dict[str, list[Entry]] = defaultdict(list)
        for line, cells in rows.rows:
            row = dict(zip(rows.columns, cells, strict=True))
            if wrong := [name for name, wanted in self.mapping.where.items() if row[name] not in wanted]:
                left_out[f"{wrong[0]} {row[wrong[0]]!r}"] += 1
                continue
            for entry in self._row({key: row[name] for key, name in self.mapping.columns.items()}, line):
                by_prefix[entry.prefix].append(entry)
        for why, count in left_out.items():
            self.report.decided(Place(self.file), f"{count} rows are left out: {why}")
        used = {*self.mapping.columns.values(), *self.mapping.where}
        if unused := [name for name in rows.columns if name not in used]:
            self.report.decided(Place(self.file, int(self.mapping.header)), f"columns not read: {', '.join(unused)}")
        found = [entry for entries in by_prefix.values() for entry in self._succession(entries)]
        return sorted(found, key=lambda entry: (entry.line, entry.prefix))

    def _row(self, row: dict[str, str], line: int) -> list[Entry]:
        """An entry for each code of a row."""
        place = Place(self.file, line)
        try:
            prefixes = codes(row["prefix"], row.get("country", ""))
            start, end = self._period(row.get("valid_from", ""), row.get("valid_to", ""))
        except ValueError as error:
            self.report.lost(place, f"{error}: the row is left out")
            return []
        try:
            terms = self._terms(row) if row["price"] else Terms("")
        except ValueError as error:
            self.report.lost(place, f"{error}: {row['prefix']} is in the deck without a price")
            terms = Terms("")
        if not row["price"]:
            self.report.decided(place, f"{row['prefix']} has no price: its events are no_rate")
        return [Entry(prefix, row.get("zone", ""), terms, start, end, line) for prefix in prefixes]

    def _period(self, first: str, last: str) -> tuple[int, int]:
        start, end = self._instant(first, EVER_FROM), self._instant(last, EVER_TO)
        if start >= end:
            raise ValueError(f"the period ends ({last}) before it begins ({first})")
        return start, end

    def _instant(self, text: str, unbounded: int) -> int:
        """A date in the mapping's format, or in ISO 8601, which date cells of a workbook have."""
        if not text or not self.mapping.date_format:
            return values.instant(text, self.zone) if text else unbounded
        try:
            return values.instant(text, self.zone, self.mapping.date_format)
        except ValueError as error:
            try:
                return values.instant(text, self.zone)
            except ValueError:
                raise error from None

    def _terms(self, row: dict[str, str]) -> Terms:
        per = _units(row["per"], "per") if "per" in row else self.mapping.per
        price = _price(row["price"], "price") * Fraction(self.mapping.per, per)
        if "next_price" in row:
            after = _price(row["next_price"], "next_price")
            following = after * Fraction(self.mapping.per, _units(row.get("next_per", str(per)), "next_per"))
            if following != price:
                raise ValueError(f"the price changes after the first interval, from {price} to {following}")
        first, _, then = row.get("intervals", self.mapping.intervals).partition("/")
        minimum = row.get("minimum") or first
        increment = row.get("increment") or then or first
        fee = _price(row.get("setup_fee") or "0", "setup_fee")
        return Terms(money(price), _units(minimum, "minimum", 0), _units(increment, "increment"), money(fee))

    def _succession(self, entries: list[Entry]) -> list[Entry]:
        """Entries of one code, each until the next begins; of two that begin together the first."""
        kept: list[Entry] = []
        for entry in sorted(entries, key=lambda each: (each.valid_from, each.line)):
            place = Place(self.file, entry.line)
            last = kept[-1] if kept else None
            if last and last.valid_from == entry.valid_from:
                note = self.report.decided if last.terms == entry.terms else self.report.lost
                note(place, f"{entry.prefix} begins with line {last.line}, which is kept")
                continue
            if last and last.valid_to > entry.valid_from:
                self.report.decided(place, f"{entry.prefix} replaces line {last.line} from its start on")
                kept[-1] = replace(last, valid_to=entry.valid_from)
            kept.append(entry)
        return kept


def codes(text: str, country: str = "") -> list[str]:
    """The codes of a cell such as ``4420-4429, 4477`` (``4420-29`` is a range too), each behind ``country``."""
    found: list[str] = []
    for part in filter(None, (part.strip() for part in re.split(r"[,;/|\n]", text))):
        if match := _RANGE.fullmatch(part):
            found += _range(match[1], match[2])
        elif match := _CODE.fullmatch(part):
            found.append(match[1])
        else:
            raise ValueError(f"expected codes such as 4420-4429, 4477, not {text!r}")
    start = country.strip().removeprefix("+")
    if not (found or start) or (start and not _CODE.fullmatch(start)):
        raise ValueError(f"expected a code, not {text or country!r}")
    return list(dict.fromkeys(start + code for code in found or [""]))


def _range(first: str, last: str) -> list[str]:
    whole = first[: max(0, len(first) - len(last))] + last
    if len(whole) != len(first) or not int(first) <= int(whole) < int(first) + CODES_MAX:
        raise ValueError(f"expected a range of at most {CODES_MAX} codes of one length, not {first}-{last}")
    return [f"{code:0{len(first)}}" for code in range(int(first), int(whole) + 1)]


def _units(text: str, key: str, least: int = 1) -> int:
    text = text.strip()
    if not text.isdecimal() or not least <= int(text) < 10**9:
        raise ValueError(f"{key}: expected a whole number of at least {least}, not {text!r}")
    return int(text)


def _price(text: str, key: str) -> Fraction:
    try:
        return decimal(text)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error
