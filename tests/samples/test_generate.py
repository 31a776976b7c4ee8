"""The synthetic operator is the same for a seed, and its truth.json is true."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from samples.generate import BREAKAGE, HEADER, TARIFFS, generate

if TYPE_CHECKING:
    from pathlib import Path

SOUND = re.compile(
    rb"\d{16}@sw1\.example\.net,SW1,(voice|sms|data),[OT],\+\d{8,15},(\+\d{8,15})?,(TI-[A-Z]+)?,(TO-[A-Z]+)?,"
    rb"20\d\d-(0[1-9]|1[0-2])-\d\d \d\d:\d\d:\d\d\+00:00,(\d+),(\d+),(\d+),\d+\n"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("operator")
    truth = generate(out, records=20_000, files=3, seed=5, subscribers=2_000, duplicates=0.02, broken=0.01)
    return out, truth


def lines(out: Path, name: str) -> list[bytes]:
    return (out / name).read_bytes().splitlines(keepends=True)[1:]


def digest(out: Path) -> dict[str, str]:
    files = sorted(p for p in out.rglob("*") if p.is_file())
    return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def sound(line: bytes) -> bool:
    """Whether a line is a record that a rating run accepts; data have no B-number, all others need one."""
    found = SOUND.fullmatch(line)
    return bool(found) and (found[2] is not None or found[1] == b"data") and b"02-30" not in line


def test_the_same_seed_gives_the_same_bytes(run: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    generate(tmp_path, records=20_000, files=3, seed=5, subscribers=2_000, duplicates=0.02, broken=0.01)
    assert digest(tmp_path) == digest(run[0])


def test_another_seed_gives_other_records(run: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    generate(tmp_path, records=20_000, files=3, seed=6, subscribers=2_000, duplicates=0.02, broken=0.01)
    assert digest(tmp_path)["cdr_SW1_000001.csv"] != digest(run[0])["cdr_SW1_000001.csv"]


def test_truth_is_what_was_asked_for_and_what_was_written(run: tuple[Path, dict[str, Any]]) -> None:
    out, truth = run
    assert json.loads((out / "truth.json").read_text()) == truth
    assert (truth["records"], truth["duplicates"], truth["broken"], truth["billable"]) == (20_000, 400, 200, 19_400)
    assert set(truth["broken_kinds"]) == set(BREAKAGE)


def test_counts_of_each_file_are_true(run: tuple[Path, dict[str, Any]]) -> None:
    out, truth = run
    for told in truth["files"]:
        found = lines(out, told["name"])
        good = [line for line in found if sound(line)]
        assert told["bytes"] == len(HEADER) + sum(map(len, found))
        assert (told["records"], told["broken"]) == (len(found), len(found) - len(good))
        assert told["seconds"] == sum(int(line.split(b",")[9]) for line in good)
        assert sound(found[-1])


def test_totals_are_true(run: tuple[Path, dict[str, Any]]) -> None:
    out, truth = run
    good = {line for told in truth["files"] for line in lines(out, told["name"]) if sound(line)}
    rows = [line.decode().rstrip("\n").split(",") for line in good]
    assert len(good) == truth["billable"]
    assert truth["seconds"] == sum(int(row[9]) for row in rows)
    assert truth["volume_up_bytes"] == sum(int(row[10]) for row in rows)
    assert truth["volume_down_bytes"] == sum(int(row[11]) for row in rows)
    assert truth["services"] == dict(sorted(Counter(row[2] for row in rows).items()))
    assert truth["legs"]["wholesale_in"] == sum(bool(row[6]) for row in rows)
    assert truth["legs"]["wholesale_out"] == sum(bool(row[7]) for row in rows)
    assert truth["unanswered"] == sum(row[2] == "voice" and row[9] == "0" for row in rows)


def test_copies_are_sent_within_a_file_and_across_files(run: tuple[Path, dict[str, Any]]) -> None:
    out, truth = run
    files = [[line for line in lines(out, told["name"]) if sound(line)] for told in truth["files"]]
    within = sum(len(found) - len(set(found)) for found in files)
    total = sum(map(len, files)) - len(set().union(*files))
    assert total == truth["duplicates"]
    assert 0 < within < total


@pytest.mark.parametrize(("records", "files", "blocks"), [(0, 1, 0), (1, 1, 1), (7, 3, 1), (600_000, 1, 3)])
def test_any_size(records: int, files: int, blocks: int, tmp_path: Path) -> None:
    truth = generate(tmp_path, records=records, files=files, subscribers=10)
    assert sum(told["records"] for told in truth["files"]) == records
    assert blocks == 0 or sum(1 for told in truth["files"] for _ in lines(tmp_path, told["name"])) == records


def test_a_record_has_about_118_bytes(run: tuple[Path, dict[str, Any]]) -> None:
    _, truth = run
    assert 112 < sum(told["bytes"] for told in truth["files"]) / truth["records"] < 124


def test_every_carrier_has_a_price_for_every_destination() -> None:
    def column(name: str) -> set[str]:
        with (TARIFFS / name).open(newline="") as table:
            return {row["prefix"] for row in csv.DictReader(table)}

    called = column("destinations.csv")
    for deck in sorted(TARIFFS.glob("deck_*.csv")):
        missing = called - column(deck.name)
        assert not {p for p in missing if deck.name != "deck_international.csv" or not p.startswith("44")}, deck.name


def test_the_tariff_folder_loads_without_a_problem(run: tuple[Path, dict[str, Any]]) -> None:
    load = pytest.importorskip("tariffs.load").load
    assert [str(problem) for problem in load(run[0] / "tariffs")[1]] == []
