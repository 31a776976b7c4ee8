from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from rating.audit import audit
from rating.lake import SUSPENSE, Lake, StaleOffset
from rating.suspense import (
    Filter,
    Recyclable,
    SuspenseError,
    by_reason,
    exported,
    listed,
    recyclable,
    recycling,
    shown,
    written_off,
)
from tests.rating.deltas import START, aside_row, charge_rows, delta, record, rows, source_of, usage_row

A, B = source_of("a"), source_of("b")


@pytest.fixture(autouse=True)
def suspended(lake: Lake) -> None:
    lake.commit(delta("a", ["rated", "no_rate", "duplicate", "no_account", "no_rate"]))
    lake.commit(delta("b", ["bad_number", "rated"]))


def waiting(lake: Lake, which: Filter | None = None) -> list[str]:
    return listed(lake, which or Filter())["suspense_id"].to_pylist()


def ids(*at: str) -> list[str]:
    return sorted(f"{source_of(name[0])}:{name[1:]}" for name in at)


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (Filter(), ["a2", "a4", "a5", "b1"]),
        (Filter(reason="no_rate"), ["a2", "a5"]),
        (Filter(source=B), ["b1"]),
        (Filter(layout="csv", reason="no_account"), ["a4"]),
        (Filter(layout="other"), []),
        (Filter(since=START + timedelta(minutes=80)), ["a4", "a5"]),
        (Filter(suspense_id=f"{A}:4"), ["a4"]),
    ],
)
def test_what_is_listed(lake: Lake, which: Filter, found: list[str]) -> None:
    assert sorted(waiting(lake, which)) == ids(*found)


def test_records_are_counted_by_reason(lake: Lake) -> None:
    assert by_reason(lake).select(["reason", "records"]).to_pylist() == [
        {"reason": "no_rate", "records": 2},
        {"reason": "bad_number", "records": 1},
        {"reason": "no_account", "records": 1},
    ]


def test_a_record_is_shown_in_full(lake: Lake) -> None:
    one = shown(lake, f"{A}:2")
    assert one.raw == record("a", 2)
    assert one.readable() == "a,record 002\n"
    assert one.hex_lines() == ["00000000  61 2c 72 65 63 6f 72 64 20 30 30 32 0a           a,record 002."]
    assert one.columns["reason"] == "no_rate"
    with pytest.raises(SuspenseError, match="toll suspense list"):
        shown(lake, f"{A}:1")


def test_exported_bytes_are_the_bytes_that_came(lake: Lake, tmp_path: Path) -> None:
    assert exported(lake, tmp_path / "out.csv", Filter(source=A)) == 3
    assert (tmp_path / "out.csv").read_bytes() == b"".join(record("a", n) for n in (2, 4, 5))


def test_a_write_off_leaves_the_totals_as_they_are(lake: Lake) -> None:
    assert written_off(lake, Filter(reason="no_rate"), "test calls") == 2
    assert sorted(waiting(lake)) == ids("a4", "b1")
    assert written_off(lake, Filter(reason="no_rate"), "again") == 0
    assert lake.offset(SUSPENSE).next_offset == 1
    assert audit(lake).balanced


def outcome(tried: Recyclable, ends: dict[str, str]) -> dict[str, object]:
    """What the stages make of ``tried``: each record's end by its file and number."""
    names = {A: "a", B: "b"}
    at = [(names[r["source"]], r["record_no"]) for r in tried.rows.to_pylist()]
    rated = [usage_row(name, number) for name, number in at if ends[f"{name}{number}"] == "rated"]
    aside = [aside_row(name, no, ends[f"{name}{no}"]) for name, no in at if ends[f"{name}{no}"] != "rated"]
    charges = [charge for event in rated for charge in charge_rows(event)]
    return {"usage": rows("usage", rated), "charges": rows("charge", charges), "rejected": rows("rejected", aside)}


@pytest.mark.parametrize(
    ("ends", "stay", "rated"),
    [
        (["rated", "rated", "rated", "rated"], [], 6),
        (["no_rate", "no_rate", "no_rate", "no_rate"], ["a2", "a4", "a5", "b1"], 2),
        (["rated", "duplicate", "no_plan", "merged"], ["a5"], 3),
    ],
)
def test_a_recycle_keeps_the_balance(lake: Lake, ends: list[str], stay: list[str], rated: int) -> None:
    by_record = dict(zip(("a2", "a4", "a5", "b1"), ends, strict=True))
    for tried in recyclable(lake):
        lake.commit(recycling(tried, **outcome(tried, by_record)))
    assert sorted(waiting(lake)) == ids(*stay)
    assert lake.query("SELECT count(*) AS n FROM usage")["n"][0].as_py() == rated
    report = audit(lake)
    assert report.balanced, report.to_json()


def test_a_record_that_fails_again_shows_its_new_reason(lake: Lake) -> None:
    for _ in range(2):
        for tried in recyclable(lake, Filter(suspense_id=f"{A}:2")):
            lake.commit(recycling(tried, **outcome(tried, {"a2": "no_plan"})))
    row = lake.query("SELECT reason, first_reason, failed_recycles FROM suspense WHERE record_no = 2").to_pylist()[0]
    assert row == {"reason": "no_plan", "first_reason": "no_rate", "failed_recycles": 2}


def test_of_two_recyclers_one_stops(lake: Lake) -> None:
    ends = {"a2": "rated", "a4": "rated", "a5": "rated", "b1": "rated"}
    (first,), (second,) = recyclable(lake), recyclable(lake)
    lake.commit(recycling(first, **outcome(first, ends)))
    with pytest.raises(StaleOffset):
        lake.commit(recycling(second, **outcome(second, ends)))
    assert audit(lake).balanced


def test_batches_of_a_recycle_cover_all_records_once(lake: Lake) -> None:
    seen = []
    for tried in recyclable(lake, batch_rows=1):
        seen += [(r["source"], r["record_no"]) for r in tried.rows.to_pylist()]
        lake.commit(recycling(tried, **outcome(tried, dict.fromkeys(("a2", "a4", "a5", "b1"), "no_plan"))))
    assert sorted(seen) == sorted([(A, 2), (A, 4), (A, 5), (B, 1)])


def test_a_record_lost_on_the_way_is_refused(lake: Lake) -> None:
    (tried,) = recyclable(lake)
    came = outcome(tried, {"a2": "rated", "a4": "rated", "a5": "rated", "b1": "rated"})
    with pytest.raises(ValueError, match="1 are lost"):
        recycling(tried, **came | {"usage": came["usage"].slice(1)})
