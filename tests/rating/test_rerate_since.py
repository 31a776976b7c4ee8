"""Re-rating from an instant on: what is before it stays as it was, and so do the lots that it drew on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from rating.columns import tariff_starts
from rating.hypothetical import parse_event, usage_batch
from rating.lake import MemoryLake
from rating.rerating.scope import Scope
from tests.rating.past import (
    again,
    charged,
    drawn_lots,
    faults,
    in_order,
    land,
    land_in_batches,
    lots,
    priceable,
    world_and_usage,
)
from tests.rating.test_rerate import dearer
from tests.rating.test_rerate_runs import CARD, PEOPLE
from tests.tariff_folder import compiled as carded

DAYS = CARD.replace("amount = 100", 'amount = 300\nperiod = "day"\nrollover = { limit = 60 }')
CALLS = [("2026-03-02T10:00", 79), ("2026-03-03T11:00", 91), ("2026-03-04T12:00", 7)]
LAST_DAYS = Scope(start_utc=datetime(2026, 3, 3, tzinfo=UTC))


def calls_to(*numbers: str, calls: list[tuple[str, int]]) -> pa.RecordBatch:
    """Calls of the account to ``numbers``: (start, seconds) each."""
    return usage_batch([
        parse_event({"usage": seconds, "start": start, "a_number": "+447700900001", "b_number": number})
        for number, (start, seconds) in zip(numbers, calls, strict=True)
    ])  # fmt: skip


def test_what_had_expired_before_does_not_expire_twice(tmp_path: Path) -> None:
    """What rolled over was drawn on by replayed usage alone: its day is ended anew, with all that was left of it."""
    folders = [tmp_path / name for name in ("t", "u")]
    for folder in folders:
        folder.mkdir()
    catalogue, other = (
        carded(folder, {"t.toml": DAYS.replace("0.01", price), "subscriptions.csv": PEOPLE})
        for folder, price in zip(folders, ("0.01", "0.02"), strict=True)
    )
    usage = calls_to(*["+44123456789"] * 3, calls=CALLS)
    with MemoryLake() as lake:
        land(lake, catalogue, usage, "calls")
        before = lots(lake)
        for tariff in (None, other, catalogue):
            again(lake, LAST_DAYS, tariff)
            assert faults(lake) == []
            assert lots(lake) == before


@pytest.mark.parametrize("seed", [301, 319, 408])
def test_from_any_instant_there_and_back_is_where_it_began(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    world, catalogue, usage = world_and_usage(seed, 120, tmp_path / "t")
    other = dearer(world, tmp_path / "u")
    usage = priceable(usage, catalogue, other)
    starts = tariff_starts(usage)
    since = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(random.choice(starts)))
    with MemoryLake() as lake:
        land_in_batches(lake, catalogue, usage, in_order(usage), [40, 90])
        before = charged(lake), lots(lake), drawn_lots(lake)
        again(lake, Scope(start_utc=since))
        assert (charged(lake), lots(lake), faults(lake)) == (*before[:2], [])
        again(lake, Scope(start_utc=since), other)
        assert faults(lake) == []
        again(lake, Scope(start_utc=since), catalogue)
        assert (charged(lake), drawn_lots(lake), faults(lake)) == (before[0], before[2], [])


def test_a_lot_that_a_run_undid_is_opened_again_by_the_next_event(tmp_path: Path) -> None:
    """By another tariff nothing draws on the day's lot; a later call by that tariff does, and is granted it anew."""
    for name in ("t", "u"):
        (tmp_path / name).mkdir()
    catalogue = carded(tmp_path / "t", {"t.toml": DAYS, "subscriptions.csv": PEOPLE})
    other = carded(tmp_path / "u", {"t.toml": DAYS + 'zone = "far"\n', "subscriptions.csv": PEOPLE})
    usage = calls_to("+44123456789", "+33123456789", calls=CALLS[:1] * 2)
    with MemoryLake() as lake:
        land(lake, catalogue, usage[:1], "near")
        again(lake, Scope(tariff_version=other.version), other)
        land(lake, other, usage[1:], "far")
        free = lake.query("SELECT free_usage FROM charge_now ORDER BY event_id")["free_usage"].to_pylist()
        assert (free, faults(lake)) == ([0, 79], [])
