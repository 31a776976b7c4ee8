"""Workers of one group on one lake, killed and stopped at random: charges equal the batch job's to the last digit.

``TOLL_KILLS`` sets how many kills (10); ``KAFKA_BOOTSTRAP`` another broker than the embedded one.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rating.audit import audit
from rating.lake import LakeError, open_lake
from tests.streaming.brokers import QUICK, Kafka
from tests.streaming.conftest import Operator
from tests.streaming.test_service import Oracle, charges, oracle  # noqa: F401 - a fixture
from tests.system.conftest import orphans
from tests.system.starter import started

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

KILLS = int(os.environ.get("TOLL_KILLS", "10"))
DEADLINE_S = 60 + 12 * KILLS


@dataclass
class Fleet:
    """Two workers that are started again when they end."""

    command: list[str]
    lake: Path
    told: Path
    workers: list[BaseProcess] = field(default_factory=list)

    def start(self, number: int) -> None:
        worker = started(self.command, self.told / f"{number}-{time.monotonic_ns()}")
        self.workers[number : number + 1] = [worker]

    def files(self) -> set[str]:
        return {name for _, _, names in os.walk(self.lake / "data") for name in names}

    def wait_for_work(self, wait_s: float) -> None:
        before, late = self.files(), time.monotonic() + wait_s
        while self.files() <= before and time.monotonic() < late:
            time.sleep(0.002)

    def landed(self) -> int:
        with suppress(LakeError), open_lake(self.lake, read_only=True) as lake:
            return int(lake.query("SELECT coalesce(sum(messages), 0)::BIGINT AS n FROM intake")["n"][0].as_py())
        return 0

    def drain(self, messages: int) -> None:
        late = time.monotonic() + 60
        while self.landed() < messages and time.monotonic() < late:
            time.sleep(0.5)
        for worker in self.workers:
            if worker.pid:
                os.kill(worker.pid, signal.SIGTERM)
        for worker in self.workers:
            worker.join(30)
            assert worker.exitcode == 0, self.said()

    def said(self) -> str:
        return "\n".join(path.read_text()[-2_000:] for path in sorted(self.told.iterdir()))


@pytest.fixture
def topic(kafka: Kafka, operator: Operator) -> str:
    """A topic that holds the traffic in four partitions; every hundredth message sent twice."""
    name = kafka.create("raw", 4)
    messages = operator.messages()
    kafka.sink().send(name, messages)
    return name


@contextmanager
def fleet(kafka: Kafka, topic: str, operator: Operator, tmp_path: Path) -> Iterator[Fleet]:
    settings = [f"--kafka={k}={v}" for k, v in {"bootstrap.servers": kafka.bootstrap, **QUICK}.items()]
    given = ["--topic", topic, "--group", f"crash-{kafka.run}", "--layout", "generic_csv", "--http", "none"]
    rates = ["--tariffs", operator.tariffs, "--lake", tmp_path / "lake", "--batch-messages", 60, "--batch-ms", 20]
    (tmp_path / "told").mkdir()
    one = Fleet(["stream", *map(str, [*given, *rates]), *settings], tmp_path / "lake", tmp_path / "told")
    open_lake(one.lake, create=True).close()
    try:
        for number in range(2):
            one.start(number)
        yield one
    finally:
        for worker in one.workers:
            worker.kill()
            worker.join()


def proved(lake: Path, expected: Oracle, said: str) -> None:
    with open_lake(lake) as opened:
        opened.delete_orphans()
        assert charges(opened) == expected[0], said
        report = audit(opened)
        assert report.balanced, report.to_json()
    assert orphans(lake) == set()
    assert "Traceback" not in said


@pytest.mark.timeout(DEADLINE_S + 60)
def test_kills_and_rebalances_change_no_charge(
    kafka: Kafka,
    topic: str,
    operator: Operator,
    tmp_path: Path,
    oracle: Oracle,  # noqa: F811 - the fixture
) -> None:
    dice = random.Random(20261122)
    with fleet(kafka, topic, operator, tmp_path) as workers:
        for _ in range(KILLS):
            workers.wait_for_work(8)
            time.sleep(dice.uniform(0, 0.15))
            victim = dice.randrange(2)
            workers.workers[victim].kill()
            workers.workers[victim].join()
            workers.start(victim)
        workers.drain(len(operator.records))
        proved(workers.lake, oracle, workers.said())


@pytest.mark.timeout(180)
def test_a_stopped_worker_comes_back_as_a_zombie_and_is_fenced(
    kafka: Kafka,
    topic: str,
    operator: Operator,
    tmp_path: Path,
    oracle: Oracle,  # noqa: F811 - the fixture
) -> None:
    dice = random.Random(7)
    with fleet(kafka, topic, operator, tmp_path) as workers:
        for _ in range(2):
            workers.wait_for_work(8)
            time.sleep(dice.uniform(0, 0.1))
            pid = workers.workers[dice.randrange(2)].pid or 0
            os.kill(pid, signal.SIGSTOP)
            time.sleep(3.5)  # longer than a session
            os.kill(pid, signal.SIGCONT)
        workers.drain(len(operator.records))
        proved(workers.lake, oracle, workers.said())
