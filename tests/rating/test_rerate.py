"""Re-rating: the same tariff changes nothing; there and back is where it began; nothing is overwritten."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rating.lake import MemoryLake
from tariffs.catalogue import Catalogue
from tests.rating.engine import compiled
from tests.rating.past import again, charged, faults, in_order, land_in_batches, lots, priceable, sums, world_and_usage
from tests.rating.worlds import World

SEEDS = range(301, 304)


def dearer(world: World, folder: Path) -> Catalogue:
    """The tariff of ``world`` with other prices and twice the allowances."""
    files = dict(world.files)
    for name, content in files.items():
        text = content.decode("latin-1")
        if name.endswith(".toml"):
            text = re.sub(r'price = "(\d)', r'price = "7\1', text)
            text = re.sub(r"^amount = (\d+)", lambda found: f"amount = {2 * int(found[1])}", text, flags=re.MULTILINE)
        files[name] = text.encode("latin-1")
    return compiled(World(files), folder)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_tariff_changes_nothing(seed: int, tmp_path: Path) -> None:
    _, catalogue, usage = world_and_usage(seed, 200, tmp_path / "t")
    with MemoryLake() as lake:
        land_in_batches(lake, catalogue, usage, in_order(usage), [40, 90, 91])
        before = lake.query("SELECT count(*) AS n FROM charge")["n"][0].as_py(), lots(lake)
        again(lake)
        again(lake, tariff=catalogue)
        assert (lake.query("SELECT count(*) AS n FROM charge")["n"][0].as_py(), lots(lake)) == before
        assert faults(lake) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_there_and_back_is_where_it_began(seed: int, tmp_path: Path) -> None:
    world, catalogue, usage = world_and_usage(seed, 200, tmp_path / "t")
    other = dearer(world, tmp_path / "u")
    usage = priceable(usage, catalogue, other)
    with MemoryLake() as lake, MemoryLake() as fresh:
        land_in_batches(lake, catalogue, usage, in_order(usage), [70])
        land_in_batches(fresh, other, usage, in_order(usage), [150])
        before = charged(lake), sums(lake), lots(lake)
        again(lake, tariff=other)
        assert (charged(lake), lots(lake)) == (charged(fresh), lots(fresh))
        assert faults(lake) == []
        again(lake, tariff=catalogue)
        assert (charged(lake), sums(lake), lots(lake)) == before
        assert faults(lake) == []
