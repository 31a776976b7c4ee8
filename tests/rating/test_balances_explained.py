"""What a charge drew, counted and was spared explains it: the amount told is the stored one, also after a close."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from rating.explain_balances import balance_story
from rating.explain_price import explain_charge
from rating.lake import Lake, MemoryLake
from rating.rerating.scope import CLOSE, Scope
from tariffs.catalogue import Catalogue
from tests.rating.past import again, faults, land_in_batches, priceable, world_and_usage


def differences(lake: Lake, catalogue: Catalogue) -> list[tuple[str, str]]:
    """(stored, told) of each live charge that is told otherwise."""
    usage = {row["event_id"]: row for row in lake.query("FROM usage").to_pylist()}
    found = []
    for charge in lake.query("FROM charge_now").to_pylist():
        row = usage[charge["event_id"]]
        story = balance_story(lake, charge, catalogue, row["usage_offset"])
        told = story.charged(explain_charge(row, catalogue, charge["leg"], story.free)).value
        if Decimal(told.split()[0]) != charge["amount"]:
            found.append((f"{charge['amount']}, {charge['note']}", told))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_charges_are_explained(seed: int, tmp_path: Path) -> None:
    _, catalogue, usage = world_and_usage(seed, 90, tmp_path / "t")
    usage = priceable(usage, catalogue)
    order = Random(seed).sample(range(usage.num_rows), usage.num_rows)
    with MemoryLake() as lake:
        land_in_batches(lake, catalogue, usage, order, [usage.num_rows // 3, usage.num_rows // 2])
        assert differences(lake, catalogue) == []
        again(lake, Scope(CLOSE, None, datetime(2025, 1, 1, tzinfo=UTC)))
        assert differences(lake, catalogue) == []
        assert faults(lake) == []
