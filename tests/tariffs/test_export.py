"""A tariff exported and read again prices as before; what cannot be is noted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tariffs.catalogue import Catalogue
from tariffs.compare import compare
from tariffs.compile import compile_tariff
from tariffs.diagnose import diagnose
from tariffs.export import export_tariff
from tariffs.load import load

SAMPLES = Path(__file__).parents[2] / "samples" / "tariffs"
INSTANTS = [1_760_000_000_000_000, 1_772_323_200_000_000, 1_800_000_000_000_000]
EVERY_KEY = """
[deck.d]
file = "d.csv"
currency = "GBP"
unpriced = "suspend"
rounding = { mode = "up", scale = 2, stage = "step" }
max_charge = "9.5"
[deck.d.columns]
prefix = "p"
zone = "z"
price = "r"
valid_from = "f"
valid_to = "t"
[zone.uk]
prefixes = ["44", "4420"]
local = ["999", "*"]
[rate.steps]
currency = "GBP"
steps = [{ price = "0.1", per = 60, increment = 30, minimum = 60 }, { from = 600, price = "0.05", per = 60 }]
setup_fee = "0.02"
free_under = 3
min_charge = "0.05"
boundary = "cut"
step_counter = "isolated"
rounding = { mode = "half_even", scale = 4, stage = "increment" }
[rate.flat]
currency = "GBP"
price = "0.000000001"
per = 1048576
[plan.p]
currency = "GBP"
[[plan.p.version]]
valid_to = "2026-01-01"
[[plan.p.version.rule]]
rate = "flat"
[[plan.p.version]]
valid_from = "2026-01-01"
valid_to = "2026-12-24T18:30:00"
[[plan.p.version.rule]]
service = ["voice", "sms"]
deck = "d"
[[plan.p.version.rule]]
service = ["voice", "sms"]
direction = "originated"
zone = "uk"
rate = "steps"
[[plan.p.version.rule]]
service = "data"
rate = "flat"
"""
DECK = 'p,z,r,f,t\n1,"US, A",0.01,,2026-02-01\n+1,US,0.02,2026-02-01,\n33,FR,,,\n*,WORLD,1,,\n'


def _compiled(folder: Path) -> Catalogue:
    tariff, problems = load(folder)
    made, more = compile_tariff(tariff)
    assert made is not None, [*problems, *more]
    return made


def _again(made: Catalogue, folder: Path) -> tuple[Catalogue, list[str]]:
    notes = export_tariff(made, folder)
    return _compiled(folder), notes


@pytest.fixture
def every_key(tmp_path: Path) -> Catalogue:
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "a.toml").write_text(EVERY_KEY)
    (folder / "d.csv").write_text(DECK)
    return _compiled(folder)


@pytest.mark.parametrize("instant", INSTANTS)
def test_prices_are_equal_after_export(every_key: Catalogue, tmp_path: Path, instant: int) -> None:
    again, notes = _again(every_key, tmp_path / "out")
    found = compare(every_key, again, instant)
    assert (found.rows.rows(), notes) == ([], [])
    assert found.compared or instant == INSTANTS[-1]


def test_the_real_deck_again(tmp_path: Path) -> None:
    made = _compiled(SAMPLES / "nodobo")
    again, notes = _again(made, tmp_path / "out")
    found = compare(made, again, INSTANTS[1])
    assert (found.rows.height, found.compared, notes) == (0, 27_527, [])
    assert not diagnose(tmp_path / "out", INSTANTS[1]).errors


def test_bands_become_plans(tmp_path: Path) -> None:
    made = _compiled(SAMPLES / "synthetic")
    again, notes = _again(made, tmp_path / "out")
    assert notes[0] == (
        "plan consumer has bands, whose calendar is not exported: see the plans consumer-offpeak, consumer-peak"
    )
    assert {"consumer-peak", "consumer-offpeak", "payg", "arden_out"} <= set(again.codes["plan_names"])


def test_no_file_is_written_over(every_key: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match="is not empty"):
        export_tariff(every_key, tmp_path)
