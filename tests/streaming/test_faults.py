"""What breaks around the service: brokers, disks, logs. It goes on where that is right, and stops loudly where not."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rating.lake import Lake, open_lake
from rating.streaming.memory import MemoryBroker, MemorySink, MemorySource
from rating.streaming.outbox import Topics
from rating.streaming.source import Outgoing, StreamError
from tests.streaming import mock
from tests.streaming.brokers import BOOTSTRAP, QUICK, Kafka
from tests.streaming.conftest import Operator, Running, Serve
from tests.streaming.mock import Mock, mock_cluster
from tests.streaming.test_contract import Told
from tests.streaming.test_service import Oracle, agrees, drained, oracle  # noqa: F401 - a fixture
from tests.system.test_bad_input import Mounted, mounted  # noqa: F401 - a fixture

Run = Callable[..., Running]


@pytest.fixture
def cluster() -> Iterator[Mock]:
    with mock_cluster() as one:
        one.create("raw", 2)
        one.create("rated", 4)
        yield one


def landed(path: Path, messages: int, seconds: float = 40) -> None:
    """Wait until so many messages are in the lake."""
    late = time.monotonic() + seconds
    with open_lake(path, read_only=True) as lake:
        while (found := _messages(lake)) < messages:
            assert time.monotonic() < late, f"{found} of {messages} messages landed"
            time.sleep(0.1)


def _messages(lake: Lake) -> int:
    return int(lake.query("SELECT coalesce(sum(messages), 0)::BIGINT AS n FROM intake")["n"][0].as_py())


def _published(cluster: Mock, expected: set[tuple[bytes, bytes]]) -> bool:
    """Whether all of the ``expected`` coordinates, and no others, are on the topic of rated events within a while."""
    source = cluster.source("rated", "reader")
    source.open(Told())
    found: set[tuple[bytes, bytes]] = set()
    late = time.monotonic() + 40
    while found != expected and time.monotonic() < late:
        for messages in source.take(1_000, 0.2).values():
            found |= {(h["toll-source"], h["toll-record"]) for h in (dict(h or ()) for h in messages.headers)}
    source.close()
    return found == expected


def _down(cluster: Mock) -> None:
    cluster.down()
    time.sleep(2)
    cluster.up()


def _failing(cluster: Mock) -> None:
    cluster.fail(mock.FETCH, mock.NOT_LEADER, 5)
    cluster.fail(mock.PRODUCE, mock.TIMED_OUT, 2)
    cluster.fail(mock.HEARTBEAT, mock.NOT_COORDINATOR, 2)
    cluster.fail(mock.OFFSET_COMMIT, mock.NOT_COORDINATOR, 2)


def _slow(cluster: Mock) -> None:
    cluster.dawdle(300)


@pytest.mark.parametrize("fault", [_down, _failing, _slow])
def test_a_broker_in_trouble_loses_nothing(
    cluster: Mock,
    operator: Operator,
    service: Serve,
    running: Run,
    tmp_path: Path,
    oracle: Oracle,  # noqa: F811 - the fixture
    fault: Callable[[Mock], None],
) -> None:
    messages, half = operator.messages(), len(operator.records) // 2
    sink = cluster.sink()
    sink.send("raw", messages[:half])
    one = service(cluster.source("raw"), cluster.sink(), Topics(rated="rated"))
    begun = running(one)
    landed(tmp_path / "lake", 1)
    fault(cluster)
    sink.send("raw", messages[half:])
    landed(tmp_path / "lake", len(messages))
    with open_lake(tmp_path / "lake", read_only=True) as lake:
        rows = lake.query("SELECT source, record_no FROM usage").to_pylist()
    assert _published(cluster, {(row["source"].encode(), str(row["record_no"]).encode()) for row in rows})
    begun.stop()
    assert begun.fault == []
    agrees(one.landing.job.lake, oracle)


def test_a_disk_that_fills_and_is_freed_loses_nothing(
    mounted: Mounted,  # noqa: F811 - the fixture
    memory: MemoryBroker,
    operator: Operator,
    service: Serve,
    running: Run,
    oracle: Oracle,  # noqa: F811 - the fixture
) -> None:
    disk = mounted("size=24m")
    memory.create("raw", 2)
    with open_lake(disk / "lake", create=True) as lake:
        one = service(MemorySource(memory, "raw"), lake=lake)
        begun = running(one)
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(shutil.disk_usage(disk).free - (200 << 10)))
        MemorySink(memory).send("raw", operator.messages())
        late = time.monotonic() + 20
        while not one.metrics.waiting and time.monotonic() < late:
            time.sleep(0.01)
        assert one.metrics.waiting
        time.sleep(2)
        assert begun.thread.is_alive()
        ballast.unlink()
        freed = time.monotonic()
        while one.metrics.waiting:
            assert time.monotonic() - freed < 10
            time.sleep(0.05)
        assert drained(one)
        begun.stop()
        assert begun.fault == []
        agrees(lake, oracle)


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("nth", [2, 9, 25])
def test_a_disk_that_cannot_sync_ends_it_and_a_restart_goes_on(
    kafka: Kafka,
    operator: Operator,
    tmp_path: Path,
    oracle: Oracle,  # noqa: F811 - the fixture
    nth: int,
) -> None:
    topic, lake = kafka.create("raw", 2), tmp_path / "lake"
    kafka.sink().send(topic, operator.messages())
    settings = [f"--kafka={k}={v}" for k, v in {"bootstrap.servers": kafka.bootstrap, **QUICK}.items()]
    given = ["--topic", topic, "--group", topic, "--layout", "generic_csv", "--tariffs", operator.tariffs]
    limits = ["--lake", lake, "--batch-messages", 500, "--exit-when-idle", 3, "--http", "none"]
    command = [sys.executable, "-m", "rating.cli.main", "stream", *map(str, [*given, *limits]), *settings]
    open_lake(lake, create=True).close()
    inject = ["-e", "trace=fsync,fdatasync", "-e", f"inject=fsync,fdatasync:error=EIO:when={nth}+"]
    broken = _ended(["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", *inject, *command])
    if "ptrace" in broken.stderr.lower():
        pytest.skip("no leave to trace")
    assert broken.returncode == 1, broken.stderr[-2_000:]
    assert "Traceback" not in broken.stderr
    whole = _ended(command)
    assert whole.returncode == 0, whole.stderr[-2_000:]
    with open_lake(lake) as opened:
        opened.delete_orphans()
        agrees(opened, oracle)


def _ended(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_log_that_lost_what_the_lake_has_stops_it(operator: Operator, service: Serve) -> None:
    messages = [Outgoing(record, partition=0) for record in operator.records]
    with mock_cluster() as first:
        first.create("raw", 1)
        first.sink().send("raw", messages[:9])
        service(first.source("raw")).run(idle_s=0.5)
    with mock_cluster() as rebuilt:
        rebuilt.create("raw", 1)
        rebuilt.sink().send("raw", messages[:3])
        with pytest.raises(StreamError, match="the log does not hold the offset where the lake stopped"):
            service(rebuilt.source("raw")).run(idle_s=20)


@pytest.mark.skipif(not BOOTSTRAP, reason="needs a broker whose records expire: `make test-kafka`")
def test_records_that_expired_unread_stop_it(kafka: Kafka, operator: Operator, service: Serve) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    messages = [Outgoing(record, partition=0) for record in operator.records[:30]]
    topic = kafka.create("raw", 1)
    kafka.sink().send(topic, messages[:10])
    one = service(kafka.source(topic))
    one.run(idle_s=0.5)
    kafka.sink().send(topic, messages[10:])
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    for done in admin.delete_records([TopicPartition(topic, 0, 20)]).values():
        done.result(20)
    with pytest.raises(StreamError, match="the log does not hold the offset where the lake stopped"):
        service(kafka.source(topic)).run(idle_s=20)
    assert one.landing.job.lake.offset(f"kafka:{topic}/0").next_offset == 10
