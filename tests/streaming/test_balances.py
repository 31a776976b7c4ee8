"""Allowances on a stream: parted by batches, restarts and owners in whatever way, calls in order draw the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rating.audit import audit
from rating.balances.restore import live_balances
from rating.lake import SUSPENSE, Delta, Lake, MemoryLake, open_lake
from rating.pipeline import Rated
from rating.streaming.intake import Intake
from rating.streaming.landing import Landing
from rating.streaming.memory import MemoryBroker, MemorySink, MemorySource
from rating.streaming.service import Limits
from rating.streaming.source import Outgoing
from tariffs.catalogue import Catalogue
from tests.streaming.conftest import Operator, Serve
from tests.tariff_folder import compiled

ALLOWANCES = """
[allowance.minutes]
plan = "p"
unit = "s"
amount = 300
period = "day"
rollover = { limit = 60 }
[allowance.credit]
plan = "p"
currency = "GBP"
amount = "0.05"
period = "day"
[accumulator.spent]
plan = "p"
currency = "GBP"
period = "week"
cap = "0.50"
"""
MOVED = """
SELECT event_id::VARCHAR AS event, kind, holder, period_utc, rolled, start_utc, units, free_usage FROM balance_movement
ORDER BY ALL"""
CHARGED = "SELECT event_id::VARCHAR AS event, leg, free_usage, amount, covered_amount, note FROM charge ORDER BY ALL"


@pytest.fixture
def catalogue(operator: Operator, tmp_path: Path) -> Catalogue:
    """The operator's tariff, with minutes in its plan."""
    files = {path.name: path.read_text() for path in operator.tariffs.iterdir()}
    (tmp_path / "plans").mkdir()
    return compiled(tmp_path / "plans", files | {"allowances.toml": ALLOWANCES})


def in_order(operator: Operator) -> list[Outgoing]:
    """The whole records in the order of their starts, the ninth column."""
    whole = [message for message in operator.messages() if message.value.count(b",") == 12]
    return sorted(whole, key=lambda message: message.value.split(b",")[8])


def told(lake: Lake) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return lake.query(MOVED).to_pylist(), lake.query(CHARGED).to_pylist()


def test_restarts_and_small_batches_draw_the_same(memory: MemoryBroker, operator: Operator, service: Serve) -> None:
    messages = in_order(operator)
    for topic in ("whole", "parted"):
        memory.create(topic, 1)
    MemorySink(memory).send("whole", messages)
    with MemoryLake() as whole:
        service(MemorySource(memory, "whole"), lake=whole).run(idle_s=0.1)
        expected = told(whole)
    assert sum(row["free_usage"] for row in expected[1]) > 0
    assert {row["note"] for row in expected[1]} > {"spend_cap", "allowance"}
    assert sum(row["covered_amount"] for row in expected[1]) > 0
    lake = MemoryLake()
    for first in range(0, len(messages), 700):
        MemorySink(memory).send("parted", messages[first : first + 700])
        few = Limits(gather_ms=50, fence_s=0.3, messages=150)
        one = service(MemorySource(memory, "parted"), lake=lake, limits=few)
        one.run(idle_s=0.1)
    assert told(lake) == expected
    assert audit(lake).balanced
    restored = live_balances(lake, one.landing.job.catalogue)
    assert restored is not None
    assert one.landing.job.balances is not None
    assert one.landing.job.balances.lots.digest() == restored.lots.digest()
    lake.close()


TAKEN = """
SELECT * REPLACE (NULL::UUID AS event_id, 'use' AS kind, -units AS units, 0 AS free_usage) FROM balance_movement
g
WHERE kind = 'grant' AND NOT EXISTS (
    FROM balance_movement b
    WHERE b.kind <> 'grant' AND b.holder = g.holder AND b.allowance = g.allowance AND b.period_utc = g.period_utc)"""


def test_balances_that_another_process_changes_under_it_are_read_anew_and_the_batch_is_rated_again(
    memory: MemoryBroker, operator: Operator, service: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between rating and commit somebody takes the lots that are still whole: the batch does not draw them."""
    memory.create("raw", 1)
    MemorySink(memory).send("raw", in_order(operator))
    one = service(MemorySource(memory, "raw"), limits=Limits(gather_ms=20, messages=400))
    rated, calls = Landing.rated, []

    def disturbed(landing: Landing, batch: Sequence[Intake]) -> Rated:
        calls.append(batch[0].first)
        found = rated(landing, batch)
        if len(calls) == 2:
            with open_lake(tmp_path / "lake") as other:
                movements = other.query(TAKEN).cast(found.drawn.movements.schema)
                at = other.offset(SUSPENSE).next_offset
                other.commit(
                    Delta(source=SUSPENSE, first_offset=at, next_offset=at + 1, next_record_no=1, complete=False,
                          records=0, movements=movements, turns_epoch=True)
                )  # fmt: skip
        return found

    monkeypatch.setattr(Landing, "rated", disturbed)
    one.run(idle_s=0.1)
    lake = one.landing.job.lake
    assert calls[1] == calls[2]
    assert not lake.query("SELECT holder FROM balance_movement GROUP BY ALL HAVING sum(units) < 0").num_rows
    restored = live_balances(lake, one.landing.job.catalogue)
    assert restored is not None
    assert one.landing.job.balances is not None
    assert one.landing.job.balances.lots.digest() == restored.lots.digest()
