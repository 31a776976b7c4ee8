"""Public holidays as special days: beside a published list, and in a calendar."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest

from tariffs.load import load
from tariffs.special import public_holidays

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "holidays" / "public_holidays_2024_2027.csv"
CALENDAR = '[calendar.c]\n[calendar.c.bands]\nfree = ["xmas"]\n[calendar.c.special]\n'


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the list is not here")
def test_every_country_of_a_published_list() -> None:
    published: defaultdict[str, set[date]] = defaultdict(set)
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            published[row["country"]].add(date.fromisoformat(row["date"]))
    found = {country: {day for day in public_holidays(country) if 2024 <= day.year <= 2027} for country in published}
    assert found == published
    assert len(found) > 200


# the special days, whether a date of 2026 is one of sun, of xmas
DAYS = [
    ('sun = { country = "GB", subdivision = "ENG" }', "2026-04-06", True),  # Easter Monday
    ('sun = { country = "GB", subdivision = "SCT" }', "2026-04-06", False),
    ('sun = { country = "GB", subdivision = "SCT" }', "2026-11-30", True),  # Saint Andrew's Day
    ('sun = { country = "GB" }', "2026-12-25", True),
    ('sun = { country = "GB", except = ["2026-12-25"] }', "2026-12-25", False),
    ('sun = { country = "GB", dates = ["2026-07-14"] }', "2026-07-14", True),
    ('sun = ["2026-07-14"]', "2026-07-14", True),
]


@pytest.mark.parametrize(("said", "day", "holiday"), DAYS)
def test_days_of_a_calendar(tmp_path: Path, said: str, day: str, holiday: bool) -> None:
    (tmp_path / "a.toml").write_text(f'{CALENDAR}xmas = ["2024-12-25"]\n{said}\n')
    tariff, problems = load(tmp_path)
    assert problems == []
    assert (date.fromisoformat(day) in dict(tariff.calendars["c"].special)["sun"]) == holiday


def test_a_named_date_stands_before_a_public_holiday(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(f'{CALENDAR}xmas = ["2026-12-25"]\nsun = {{ country = "GB" }}\n')
    assert [name for name, _ in load(tmp_path)[0].calendars["c"].special] == ["sun", "xmas"]


# the special days, the problem
PROBLEMS = [
    ('sun = { country = "ATLANTIS" }', "a.toml:5: calendar.c.special.sun.country: no public holidays are known"),
    ('sun = { country = "GB", subdivision = "X" }', "calendar.c.special.sun.subdivision: no public holidays are known"),
    ('sun = { subdivision = "X" }', "a.toml:5: calendar.c.special.sun.country: is required"),
    ('sun = { country = "GB", day = "X" }', "a.toml:5: calendar.c.special.sun.day: is unknown"),
    ('sun = { country = "GB", dates = ["soon"] }', "a.toml:5: calendar.c.special.sun.dates: expected a date"),
]


@pytest.mark.parametrize(("said", "problem"), PROBLEMS)
def test_problem(tmp_path: Path, said: str, problem: str) -> None:
    (tmp_path / "a.toml").write_text(CALENDAR + said)
    found = [str(each) for each in load(tmp_path)[1]]
    assert [each for each in found if problem in each], found
