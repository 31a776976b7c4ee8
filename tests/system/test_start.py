"""Compiled or not, cold or warm: the same rows."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.system.conftest import DATA, contents, spawned

if TYPE_CHECKING:
    from pathlib import Path

FILES = [DATA / "generic_csv" / name for name in ("cdr_SW1_000001.csv", "broken.csv", "reordered.csv")]


def rated(tariffs: Path, lake: Path, **environment: str) -> dict[str, object]:
    given = ["rate", *FILES, "--layout", "generic_csv", "--tariffs", tariffs, "--lake", lake]
    ended = spawned(*given, **environment)
    assert ended.code == 0, ended.err
    return contents(lake)


@pytest.mark.parametrize("off", [{"TOLL_JIT": "off"}, {"NUMBA_DISABLE_JIT": "1"}])
def test_kernels_as_plain_python_give_the_same_rows(tariffs: Path, tmp_path: Path, off: dict[str, str]) -> None:
    assert rated(tariffs, tmp_path / "plain", **off) == rated(tariffs, tmp_path / "jitted", TOLL_JIT="on")


def test_a_small_file_on_a_cold_machine_waits_for_no_compiler(tariffs: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cold = rated(tariffs, tmp_path / "cold", TOLL_CACHE=str(cache))
    assert list(cache.rglob("*.nbi")) == []
    assert cold == rated(tariffs, tmp_path / "warm", TOLL_JIT="on")


def test_help_is_instant_and_loads_no_heavy_package() -> None:
    says = "import sys; from rating.cli.main import parser; parser(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", says], capture_output=True, text=True, check=True).stdout
    assert not {"numba", "duckdb", "polars", "pyarrow", "numpy"} & set(loaded.split())
