"""``toll tariff import``: exit codes, and the report as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rating.cli.main import main

HERE = Path(__file__).parents[1] / "tariffs" / "data"
SHEET = ["deck", "{here}/az_sheet.csv", "{out}", "--mapping", "{here}/az_mapping.toml"]

# arguments, exit code, in the output
RUNS = [
    (["cgrates", "{here}/cgrates_rates", "{out}"], 0, "17 plans, 16 rates, 0 zones, 0 calendars, 17 subscriptions"),
    (["cgrates", "{here}/cgrates_broken", "{out}"], 1, "DestinationRates.csv:5: lost: expected a decimal number"),
    (["cgrates", "{here}/cgrates_broken", "{out}"], 1, "something priced was lost"),
    (["cgrates", "{here}", "{out}"], 2, "holds no RatingPlans.csv"),
    (["cgrates", "{here}/cgrates_rates", "{here}/cgrates_bands"], 2, "is there already"),
    (["cgrates", "{here}/cgrates_rates", "{out}", "--zone", "Nowhere"], 2, "expected an IANA time zone"),
    (SHEET, 1, "az_sheet.csv:10: lost: price"),
    ([*SHEET, "--where", "Destination=ITALY,UNITED KINGDOM", "--currency", "USD"], 1, "2 prefixes, 1 unpriced"),
    ([*SHEET, "--where", "Destination=UNITED KINGDOM"], 0, "1 prefixes, 0 unpriced; all prices imported"),
    ([*SHEET, "--separator", ","], 2, "expected one column"),
    (["deck", "{here}/nowhere.csv", "{out}", "--mapping", "{here}/az_mapping.toml"], 2, "nowhere.csv"),
]


@pytest.mark.parametrize(("arguments", "code", "told"), RUNS)
def test_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, told: str) -> None:
    filled = [argument.format(here=HERE, out=tmp_path / "out") for argument in arguments]
    assert main(["tariff", "import", *filled]) == code
    both = capsys.readouterr()
    assert told in both.out + both.err


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tariff", "import", "cgrates", str(HERE / "cgrates_broken"), str(tmp_path / "out"), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["complete"], told["plans"], told["subscriptions"]) == (False, 1, 2)
    assert {"file": "Destinations.csv", "line": 5, "kind": "lost", "message": "has 1 columns, expected 2 to 2"} in (
        told["findings"]
    )
    assert main(["tariff", "check", str(tmp_path / "out")]) == 0
