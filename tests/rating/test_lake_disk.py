# ruff: noqa: S608  (queries of the tests' own)
from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rating.lake import Lake, LakeError, QueryError, StaleOffset, Upkeep, errors, open_lake
from rating.lake.parquet import write_files
from tests.rating.deltas import delta, source_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "it's a lake"


@pytest.fixture
def lake(folder: Path) -> Iterator[Lake]:
    with open_lake(folder, create=True) as opened:
        yield opened


def parquet_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("data/**/*.parquet"))


def test_what_was_committed_is_there_after_reopening(folder: Path, lake: Lake) -> None:
    lake.commit(delta("a", ["rated", "no_rate"]))
    lake.close()
    with open_lake(folder) as again:
        assert again.next_batch_id() == 2
        with pytest.raises(StaleOffset):
            again.commit(delta("a", ["rated", "no_rate"]))
        assert again.query("SELECT count(*) AS n FROM rated_usage")["n"][0].as_py() == 2


def test_a_moved_lake_still_opens(folder: Path, lake: Lake) -> None:
    lake.commit(delta("a", ["rated"]))
    lake.close()
    moved = folder.rename(folder.with_name("moved"))
    with open_lake(moved, read_only=True) as again:
        assert again.query("SELECT raw FROM usage").num_rows == 1
        assert again.tariff("tariff-1") == b"compiled"


def test_readers_beside_a_writer_see_whole_batches(folder: Path, lake: Lake) -> None:
    lake.commit(delta("a", ["rated"]))
    with open_lake(folder, read_only=True) as reader:
        lake.commit(delta("b", ["rated"]))
        assert reader.query("SELECT * FROM rated_usage").num_rows == 4
        with pytest.raises(QueryError, match="read-only"):
            reader.query("DELETE FROM usage")


def test_the_past_can_be_asked_for(lake: Lake) -> None:
    lake.commit(delta("a", ["rated"]))
    version = lake.query("SELECT max(snapshot_id) AS v FROM lake.snapshots()")["v"][0].as_py()
    lake.commit(delta("b", ["rated"]))
    assert lake.query(f"SELECT * FROM usage AT (VERSION => {version})").num_rows == 1


CRASH = """
import os, sys
from rating.lake import open_lake
from tests.rating.deltas import delta
lake = open_lake(sys.argv[1])
setattr(lake, sys.argv[2], lambda *_: os._exit(9))
lake.commit(delta("a", ["rated", "no_rate"]))
"""


@pytest.mark.parametrize("at", ["_take_in", "_news", "_move_offsets"])
def test_a_crash_before_the_commit_leaves_orphans_that_go(folder: Path, lake: Lake, at: str) -> None:
    lake.commit(delta("b", ["rated"]))
    lake.close()
    kept = parquet_files(folder)
    assert subprocess.run([sys.executable, "-c", CRASH, str(folder), at], check=False).returncode == 9
    assert len(parquet_files(folder)) == len(kept) + 3
    with open_lake(folder) as again:
        assert again.delete_orphans() == 3
        assert parquet_files(folder) == kept
        assert again.offset(source_of("a")).next_offset == 0
        again.commit(delta("a", ["rated", "no_rate"]))
        assert again.delete_orphans() == 0
        assert again.query("SELECT raw FROM usage").num_rows == 2


def test_orphans_stay_while_another_writer_lives(folder: Path, lake: Lake) -> None:
    (folder / "data/main/usage/fresh.parquet").write_bytes(b"being written")
    with open_lake(folder) as other:
        assert other.delete_orphans() == 0
    assert lake.delete_orphans() == 1


def test_a_failed_commit_removes_its_files(folder: Path, lake: Lake) -> None:
    lake.commit(delta("a", ["rated"]))
    kept = parquet_files(folder)
    with pytest.raises(StaleOffset):
        lake.commit(delta("a", ["rated"]))
    assert parquet_files(folder) == kept


def test_the_same_delta_makes_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        with open_lake(tmp_path / name, create=True) as lake:
            lake.commit(delta("a", ["rated", "no_rate"]))
        contents.append([path.read_bytes() for path in parquet_files(tmp_path / name)])
    assert contents[0] == contents[1]


def test_a_file_holds_no_dictionary_larger_than_its_rows(tmp_path: Path) -> None:
    """Codes of accounts point into the names of all subscribers."""
    names, codes = pa.array([f"A{number}" for number in range(100_000)]), pa.array([7, None, 99_999], pa.int32())
    parts = [pa.DictionaryArray.from_arrays(each, names) for each in (codes, codes[:1])]
    table = pa.table({"account": pa.chunked_array(parts)})
    write_files({tmp_path / "few": table})
    assert (tmp_path / "few").stat().st_size < 1_000
    assert pq.read_table(tmp_path / "few")["account"].to_pylist() == ["A7", None, "A99999", "A7"]


def test_what_a_crash_left_of_a_large_query_goes(folder: Path, lake: Lake) -> None:
    for name, age_s in (("spill-0", 0), ("spill-1", 100_000)):
        (folder / name).mkdir()
        (folder / name / "part").touch()
        os.utime(folder / name, (time.time() - age_s,) * 2)
    lake.delete_orphans()
    assert [path.name for path in folder.glob("spill-*")] == ["spill-0"]


def test_maintenance_merges_small_files_and_changes_no_row(folder: Path, lake: Lake) -> None:
    lake.close()
    with open_lake(folder, upkeep=Upkeep(every=5, snapshots=timedelta(0), files=timedelta(0))) as kept:
        for number in range(10):
            kept.commit(delta(f"file {number}", ["rated", "no_rate", "duplicate"]))
        kept.maintain()
        assert len(parquet_files(folder)) < 20
        assert kept.query("SELECT * FROM rated_usage").num_rows == 20
        assert kept.query("SELECT * FROM suspense").num_rows == 10
        assert kept.query("SELECT count(*) AS n FROM lake.snapshots()")["n"][0].as_py() <= 3
        assert kept.delete_orphans() == 0
        assert all(kept.offset(source_of(f"file {number}")).complete for number in range(10))


def test_upkeep_in_steps_between_commits_loses_nothing_and_writes_no_file_over_and_over(
    folder: Path, lake: Lake
) -> None:
    lake.close()
    rows = 0
    with open_lake(folder, upkeep=Upkeep(every=12, snapshots=timedelta(0), files=timedelta(0))) as kept:
        for number in range(36):
            kept.commit(delta(f"file {number}", ["rated", "no_rate"]))
            rows += 1
            assert kept.query("SELECT count(*) AS n FROM usage")["n"][0].as_py() == rows
        assert kept.query("SELECT * FROM suspense").num_rows == rows
        assert kept.delete_orphans() == 0
        merged = kept.query("SELECT count(*) AS n FROM __ducklake_metadata_lake.ducklake_data_file")["n"][0].as_py()
    assert merged < 3 * rows / 2


def test_who_lands_beside_is_noticed(folder: Path, lake: Lake) -> None:
    assert lake.disturbed()  # it was never asked before
    lake.commit(delta("a", ["rated"]))
    assert not lake.disturbed()
    with open_lake(folder) as other:
        other.commit(delta("b", ["rated"]))
    lake.commit(delta("c", ["rated"]))
    assert lake.disturbed()
    assert not lake.disturbed()


def test_replaced_files_stay_for_readers_that_have_begun(folder: Path, lake: Lake) -> None:
    for number in range(4):
        lake.commit(delta(f"file {number}", ["rated"]))
    before = set(parquet_files(folder))
    lake.maintain()
    assert before <= set(parquet_files(folder))
    assert lake.delete_orphans() == 0


@pytest.mark.parametrize(
    ("place", "create", "told"),
    [
        ("nowhere", False, "no lake in .*nowhere: `toll rate"),
        ("file/lake", True, "cannot be written"),
        ("file", True, "cannot be written"),
        ("broken", False, "not a database"),
    ],
)
def test_a_lake_that_cannot_be_opened_says_what_to_do(tmp_path: Path, place: str, create: bool, told: str) -> None:
    (tmp_path / "file").write_text("a file, no folder")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/catalog.sqlite").write_text("no catalogue at all, but long enough to look like one")
    with pytest.raises(LakeError, match=told):
        open_lake(tmp_path / place, create=create)


HOLD = """
import sqlite3, sys
catalogue = sqlite3.connect(sys.argv[1])
catalogue.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
input()
"""


def test_a_locked_catalogue_is_tried_again_and_then_told(
    folder: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "ATTEMPTS", 1)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, folder / "catalog.sqlite"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(LakeError, match="locked by another writer"):
            lake.commit(delta("a", ["rated"]))
        other.communicate(b"\n")
    assert lake.commit(delta("a", ["rated"])) == 1


def test_two_writers_of_one_source_conflict(folder: Path, lake: Lake) -> None:
    with open_lake(folder) as other:
        lake.commit(delta("a", ["rated"], total=2))
        with pytest.raises(StaleOffset):
            other.commit(delta("a", ["rated"], total=2))
        other.commit(delta("a", ["rated"], first=2, total=2))
        assert lake.query("SELECT * FROM usage").num_rows == 2


def test_a_writer_keeps_the_journal_of_the_catalogue_until_it_ends(tmp_path: Path) -> None:
    """Else it is merged and deleted after each transaction, and who opens the catalogue meanwhile waits a second."""
    folder, journals = tmp_path / "lake", set()
    with open_lake(folder, create=True, upkeep=Upkeep(every=2)) as lake:
        for number in range(1, 7):
            lake.commit(delta("a", ["rated"], first=number, total=6))
            journals.add((folder / "catalog.sqlite-wal").stat().st_ino)
    assert len(journals) == 1
    assert not (folder / "catalog.sqlite-wal").exists()


def test_the_catalogue_is_plain_sqlite(folder: Path, lake: Lake) -> None:
    lake.close()
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as catalogue:
        names = {name for (name,) in catalogue.execute("SELECT view_name FROM ducklake_view")}
    assert {"rated_usage", "suspense", "margin_per_call"} <= names
