"""Killed at any moment, the same command goes on and ends where an undisturbed run ends."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from samples.generate import generate
from tests.system.conftest import contents, orphans, tariff_folder
from tests.system.starter import started

KILLS = 20
ALLOWANCES = """
[allowance.minutes]
plan = "p"
unit = "s"
amount = 600
period = "day"
rollover = { limit = 60 }
[allowance.credit]
plan = "p"
currency = "GBP"
amount = "0.50"
period = "day"
[accumulator.used]
plan = "p"
unit = "s"
period = "day"
[accumulator.spent]
plan = "p"
currency = "GBP"
period = "day"
cap = "5"
"""
SMALL_FILES = 40


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of several chunks, and many files of one: some fifty commits. One plan, so that a start is quick."""
    folder = tmp_path_factory.mktemp("spool")
    generate(folder, records=75_000, files=3, seed=11, subscribers=300, duplicates=0.02, broken=0.01)
    numbers = (folder / "tariffs" / "subscriptions.csv").read_text().splitlines()[1:]
    plans = tariff_folder(folder / "plans", *(line.split(",")[1] for line in numbers if line.startswith("number,")))
    (plans / "allowances.toml").write_text(ALLOWANCES)
    first = next(iter(sorted(folder.glob("*.csv"))))
    header, *lines = first.read_bytes().splitlines(keepends=True)
    for number in range(SMALL_FILES):
        part = b"".join(lines[200 * number : 200 * number + 300])
        (folder / f"cdr_SW2_{number:06}.csv").write_bytes(header + part)
    return folder


def arguments(spool: Path, lake: Path) -> list[str]:
    inputs = sorted(map(str, spool.glob("*.csv")))
    given = ["rate", *inputs, "--layout", "generic_csv", "--tariffs", spool / "plans", "--lake", lake, "--chunk-mib", 1]
    return [*map(str, given), "--json"]


def files_of(lake: Path) -> set[str]:
    return {name for _, _, names in os.walk(lake / "data") for name in names}


def killed(command: list[str], lake: Path, told: Path, dice: random.Random) -> bool:
    """Start ``command``, kill it at a random moment after it begins to write; whether it was still running.

    Half of the moments lie within the commit that follows upon a new Parquet file.
    """
    before, late = files_of(lake), time.monotonic() + 60
    run = started(command, told)
    waits = (0.0, dice.uniform(0, 0.1)) if dice.random() < 0.5 else (dice.uniform(0, 0.15),)
    for wait_s in waits:
        while run.is_alive() and files_of(lake) <= before and time.monotonic() < late:
            time.sleep(0.002)
        before = files_of(lake)
        time.sleep(wait_s)
    alive = run.is_alive()
    run.kill()
    run.join()
    assert "Traceback" not in told.read_text()
    return alive and run.exitcode == -signal.SIGKILL


def finished(command: list[str], told: Path) -> str:
    run = started(command, told)
    run.join(120)
    assert run.exitcode == 0, told.read_text()
    return told.read_text()


def test_twenty_kills_leave_the_lake_of_an_undisturbed_run(spool: Path, tmp_path: Path) -> None:
    undisturbed, disturbed, told = tmp_path / "undisturbed", tmp_path / "disturbed", tmp_path / "told"
    finished(arguments(spool, undisturbed), told)
    expected = contents(undisturbed)
    dice, command = random.Random(4711), arguments(spool, disturbed)
    kills = sum(killed(command, disturbed, told, dice) for _ in range(KILLS))
    assert kills == KILLS, "the run was too short to be killed so often"
    finished(command, told)
    assert orphans(disturbed) == set()
    assert "The lake balances." in finished(["audit", "--lake", str(disturbed)], told)
    found = contents(disturbed)
    for table, rows in expected.items():
        assert found[table] == rows, table
    again = json.loads(finished(command, told))
    assert (again["total"]["records"], {f["already_rated"] for f in again["files"]}) == (0, {True})
    assert contents(disturbed) == expected
