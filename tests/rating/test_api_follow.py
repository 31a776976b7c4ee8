"""The shelves hold what the lake holds, whatever was committed, merged, or priced again in between."""

from __future__ import annotations

import dataclasses
import errno
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

import pytest

from mediation.fields import Field, schema
from rating.api import follow, near
from rating.api.follow import Follower
from rating.api.near import ALWAYS, Span, categories, page, sums
from rating.api.place import Place
from rating.api.published import Published
from rating.api.shelves import CHARGE_FIELDS, View, write_run
from rating.lake import Delta, Lake, Upkeep, open_lake
from tests.rating.deltas import START, charge_rows, delta, rows, usage_row

ACCOUNTS = ("alice", "bob", "carrier-b")


def on_the_shelves(view: View, account: str) -> list[tuple[object, ...]]:
    names = [f.name for f in CHARGE_FIELDS]
    found = [part.rows.select(names).to_pylist() for part in view.of("charges", account, *ALWAYS)]
    return sorted((tuple(row.values()) for part in found for row in part), key=repr)


def in_the_lake(lake: Lake, account: str) -> list[tuple[object, ...]]:
    prefixed = ", ".join(f"{'c' if _of_charge(f) else 'u'}.{f.name}" for f in CHARGE_FIELDS)
    sql = f"""SELECT {prefixed} FROM charge c JOIN usage u USING (event_id, start_utc) WHERE c.account = $account"""  # noqa: S608 - our own names
    return sorted((tuple(row.values()) for row in lake.query(sql, {"account": account}).to_pylist()), key=repr)


def _of_charge(field: Field) -> bool:
    return field.name in schema("charge").names


def equal(view: View | None, lake: Lake) -> None:
    assert view is not None
    for account in (*ACCOUNTS, "nobody"):
        assert on_the_shelves(view, account) == in_the_lake(lake, account)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    open_lake(tmp_path / "lake", create=True).close()
    return tmp_path / "lake"


def test_the_shelves_follow_commits_merges_and_renewals(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "FAN", 2)
    follower = Follower(folder, 10)
    with open_lake(folder, upkeep=Upkeep(every=5)) as lake:
        for number in range(12):
            lake.commit(delta(f"f{number}", ["rated"] * (1 + number % 5)))
            if number % 5 == 0:
                with open_lake(folder, read_only=True) as reader:
                    follower.look(reader)
                    equal(follower.view, reader)
        with open_lake(folder, read_only=True) as reader:
            follower.look(reader)
            equal(follower.view, reader)
            fresh = Follower(folder, 10)
            fresh.look(reader)
            equal(fresh.view, reader)
    assert follower.view is not None
    assert len(follower.view.runs["charges"]) < 8
    for one in (follower, fresh):
        one.close()


def test_a_charge_for_usage_of_before_finds_it(folder: Path) -> None:
    follower = Follower(folder, 10)
    with open_lake(folder) as lake, open_lake(folder, read_only=True) as reader:
        lake.commit(delta("a", ["rated"] * 3))
        follower.look(reader)
        event = usage_row("a", 2)
        again = [
            charge_rows(event, kind="reversal", rating_run=7)[0],
            charge_rows(event, rating_run=7, account="bob")[0],
        ]
        lake.commit(
            Delta(
                source="rerate:7", first_offset=0, next_offset=1, next_record_no=2, complete=False, records=0,
                charges=rows("charge", again), rating_run=7,
            )
        )  # fmt: skip
        follower.look(reader)
        equal(follower.view, reader)
        assert [7 in row for row in on_the_shelves(follower.view, "bob")] == [True]
    follower.close()


def test_days_far_apart_are_read_in_parts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LARGEST_ROWS", 5)
    with open_lake(folder) as lake:
        whole = delta("a", ["rated"] * 12)
        events = [usage_row("a", n, start_utc=START + timedelta(days=n * n)) for n in range(1, 13)]
        charges = [charge for event in events for charge in charge_rows(event)]
        lake.commit(dataclasses.replace(whole, usage=rows("usage", events), charges=rows("charge", charges)))
    follower = Follower(folder, 10)
    with open_lake(folder, read_only=True) as reader:
        follower.look(reader)
        equal(follower.view, reader)
    assert follower.view is not None
    assert len(follower.view.runs["charges"]) == 4
    follower.close()


def test_two_parties_of_one_hash_are_told_apart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rating.api.shelves._hashed", lambda _: 5)
    follower = Follower(folder, 10)
    with open_lake(folder) as lake, open_lake(folder, read_only=True) as reader:
        lake.commit(delta("a", ["rated"] * 4))
        follower.look(reader)
        equal(follower.view, reader)
        assert follower.view is not None
        assert page(follower.view, Span("alice", *ALWAYS), {}, 9).rows["leg"] == ["retail"] * 4
    follower.close()


@pytest.mark.parametrize("codes", [1 << 62, 1])  # 1: labels are numbered anew after every column
def test_no_sum_wraps(folder: Path, monkeypatch: pytest.MonkeyPatch, codes: int) -> None:
    monkeypatch.setattr(near, "_CODES", codes)
    most, follower = Decimal("999999999.999999999"), Follower(folder, 10)
    with open_lake(folder) as lake, open_lake(folder, read_only=True) as reader:
        for name, kinds in (("a", ["charge"] * 20 + ["reversal"]), ("b", ["charge"] * 9)):
            events = [usage_row(name, number) for number in range(1, len(kinds) + 1)]
            charges = [
                charge_rows(event, kind=kind, zone=zone, amount=-most if kind == "reversal" else most)[0]
                for event, kind, zone in zip(events, kinds, ["uk", "fr"] * 20, strict=False)
            ]
            whole = delta(name, ["rated"] * len(kinds))
            lake.commit(dataclasses.replace(whole, usage=rows("usage", events), charges=rows("charge", charges)))
            follower.look(reader)
    assert follower.view is not None
    found = categories(follower.view, Span("alice", *ALWAYS))
    nano = 10**18 - 1
    assert [(c.zone, c.events, c.amount, c.billed_usage) for c in found] == [
        ("fr", 14, 14 * nano, 14 * 60),
        ("uk", 14, 14 * nano, 16 * 60),  # a reversal of the test's has its usage not negated
    ]
    assert [(s.leg, s.currency, s.amount) for s in sums(found)] == [("retail", "GBP", 28 * nano)]
    follower.close()


def test_a_follower_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    with Follower(folder, 10, cache):
        assert len(list(cache.iterdir())) == 1
        assert next(cache.iterdir()).stat().st_mode & 0o077 == 0
    assert not list(cache.iterdir())


def test_a_folder_that_a_killed_server_left_is_removed_and_no_other(tmp_path: Path) -> None:
    living = Place(tmp_path)
    for name in ("toll-serve-left", "toll-bill-left"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.arrow").touch()
    (tmp_path / "toll-serve-link").symlink_to(tmp_path / "toll-bill-left")
    own = Place(tmp_path)
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {living.path.name, own.path.name, "toll-bill-left", "toll-serve-link"}
    for place in (living, own):
        place.close()


def test_another_process_sees_what_is_published(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "FAN", 2)
    follower = Follower(folder, 10)
    other = Published(follower.folder)
    assert (other.view, other.healthy) == (None, False)
    with open_lake(folder) as lake, open_lake(folder, read_only=True) as reader:
        for number in range(5):
            lake.commit(delta(f"f{number}", ["rated"] * (1 + number)))
            follower.look(reader)
            equal(other.view, reader)
            assert follower.view is not None
            assert other.view is not None
            assert (other.view.tag, other.healthy) == (follower.view.tag, True)
        known = {run.path for runs in other.view.runs.values() for run in runs}
        assert set(follower.folder.glob("*.arrow")) == known  # nothing that was merged stays
    follower.close()


def test_a_follower_without_room_is_not_healthy_and_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_lake(folder) as lake:
        lake.commit(delta("a", ["rated"]))
    monkeypatch.setattr(follow, "_RETRY_S", 0.01)
    monkeypatch.setattr(follow, "write_run", _no_room)
    with Follower(folder, 10) as follower:
        _until(lambda: not follower.healthy)
        monkeypatch.setattr(follow, "write_run", write_run)
        _until(lambda: follower.healthy)
        assert follower.view is not None


def _no_room(*_: object) -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


def _until(condition: Callable[[], bool]) -> None:
    late = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < late
        time.sleep(0.01)
