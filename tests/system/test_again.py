"""The same command again, the same content again, other orders: nothing is charged twice."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.system.conftest import DATA, balanced, contents

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.conftest import Toll

GENERIC = DATA / "generic_csv"


def given(inputs: list[Path], tariffs: Path, lake: Path) -> list[object]:
    return ["rate", *inputs, "--layout", "generic_csv", "--tariffs", tariffs, "--lake", lake, "--json"]


def test_the_same_command_again_rates_nothing(toll: Toll, operator: Path, tmp_path: Path) -> None:
    command = given([operator], operator / "tariffs", tmp_path / "lake")
    command[1:2] = sorted(operator.glob("*.csv"))
    assert toll(*command).json()["total"]["records"] == 3_003
    before = contents(tmp_path / "lake")
    again = toll(*command)
    assert (again.code, again.json()["total"]["records"]) == (0, 0)
    assert contents(tmp_path / "lake") == before
    balanced(toll, tmp_path / "lake")


def test_the_same_content_under_another_name_is_a_finding(toll: Toll, tariffs: Path, tmp_path: Path) -> None:
    first, lake = GENERIC / "cdr_SW1_000001.csv", tmp_path / "lake"
    other = tmp_path / "cdr_SW1_000009.csv"
    shutil.copy(first, other)
    toll(*given([first], tariffs, lake))
    before = contents(lake)
    for _ in range(2):
        assert toll(*given([other], tariffs, lake)).json()["total"]["records"] == 0
    after = contents(lake)
    (found,) = after["finding"]
    assert (found["finding"], found["expected"], found["found"]) == ("resent", first.name, other.name)
    unchanged = ("usage", "charge", "rejected", "control_total", "charge_total", "source_file")
    assert [after[table] for table in unchanged] == [before[table] for table in unchanged]
    balanced(toll, lake)


def test_the_same_file_twice_in_one_command_is_rated_once(toll: Toll, tariffs: Path, tmp_path: Path) -> None:
    first, lake = GENERIC / "cdr_SW1_000001.csv", tmp_path / "lake"
    files = toll(*given([first, first], tariffs, lake)).json()["files"]
    assert [f["already_rated"] for f in files] == [False, True]
    assert contents(lake)["finding"] == []
    balanced(toll, lake)


def test_the_order_of_the_files_changes_no_row(toll: Toll, operator: Path, tmp_path: Path) -> None:
    files = sorted(operator.glob("*.csv"))
    for order, lake in ((files, "one"), (files[::-1], "other")):
        assert toll(*given(order, operator / "tariffs", tmp_path / lake)).code == 0
    assert contents(tmp_path / "one", "batch_id") == contents(tmp_path / "other", "batch_id")


def test_files_that_come_one_by_one_give_the_rows_of_one_run(toll: Toll, operator: Path, tmp_path: Path) -> None:
    files = sorted(operator.glob("*.csv"))
    toll(*given(files, operator / "tariffs", tmp_path / "one"))
    for file in files:
        toll(*given([file], operator / "tariffs", tmp_path / "other"))
    assert contents(tmp_path / "one") == contents(tmp_path / "other")
