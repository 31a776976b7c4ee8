"""What-if: the same tariff changes nothing; doubled prices change what the hand computes; the lake stays as it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rating.cli.main import main

HEADER = (
    "call_id,switch,service,direction,a_number,b_number,trunk_in,trunk_out,start_time,duration_s,"
    "volume_up_bytes,volume_down_bytes,cause\n"
)
# a, b, start, seconds: two consumers, one business
CALLS = [
    ("+447700900001", "+4420700001", "2026-03-01 10:00:00", 60),  # uk, consumer 1: 0.10
    ("+447700900001", "+331234567", "2026-03-01 11:00:00", 90),  # fr, consumer 1: 0.45
    ("+447700900002", "+4420700001", "2026-03-02 10:00:00", 120),  # uk, consumer 2: 0.20
    ("+447700900003", "+331234567", "2026-03-03 10:00:00", 30),  # fr, business: 0.15
    ("+447700900003", "+331234567", "2026-04-03 10:00:00", 30),  # another month
]
TARIFF = """
[zone.uk]
prefixes = ["44"]
[zone.fr]
prefixes = ["33"]
[rate.uk]
currency = "GBP"
price = "0.10"
per = 60
[rate.fr]
currency = "GBP"
price = "0.30"
per = 60
[plan.p]
currency = "GBP"
[[plan.p.rule]]
zone = "uk"
rate = "uk"
[[plan.p.rule]]
zone = "fr"
rate = "fr"
"""
SUBSCRIPTIONS = (
    "kind,key,account,plan,segment\nnumber,+447700900001,c1,p,consumer\n"
    "number,+447700900002,c2,p,consumer\nnumber,+447700900003,b1,p,business\n"
)
MARCH = ["--period", "2026-03"]
Simulated = Callable[..., dict[str, Any]]


def _folder(folder: Path, tariff: str = TARIFF, subscriptions: str = SUBSCRIPTIONS) -> Path:
    folder.mkdir()
    (folder / "a.toml").write_text(tariff)
    (folder / "subscriptions.csv").write_text(subscriptions)
    return folder


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with the charges of CALLS."""
    folder = tmp_path_factory.mktemp("simulate")
    lines = [
        f"id{n},SW1,voice,O,{a},{b},,,{start}+00:00,{seconds},0,0,16\n"
        for n, (a, b, start, seconds) in enumerate(CALLS)
    ]
    (folder / "calls.csv").write_text(HEADER + "".join(lines))
    tariffs = _folder(folder / "tariffs")
    rated = ["rate", folder / "calls.csv", "--layout", "generic_csv", "--tariffs", tariffs, "--lake", folder / "lake"]
    assert main([str(each) for each in rated]) == 0
    return folder / "lake"


@pytest.fixture
def simulated(lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Simulated:
    """Simulate by a folder with the given texts, and give the JSON."""

    def run(*texts: str, code: int = 0, arguments: list[str] = MARCH) -> dict[str, Any]:
        folder = _folder(tmp_path / "new", *texts)
        capsys.readouterr()
        assert main(["simulate", "--tariffs", str(folder), "--lake", str(lake), *arguments, "--json"]) == code
        told: dict[str, Any] = json.loads(capsys.readouterr().out)
        return told

    return run


def _deltas(rows: list[dict[str, Any]], by: str) -> dict[str, tuple[Decimal, ...]]:
    return {row[by]: tuple(Decimal(row[name]) for name in ("before", "after", "delta")) for row in rows}


def test_the_same_tariff_changes_nothing(simulated: Simulated) -> None:
    told = simulated()
    assert (told["events"], told["winners"], told["losers"], told["unpriced"]) == (4, [], [], [])
    for part in ("margins", "legs", "plans", "zones", "segments"):
        assert [row["delta"] for row in told[part]] == ["0.000000000"] * len(told[part])
        assert {row["percent"] for row in told[part]} == {"+0"}
    assert _deltas(told["plans"], "plan") == {"p": (Decimal("0.90"), Decimal("0.90"), Decimal(0))}


def test_a_doubled_price(simulated: Simulated) -> None:
    told = simulated(TARIFF.replace('"0.30"', '"0.60"'))
    d = Decimal
    assert _deltas(told["zones"], "zone") == {
        "fr": (d("0.60"), d("1.20"), d("0.60")),
        "uk": (d("0.30"), d("0.30"), d(0)),
    }
    assert _deltas(told["segments"], "segment") == {
        "consumer": (d("0.75"), d("1.20"), d("0.45")),
        "business": (d("0.15"), d("0.30"), d("0.15")),
    }
    assert [(row["account"], row["delta"], row["percent"]) for row in told["losers"]] == [
        ("c1", "0.450000000", "+81.8182"),
        ("b1", "0.150000000", "+100"),
    ]
    assert told["winners"] == []
    assert _deltas(told["margins"], "what")["margin"] == (d("0.90"), d("1.50"), d("0.60"))


def test_a_cheaper_price_has_winners(simulated: Simulated) -> None:
    told = simulated(TARIFF.replace('"0.10"', '"0.05"'))
    assert [(row["account"], row["delta"]) for row in told["winners"]] == [
        ("c2", "-0.100000000"),
        ("c1", "-0.050000000"),
    ]


def test_what_cannot_be_priced_is_counted_and_left_out(simulated: Simulated) -> None:
    without_fr = TARIFF.replace('[[plan.p.rule]]\nzone = "fr"\nrate = "fr"\n', "")
    told = simulated(without_fr, SUBSCRIPTIONS.replace("number,+447700900002,c2,p,consumer\n", ""), code=1)
    assert told["unpriced"] == [
        {"reason": "no_account", "events": 1, "leg": "retail", "currency": "GBP", "before": "0.200000000"},
        {"reason": "no_rate", "events": 2, "leg": "retail", "currency": "GBP", "before": "0.600000000"},
    ]
    assert _deltas(told["zones"], "zone") == {"uk": (Decimal("0.10"), Decimal("0.10"), Decimal(0))}


@pytest.mark.parametrize(
    ("arguments", "events"),
    [
        (["--period", "2026-03-01"], 2),
        (["--from", "2026-03-02", "--to", "2026-03-03"], 2),
        (["--from", "2026-03-01"], 2),
        (["--period", "2026-03-01/2026-04-30"], 5),
        (["--period", "2025-01"], 0),
    ],
)
def test_periods(simulated: Simulated, arguments: list[str], events: int) -> None:
    assert simulated(arguments=arguments)["events"] == events


@pytest.mark.parametrize("arguments", [[], [*MARCH, "--from", "2026-03-01"], ["--to", "2026-03-01"], ["--period", "x"]])
def test_wrong_periods(lake: Path, tmp_path: Path, arguments: list[str]) -> None:
    tariffs = _folder(tmp_path / "new")
    assert main(["simulate", "--tariffs", str(tariffs), "--lake", str(lake), *arguments]) == 2


def test_nothing_in_the_lake_changes_and_the_chart_is_drawn(lake: Path, tmp_path: Path) -> None:
    def fingerprint() -> dict[str, str]:
        files = (path for path in sorted((lake / "data").rglob("*")) if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before, chart, accounts = fingerprint(), tmp_path / "chart.png", tmp_path / "accounts.csv"
    new = _folder(tmp_path / "new", TARIFF.replace('"0.30"', '"0.60"'))
    files = ["--chart", str(chart), "--accounts", str(accounts)]
    assert main(["simulate", "--tariffs", str(new), "--lake", str(lake), *MARCH, *files]) == 0
    assert fingerprint() == before
    assert chart.read_bytes().startswith(b"\x89PNG")
    assert accounts.read_text().splitlines()[1] == "retail,c1,GBP,2,2,0.550000000,1.000000000,0.450000000,+81.8182"
    assert main(["simulate", "--tariffs", str(new), "--lake", str(lake), *MARCH, "--chart", "a.doc"]) == 1
