"""Accounts are spread over threads: no lot is touched by two of them, and nothing comes out otherwise."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import pytest

from mediation.stage import empty
from rating.balances import spread
from rating.balances.candidates import Candidates, allowed_codes, candidates
from rating.balances.live import Outcome, no_balances, price_drawing
from rating.balances.lots import lot_parts
from rating.balances.spread import parts_of, walk
from rating.guide import guide
from rating.legs import price_all
from tariffs.catalogue import NONE, Catalogue, Ints
from tests.oracle.words import Event
from tests.rating.engine import compiled
from tests.rating.plenty import plenty
from tests.rating.test_balances_oracle import usage_of
from tests.rating.traffic import events

BATCHES = 3


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Spreads even the smallest walk over three threads, unless told otherwise."""
    monkeypatch.setattr(spread, "LEAST", 0)
    monkeypatch.setattr(spread, "THREADS", 3)
    return monkeypatch


@pytest.mark.parametrize(("seed", "count"), [*((seed, 90) for seed in range(200, 210)), (210, 1500)])
def test_any_number_of_threads_comes_to_the_same(
    seed: int, count: int, tmp_path: Path, threads: pytest.MonkeyPatch
) -> None:
    random = Random(seed)
    made = plenty(random)
    catalogue = compiled(made, tmp_path / "t")
    batches = [events(random, made, count) for _ in range(BATCHES)]
    expected, digest = _rated(batches, catalogue)
    for number in (1, 2, 7):
        threads.setattr(spread, "THREADS", number)
        told, lots = _rated(batches, catalogue)
        assert lots == digest
        for one, other in zip(told, expected, strict=True):
            assert one.priced == other.priced
            assert one.rejected == other.rejected
            assert one.drawn.movements == other.drawn.movements


def _rated(batches: list[list[Event]], catalogue: Catalogue) -> tuple[list[Outcome], str]:
    """What comes of ``batches``, one landed after the other, and the hash of the lots after them."""
    balances, told = no_balances(catalogue), []
    for number, asked in enumerate(batches):
        guided, _ = guide(usage_of(asked, number * len(asked)), catalogue)
        told.append(price_drawing(guided, catalogue, balances, lambda priced: (priced, empty("rejected"))))
        balances.landed(told[-1].drawn)
    return told, balances.lots.digest()


@pytest.mark.parametrize("seed", range(200, 212))
@pytest.mark.usefixtures("threads")
def test_no_lot_is_touched_by_two_threads(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    made = plenty(random)
    catalogue = compiled(made, tmp_path / "t")
    guided, _ = guide(usage_of(events(random, made, 200)), catalogue)
    legs = price_all(guided, catalogue)
    barred = np.zeros(guided.usage.num_rows, np.bool_)
    found = candidates(legs, guided.usage, catalogue, allowed_codes(catalogue), barred)
    assert sorted(np.concatenate(found.parts).tolist()) == list(range(len(found.order)))
    for one, other in combinations(found.parts, 2):
        assert not _met(found, one) & _met(found, other)


def _met(found: Candidates, part: Ints) -> set[tuple[int, int]]:
    """Holder and allowance of all lots, totals and caps that legs of ``part`` may meet, or end by opening others."""
    assert (np.diff(part) > 0).all()
    at = np.isin(found.place, part)
    keys = np.concatenate([found.key[at], found.source[at], found.cap[at]])
    holder, allowance, *_ = lot_parts(keys[keys != NONE])
    return set(zip(holder.tolist(), allowance.tolist(), strict=True))


@pytest.mark.usefixtures("threads")
def test_legs_of_all_groups_are_spread_evenly() -> None:
    for group in (np.arange(3000), np.arange(3000) * 6, np.arange(3000) + 2**31):
        assert all(900 < len(part) < 1100 for part in parts_of(group))
    assert sorted(map(len, parts_of(np.full(3000, 7)))) == [0, 0, 3000]


def test_a_small_batch_is_walked_here() -> None:
    assert [part.tolist() for part in parts_of(np.array([5, 5, 2]))] == [[0, 1, 2]]
    assert len(parts_of(np.arange(spread.LEAST - 1))) == 1


def test_what_one_thread_raises_comes_out() -> None:
    def refuse(part: Ints) -> None:
        if not len(part):
            raise ValueError("nothing to walk")

    with pytest.raises(ValueError, match="nothing to walk"):
        walk([np.arange(2), np.arange(0)], refuse)
