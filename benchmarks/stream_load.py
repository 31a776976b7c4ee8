"""What the streaming benchmark feeds and runs: records, messages, and the service as a process.

Enters: a number of records. Leaves: messages on a topic; what the service logged. Always holds: a record has 200
bytes; each key's records go to one partition; a service is ended by its own process id.
"""

from __future__ import annotations

import json
import subprocess
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Timer
from typing import Any

from confluent_kafka import Producer

from benchmarks.end_to_end import generated
from benchmarks.timing import ROOT, TOLL
from rating.streaming.keys import partition_for

RECORD_BYTES = 200
PARTITIONS = 4
LONGEST_S = 180
"""A service that has not done what it is measured at by then is ended, and the benchmark with it."""
_CALLER = 4
"""The column of the A-number."""


@dataclass(frozen=True, slots=True)
class Load:
    """Records by the partition that their A-number chooses, and the tariff that rates them."""

    tariffs: Path
    records: list[list[bytes]]

    def packed(self, pack: int) -> list[list[bytes]]:
        """The same as messages of up to ``pack`` records."""
        return [[b"\n".join(rows[at : at + pack]) for at in range(0, len(rows), pack)] for rows in self.records]


def load(folder: Path, records: int) -> Load:
    """``records`` records of 200 bytes: the generator's, with call references that are long enough."""
    inputs = generated(folder, records, days=1)
    parted: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
    for path in sorted(inputs.glob("*.csv")):
        for line in path.read_bytes().splitlines()[1:]:
            key = line.split(b",", _CALLER + 1)
            number = partition_for(key[_CALLER], PARTITIONS) if len(key) > _CALLER else 0
            parted[number].append(line.replace(b",", b"." * (RECORD_BYTES - len(line)) + b",", 1))
    return Load(inputs / "tariffs", parted)


def produce(bootstrap: str, topic: str, messages: Iterable[Iterable[bytes]]) -> int:
    """Send ``messages``, by partition; how many."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20, "queue.buffering.max.messages": 200_000})
    count = 0
    for partition, values in enumerate(messages):
        for value in values:
            while True:
                try:
                    producer.produce(topic, value, partition=partition)
                    break
                except BufferError:
                    producer.poll(0.1)
            count += 1
    if producer.flush(60):
        raise RuntimeError("the broker did not take all messages")
    return count


@dataclass
class Service:
    """``toll stream`` as a process of its own; what it logged."""

    running: subprocess.Popen[str]
    last: deque[str] = field(default_factory=lambda: deque(maxlen=5))
    """The last lines that it logged."""

    def told(self, event: str) -> Iterator[dict[str, Any]]:
        """What it logs as ``event`` from now on, until it ends; ``at_s`` is when."""
        for line in self.running.stderr or ():
            self.last.append(line)
            said = json.loads(line) if line.startswith("{") else {"event": line}
            if said["event"] == event:
                yield said | {"at_s": datetime.fromisoformat(said["time"]).timestamp()}

    def first(self, event: str) -> dict[str, Any]:
        """The next ``event``. Raises :class:`RuntimeError` with the last log lines if it ends, or is ended, before."""
        found = next(self.told(event), None)
        if found is None:
            raise RuntimeError(f"the service did not tell {event!r} within {LONGEST_S} s:\n{''.join(self.last)}")
        return found


@contextmanager
def service(bootstrap: str, topic: str, load: Load, lake: Path, *more: str) -> Iterator[Service]:
    """The service over ``topic`` into ``lake``, until it is idle, the context ends, or :data:`LONGEST_S` have gone."""
    given = ("--topic", topic, "--group", topic, "--layout", "generic_csv", "--tariffs", str(load.tariffs))
    broker = (f"--kafka=bootstrap.servers={bootstrap}", "--kafka=session.timeout.ms=6000")  # it waits half a session
    command = [TOLL, "stream", *given, "--lake", str(lake), "--http", "none", *broker, *more]
    running = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    late = Timer(LONGEST_S, running.kill)
    late.start()
    try:
        yield Service(running)
    finally:
        late.cancel()
        running.kill()
        running.communicate()
