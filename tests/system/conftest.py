"""The whole product by its command line: what the tests of this folder share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mediation.fields import TABLES
from rating.cli.main import main
from rating.lake import open_lake
from samples.generate import generate

DATA = Path(__file__).parents[1] / "data"
ROOT = Path(__file__).parents[2]
PLAN = """
[tariff]
zone = "UTC"
[rate.flat]
currency = "GBP"
price = "0.06"
per = 60
increment = 1
[plan.p]
currency = "GBP"
[[plan.p.rule]]
service = ["voice", "sms", "data"]
rate = "flat"
"""
"""A tariff that rates whatever a subscriber of ``subscriptions.csv`` does."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:  # noqa: ANN401 - JSON is untyped
        return json.loads(self.out)


Toll = Callable[..., Ended]


@pytest.fixture
def toll(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Toll:
    """Run a command in this process; an exception that escapes it fails the test."""
    monkeypatch.setenv("TOLL_JIT", os.environ.get("TOLL_JIT", "on"))

    def run(*arguments: object) -> Ended:
        capsys.readouterr()
        try:
            code = main([str(a) for a in arguments])
        except SystemExit as wrong_use:  # argparse
            code = int(wrong_use.code or 0)
        return Ended(code, *capsys.readouterr())

    return run


def spawned(*arguments: object, **environment: str) -> Ended:
    """Run a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "rating.cli.main", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic operator of three files and its tariff."""
    folder = tmp_path_factory.mktemp("operator")
    generate(folder, records=3_000, files=3, seed=7, subscribers=200, duplicates=0.02, broken=0.01)
    return folder


@pytest.fixture
def tariffs(tmp_path: Path) -> Path:
    """A tariff folder in which one phone has a plan."""
    return tariff_folder(tmp_path / "tariffs", "+447700900123")


def tariff_folder(folder: Path, *numbers: str, plan: str = PLAN) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "retail.toml").write_text(plan)
    lines = [f"number,{number},account{number},p,," for number in numbers]
    (folder / "subscriptions.csv").write_text("\n".join(["kind,key,account,plan,valid_from,valid_to", *lines, ""]))
    return folder


def contents(lake: Path, *leaving_out: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables of a lake in a total order, without the columns ``leaving_out``."""
    with open_lake(lake, read_only=True) as opened:
        return {table: _rows(opened.query(f"FROM {table}"), leaving_out) for table in TABLES}


def _rows(table: pa.Table, leaving_out: tuple[str, ...]) -> list[dict[str, Any]]:
    kept = table.drop_columns([name for name in leaving_out if name in table.column_names])
    return sorted(kept.to_pylist(), key=repr)


def balanced(toll: Toll, lake: Path) -> None:
    """The audit must find nothing."""
    ended = toll("audit", "--lake", lake)
    assert (ended.code, "The lake balances." in ended.out) == (0, True), ended.out


def orphans(lake: Path) -> set[str]:
    """The Parquet files in the lake's folder that its catalogue does not know."""
    with open_lake(lake, read_only=True) as opened:
        found = opened.query(
            "SELECT path FROM __ducklake_metadata_lake.ducklake_data_file UNION ALL "
            "SELECT path FROM __ducklake_metadata_lake.ducklake_delete_file UNION ALL "
            "SELECT path FROM __ducklake_metadata_lake.ducklake_files_scheduled_for_deletion"
        )
    known = {Path(p).name for p in found["path"].to_pylist()}
    return {p.name for p in (lake / "data").glob("**/*.parquet")} - known
