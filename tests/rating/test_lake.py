# ruff: noqa: S608  (queries of the tests' own)
from __future__ import annotations

import dataclasses
from datetime import date

import duckdb
import pyarrow as pa
import pytest

from rating.lake import Lake, LakeError, Offset, QueryError, StaleOffset
from tests.rating.deltas import LAYOUT, TARIFF, delta, event_id, source_of

COUNTED = ("usage", "charge", "rejected", "batch", "control_total", "charge_total", "source_file", "tariff_version")


def counts(lake: Lake) -> dict[str, int]:
    return {table: lake.query(f"SELECT count(*) AS n FROM {table}")["n"][0].as_py() for table in COUNTED}


def test_a_new_lake_is_empty(lake: Lake) -> None:
    assert set(counts(lake).values()) == {0}
    assert lake.offset("file:unknown") == Offset(0, 1, complete=False)
    assert lake.next_batch_id() == 1
    assert lake.event_days() == []


def test_a_delta_lands_whole(lake: Lake) -> None:
    assert lake.commit(delta("a", ["rated", "no_rate", "rated", "duplicate"], total=6)) == 1
    assert lake.commit(delta("a", ["rated", "not_billable"], first=5, total=6)) == 2
    assert lake.offset(source_of("a")) == Offset(6 * 13, 7, complete=True)
    assert counts(lake) == {
        "usage": 3,
        "charge": 6,
        "rejected": 3,
        "batch": 2,
        "control_total": 6,
        "charge_total": 6,
        "source_file": 1,
        "tariff_version": 1,
    }
    assert lake.source_files()["name"].to_pylist() == ["a"]
    assert lake.tariff(TARIFF.version) == TARIFF.content
    assert lake.layout(LAYOUT.version) == LAYOUT.text


@pytest.mark.parametrize(
    ("first", "stored"),
    [
        (1, 26),  # the batch came before
        (2, 26),  # it overlaps
        (5, 26),  # it leaves a gap
    ],
)
def test_an_offset_moves_only_from_where_it_is(lake: Lake, first: int, stored: int) -> None:
    lake.commit(delta("a", ["rated", "rated"], total=9))
    before = counts(lake)
    with pytest.raises(StaleOffset, match=f"committed up to {stored}"):
        lake.commit(delta("a", ["rated"], first=first, total=9))
    assert counts(lake) == before
    lake.commit(delta("a", ["rated"], first=3, total=9))


@pytest.mark.parametrize("ends", [[], ["rated"]])
def test_a_complete_file_takes_no_more(lake: Lake, ends: list[str]) -> None:
    lake.commit(delta("a", ends))
    with pytest.raises(StaleOffset):
        lake.commit(delta("a", ends))


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (duckdb.IOException("No space left on device"), "disk of .* is full"),
        (duckdb.IOException("attempt to write a readonly database"), "cannot be written"),
        (duckdb.InternalException("who knows"), "who knows"),
    ],
)
def test_a_delta_that_fails_leaves_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, failure: Exception, told: str
) -> None:
    def fail(*_: object) -> None:
        raise failure

    whole = delta("a", ["rated", "no_rate"])
    with monkeypatch.context() as broken:
        broken.setattr(lake, "_news", fail)
        with pytest.raises(LakeError, match=told):
            lake.commit(whole)
    assert set(counts(lake).values()) == {0}
    assert lake.commit(whole) == 1


def test_a_delta_is_refused_unless_its_columns_are_the_field_tables() -> None:
    good = delta("a", ["rated"])
    with pytest.raises(ValueError, match="of charge"):
        dataclasses.replace(good, charges=good.charges.drop_columns("leg"))
    with pytest.raises(ValueError, match="backwards"):
        dataclasses.replace(good, first_offset=99)
    with pytest.raises(ValueError, match="suspense"):
        dataclasses.replace(good, recycled=delta("a", ["no_rate"]).rejected)


def test_event_keys_cover_all_that_may_repeat(lake: Lake) -> None:
    lake.commit(delta("a", ["rated", "merged", "awaiting_pair", "no_rate", "duplicate", *["rated"] * 60]))
    assert lake.event_days() == [date(2026, 10, 5), date(2026, 10, 6)]
    first = lake.event_keys(date(2026, 10, 5), date(2026, 10, 5))
    assert first.schema.types == [pa.uuid(), pa.int64(), pa.timestamp("us", tz="UTC")]
    both = lake.event_keys(date(2026, 10, 5), date(2026, 10, 6))
    ids = {row.bytes for row in both["event_id"].to_pylist()}
    assert len(ids) == both.num_rows == 63
    assert {event_id("a:1"), event_id("a:2"), event_id("a:3")} <= ids
    assert first.num_rows < 63


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM nothing", "nothing does not exist"),
        ("SELECT nothing FROM usage", "nothing"),
        ("SELECT 'x'::INTEGER", "Could not convert"),
    ],
)
def test_a_wrong_query_is_told_in_plain_words(lake: Lake, sql: str, told: str) -> None:
    with pytest.raises(QueryError, match=told):
        lake.query(sql)
    assert lake.query("SELECT 1 AS one").to_pylist() == [{"one": 1}]


def test_amounts_and_ids_keep_their_types(lake: Lake) -> None:
    lake.commit(delta("a", ["rated", "rated"]))
    sums = lake.query("SELECT any_value(event_id) AS event_id, sum(amount) AS amount FROM charge")
    assert sums.schema.types == [pa.uuid(), pa.decimal128(38, 9)]
    assert str(sums["amount"][0].as_py()) == "0.280000000"
    assert sum(b.num_rows for b in lake.stream("SELECT * FROM charge")) == 4


def test_a_long_query_draws_nothing_on_stdout(lake: Lake) -> None:
    assert lake.query("SELECT current_setting('enable_progress_bar') AS drawn")["drawn"].to_pylist() == [False]
