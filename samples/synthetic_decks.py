"""The decks of the synthetic operator, cut from the real A-Z deck.

Enters: a real A-Z deck in USD (columns Destination, Prefix, Rate). Leaves: ``destinations.csv``, the numbers that
``generate.py`` calls, most called first, and one deck per carrier, a transit deck, and a retail deck, in GBP.
Always holds: every prefix of ``destinations.csv`` is in every carrier's deck; the same input gives the same bytes.

``python samples/synthetic_decks.py A_Z_DECK.csv samples/tariffs/synthetic``
"""

from __future__ import annotations

import argparse
import csv
import random
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

PER_ZONE = 2
"""Prefixes kept of each zone of the real deck: enough for longest-match to matter, few enough to read."""
LOSS_ONE_IN = 30
"""One destination in so many is sold below cost, so that the margin view has something to show."""
CARRIERS = {"arden": 92, "brent": 97, "colne": 100, "derwent": 105, "eden": 110, "frome": 120}
"""Price level of each carrier, per cent of the cost."""
INTERVALS = {"arden": (1, 1), "brent": (30, 6), "colne": (60, 60), "derwent": (6, 6), "eden": (60, 1), "frome": (1, 1)}
"""Seconds: first interval and following intervals of each carrier."""
CHANGES_ON = "2026-03-04"
"""eden changes one price in twenty on this day."""
UK_COST = {"441": 40, "442": 40, "443": 40, "447": 120, "448": 300, "449": 2000}
"""GBP 0.0001 a minute, by the first digits: the real deck is of 2010, before mobile termination was regulated."""
MOST_CALLED = (
    *("UNITED KINGDOM", "IRELAND", "INDIA", "USA", "FRANCE", "GERMANY", "POLAND", "SPAIN", "PAKISTAN", "ITALY"),
    *("NIGERIA", "ROMANIA", "PORTUGAL", "NETHERLANDS", "BANGLADESH", "TURKEY", "GREECE", "AUSTRALIA", "CANADA"),
)
RARELY_CALLED = ("PAGER", "PERSONAL", "PREMIUM", "SPECIAL", "TRANSLATION", "CELL", "VOIP", "SATELLITE")
"""Words in the names of zones that come last in popularity."""
OWN_RANGE = "44755"
"""The synthetic operator's own numbers: nobody reaches them through a carrier."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A prefix with its zone and what terminating there costs, in units of GBP 0.0001 a minute."""

    prefix: str
    zone: str
    cost: int

    @property
    def digits(self) -> int:
        """Length of a whole number: 12 in the UK, 11 in the NANP, elsewhere 11 to 13."""
        if self.prefix.startswith("44"):
            return 12
        return 11 if self.prefix.startswith("1") else min(max(len(self.prefix) + 5, 11), 13)


def read_deck(path: Path) -> list[Destination]:
    """Read the priced rows of the real deck, at most :data:`PER_ZONE` a zone, shortest prefixes first."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["Rate"]]
    found: dict[str, list[Destination]] = {}
    for row in sorted(rows, key=lambda r: (len(r["Prefix"]), r["Prefix"])):
        zone = row["Destination"].replace(",", " -")
        if len(found.setdefault(zone, [])) < PER_ZONE:
            found[zone].append(Destination(row["Prefix"], zone, cost(row["Prefix"], row["Rate"])))
    return [d for zone in found.values() for d in zone]


def cost(prefix: str, usd: str) -> int:
    """Convert a price in USD to GBP 0.0001 a minute, at least 10."""
    if prefix.startswith("44"):
        return UK_COST.get(prefix[:3], 40)
    return max(10, int(Decimal(usd) * 7800))


def by_popularity(found: list[Destination], chance: random.Random) -> list[Destination]:
    """Most called first: the named countries in their order, the others shuffled."""
    rank = {name: place for place, name in enumerate(MOST_CALLED)}

    def place(d: Destination) -> tuple[bool, int, bool, float]:
        named = [r for name, r in rank.items() if d.zone.startswith(name)]
        rare = any(word in d.zone for word in RARELY_CALLED)
        return (rare, named[0] if named else len(rank), not named or len(d.prefix) > 6, chance.random())

    return sorted(found, key=place)


def money(units: int) -> str:
    """``units`` of GBP 0.0001 as a decimal."""
    return f"{units // 10_000}.{units % 10_000:04d}"


def carrier_rows(carrier: str, found: list[Destination], chance: random.Random) -> list[list[str]]:
    """Make a carrier's deck: its own price level, some noise, its intervals, and at eden a dated change."""
    first, then = INTERVALS[carrier]
    rows = []
    for d in found:
        price = max(5, d.cost * CARRIERS[carrier] * chance.randint(85, 115) // 10_000)
        row = [d.prefix, d.zone, money(price), str(first), str(then)]
        if carrier == "eden" and chance.randrange(20) == 0:
            rows.append([*row, "", CHANGES_ON])
            rows.append([d.prefix, d.zone, money(price + price // 10 + 1), *row[3:], CHANGES_ON, ""])
        else:
            rows.append([*row, "", ""])
    return sorted(rows, key=lambda r: (r[0], r[5]))


def write(path: Path, header: str, rows: list[list[str]]) -> None:
    """Write a CSV file with LF line ends."""
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(header.split(","))
        table.writerows(rows)


def main() -> None:
    """Write all decks into the folder given."""
    parser = argparse.ArgumentParser(description="Cut the synthetic operator's decks from a real A-Z deck.")
    parser.add_argument("deck", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    chance = random.Random(7)
    found = by_popularity(read_deck(given.deck), chance)
    called = [[d.prefix, d.zone, str(d.digits)] for d in found if not OWN_RANGE.startswith(d.prefix)]
    write(given.out / "destinations.csv", "prefix,zone,digits", called)
    for carrier in CARRIERS:
        columns = "prefix,zone,price,minimum,increment,valid_from,valid_to"
        write(given.out / f"deck_{carrier}.csv", columns, carrier_rows(carrier, found, chance))
    in_order = sorted(found, key=lambda d: d.prefix)
    transit = [[d.prefix, d.zone, money(d.cost * 125 // 100 + 2)] for d in in_order]
    write(given.out / "deck_transit.csv", "prefix,zone,price", transit)
    retail = [
        [d.prefix, d.zone, money((d.cost * (70 if chance.randrange(LOSS_ONE_IN) == 0 else 180) // 100 + 99) // 50 * 50)]
        for d in in_order
        if not d.prefix.startswith("44")
    ]
    write(given.out / "deck_international.csv", "prefix,zone,price", retail)


if __name__ == "__main__":
    main()
