"""Re-rating beside a running stream: neither loses what the other draws."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rating.audit import audit
from rating.balances.restore import live_balances
from rating.lake import open_lake
from rating.rerating.rerate import rerate
from rating.rerating.scope import CLOSE, Scope
from rating.streaming.memory import MemoryBroker, MemorySink, MemorySource
from rating.streaming.service import Limits, Service
from tariffs.catalogue import Catalogue
from tests.streaming.conftest import Operator, Running, Serve
from tests.streaming.test_balances import ALLOWANCES, in_order, told
from tests.tariff_folder import compiled

RUNS = 2


@pytest.fixture
def catalogue(operator: Operator, tmp_path: Path) -> Catalogue:
    """The operator's tariff, with minutes in its plan."""
    files = {path.name: path.read_text() for path in operator.tariffs.iterdir()}
    (tmp_path / "plans").mkdir()
    return compiled(tmp_path / "plans", files | {"allowances.toml": ALLOWANCES})


@pytest.fixture
def dearer(operator: Operator, tmp_path: Path) -> Catalogue:
    """The same with a dearer rate and more minutes."""
    files = {path.name: path.read_text() for path in operator.tariffs.iterdir()}
    files = {name: text.replace('price = "0.06"', 'price = "0.07"') for name, text in files.items()}
    (tmp_path / "dear").mkdir()
    return compiled(tmp_path / "dear", files | {"allowances.toml": ALLOWANCES.replace("300", "500")})


def test_re_rating_there_and_back_while_a_stream_writes(
    memory: MemoryBroker,
    operator: Operator,
    service: Serve,
    running: Callable[..., Running],
    catalogue: Catalogue,
    dearer: Catalogue,
    tmp_path: Path,
) -> None:
    messages = in_order(operator)[::6]
    memory.create("cdr", 1)
    limits = Limits(gather_ms=50, fence_s=0.3, messages=200)
    one: Service = service(MemorySource(memory, "cdr"), limits=limits)
    ran = running(one)
    for number in range(RUNS):
        MemorySink(memory).send("cdr", messages[number::RUNS])
        wait_for(tmp_path / "lake", number)
        with open_lake(tmp_path / "lake") as beside:
            tariff = (dearer, catalogue)[number % 2]
            rerate(beside, Scope(tariff_version=tariff.version), tariff, lambda *_: None)
    time.sleep(0.5)
    ran.stop()
    assert ran.fault == []
    MemorySink(memory).send("cdr", [])
    service(MemorySource(memory, "cdr"), limits=limits).run(idle_s=0.5)
    with open_lake(tmp_path / "lake") as lake:
        assert [(check.name, check.differences) for check in audit(lake).checks if check.count] == []
        rerate(lake, Scope(tariff_version=catalogue.version), catalogue, lambda *_: None)
        rerate(lake, Scope(CLOSE), None, lambda *_: None)
        assert [(check.name, check.differences) for check in audit(lake).checks if check.count] == []
        found = lake.query("SELECT event_id, leg, free_usage, amount FROM charge_now ORDER BY ALL").to_pylist()
        restored = live_balances(lake, catalogue)
    memory.create("whole", 1)
    MemorySink(memory).send("whole", sorted(messages, key=lambda message: message.value.split(b",")[8]))
    with open_lake(tmp_path / "other", create=True) as other:
        service(MemorySource(memory, "whole"), lake=other, limits=Limits(gather_ms=500)).run(idle_s=0.5)
        rerate(other, Scope(CLOSE), None, lambda *_: None)
        expected = other.query("SELECT event_id, leg, free_usage, amount FROM charge_now ORDER BY ALL").to_pylist()
        assert found == expected
        assert sum(row["free_usage"] for row in found) > 0
        assert restored is not None
        assert told(other)[0]


def wait_for(lake: Path, batches: int) -> None:
    """Wait until the stream has landed some more."""
    late = time.monotonic() + 20
    while time.monotonic() < late:
        with open_lake(lake, read_only=True) as opened:
            landed = opened.query("SELECT count(*) AS n FROM batch WHERE starts_with(source, 'kafka:')")["n"][0].as_py()
        if landed > batches:
            return
        time.sleep(0.1)
    raise AssertionError(f"no more than {batches} batches landed")
