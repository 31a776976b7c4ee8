"""Quotes and simulations that draw on balances: what is free is free, and nothing is drawn by asking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rating.cli.main import main
from tests.rating.test_simulate import HEADER

TARIFF = """
[zone.all]
prefixes = ["4"]
[rate.r]
currency = "GBP"
price = "0.10"
per = 60
increment = 60
[plan.p]
currency = "GBP"
[[plan.p.rule]]
zone = "all"
rate = "r"
[allowance.minutes]
plan = "p"
unit = "s"
amount = 600
increment = 60
time_zone = "UTC"
[allowance.credit]
plan = "p"
currency = "GBP"
amount = "0.25"
time_zone = "UTC"
[accumulator.talked]
plan = "p"
unit = "s"
time_zone = "UTC"
"""
PEOPLE = "kind,key,account,plan\nnumber,+447700900001,ann,p\nnumber,+447700900002,ben,p\n"
CALL = "1,SW1,voice,O,+447700900001,+4420700001,,,2026-03-02 10:00:00+00:00,300,0,0,16\n"


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A tariff folder, and a lake in which ann has talked five minutes of March."""
    home = tmp_path_factory.mktemp("quoted")
    (home / "t").mkdir()
    (home / "t" / "tariff.toml").write_text(TARIFF)
    (home / "t" / "subscriptions.csv").write_text(PEOPLE)
    (home / "calls.csv").write_text(HEADER + CALL)
    asked = ["rate", home / "calls.csv", "--layout", "generic_csv", "--tariffs", home / "t", "--lake", home / "lake"]
    assert main([str(each) for each in asked]) == 0
    return home / "t", home / "lake"


QUOTES = [
    # who, seconds; amount, free usage, what money pays, seconds and money left, total of the month
    ("+447700900001", 300, "0", 300, "0", 0, None, 600),
    ("+447700900001", 420, "0.2", 300, "0.2", 0, "0.05", 720),
    ("+447700900001", 600, "0.5", 300, "0.25", 0, "0", 900),
    ("+447700900002", 60, "0", 60, "0", 540, None, 60),
]


def test_each_line_draws_for_itself(
    rated: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        json.dumps({"a_number": who, "b_number": "+4420700001", "usage": usage, "start": "2026-03-03T10:00:00"})
        for who, usage, *_ in QUOTES
    ]
    (tmp_path / "events").write_text("\n".join([*lines, json.dumps({"usage": 1, "start": "2026-03-03"})]))
    asked = ["quote", "--tariffs", str(rated[0]), "--lake", str(rated[1]), "--events", str(tmp_path / "events")]
    capsys.readouterr()
    assert main(asked) == 1
    *answers, refused = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [_told(answer) for answer in answers] == [tuple(expected) for _, _, *expected in QUOTES]
    assert refused["error"].startswith("no_account")
    assert main([*asked, "--explain"]) == 2


def _told(answer: dict[str, Any]) -> tuple[object, ...]:
    (charge,) = answer["charges"]
    lots = {lot.get("allowance") or lot["accumulator"]: lot for lot in answer["balances"]}
    left = [lots.get(name, {}).get("left") for name in ("minutes", "credit")]
    amounts = charge["amount"], charge["free_usage"], charge["covered_amount"]
    return (*amounts, *left, lots["talked"]["total"])


def test_a_simulation_with_balances(
    rated: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four minutes are free instead of ten; without balances all five would be charged by either tariff."""
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "tariff.toml").write_text(TARIFF.replace("amount = 600", "amount = 240"))
    (tmp_path / "new" / "subscriptions.csv").write_text(PEOPLE)
    asked = ["simulate", "--tariffs", str(tmp_path / "new"), "--lake", str(rated[1]), "--period", "2026-03", "--json"]
    told = []
    for more in ([], ["--balances"]):
        capsys.readouterr()
        assert main([*asked, *more]) == 0
        (plan,) = json.loads(capsys.readouterr().out)["plans"]
        told.append((plan["before"], plan["after"]))
    assert told == [("0.000000000", "0.500000000"), ("0.000000000", "0.100000000")]
