"""A close makes the order of arrival count no more; what comes after it makes due what it touches, and only that."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from rating.lake import Lake, MemoryLake
from rating.lake.landed import landed
from rating.rerating.scope import CLOSE, DUE, Scope
from tariffs.catalogue import Catalogue
from tests.rating.past import again, charged, drawn_lots, faults, in_order, land_in_batches, priceable, world_and_usage

SEEDS = range(402, 405)
AFTER_ALL = datetime(2050, 1, 1, tzinfo=UTC)


def scattered(lake: Lake, catalogue: Catalogue, usage: pa.RecordBatch, random: Random) -> None:
    """Rate ``usage`` in any order, in any batches."""
    order = list(range(usage.num_rows))
    random.shuffle(order)
    land_in_batches(lake, catalogue, usage, order, random.sample(range(1, usage.num_rows), random.randint(0, 6)))


def middle(usage: pa.RecordBatch) -> datetime:
    """An instant before which a good half of ``usage`` starts."""
    start: datetime = usage["start_utc"].take(pa.array(in_order(usage)))[usage.num_rows * 2 // 3].as_py()
    return start


def close(lake: Lake, until: datetime = AFTER_ALL) -> None:
    again(lake, Scope(CLOSE, end_utc=until))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_close_makes_every_order_of_arrival_the_same(seed: int, tmp_path: Path) -> None:
    _, catalogue, usage = world_and_usage(seed, 150, tmp_path / "t")
    usage = priceable(usage, catalogue)
    with MemoryLake() as sorted_:
        land_in_batches(sorted_, catalogue, usage, in_order(usage), [])
        close(sorted_)
        expected = charged(sorted_), drawn_lots(sorted_)
    for arrival in range(2):
        with MemoryLake() as lake:
            scattered(lake, catalogue, usage, Random(1000 * seed + arrival))
            close(lake)
            assert (charged(lake), drawn_lots(lake)) == expected
            assert faults(lake) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_what_comes_after_a_close_is_due(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    _, catalogue, usage = world_and_usage(seed, 150, tmp_path / "t")
    usage = priceable(usage, catalogue)
    with MemoryLake() as sorted_:
        land_in_batches(sorted_, catalogue, usage, in_order(usage), [])
        close(sorted_)
        expected = charged(sorted_), drawn_lots(sorted_)
    rows = list(range(usage.num_rows))
    late = sorted(random.sample(rows, 20))
    soon = sorted(set(rows) - set(late))
    with MemoryLake() as lake:
        scattered(lake, catalogue, usage.take(pa.array(soon)), random)
        until = middle(usage)
        close(lake, until)
        assert lake.query("FROM rerate_due").num_rows == 0
        scattered(lake, catalogue, usage.take(pa.array(late)), random)
        due = lake.query("SELECT event_id FROM rerate_due ORDER BY event_id")["event_id"].to_pylist()
        came = usage.take(pa.array(late))
        started = [start < until for start in came["start_utc"].to_pylist()]
        assert due == sorted(came.filter(pa.array(started))["event_id"].to_pylist())
        again(lake, Scope(DUE))
        assert lake.query("FROM rerate_due").num_rows == 0
        assert faults(lake) == []
        close(lake)
        assert (charged(lake), drawn_lots(lake)) == expected


def left_over(lake: Lake, until: datetime) -> list[dict[str, Any]]:
    """Lots that ended by ``until`` and whose rows do not come to nothing."""
    return lake.query(
        "SELECT holder, allowance, period_utc, rolled, sum(units)::BIGINT AS units FROM balance_movement "
        "WHERE kind NOT IN ('count', 'uncount') GROUP BY ALL HAVING max(expires_utc) <= $until AND sum(units) <> 0",
        {"until": until},
    ).to_pylist()


@pytest.mark.parametrize("seed", [402, 404, 408])
def test_stored_rows_alone_settle_every_lot_that_ended(seed: int, tmp_path: Path) -> None:
    """Also of holders that skip periods; what comes late opens them again until it is due no longer."""
    random = Random(seed)
    _, catalogue, usage = world_and_usage(seed, 150, tmp_path / "t")
    usage = priceable(usage, catalogue)
    late = sorted(random.sample(range(usage.num_rows), 20))
    soon = sorted(set(range(usage.num_rows)) - set(late))
    with MemoryLake() as lake:
        scattered(lake, catalogue, usage.take(pa.array(soon)), random)
        until = middle(usage)
        skipped = left_over(lake, until)
        close(lake, until)
        assert skipped
        assert left_over(lake, until) == []
        scattered(lake, catalogue, usage.take(pa.array(late)), random)
        again(lake, Scope(DUE))
        assert left_over(lake, until) == []
        again(lake)
        rows = landed(lake, "balance_movement")
        again(lake)
        assert landed(lake, "balance_movement") == rows
        close(lake)
        assert left_over(lake, AFTER_ALL) == []
        assert faults(lake) == []
