"""The HTTP API under load while a process rates into the same lake.

Enters: seconds, a rate of requests, a rate of records. Leaves: Markdown lines. Always holds: server, writer, broker and
client are processes of their own; the client's CPU time is told beside the server's, so that it can be seen who had how
much of the machine. Run: ``python -m benchmarks api_load [SECONDS] [RATE] [RECORDS_A_SECOND]``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
from confluent_kafka import Producer

from benchmarks.api_client import CONNECTIONS, MIX, Question, Told, asking, questions
from benchmarks.end_to_end import generated, rated
from benchmarks.stream_load import PARTITIONS, Load, service
from benchmarks.timing import ROOT, TOLL, run
from rating.lake import open_lake
from samples.broker import create_topic, embedded_broker

RECORDS = 1_000_000
"""Records that are in the lake before."""
MOST = 40_000
"""Records a second that there are for a stream that takes all it can."""
TICKS = 50
WORKERS = (1, 2)
ALLOWANCE = """
[allowance.minutes]
plan = ["consumer"]
service = "voice"
amount = 6000
unit = "s"
"""
CHOSEN = """
SELECT account, count(*) AS n FROM charge WHERE leg = 'retail' GROUP BY account ORDER BY hash(account) LIMIT 5000"""
PATIENCE_S = 300


@dataclass(frozen=True, slots=True)
class Server:
    """A server that has read the lake."""

    port: int
    token: str
    pid: int

    def cpu_s(self) -> float:
        """The CPU seconds of all its processes so far."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return sum(map(_cpu_s, [self.pid, *map(int, children)]))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def server(lake: Path, work: Path, workers: int) -> Iterator[Server]:
    """The server as processes of its own."""
    tokens = ["--tokens", str(work / "tokens.toml")]
    made = subprocess.run(
        [TOLL, "serve", "token", "new", "--role", "reader", "--per-second", "100000", "--burst", "100000", *tokens],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    command = [TOLL, "serve", "--lake", str(lake), "--listen", "127.0.0.1:0", "--workers", str(workers), *tokens]
    log = (work / "serve.log").open("w+")
    running = subprocess.Popen(command, cwd=ROOT, stderr=log)
    try:
        _until(lambda: bool(_told(work / "serve.log", "read")))
        yield Server(_told(work / "serve.log", "listening")[0]["port"], made.stdout.strip(), running.pid)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(30)
        log.close()


def _until(holds: Callable[[], bool]) -> None:
    late = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > late:
            raise RuntimeError("a process does not get ready")
        time.sleep(0.2)


def _told(log: Path, event: str) -> list[dict[str, Any]]:
    """What the log says of ``event``."""
    lines = (json.loads(line) for line in log.read_text("utf-8").splitlines() if line.endswith("}"))
    return [line for line in lines if line["event"] == event]


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a load, and what the server took for it."""

    told: Told
    server_s: float


def measured(known: Server, due: Sequence[Question]) -> Measured:
    """The questions, asked by a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as client:
        client.submit(asking, known.port, known.token, due[:600]).result()  # what is imported and opened late
        before = known.cpu_s()
        told = client.submit(asking, known.port, known.token, due).result()
        return Measured(told, known.cpu_s() - before)


@contextmanager
def stream(lines: Sequence[bytes], tariffs: Path, lake: Path, topic: str, rate: int) -> Iterator[list[int]]:
    """A stream of ``lines`` into ``lake``, ``rate`` a second (0: all that it takes): the sizes of what lands."""
    landed: list[int] = []
    stop = Event()
    with embedded_broker() as bootstrap:
        create_topic(bootstrap, topic, PARTITIONS)
        with service(bootstrap, topic, Load(tariffs, [list(lines)]), lake) as one:
            next(one.told("assigned"))
            producing = Thread(target=_produce, args=(bootstrap, topic, lines, rate, stop), daemon=True)
            told = Thread(target=lambda: landed.extend(b["records"] for b in one.told("landed")), daemon=True)
            for thread in (producing, told):
                thread.start()
            yield landed
            stop.set()
            producing.join()


def _produce(bootstrap: str, topic: str, lines: Sequence[bytes], rate: int, stop: Event) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "queue.buffering.max.messages": 200_000})
    begin, tick = time.monotonic(), max((rate or MOST) // TICKS, 1)
    for first in range(0, len(lines), tick):
        if stop.is_set():
            break
        for number, line in enumerate(lines[first : first + tick]):
            producer.produce(topic, line, partition=number % PARTITIONS)
        producer.poll(0)
        while len(producer) > 100_000 and not stop.is_set():
            producer.poll(0.05)
        if rate:
            time.sleep(max(begin + (first + tick) / rate - time.monotonic(), 0))
    producer.flush(5)


def table(seconds: int = 20, rate: int = 300, streamed: int = 10_000) -> Iterator[str]:
    """The benchmark as Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        inputs, lake = generated(work / "in", RECORDS), work / "lake"
        (inputs / "tariffs" / "free.toml").write_text(ALLOWANCE, "utf-8")
        rated(inputs, lake)
        lines = _more(work / "more", len(WORKERS) * (streamed + MOST) * (seconds + 10))
        with open_lake(lake, read_only=True) as opened:
            found = opened.query(CHOSEN)
        due = questions(found["account"].to_pylist(), seconds, rate)
        mix = ", ".join(f"{share} % {what}" for share, what, _ in MIX)
        yield f"A lake of {RECORDS:,} records; {found.num_rows:,} accounts are asked for, of which the middle one has"
        yield f"{int(np.median(found['n'].to_numpy())):,} charges: {mix} (pages of 50). {rate} requests a second for"
        yield f"{seconds} s over {CONNECTIONS} connections of the loopback; latency counts from when a request was due."
        yield "Server, stream, broker and client share the machine. The server's CPU time is that of all its processes,"
        yield "what it takes to read new commits included.\n"
        yield (
            "| workers | meanwhile | asked | p50 ms | p99 ms | longest ms | answers/s | server, CPU ms an answer "
            "| client, CPU ms an answer | landed, records/s |"
        )
        yield "| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
        for workers in WORKERS:
            with server(lake, work, workers) as known:
                yield from _lines(workers, "nothing", measured(known, due))
                for says, speed in ((f"a stream of {streamed:,} records/s", streamed), ("a stream of all it can", 0)):
                    own = [lines.pop() for _ in range((speed or MOST) * (seconds + 10))]
                    with stream(own, inputs / "tariffs", lake, f"cdr{workers}{speed}", speed) as landed:
                        _until(lambda: bool(landed))
                        before, began = sum(landed), time.monotonic()
                        found_ = measured(known, due)
                        yield from _lines(workers, says, found_, (sum(landed) - before) / (time.monotonic() - began))


def _more(folder: Path, records: int) -> list[bytes]:
    """As many records that the lake does not have."""
    more = [sys.executable, "samples/generate.py", str(folder), "--seed", "2", "--files", "1", "--days", "7"]
    run([*more, "--records", str(records)])
    return [line for path in sorted(folder.glob("*.csv")) for line in path.read_bytes().splitlines()[1:]]


def _lines(workers: int, meanwhile: str, found: Measured, landed: float = 0) -> Iterator[str]:
    asked = found.told.asked
    length = max(one.question.due_s + one.took_s for one in asked)
    for what in ("all", *(what for _, what, _ in MIX)):
        took = np.array([one.took_s for one in asked if what in {"all", one.question.what}]) * 1000
        p50, p99 = np.percentile(took, [50, 99])
        costs = [seconds * 1000 / len(took) for seconds in (found.server_s, found.told.cpu_s)]
        more = f"{costs[0]:.2f} | {costs[1]:.2f} | {f'{landed:,.0f}' if landed else ''}" if what == "all" else "| |"
        speed = f"{len(took) / length:,.0f}"
        yield f"| {workers} | {meanwhile} | {what} | {p50:.1f} | **{p99:.1f}** | {took.max():.0f} | {speed} | {more} |"


if __name__ == "__main__":
    for line in table(*(int(a) for a in sys.argv[1:])):
        print(line, flush=True)
