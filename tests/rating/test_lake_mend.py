"""A lake of an older version: it gets what it lacks when it is opened, and its rows stay."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from mediation.fields import TABLES
from rating.lake import LakeError, open_lake
from rating.lake.disk import _attached
from rating.lake.views import VIEWS
from tests.rating.deltas import delta

GONE = ("DROP VIEW stream_status", "DROP TABLE intake", "DROP TABLE alert", "ALTER TABLE charge DROP COLUMN free_usage")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A lake with a rated record, without what came later."""
    with open_lake(tmp_path / "lake", create=True) as lake:
        lake.commit(delta("one", ["rated"]))
    with _attached(tmp_path / "lake", read_only=False) as connection:
        for statement in GONE:
            connection.execute(statement)
    (tmp_path / "lake" / "data" / "main" / "balance_movement").rmdir()
    return tmp_path / "lake"


@pytest.mark.parametrize("read_only", [False, True])
def test_it_has_everything_once_it_was_opened(old: Path, *, read_only: bool) -> None:
    with open_lake(old, read_only=read_only) as lake:
        for name in (*TABLES, *VIEWS):
            lake.query(f"SELECT * FROM {name}")  # noqa: S608 - our own names
        assert set(lake.query("SELECT free_usage FROM charge")["free_usage"].to_pylist()) == {0}
        assert lake.query("SELECT count(*) AS n FROM rated_usage")["n"][0].as_py() == 2


def test_it_takes_batches_again(old: Path) -> None:
    with open_lake(old) as lake:
        lake.commit(delta("two", ["rated"]))
        assert lake.query("SELECT count(*) AS n FROM charge")["n"][0].as_py() == 4


def test_it_says_what_to_do_where_it_cannot_be_written(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attached = _attached

    def refusing(home: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        if not read_only:
            raise duckdb.IOException("attempt to write a readonly database")
        return attached(home, read_only=True)

    monkeypatch.setattr("rating.lake.disk._attached", refusing)
    with pytest.raises(LakeError, match=r"older version.*as a user who may write it"):
        open_lake(old, read_only=True)
