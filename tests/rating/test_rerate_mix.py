"""Anything after anything: batches, re-ratings of whatever scope, closes and what is due, in random order.

After each step the balances and charges stand; in the end a re-rating of all by one tariff and a close leave what
rating everything in order leaves.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from rating.lake import Lake, MemoryLake
from rating.rerating.scope import CLOSE, DUE, Scope
from tariffs.catalogue import Catalogue
from tests.rating.past import again, charged, drawn_lots, faults, in_order, land_in_batches, priceable, world_and_usage
from tests.rating.test_close import close
from tests.rating.test_rerate import dearer

STEPS = 8


def narrowed(lake: Lake, usage: pa.RecordBatch, random: Random, tariff: Catalogue | None) -> Scope:
    """A random scope: of some time, of some account, plan or leg, or of all."""
    start, end = sorted(random.choices(usage["start_utc"].to_pylist(), k=2))
    known = lake.query("SELECT DISTINCT account, plan, leg FROM charge ORDER BY ALL").to_pylist()
    said = {name: value for name, value in random.choice(known).items() if random.random() < 0.2} if known else {}
    span = random.choice([{}, {"start_utc": start}, {"end_utc": end}, {"start_utc": start, "end_utc": end}])
    return Scope(**span, **said, tariff_version=tariff.version if tariff else "")


def any_run(lake: Lake, usage: pa.RecordBatch, random: Random, tariffs: list[Catalogue]) -> Scope:
    """A close, a run of what is due, or a re-rating by whatever tariff; what it was."""
    kind, tariff = random.choice([CLOSE, DUE, "", "", ""]), None
    if kind == CLOSE:
        scope = Scope(CLOSE, end_utc=random.choice(usage["start_utc"].to_pylist()))
    elif kind == DUE:
        scope = Scope(DUE)
    else:
        tariff = random.choice([None, *tariffs])
        scope = narrowed(lake, usage, random, tariff)
    again(lake, scope, tariff)
    return scope


@pytest.mark.parametrize("seed", [512, 600])
def test_any_order_of_runs_leaves_what_rating_in_order_leaves(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    world, catalogue, usage = world_and_usage(seed, 100, tmp_path / "t")
    other = dearer(world, tmp_path / "u")
    usage = priceable(usage, catalogue, other)
    rows = list(range(usage.num_rows))
    random.shuffle(rows)
    parts = [rows[number::STEPS] for number in range(STEPS)]
    with MemoryLake() as lake:
        for part in parts:
            land_in_batches(lake, random.choice([catalogue, other]), usage, part, [])
            runs = [any_run(lake, usage, random, [catalogue, other]) for _ in range(random.randint(0, 2))]
            assert faults(lake) == [], runs
        again(lake, Scope(tariff_version=catalogue.version), catalogue)
        close(lake)
        found = charged(lake), drawn_lots(lake), faults(lake)
    with MemoryLake() as fresh:
        land_in_batches(fresh, catalogue, usage, in_order(usage), [])
        close(fresh)
        assert found == (charged(fresh), drawn_lots(fresh), [])
