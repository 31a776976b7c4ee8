"""The CSV files of a CGRateS 0.x tariff folder as rows with lines.

Enters: a folder. Leaves: a ``Source``: every row as it stands there, by name. Always holds: a row that has too
few columns is lost and reported; a file that is no part of rating is reported; text is not interpreted yet.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tariffs.importers.report import Report
from tariffs.model import Place

ANY: Final = "*any"
FILES: Final = ("Destinations", "Timings", "Rates", "DestinationRates", "RatingPlans", "RatingProfiles")
GRANTING: Final = ("Actions", "ActionPlans", "AccountActions", "ActionTriggers", "SharedGroups")
"""Files that may be absent: who is granted which balances."""


@dataclass(frozen=True, slots=True)
class TimingRow:
    """When a line of a rating plan is in force; lists are separated by ``;``."""

    place: Place
    id: str
    years: str
    months: str
    month_days: str
    weekdays: str
    time: str


@dataclass(frozen=True, slots=True)
class RateRow:
    """One slot of a rate."""

    place: Place
    id: str
    connect_fee: str
    price: str
    per: str
    increment: str
    start: str


@dataclass(frozen=True, slots=True)
class DestinationRateRow:
    """A destination, its rate, and how the charge is rounded and limited."""

    place: Place
    id: str
    destination: str
    rate: str
    method: str
    decimals: str
    max_cost: str
    strategy: str


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One line of a rating plan."""

    place: Place
    id: str
    destination_rates: str
    timing: str
    weight: str


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """A plan of a subject from an instant on, and the subjects asked where the plan has no price."""

    place: Place
    tenant: str
    category: str
    subject: str
    activation: str
    plan: str
    fallback: str


@dataclass(frozen=True)
class Source:
    """A CGRateS folder: rows by the name that other rows call them by, in the order of the files."""

    destinations: dict[str, list[tuple[str, Place]]]
    timings: dict[str, list[TimingRow]]
    rates: dict[str, list[RateRow]]
    destination_rates: dict[str, list[DestinationRateRow]]
    plans: dict[str, list[PlanRow]]
    profiles: list[ProfileRow]


def read(folder: Path, report: Report) -> Source:
    """Read the rating files of ``folder``; only Timings.csv may be absent.

    Raises:
        ValueError: there is no RatingPlans.csv, or a file cannot be read.

    """
    if not (folder / "RatingPlans.csv").is_file():
        raise ValueError(f"{folder} holds no RatingPlans.csv: expected a CGRateS tariff folder")
    for path in sorted(folder.glob("*.csv")):
        if path.stem not in (*FILES, *GRANTING):
            report.decided(Place(path.name), "is no part of rating: not imported")
    source = Source(defaultdict(list), defaultdict(list), defaultdict(list), defaultdict(list), defaultdict(list), [])
    for row, place in rows_of(folder / "Destinations.csv", 2, 2, report):
        source.destinations[row[0]].append((row[1], place))
    for row, place in rows_of(folder / "Timings.csv", 6, 6, report):
        source.timings[row[0]].append(TimingRow(place, *row))
    for row, place in rows_of(folder / "Rates.csv", 6, 6, report):
        source.rates[row[0]].append(RateRow(place, *row))
    for row, place in rows_of(folder / "DestinationRates.csv", 3, 7, report):
        source.destination_rates[row[0]].append(DestinationRateRow(place, *row))
    for row, place in rows_of(folder / "RatingPlans.csv", 3, 4, report):
        source.plans[row[0]].append(PlanRow(place, *row))
    source.profiles.extend(
        ProfileRow(place, *row) for row, place in rows_of(folder / "RatingProfiles.csv", 5, 6, report)
    )
    return source


def rows_of(path: Path, least: int, width: int, report: Report) -> Iterator[tuple[list[str], Place]]:
    """Rows of ``width`` columns; empty lines and those that begin with # are comments."""
    if not path.is_file():
        if path.stem in FILES and path.stem != "Timings":
            report.decided(Place(path.name), "is absent")
        return
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text)
            for row in reader:
                place = Place(path.name, reader.line_num)
                cells = [cell.strip() for cell in row]
                if not any(cells) or cells[0].startswith("#"):
                    continue
                if least <= len(cells) and not any(cells[width:]):
                    yield [*cells, *[""] * width][:width], place
                else:
                    report.lost(place, f"has {len(cells)} columns, expected {least} to {width}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
