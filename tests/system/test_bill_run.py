"""A golden month by the command line: a thousand accounts, five bills by hand, and runs that are killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from rating.lake import open_lake
from samples.customers import customers
from samples.generate import generate
from tests.system.conftest import Ended, Toll, spawned
from tests.system.starter import started

D = Decimal
KILLS = int(os.environ.get("TOLL_BILL_KILLS", "2"))
BILLS = ("bill_run", "bill_step", "bill", "bill_line", "bill_number", "bill_payment", "bill_finding")


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """March of the synthetic operator, rated: 1,112 subscribers with 1,003 accounts."""
    folder = tmp_path_factory.mktemp("golden")
    generate(folder, records=8_000, files=2, seed=5, subscribers=1_112, days=31, start=date(2026, 3, 1))
    assert customers(folder) == 961
    files = sorted(folder.glob("*.csv"))
    rated = spawned(
        "rate", *files, "--layout", "generic_csv", "--tariffs", folder / "tariffs", "--lake", folder / "lake"
    )
    assert rated.code == 0, rated.err
    return folder


@pytest.fixture(scope="module")
def finished(operator: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake after an undisturbed bill run."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copytree(operator / "lake", folder / "lake")
    assert billed(operator, folder / "lake", folder / "told", None) == 0
    return folder / "lake"


def run_arguments(operator: Path, lake: Path, *more: object) -> list[str]:
    given = ["bill", "run", "--period", "2026-03", "--customers", operator / "customers", "--lake", lake, *more]
    return [*map(str, given), "--tariffs", str(operator / "tariffs"), "--by", "ann", "--json"]


# Usage by hand from the call records and samples/tariffs/synthetic: seconds are taken to 30 and then 6 abroad and for
# companies, bytes to KiB of 0.01/1024; each charge has four decimals. Line rental is 8.50 an account; VAT is 20 % of
# each charge (six decimals) and of the rental, rounded once.
GOLDEN = {
    # data 3,091 KiB 0.0302 and 739 KiB 0.0072; 36 s Azores at 0.03/min 0.0180; a message 0.08; tax 0.02708 + 1.70
    "C10000410": ("0.1354", "8.5", "0.0046", "1.73", "10.37", "10", "0.37"),
    # data 29 KiB 0.0003; 66 s Irish mobile at 0.525 0.5775; 234 s Russia at 0.065 0.2535; tax 0.16626 + 1.70
    "C10000503": ("0.8313", "8.5", "-0.0013", "1.87", "11.2", "0", "11.2"),
    # 120 s Tenerife at 0.10 0.2000; exempt from tax
    "C10000543": ("0.2", "8.5", "0", "0", "8.7", "0", "8.7"),
    # 20 min special at 0.80 + 0.10 set up 16.10; two first minutes at 0.25; no rental; tax 3.32
    "P10000575": ("16.6", "0", "0", "3.32", "19.92", "0", "19.92"),
    # sales 0.5090: 30 + 30 s peak 0.0225 each, 108 s 0.0540 and 420 s 0.2100 off peak, a message abroad 0.20;
    # support 0.6578: off peak 126 s 0.0630 and 30 s 0.0150; 30 s Irish mobile at 0.48 0.2400; a message abroad 0.20;
    # data 0.0004 + 0.0091 + 0.0403; peak 90 s 0.0675 and 30 s 0.0225; warehouse 0.0906: data 0.0106, a message 0.08;
    # three rentals; tax 0.25148 + 5.10
    "COMPANY-014": ("1.2574", "25.5", "0.0026", "5.35", "32.11", "0", "32.11"),
}
SUMS = ("charges", "fees", "rounding", "tax", "total", "payments", "due")
CENTRES = {"Sales": "0.509", "Support": "0.6578", "Warehouse": "0.0906"}


def done(ended: Ended) -> Any:  # noqa: ANN401 - JSON
    assert ended.code == 0, ended.err
    return ended.json()


def test_a_golden_month(toll: Toll, finished: Path) -> None:
    checked = toll("bill", "check", 1, "--lake", finished, "--json")
    assert (checked.code, checked.json()["state"]) == (1, "numbered")
    assert {finding["finding"] for finding in checked.json()["findings"]} == {"suspended", "zero"}
    refused = toll("bill", "approve", 1, "--lake", finished)
    assert (refused.code, "approve with --accept-findings" in refused.err) == (1, True)
    assert "957 bills are numbered" in done(toll("bill", "final", 1, "--lake", finished, "--json"))["says"]
    for customer, expected in GOLDEN.items():
        told = done(toll("bill", "show", customer, "--lake", finished, "--json"))
        assert [D(told[name]) for name in SUMS] == list(map(D, expected)), customer
        assert told["number"].startswith("ST2026-")
    centres = {line["cost_centre"]: D(0) for line in told["line"] if line["cost_centre"]}
    for line in told["line"]:
        if line["kind"] == "usage":
            centres[line["cost_centre"]] += D(line["amount"])
    assert centres == {name: D(amount) for name, amount in CENTRES.items()}
    audited = done(toll("audit", "--no-content", "--lake", finished, "--json"))
    assert audited["balanced"]
    steps = done(toll("bill", "runs", "--lake", finished, "--json"))
    assert [(step["run"], step["state"]) for step in steps] == [(1, "numbered")]


def test_what_bills_are_written_to(toll: Toll, finished: Path, tmp_path: Path) -> None:
    shows = ("bill", "show", "--lake", finished, "C10000503")
    files = [tmp_path / name for name in ("bill.html", "bill.pdf", "calls.csv")]
    assert toll(*shows, "--html", files[0], "--pdf", files[1], "--items", files[2]).code == 0
    assert "月租费" in files[0].read_text("utf-8")
    assert "£11.20" in pypdfium2.PdfDocument(files[1])[0].get_textpage().get_text_range()
    lines = files[2].read_text("utf-8").splitlines()
    assert (len(lines), lines[0].split(",")[:3]) == (5, ["charge_no", "start_utc", "utc_offset_min"])
    assert "C10000503" in toll(*shows).out
    assert toll("bill", "show", "nobody", "--lake", finished).code == 1
    assert toll(*shows, "--pdf", tmp_path / "no" / "bill.pdf").code == 1
    written = done(toll("bill", "export", 1, "--to", tmp_path / "out", "--lake", finished, "--json"))
    assert len(written) == 4
    assert len((tmp_path / "out" / "bill.ndjson").read_text("utf-8").splitlines()) == 957


FOLDERS = ("--customers", "{customers}", "--tariffs", "{tariffs}")

# what follows `toll bill`, what is told, the exit code
WRONG = [
    (["run", "--period", "2026-13", *FOLDERS], "is no period", 2),
    (["run", "--period", "2026-03", "--cycle", "x", *FOLDERS], "expected one of", 2),
    (["run", "--period", "2026-03", "--date", "x", *FOLDERS], "expected a date", 2),
    (["run", "--period", "2026-03", *FOLDERS, "--customers", "/none"], "no such customer folder", 1),
    (["check", "7"], "there is no bill run 7", 1),
    (["final", "7"], "there is no bill run 7", 1),
    (["export", "7", "--to", "out"], "there is no bill run 7", 1),
    (["show", "x", "--period", "march"], "expected a month", 2),
    (["check", "x"], "expected a whole number", 2),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "told", "code"), WRONG, ids=[" ".join(row[0][:3]) for row in WRONG])
def test_wrong_use(toll: Toll, operator: Path, arguments: list[str], told: str, code: int) -> None:
    named = [each.format(customers=operator / "customers", tariffs=operator / "tariffs") for each in arguments]
    ended = toll("bill", *named, "--lake", operator / "lake")
    assert (ended.code, told in ended.err) == (code, True), ended.err


def billed(operator: Path, lake: Path, told: Path, dice: random.Random | None) -> int:
    """The three commands of a bill run, each killed at a random moment and started again; how often it was killed."""
    commands = [
        run_arguments(operator, lake, "--at-once", 100),
        ["bill", "approve", "1", "--accept-findings", "--lake", str(lake), "--by", "bea", "--json"],
        ["bill", "final", "1", "--lake", str(lake), "--by", "bea", "--json"],
    ]
    kills = 0
    for command in commands:
        left = KILLS if dice and command[1] != "approve" else 0
        while True:
            child = started(command, told)
            if left and dice:
                time.sleep(dice.uniform(0.3, 2.0 if command[1] == "run" else 0.6))
                child.kill()
            child.join(120)
            left -= 1
            if child.exitcode == 0:
                break
            assert child.exitcode == -signal.SIGKILL, told.read_text()
            kills += 1
    return kills


def rows(lake: Path) -> dict[str, list[str]]:
    """The tables of bills without what tells when a command ran."""
    without = "COLUMNS(c -> c NOT IN ('at_utc', 'batch_id'))"
    with open_lake(lake, read_only=True) as opened:
        told = {name: opened.query(f"SELECT {without} FROM {name}").to_pylist() for name in BILLS}  # noqa: S608 - ours
    return {name: sorted(map(str, found)) for name, found in told.items()}


def test_killed_runs_end_as_undisturbed_ones(toll: Toll, operator: Path, finished: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(operator / "lake", lake)
    assert billed(operator, lake, tmp_path / "told", random.Random(7)) >= 1
    expected, found = rows(finished), rows(lake)
    for table in BILLS:
        assert found[table] == expected[table], table
    assert done(toll("audit", "--no-content", "--lake", lake, "--json"))["balanced"]
