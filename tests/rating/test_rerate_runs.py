"""Runs: in parts, stopped anywhere and gone on with; legs that cannot be priced; tariffs that take turns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from rating.hypothetical import parse_event, usage_batch
from rating.lake import Delta, Lake, MemoryLake
from rating.rerating.rerate import preview, rerate, resume
from rating.rerating.runs import RerateError, open_run
from rating.rerating.scope import Scope
from tests.rating.past import (
    again,
    charged,
    faults,
    in_order,
    land,
    land_in_batches,
    lots,
    priceable,
    world_and_usage,
)
from tests.rating.test_rerate import dearer
from tests.tariff_folder import compiled as carded

SEED = 303
FEW = 12
"""Legs of a part."""


class Killed(BaseException):
    """Stands for the end of the process."""


def quiet(*_: int) -> None:
    """Watch nothing."""


def killed_at(lake: Lake, commit: int, *, after: bool, patch: pytest.MonkeyPatch) -> None:
    """Make the ``commit``-th commit from now the last one, or the first that is not."""
    left: Iterator[int] = iter(range(commit, -1, -1))
    commit_of = lake.commit

    def dying(delta: Delta) -> int:
        last = next(left) == 0
        if last and not after:
            raise Killed
        batch = commit_of(delta)
        if last:
            raise Killed
        return batch

    patch.setattr(lake, "commit", dying)


def test_a_run_that_is_stopped_anywhere_ends_as_one_that_was_not(tmp_path: Path) -> None:
    random = Random(SEED)
    world, catalogue, usage = world_and_usage(SEED, 90, tmp_path / "t")
    other = dearer(world, tmp_path / "u")
    usage = priceable(usage, catalogue, other)
    scope = Scope(tariff_version=other.version)
    with MemoryLake() as whole:
        land_in_batches(whole, catalogue, usage, in_order(usage), [])
        run, _ = rerate(whole, scope, other, quiet, FEW)
        assert run.parts > 4
        expected = charged(whole), lots(whole), whole.query("FROM charge ORDER BY ALL").to_pylist()
    for _ in range(3):
        with MemoryLake() as lake:
            land_in_batches(lake, catalogue, usage, in_order(usage), [])
            with pytest.MonkeyPatch.context() as patch:
                killed_at(lake, random.randint(0, run.parts), after=random.random() < 0.5, patch=patch)
                with pytest.raises(Killed):
                    rerate(lake, scope, other, quiet, FEW)
            if open_run(lake):
                with pytest.raises(RerateError, match="run 1 is not complete"):
                    rerate(lake, Scope(), None, quiet)
            if open_run(lake) or not lake.query("FROM rating_runs").num_rows:
                rerate(lake, scope, other, quiet, FEW)
            with pytest.raises(RerateError, match="every run is complete"):
                resume(lake, quiet)
            rows = lake.query("FROM charge ORDER BY ALL").to_pylist()
            assert (charged(lake), lots(lake), rows) == expected
            assert lake.query("SELECT rating_run FROM rating_runs")["rating_run"].to_pylist() == [1]
            assert faults(lake) == []


def test_a_preview_says_what_the_run_then_does(tmp_path: Path) -> None:
    world, catalogue, usage = world_and_usage(SEED, 120, tmp_path / "t")
    other = dearer(world, tmp_path / "u")
    with MemoryLake() as lake:
        land_in_batches(lake, catalogue, usage, in_order(usage), [50])
        before = lake.query("SELECT count(*) AS n, sum(amount) AS amount FROM charge").to_pylist()
        told = preview(lake, Scope(), other, quiet)
        assert lake.query("SELECT count(*) AS n, sum(amount) AS amount FROM charge").to_pylist() == before
        _, done = rerate(lake, Scope(), other, quiet)
        assert (told.charges, told.movements, told.delta()) == (done.charges, done.movements, done.delta())
        change = lake.query(
            "SELECT currency, sum(amount) AS a FROM charge WHERE rating_run = 1 GROUP BY ALL"
        ).to_pylist()
        assert {row["currency"]: row["a"] for row in change} == done.delta()


def test_tariffs_take_turns_within_a_household(tmp_path: Path) -> None:
    """Every other event by another tariff, in batches of one: a re-rating by the same tariffs changes nothing."""
    world, catalogue, usage = world_and_usage(SEED, 16, tmp_path / "t")
    other = dearer(world, tmp_path / "u")
    usage = priceable(usage, catalogue, other)
    with MemoryLake() as lake:
        for number, row in enumerate(in_order(usage)):
            land(lake, (catalogue, other)[number % 2], usage.slice(row, 1), str(number))
        before = charged(lake), lots(lake)
        again(lake)
        assert lake.query("SELECT count(*) AS n FROM charge WHERE rating_run > 0")["n"].to_pylist() == [0]
        assert (charged(lake), lots(lake)) == before
        assert faults(lake) == []


CARD = """
[zone.near]
prefixes = ["44"]
[zone.far]
prefixes = ["33"]
[rate.r]
currency = "GBP"
price = "0.01"
per = 1
[plan.p]
currency = "GBP"
[[plan.p.rule]]
zone = "near"
rate = "r"
[[plan.p.rule]]
zone = "far"
rate = "r"
[allowance.a]
plan = "p"
unit = "s"
amount = 100
"""
PEOPLE = "kind,key,account,plan\nnumber,+447700900001,a,p\n"


def test_what_cannot_be_priced_stays_and_keeps_what_it_drew(tmp_path: Path) -> None:
    for name in ("t", "u"):
        (tmp_path / name).mkdir()
    catalogue = carded(tmp_path / "t", {"t.toml": CARD, "subscriptions.csv": PEOPLE})
    nearer = CARD.replace('[[plan.p.rule]]\nzone = "far"\nrate = "r"\n', "").replace("0.01", "0.02")
    other = carded(tmp_path / "u", {"t.toml": nearer, "subscriptions.csv": PEOPLE})
    calls = [("+33123456789", "10:00", 70), ("+44123456789", "11:00", 70)]
    usage = usage_batch([
        parse_event({"usage": seconds, "start": f"2026-03-01T{clock}", "a_number": "+447700900001", "b_number": number})
        for number, clock, seconds in calls
    ])  # fmt: skip
    with MemoryLake() as lake:
        land(lake, catalogue, usage, "calls")
        _, done = rerate(lake, Scope(tariff_version=other.version), other, quiet)
        assert [row["reason"] for row in done.unpriced().to_pylist()] == ["no_rate"]
        rows = lake.query("SELECT free_usage, amount, rating_run FROM charge_now ORDER BY start_utc").to_pylist()
        assert [(row["free_usage"], f"{row['amount']:.2f}", row["rating_run"]) for row in rows] == [
            (70, "0.00", 0), (30, "0.80", 1),
        ]  # fmt: skip
        assert faults(lake) == []
