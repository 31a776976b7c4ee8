"""Files and a stream at the same accounts, at the same time: what each draws and drops, the other knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rating.audit import audit
from rating.job import Job, rate_files
from rating.lake import Lake, open_lake
from rating.rerating.rerate import rerate
from rating.rerating.scope import CLOSE, Scope
from rating.seen import seen_ids
from rating.stored import tariff_version
from rating.streaming.memory import MemoryBroker, MemorySink, MemorySource
from rating.streaming.service import Limits
from rating.streaming.source import Outgoing
from rating.summary import FileSummary
from tariffs.catalogue import Catalogue
from tests.streaming.conftest import CSV, Operator, Running, Serve
from tests.streaming.test_balances import ALLOWANCES, in_order
from tests.streaming.test_rerate import wait_for
from tests.tariff_folder import compiled

FILES = 5
BOTH = 5
"""One record in so many comes by a file and by the stream."""


@pytest.fixture
def catalogue(operator: Operator, tmp_path: Path) -> Catalogue:
    """The operator's tariff, with minutes in its plan."""
    files = {path.name: path.read_text() for path in operator.tariffs.iterdir()}
    (tmp_path / "plans").mkdir()
    return compiled(tmp_path / "plans", files | {"allowances.toml": ALLOWANCES})


def spooled(operator: Operator, messages: list[Outgoing], folder: Path, files: int = FILES) -> list[str]:
    """The records of ``messages`` as ``files``."""
    header = next(operator.folder.glob("*.csv")).read_bytes().splitlines()[0]
    folder.mkdir()
    for number in range(files):
        lines = [header, *(message.value for message in messages[number::files])]
        (folder / f"cdr-{number}.csv").write_bytes(b"\n".join(lines) + b"\n")
    return sorted(map(str, folder.iterdir()))


def job(lake: Lake, catalogue: Catalogue) -> Job:
    made = Job(lake, CSV, catalogue, tariff_version(catalogue), seen_ids(lake))
    made.renew([])
    return made


def closed(lake: Lake) -> list[dict[str, Any]]:
    """What is charged once the period is closed: the same for every order in which records came."""
    rerate(lake, Scope(CLOSE), None, lambda *_: None)
    return lake.query("SELECT event_id, leg, free_usage, amount FROM charge_now ORDER BY ALL").to_pylist()


def faults(lake: Lake) -> list[Any]:
    return [(check.name, check.differences) for check in audit(lake).checks if check.count]


def test_files_and_a_stream_at_once_charge_what_they_charge_one_after_the_other(
    memory: MemoryBroker,
    operator: Operator,
    service: Serve,
    running: Callable[..., Running],
    catalogue: Catalogue,
    tmp_path: Path,
) -> None:
    messages = in_order(operator)[::6]
    streamed, filed = messages[::2], messages[1::2] + messages[:: 2 * BOTH]
    paths = spooled(operator, filed, tmp_path / "spool")
    memory.create("cdr", 1)
    with open_lake(tmp_path / "apart", create=True) as apart:
        assert not any(summary.error for summary in rate_files(job(apart, catalogue), paths, lambda _: None))
        MemorySink(memory).send("cdr", streamed)
        service(MemorySource(memory, "cdr"), lake=apart).run(idle_s=0.2)
        expected, left = closed(apart), faults(apart)
        copies = apart.query("SELECT count(*) AS n FROM rejected WHERE disposition = 'duplicate'")["n"][0].as_py()
    assert left == []
    assert copies > 0
    memory.create("beside", 1)
    late = streamed[len(streamed) // 2 :]
    MemorySink(memory).send("beside", streamed[: -len(late)])
    one = service(MemorySource(memory, "beside"), limits=Limits(gather_ms=20, messages=40))
    ran = running(one)
    with open_lake(tmp_path / "lake") as lake:

        def beside(_: FileSummary) -> None:
            """Once a file has landed the stream gets its other half, and lands some of it before the next."""
            if late:
                sources = lake.query("SELECT source FROM batch")["source"].to_pylist()
                MemorySink(memory).send("beside", late)
                late.clear()
                wait_for(tmp_path / "lake", sum(source.startswith("kafka:") for source in sources))

        assert not any(summary.error for summary in rate_files(job(lake, catalogue), paths, beside))
        landed = lake.query("SELECT source FROM batch ORDER BY batch_id")["source"].to_pylist()
    first = next(at for at, source in enumerate(landed) if source.startswith("file:"))
    assert any(source.startswith("kafka:") for source in landed[first:]), "they did not run at once"
    one.stop()
    ran.stop()
    assert ran.fault == []
    service(MemorySource(memory, "beside")).run(idle_s=0.2)
    with open_lake(tmp_path / "lake") as lake:
        assert faults(lake) == []
        assert closed(lake) == expected
        assert faults(lake) == []
        again = lake.query("SELECT count(*) AS n FROM rejected WHERE disposition = 'duplicate'")["n"][0].as_py()
    assert again == copies
    assert sum(row["free_usage"] for row in expected) > 0
