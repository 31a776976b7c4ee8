from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rating.lake import Lake, MemoryLake, open_lake


@pytest.fixture(params=["disk", "memory"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lake]:
    """An empty lake, once on disk and once in memory: both must do the same."""
    with open_lake(tmp_path / "lake", create=True) if request.param == "disk" else MemoryLake() as opened:
        yield opened
