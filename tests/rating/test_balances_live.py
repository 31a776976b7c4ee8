"""Live balances are what the lake's movements sum to, however the events were parted into batches and runs."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest

from rating.balances.lots import Lots, lot_keys, lot_parts
from rating.balances.restore import live_balances
from rating.lake import Delta, MemoryLake
from tests.rating.engine import compiled
from tests.rating.plenty import plenty
from tests.rating.test_balances_oracle import rated
from tests.rating.traffic import events


@pytest.mark.parametrize("seed", range(100, 112))
def test_a_restart_finds_what_was_left(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    made = plenty(random)
    catalogue = compiled(made, tmp_path / "t")
    with MemoryLake() as lake:
        live = live_balances(lake, catalogue)
        assert live is not None
        for number in range(4):
            _, outcome = rated(events(random, made, 60), catalogue, live)
            lake.commit(_delta(number, outcome.drawn.movements))
            again = live_balances(lake, catalogue)
            assert again is not None
            assert again.lots.digest() == live.lots.digest()


def _delta(number: int, movements: object) -> Delta:
    at = {"first_offset": number, "next_offset": number + 1, "next_record_no": number + 2}
    return Delta(source="file:x", **at, complete=False, records=1, movements=movements)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(100, 106))
def test_batches_of_one_event_draw_as_one_batch(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    made = plenty(random)
    catalogue = compiled(made, tmp_path / "t")
    with MemoryLake() as empty:
        one, many = live_balances(empty, catalogue), live_balances(empty, catalogue)
    assert one is not None
    assert many is not None
    asked = sorted(events(random, made, 80), key=lambda event: event.start_us)
    whole, _ = rated(asked, catalogue, one)
    assert [rated([event], catalogue, many)[0][0] for event in asked] == whole
    assert one.lots.digest() == many.lots.digest()


def test_lots_are_found_again() -> None:
    random = np.random.default_rng(1)
    lots, keys = Lots(), np.unique(random.integers(0, 2**61, 5_000))
    for part in np.array_split(random.permutation(keys), 7):
        lots.put(part, part % 1000)
    left, known = lots.find(keys)
    assert known.all()
    assert (left == keys % 1000).all()
    assert lots.count == len(keys)
    lots.put(keys[:10], np.zeros(10, np.int64))
    assert (lots.count, lots.find(keys[:10])[0].sum()) == (len(keys), 0)
    assert not lots.find(np.array([7]))[1].any()
    lots.add(np.array([7, keys[11], 7]), np.array([5, 1, 6]))
    assert lots.find(np.array([7, keys[11]]))[0].tolist() == [11, keys[11] % 1000 + 1]


def test_keys_keep_their_parts() -> None:
    parts = tuple(np.array(each) for each in ([2**31 - 1, 5], [4095, 0], [65_535, 420]))
    key = lot_keys(*parts, 2)
    assert [each.tolist() for each in lot_parts(key)] == [*(each.tolist() for each in parts), [2, 2]]
    assert (key > 0).all()
