"""librdkafka's own mock cluster, through ctypes: a broker that goes down, fails and dawdles on request.

It keeps about 5 MB a partition, and forgets what is older.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import confluent_kafka

from rating.streaming.kafka import KafkaSink, KafkaSource
from tests.streaming.brokers import QUICK

FETCH, PRODUCE, HEARTBEAT, OFFSET_COMMIT = 1, 0, 12, 8
"""Kinds of request."""
NOT_LEADER, TIMED_OUT, NOT_COORDINATOR = 6, 7, 16
"""Errors that pass."""
_BROKER = 1
_TEXT = ctypes.c_char_p


def _library() -> ctypes.CDLL:
    folder = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(folder.glob("librdkafka*"))))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = _TEXT
    return library


@dataclass(frozen=True)
class Mock:
    library: Any
    cluster: ctypes.c_void_p

    def _asked(self, name: str, *arguments: object) -> None:
        assert getattr(self.library, f"rd_kafka_mock_{name}")(self.cluster, *arguments) == 0, name

    @property
    def settings(self) -> dict[str, str]:
        found = self.library.rd_kafka_mock_cluster_bootstraps(self.cluster).decode()
        return {"bootstrap.servers": found, **QUICK}

    def create(self, topic: str, partitions: int) -> None:
        self._asked("topic_create", topic.encode(), partitions, 1)

    def down(self) -> None:
        self._asked("broker_set_down", _BROKER)

    def up(self) -> None:
        self._asked("broker_set_up", _BROKER)

    def dawdle(self, milliseconds: int) -> None:
        self._asked("broker_set_rtt", _BROKER, milliseconds)

    def fail(self, request: int, error: int, times: int) -> None:
        """Answer the next ``times`` requests of a kind with ``error``."""
        errors = (ctypes.c_int * times)(*[error] * times)
        push = self.library.rd_kafka_mock_push_request_errors_array
        push(self.cluster, ctypes.c_int16(request), ctypes.c_size_t(times), errors)

    def source(self, topic: str, group: str = "toll") -> KafkaSource:
        return KafkaSource(self.settings | {"group.id": group}, topic)

    def sink(self) -> KafkaSink:
        return KafkaSink(self.settings)


@contextmanager
def mock_cluster() -> Iterator[Mock]:
    library = _library()
    said = ctypes.create_string_buffer(512)
    client = ctypes.c_void_p(library.rd_kafka_new(0, ctypes.c_void_p(library.rd_kafka_conf_new()), said, len(said)))
    assert client, said.value
    cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(client, 1))
    library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, ctypes.c_int32(0))  # else longer than a session
    try:
        yield Mock(library, cluster)
    finally:
        library.rd_kafka_mock_cluster_destroy(cluster)
        library.rd_kafka_destroy(client)
