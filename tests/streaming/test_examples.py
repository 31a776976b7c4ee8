"""The examples of docs/examples fit the service: metric names, options, files, a unit that systemd takes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from rating.cli.main import parser
from rating.streaming.metrics import Metrics

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples"
OPERATIONS = EXAMPLES.parent / "operations.md"


def exported() -> set[str]:
    """The names of all samples that the service may export."""
    kinds = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count", "")}
    return {family.name + end for family in Metrics().registry.collect() for end in kinds[family.type]}


@pytest.mark.parametrize("page", [EXAMPLES / "grafana.json", OPERATIONS])
def test_every_metric_that_is_named_is_exported(page: Path) -> None:
    named = set(re.findall(r"\btoll_[a-z_]+", page.read_text()))
    assert named
    assert named <= exported()


def test_every_metric_is_told_of_in_the_runbook() -> None:
    told = OPERATIONS.read_text()
    assert [name for name in sorted(f.name for f in Metrics().registry.collect()) if name not in told] == []


def test_panels_ask_each_something_of_its_own() -> None:
    asked = re.findall(r'"expr": "([^"]+)"', json.dumps(json.loads((EXAMPLES / "grafana.json").read_text())))
    assert len(asked) == len(set(asked)) > 5


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze on this machine")
    unit = tmp_path / "toll-stream.service"
    unit.write_text((EXAMPLES / unit.name).read_text().replace("/opt/toll/bin/toll", "/bin/true"))
    tried = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=30, check=False)
    assert (tried.returncode, tried.stderr) == (0, "")


def test_compose_mounts_files_that_are_there() -> None:
    text = (EXAMPLES / "compose.yaml").read_text()
    beside = set(re.findall(r"\./([\w.]+):", text)) - {"tariffs"}
    assert beside == {"stream.toml", "prometheus.yml"}
    assert all((EXAMPLES / name).is_file() for name in (*beside, "Dockerfile"))


def test_the_settings_are_options_of_the_command() -> None:
    given = tomllib.loads((EXAMPLES / "stream.toml").read_text())
    assert given.pop("kafka")
    known = parser().parse_args(["stream", "--lake", "x"])
    assert [key for key in given if not hasattr(known, key.replace("-", "_"))] == []
