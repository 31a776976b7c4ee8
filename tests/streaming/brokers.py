"""Brokers for tests: the twin in memory, and a real one, behind the same few words."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from rating.streaming.kafka import KafkaSink, KafkaSource
from rating.streaming.memory import MemoryBroker, MemorySink, MemorySource
from rating.streaming.source import Sink, Source
from samples.broker import create_topic, embedded_broker

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
        create_topic(self.bootstrap, name, partitions)
        return name

    def source(self, topic: str, group: str = "toll") -> Source:
        return KafkaSource(self.settings | {"group.id": f"{group}-{self.run}"}, topic)

    def sink(self) -> Sink:
        return KafkaSink(self.settings)


@contextlib.contextmanager
def embedded() -> Iterator[str]:
    """The embedded broker, or the one that KAFKA_BOOTSTRAP names; its address."""
    if BOOTSTRAP:
        yield BOOTSTRAP
        return
    with embedded_broker() as address:
        yield address
