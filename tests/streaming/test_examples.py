"""The examples of docs/examples fit the service: metric names, options, files, a unit that systemd takes."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

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


@pytest.fixture
def services() -> dict[str, dict[str, Any]]:
    """The services of the compose file; its volumes are all declared."""
    composed = pytest.importorskip("yaml").safe_load((EXAMPLES / "compose.yaml").read_text())
    services: dict[str, dict[str, Any]] = composed["services"]
    mounted = {volume.split(":")[0] for each in services.values() for volume in each.get("volumes", ())}
    assert {name for name in mounted if not name.startswith("./")} == set(composed["volumes"])
    return services


def test_compose_runs_the_command_with_files_that_are_there(services: dict[str, dict[str, Any]]) -> None:
    toll = services["toll"]
    inside = {at: name for name, at, *_ in (volume.split(":") for volume in toll["volumes"])}
    program, *words = shlex.split(toll["command"])
    given = parser().parse_args(words)
    assert (program, inside[given.config]) == ("toll", "./stream.toml")
    assert (EXAMPLES / toll["build"]["context"] / toll["build"]["dockerfile"]).is_file()
    settings = tomllib.loads((EXAMPLES / "stream.toml").read_text())
    assert inside[settings["tariffs"]] == "./tariffs"
    assert any(given.lake.startswith(f"{at}/") for at in inside)
    assert settings["http"] in toll["healthcheck"]["test"][-1]
    assert settings["kafka"]["bootstrap.servers"] in services["kafka"]["ports"][0]


def test_prometheus_asks_where_the_service_answers(services: dict[str, dict[str, Any]]) -> None:
    (mounted,) = (volume.split(":")[0] for volume in services["prometheus"]["volumes"])
    asked = pytest.importorskip("yaml").safe_load((EXAMPLES / mounted).read_text())
    settings = tomllib.loads((EXAMPLES / "stream.toml").read_text())
    assert asked["scrape_configs"][0]["static_configs"] == [{"targets": [settings["http"]]}]


def test_the_settings_are_options_of_the_command() -> None:
    given = tomllib.loads((EXAMPLES / "stream.toml").read_text())
    assert given.pop("kafka")
    known = parser().parse_args(["stream", "--lake", "x"])
    assert [key for key in given if not hasattr(known, key.replace("-", "_"))] == []
