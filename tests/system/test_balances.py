"""Allowances by the command line: rated in one run or in several, told, explained, audited."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from rating.lake import open_lake
from samples.generate import generate
from tests.system.conftest import PLAN, Toll, balanced, contents, tariff_folder

ALLOWANCES = """
[allowance.minutes]
plan = "p"
unit = "s"
amount = 300
period = "day"
increment = 60
rollover = { limit = 60 }
[allowance.shared]
plan = "p"
unit = "s"
amount = 1000
pool = true
priority = 1
member_cap = 700
[allowance.credit]
plan = "p"
currency = "GBP"
amount = "0.05"
period = "day"
[accumulator.used]
plan = "p"
unit = "s"
period = "day"
[accumulator.spent]
plan = "p"
currency = "GBP"
period = "day"
cap = "1.25"
"""
TIERS = """
steps = [{ price = "0.06", per = 60 }, { from = 1200, price = "0.03", per = 60, increment = 60 }]
accumulator = "used"
"""


OUT = ("used", "expired", "left")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Three small files and a tariff of one plan, whose subscribers share pools of five."""
    generate(tmp_path / "spool", records=900, files=3, seed=5, subscribers=40)
    rows = (tmp_path / "spool" / "tariffs" / "subscriptions.csv").read_text().splitlines()[1:]
    numbers = [row.split(",")[1] for row in rows if row.startswith("number,")]
    plain = 'price = "0.06"\nper = 60\nincrement = 1\n'
    plans = tariff_folder(tmp_path / "plans", *numbers, plan=PLAN.replace(plain, TIERS))
    (plans / "allowances.toml").write_text(ALLOWANCES)
    header, *people = (plans / "subscriptions.csv").read_text().splitlines()
    pooled = [f"{row},pool{number // 5}" for number, row in enumerate(people)]
    (plans / "subscriptions.csv").write_text("\n".join([f"{header},pool", *pooled, ""]))
    return tmp_path


def rate(toll: Toll, spool: Path, lake: Path, *files: Path) -> None:
    ended = toll("rate", *files, "--layout", "generic_csv", "--tariffs", spool / "plans", "--lake", lake)
    assert ended.code == 0, ended.err


def test_several_runs_leave_what_one_leaves(spool: Path, toll: Toll) -> None:
    files = sorted((spool / "spool").glob("*.csv"))
    rate(toll, spool, spool / "one", *files)
    for file in files:
        rate(toll, spool, spool / "many", file)
    balanced(toll, spool / "many")
    one, many = contents(spool / "one"), contents(spool / "many")
    assert one["balance_movement"] == many["balance_movement"] != []
    assert one["charge"] == many["charge"]


def test_balances_are_told_and_charges_explained(spool: Path, toll: Toll) -> None:
    lake = spool / "lake"
    rate(toll, spool, lake, *sorted((spool / "spool").glob("*.csv")))
    with open_lake(lake, read_only=True) as opened:
        drawn = opened.query(
            "SELECT event_id, account, free_usage, billed_usage FROM charge WHERE free_usage > 0 "
            "ORDER BY billed_usage = 0, event_id"
        ).to_pylist()
        others = opened.query(
            "SELECT min(event_id) FILTER (covered_amount > 0) AS covered, "
            "min(event_id) FILTER (note = 'spend_cap' AND amount > 0) AS cut, "
            "min(event_id) FILTER (note = 'spend_cap' AND amount = 0) AS spared FROM charge"
        ).to_pylist()[0]
    whole, part = drawn[-1]["event_id"], drawn[0]["event_id"]
    words = {whole: "usage free", part: "usage free", others["covered"]: "paid of amount and tax"}
    words |= {others["cut"]: "spend cap spent: 1.25", others["spared"]: "0.000000000 of 0"}
    for event, said in words.items():
        told = toll("explain", str(event), "--lake", lake)
        assert told.code == 0, told.out
        assert said in told.out, told.out
    account = drawn[0]["account"]
    ended = toll("balance", account, "--lake", lake, "--json")
    stated = json.loads(ended.out)
    assert {row["kind"] for row in stated["movements"]} == {"grant", "rollover", "use", "count", "expire"}
    for lot in stated["lots"] + stated["money"]:
        into, out = (sum(Decimal(lot[name]) for name in names) for names in (("granted", "rolled_over"), OUT))
        assert into == out, lot
    assert {row["unit"] for row in stated["totals"]} == {"s", "GBP"}
    used = sum(lot["used"] for lot in stated["lots"] if lot["holder"] == account)
    own = [row for row in stated["movements"] if row["kind"] == "use" and row["holder"] == account]
    assert used == -sum(row["units"] or 0 for row in own) > 0
    assert toll("balance", account, "--at", "2000-01-01", "--lake", lake).code == 1
    assert toll("balance", account, "--lake", lake).code == 0
    assert toll("balance", account, "--at", "soon", "--lake", lake).code == 2


def test_a_close_settles_volume_tiers_and_its_charges_are_explained(spool: Path, toll: Toll) -> None:
    lake, plan = spool / "lake", spool / "plans" / "retail.toml"
    plan.write_text(plan.read_text().replace('"used"', '"used"\ntiers = "volume"'))
    rate(toll, spool, lake, *sorted((spool / "spool").glob("*.csv")))
    assert toll("close", "--period", "2020-01-01/2030-01-01", "--lake", lake).code == 0
    balanced(toll, lake)
    with open_lake(lake, read_only=True) as opened:
        cheaper = opened.query(
            "SELECT min(event_id) AS event FROM charge WHERE kind = 'charge' AND rating_run = 1 AND amount > 0"
        )["event"][0]
    told = toll("explain", str(cheaper), "--lake", lake)
    assert (told.code, "DIFFERS" in told.out) == (0, False), told.out


def test_an_audit_finds_free_usage_that_nothing_paid_for(spool: Path, toll: Toll) -> None:
    lake = spool / "lake"
    rate(toll, spool, lake, *sorted((spool / "spool").glob("*.csv")))
    with open_lake(lake) as opened:
        movements = opened.query("FROM balance_movement WHERE free_usage > 0 ORDER BY event_id LIMIT 1").to_pylist()
        opened._sql.execute(  # noqa: SLF001 (no delta would do this)
            "DELETE FROM balance_movement WHERE event_id = $event", {"event": str(movements[0]["event_id"])}
        )
    told = toll("audit", "--lake", lake, "--json")
    assert told.code == 1
    (found,) = (check for check in told.json()["checks"] if check["differences"])
    assert found["name"] == "balances"
    assert "free usage" in {each["fault"] for each in found["first"]}
