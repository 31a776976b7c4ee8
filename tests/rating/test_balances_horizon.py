"""Lots of closed time are left out of what is held, and change nothing by it: who needs them finds them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from rating.balances import horizon
from rating.balances.horizon import EVER, first_period, held_since
from rating.balances.lots import Lots, lot_parts
from rating.balances.restore import live_balances, reach
from rating.balances.spans import spans_of
from rating.lake import Lake, MemoryLake, open_lake
from rating.rerating.scope import CLOSE, DUE, Scope
from rating.story import EPOCH, micros
from tariffs.catalogue import Catalogue, Ints
from tests.rating.past import again, charged, faults, in_order, land_in_batches, lots, priceable, world_and_usage
from tests.rating.test_balances_snapshots import digests, taken
from tests.tariff_folder import compiled

SEEDS = [402, 404, 408]


def held(lake: Lake, catalogue: Catalogue) -> Lots:
    balances = live_balances(lake, catalogue)
    assert balances is not None
    return balances.lots


@pytest.mark.parametrize("seed", SEEDS)
def test_leaving_lots_out_changes_nothing(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no time to be late everything closed is left out; with all the time in the world nothing is."""
    _, catalogue, usage = world_and_usage(seed, 150, tmp_path / "t")
    usage = priceable(usage, catalogue)
    order = list(range(usage.num_rows))
    Random(seed).shuffle(order)
    until = usage["start_utc"].take(pa.array(in_order(usage)))[usage.num_rows // 2].as_py()
    ends = []
    for late in (timedelta(0), timedelta(36_500)):
        monkeypatch.setattr(horizon, "LATE", late)
        with MemoryLake() as lake:
            land_in_batches(lake, catalogue, usage, order[:100], [50])
            before = held(lake, catalogue)
            again(lake, Scope(CLOSE, end_utc=until))
            after = held(lake, catalogue)
            assert (after.count < before.count) == (late == timedelta(0))
            _is_all_since(after.items()[0], lake, catalogue)
            land_in_batches(lake, catalogue, usage, order[100:], [10, 30])
            again(lake, Scope(DUE))
            assert faults(lake) == []
            ends.append((charged(lake), lots(lake)))
    assert ends[0] == ends[1]


def _is_all_since(keys: Ints, lake: Lake, catalogue: Catalogue) -> None:
    """Nothing is held but of periods on which usage since the line may draw, or that it may end."""
    spans = spans_of(keys, catalogue)
    once = lot_parts(keys)[2] == 0
    assert (once | (spans.since >= first_period(catalogue, held_since(lake)))).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_snapshots_leave_out_the_same(seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """By a snapshot of before the close, of after it, or by all movements; older usage is not found in the latter."""
    _, catalogue, usage = world_and_usage(seed, 150, tmp_path / "t")
    order = in_order(usage)
    with open_lake(tmp_path / "lake", create=True) as lake:
        land_in_batches(lake, catalogue, usage, order[:75], [])
        whole = taken(lake, catalogue)
        again(lake, Scope(CLOSE, end_utc=usage["start_utc"].take(pa.array(order))[70].as_py()))
        by_older, by_all = digests(lake, catalogue)
        less = taken(lake, catalogue)
        assert less.since_utc > whole.since_utc == EPOCH
        assert digests(lake, catalogue) == (by_older, by_all) == (by_all, by_all)
        assert not caplog.records
        balances = live_balances(lake, catalogue)
        reach(balances, lake, catalogue, usage)
        assert balances is not None
        assert balances.since == micros(min(usage["start_utc"].to_pylist()))
        assert ["leaves out" in record.getMessage() for record in caplog.records] == [True]


TARIFF = """
[rate.r]
currency = "EUR"
price = "1"
[plan.p]
currency = "EUR"
[[plan.p.rule]]
rate = "r"
[allowance.month]
plan = "p"
unit = "s"
amount = 1
time_zone = "UTC"
rollover = { limit = 1, periods = 2 }
[allowance.once]
plan = "p"
unit = "s"
amount = 1
period = "once"
time_zone = "UTC"
"""
PEOPLE = "kind,key,account,plan\nnumber,+441,ann,p\n"
FIRST_PERIODS = [
    # usage from then on, the first period that it may meet: what of January rolled over ends with March
    ("2026-04-15", "2026-01-01"),
    ("2026-04-01", "2026-01-01"),
    ("2026-03-31", "2025-12-01"),
    ("1990-03-31", None),
]


@pytest.mark.parametrize(("since", "expected"), FIRST_PERIODS)
def test_the_first_period_that_usage_may_meet(since: str, expected: str | None, tmp_path: Path) -> None:
    catalogue = compiled(tmp_path, {"tariff.toml": TARIFF, "subscriptions.csv": PEOPLE})
    found = first_period(catalogue, micros(datetime.fromisoformat(since).replace(tzinfo=UTC)))
    assert found == (micros(datetime.fromisoformat(expected).replace(tzinfo=UTC)) if expected else EVER)
