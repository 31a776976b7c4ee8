"""Re-rating: the same tariff changes nothing; there and back is where it began; nothing is overwritten."""

from __future__ import annotations

import os
import re
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rating.lake import MemoryLake
from tariffs.catalogue import Catalogue
from tests.rating.engine import compiled
from tests.rating.past import again, charged, faults, in_order, land_in_batches, lots, priceable, sums, world_and_usage
from tests.rating.worlds import World

PASTS = int(os.environ.get("TOLL_PASTS", "3"))
"""Pasts that each property is tried on."""
CUTS = st.lists(st.integers(0, 40), max_size=4, unique=True)
"""Where batches end."""

any_past = settings(max_examples=PASTS, deadline=None, suppress_health_check=list(HealthCheck))


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


@any_past
@given(random=st.randoms(use_true_random=False), count=st.integers(1, 40), cuts=CUTS)
def test_the_same_tariff_changes_nothing(random: Random, count: int, cuts: list[int]) -> None:
    with TemporaryDirectory() as folder, MemoryLake() as lake:
        _, catalogue, usage = world_and_usage(random, count, Path(folder) / "t")
        land_in_batches(lake, catalogue, usage, in_order(usage), cuts)
        before = lake.query("SELECT count(*) AS n FROM charge")["n"][0].as_py(), lots(lake)
        again(lake)
        again(lake, tariff=catalogue)
        assert (lake.query("SELECT count(*) AS n FROM charge")["n"][0].as_py(), lots(lake)) == before
        assert faults(lake) == []


@any_past
@given(random=st.randoms(use_true_random=False), count=st.integers(1, 40), cuts=CUTS)
def test_there_and_back_is_where_it_began(random: Random, count: int, cuts: list[int]) -> None:
    with TemporaryDirectory() as folder, MemoryLake() as lake, MemoryLake() as fresh:
        world, catalogue, usage = world_and_usage(random, count, Path(folder) / "t")
        other = dearer(world, Path(folder) / "u")
        usage = priceable(usage, catalogue, other)
        land_in_batches(lake, catalogue, usage, in_order(usage), cuts)
        land_in_batches(fresh, other, usage, in_order(usage), [])
        before = charged(lake), sums(lake), lots(lake)
        again(lake, tariff=other)
        assert (charged(lake), lots(lake)) == (charged(fresh), lots(fresh))
        assert faults(lake) == []
        again(lake, tariff=catalogue)
        assert (charged(lake), sums(lake), lots(lake)) == before
        assert faults(lake) == []
