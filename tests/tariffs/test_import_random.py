"""Random CGRateS folders: each quote is the price that the written rules, followed literally, give."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tariffs.importers.cgrates import import_cgrates
from tests.tariffs.imports import Quote, compiled, differing

TIMINGS = {
    "*any": (None, None, None, 0),
    "PEAK": (None, None, (1, 2, 3, 4, 5), 8),
    "EVENING": (None, None, (1, 2, 3, 4, 5), 19),
    "WEEKEND": (None, None, (6, 7), 0),
    "SUMMER": ((7, 8), None, None, 6),
    "FIRST": (None, (1, 15), (1, 3, 5), 0),
}
"""Months, days of the month, weekdays (None: any), hour of the day from which on."""

PREFIXES = ["1", "12", "123", "13", "+1", "+12", "2", "21"]
SUBJECTS = ["*any", "a", "b", "c", "d"]
ACTIVATIONS = ["2020-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "2024-07-01T12:00:00Z"]
BEGIN = datetime(2023, 12, 1, tzinfo=UTC)


@dataclass
class Folder:
    """A folder: prefixes by set, (set, price, timing, weight) by plan, (start, plan, fallback) by subject."""

    seed: int
    sets: dict[str, list[str]] = field(default_factory=dict)
    plans: dict[str, list[tuple[str, int, str, int]]] = field(default_factory=dict)
    profiles: dict[str, list[tuple[str, str, list[str]]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        draw = random.Random(self.seed)
        self.sets = {f"S{n}": draw.sample(PREFIXES, draw.randint(1, 3)) for n in range(4)}
        price = iter(range(1, 1000))
        weights = draw.sample(range(100), 40)  # no two alike: equals are a matter of the files' order
        for name in ("P1", "P2", "P3"):
            targets = [*draw.sample([*self.sets], 3), *draw.choices([*self.sets, "*any"], k=3)]
            timings = draw.choices([*TIMINGS], k=6)
            self.plans[name] = [(s, next(price), t, weights.pop()) for s, t in zip(targets, timings, strict=True)]
        for subject in SUBJECTS[: draw.randint(2, 5)]:
            starts = draw.sample(ACTIVATIONS, draw.randint(1, 2))
            self.profiles[subject] = [
                (start, draw.choice([*self.plans]), draw.sample(SUBJECTS, draw.randint(0, 2))) for start in starts
            ]

    def write(self, folder: Path) -> None:
        lines = [(plan, *line) for plan, found in self.plans.items() for line in found]
        tables = {
            "Destinations": [(name, prefix) for name, prefixes in self.sets.items() for prefix in prefixes],
            "Timings": [
                (name, "*any", *(";".join(map(str, part)) if part else "*any" for part in parts), f"{hour:02}:00:00")
                for name, (*parts, hour) in TIMINGS.items()
                if name != "*any"
            ],
            "Rates": [(f"R{price}", 0, price, "1s", "1s", "0s") for _, _, price, _, _ in lines],
            "DestinationRates": [(f"D{price}", at, f"R{price}", "*up", 4, "", "") for _, at, price, _, _ in lines],
            "RatingPlans": [(plan, f"D{price}", timing, weight) for plan, _, price, timing, weight in lines],
            "RatingProfiles": [
                ("t", "call", subject, start, plan, ";".join(fallback))
                for subject, found in self.profiles.items()
                for start, plan, fallback in found
            ],
        }
        folder.mkdir()
        for name, rows in tables.items():
            text = "\n".join(",".join(map(str, row)) for row in rows)
            (folder / f"{name}.csv").write_text(f"#header\n{text}\n")

    def price(self, subject: str, number: str, at: datetime) -> str:
        """What one second costs: the rules word by word."""
        if subject not in self.profiles:
            subject = "*any"
        found = self._price(subject, number, at, 1)
        if found is not None:
            return str(found)
        return "no_rate" if self._reaches(subject, at, 1) else "no_plan"

    def _active(self, subject: str, at: datetime) -> tuple[list[str], list[str]]:
        """The plan in force, if any, and the subjects to ask next."""
        past = sorted(row for row in self.profiles.get(subject, []) if datetime.fromisoformat(row[0]) <= at)
        if past:
            return [past[-1][1]], past[-1][2]
        return [], ["*any"] if subject in self.profiles and subject != "*any" else []

    def _price(self, subject: str, number: str, at: datetime, level: int) -> int | None:
        if level > 3:
            return None
        plan, others = self._active(subject, at)
        found = self._of_plan(plan[0], number, at) if plan else None
        for other in others:
            found = self._price(other, number, at, level + 1) if found is None else found
        return found

    def _reaches(self, subject: str, at: datetime, level: int) -> bool:
        plan, others = self._active(subject, at)
        return level <= 3 and (bool(plan) or any(self._reaches(other, at, level + 1) for other in others))

    def _of_plan(self, plan: str, number: str, at: datetime) -> int | None:
        digits = number.removeprefix("+")
        held = [
            [name for name, prefixes in self.sets.items() if self._holds(prefixes, digits[:length], number[0] == "+")]
            for length in range(len(digits), 0, -1)
        ]
        for names in (*held, ["*any"]):
            best: tuple[int, int, int, int] | None = None
            for name in names:
                lines = [line for line in self.plans[plan] if line[0] == name]
                for _, price, timing, weight in lines:
                    if _in_force(timing, at):
                        rank = (max(line[3] for line in lines), weight, TIMINGS[timing][3], price)
                        best = max(best or rank, rank)
            if best:
                return best[3]
        return None

    @staticmethod
    def _holds(prefixes: list[str], digits: str, plus: bool) -> bool:
        return digits in prefixes or (plus and f"+{digits}" in prefixes)


def _in_force(timing: str, at: datetime) -> bool:
    months, days, weekdays, hour = TIMINGS[timing]
    wanted = ((months, at.month), (days, at.day), (weekdays, at.isoweekday()))
    return all(part is None or value in part for part, value in wanted) and at.hour >= hour


@pytest.mark.parametrize("seed", range(6))
def test_prices_are_those_of_the_rules(tmp_path: Path, seed: int) -> None:
    source = Folder(seed)
    source.write(tmp_path / "source")
    assert import_cgrates(tmp_path / "source", tmp_path / "out").complete
    draw = random.Random(seed)
    card = []
    for _ in range(300):
        subject = draw.choice([*source.profiles, "stranger"])
        number = draw.choice(["+", ""]) + draw.choice(["1", "12", "123", "1234", "13", "2", "21", "3"])
        at = BEGIN + timedelta(hours=draw.randrange(24 * 366))
        if subject == "stranger" and "*any" not in source.profiles:
            continue
        card.append(Quote(f"t call {subject}", number, at.isoformat(), 1, "voice", source.price(subject, number, at)))
    assert differing(compiled(tmp_path / "out"), card) == []
