"""Re-rating and closing by the command line: told first, then written; killed, gone on with; seen everywhere."""

from __future__ import annotations

import json
import random
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from rating.lake import open_lake
from samples.generate import generate
from tests.system.conftest import Toll, balanced, contents, orphans, tariff_folder
from tests.system.test_balances import ALLOWANCES
from tests.system.test_crash import finished, killed

DAY = ("--from", "2000-01-01", "--to", "2050-12-31")
KILLS = 2
NET = "SELECT sum(amount) AS amount FROM {}"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Three small files, a tariff of one plan with allowances, and one whose calls cost twice as much."""
    generate(tmp_path / "spool", records=900, files=3, seed=5, subscribers=40)
    rows = (tmp_path / "spool" / "tariffs" / "subscriptions.csv").read_text().splitlines()[1:]
    numbers = [row.split(",")[1] for row in rows if row.startswith("number,")]
    for name, price in (("plans", "0.06"), ("dear", "0.12")):
        plans = tariff_folder(tmp_path / name, *numbers)
        (plans / "allowances.toml").write_text(ALLOWANCES)
        retail = plans / "retail.toml"
        retail.write_text(retail.read_text().replace("0.06", price))
    return tmp_path


def rate(toll: Toll, spool: Path, *files: Path) -> None:
    ended = toll("rate", *files, "--layout", "generic_csv", "--tariffs", spool / "plans", "--lake", spool / "lake")
    assert ended.code == 0, ended.err


def total(lake: Path, table: str = "charge") -> Decimal:
    with open_lake(lake, read_only=True) as opened:
        amount: Decimal = opened.query(NET.format(table))["amount"][0].as_py()
        return amount


def test_dearer_calls_are_told_then_written(spool: Path, toll: Toll) -> None:
    lake, dear = spool / "lake", ("--tariffs", spool / "dear")
    rate(toll, spool, *sorted((spool / "spool").glob("*.csv")))
    before = total(lake)
    told = toll("rerate", *DAY, *dear, "--lake", lake, "--json", "--chart", spool / "chart.png")
    assert told.code == 0, told.err
    assert (spool / "chart.png").stat().st_size > 10_000
    assert total(lake) == before
    (leg,) = [row for row in told.json()["legs"] if row["leg"] == "retail"]
    ended = toll("rerate", *DAY, *dear, "--lake", lake, "--apply")
    assert ended.code == 0, ended.err
    assert "Run 1: " in ended.out
    assert total(lake) == before + Decimal(leg["delta"]) > before
    assert total(lake, "charge_now") == total(lake)
    assert total(lake, "charge_as_of(0)") == before
    balanced(toll, lake)
    with open_lake(lake, read_only=True) as opened:
        (event,) = opened.query("SELECT event_id FROM charge_now WHERE amount > 0 LIMIT 1")["event_id"].to_pylist()
    story = toll("explain", event, "--lake", lake)
    assert story.code == 0, story.out
    assert "retail reversal: -" in story.out
    assert toll("rerate", *DAY, "--tariffs", spool / "plans", "--lake", lake, "--apply").code == 0
    assert total(lake) == before
    assert total(lake, "charge_as_of(1)") == before + Decimal(leg["delta"])
    again = json.loads(toll("rerate", *DAY, "--lake", lake, "--json").out)
    assert (again["charge_rows"], again["movement_rows"]) == (0, 0)
    balanced(toll, lake)


def test_a_filter_leaves_the_others_as_they_are(spool: Path, toll: Toll) -> None:
    rate(toll, spool, *sorted((spool / "spool").glob("*.csv")))
    lake = spool / "lake"
    with open_lake(lake, read_only=True) as opened:
        account = opened.query("SELECT account FROM charge GROUP BY ALL ORDER BY sum(amount) DESC")["account"][
            0
        ].as_py()
    ended = toll("rerate", *DAY, "--tariffs", spool / "dear", "--account", account, "--lake", lake, "--apply", "--json")
    assert ended.json()["applied"]
    with open_lake(lake, read_only=True) as opened:
        runs = opened.query("SELECT DISTINCT account, rating_run FROM charge WHERE rating_run > 0").to_pylist()
    assert runs == [{"account": account, "rating_run": 1}]


def test_closing_in_any_order_of_arrival(spool: Path, toll: Toll) -> None:
    lake = spool / "lake"
    files = sorted((spool / "spool").glob("*.csv"))
    for file in reversed(files[1:]):
        rate(toll, spool, file)
    period = ("--period", "2000-01-01/2050-12-31", "--lake", lake)
    assert toll("close", *period, "--dry-run").code == 0
    assert toll("rerate", "--due", "--lake", lake).code == 1
    assert toll("close", *period).code == 0
    assert "closed already" in toll("close", *period).err
    rate(toll, spool, files[0])
    with open_lake(lake, read_only=True) as opened:
        assert opened.query("FROM rerate_due").num_rows > 0
    assert toll("rerate", "--due", "--apply", "--lake", lake).code == 0
    with open_lake(lake, read_only=True) as opened:
        assert opened.query("FROM rerate_due").num_rows == 0
        late = opened.query("SELECT * EXCLUDE (source, tariff_version, rating_run) FROM charge_now ORDER BY ALL")
    balanced(toll, lake)
    ended = toll("rate", *files, "--layout", "generic_csv", "--tariffs", spool / "plans", "--lake", spool / "other")
    assert ended.code == 0
    assert toll("close", "--period", "2000-01-01/2050-12-31", "--lake", spool / "other").code == 0
    with open_lake(spool / "other", read_only=True) as opened:
        early = opened.query("SELECT * EXCLUDE (source, tariff_version, rating_run) FROM charge_now ORDER BY ALL")
    assert early.to_pylist() == late.to_pylist()


def test_kills_leave_the_lake_of_an_undisturbed_run(spool: Path, toll: Toll, tmp_path: Path) -> None:
    rate(toll, spool, *sorted((spool / "spool").glob("*.csv")))
    undisturbed, told = tmp_path / "undisturbed", tmp_path / "told"
    shutil.copytree(spool / "lake", undisturbed)
    arguments = ["rerate", *DAY, "--tariffs", str(spool / "dear"), "--apply", "--part-legs", "150", "--json"]
    finished([*arguments, "--lake", str(undisturbed)], told)
    command, dice = [*arguments, "--lake", str(spool / "lake")], random.Random(4712)
    kills = sum(killed(command, spool / "lake", told, dice) for _ in range(KILLS))
    assert kills == KILLS, "the run was too short to be killed so often"
    finished(["rerate", "--resume", "--json", "--lake", str(spool / "lake")], told)
    assert orphans(spool / "lake") == set()
    expected, found = contents(undisturbed), contents(spool / "lake")
    for table, rows in expected.items():
        assert found[table] == rows, table
    balanced(toll, spool / "lake")


@pytest.mark.parametrize(
    "wrong",
    [(), ("--from", "soon"), ("--due", "--from", "2026-01-01"), ("--due", "--account", "x"), ("--to", "2026-01-01")],
)
def test_wrong_use(tmp_path: Path, toll: Toll, wrong: tuple[str, ...]) -> None:
    assert toll("rerate", *wrong, "--lake", tmp_path).code == 2
