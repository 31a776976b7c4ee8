"""The HTTP API under load while a process rates into the same lake.

Enters: seconds and a rate. Leaves: Markdown lines. Always holds: server, writer and client are processes of their own;
requests leave at fixed times, whatever came of those before, and latency counts from those times, so that a server that
stalls is not spared; every answer is checked. Run: ``python -m benchmarks api_load [SECONDS] [RATE]``.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import numpy as np
from confluent_kafka import Producer

from benchmarks.end_to_end import generated, rated
from benchmarks.stream_load import PARTITIONS, Load, service
from benchmarks.timing import ROOT, TOLL, run
from rating.lake import open_lake
from samples.broker import create_topic, embedded_broker

RECORDS = 1_000_000
"""Records that are in the lake before."""
STREAMED, TICKS = 2_000, 50
"""Records a second that a stream brings meanwhile, and in how many parts."""
TOPIC = "cdr"
ALLOWANCE = """
[allowance.minutes]
plan = ["consumer"]
service = "voice"
amount = 6000
unit = "s"
"""
CHOSEN = """
SELECT account, count(*) AS n FROM charge WHERE leg = 'retail' GROUP BY account ORDER BY hash(account) LIMIT 5000"""
SPAN = "from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z"
MIX = (
    (60, "usage", f"/v1/accounts/%s/usage?{SPAN}&limit=50"),
    (25, "charges", f"/v1/accounts/%s/charges?{SPAN}"),
    (15, "balances", "/v1/accounts/%s/balances"),
)
"""How many of a hundred requests ask what."""
CONNECTIONS = 32
PATIENCE_S = 300


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: what it asks, when it was due (seconds), how long after that it was answered."""

    what: str
    due_s: float
    took_s: float


@contextmanager
def server(lake: Path, work: Path) -> Iterator[tuple[int, str, int]]:
    """The server as a process of its own: its port, a token, its process id; it has read the lake."""
    tokens = ["--tokens", str(work / "tokens.toml")]
    made = subprocess.run(
        [TOLL, "serve", "token", "new", "--role", "reader", "--per-second", "100000", "--burst", "100000", *tokens],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    command = [TOLL, "serve", "--lake", str(lake), "--listen", "127.0.0.1:0", *tokens]
    log = (work / "serve.log").open("w+")
    running = subprocess.Popen(command, cwd=ROOT, stderr=log)
    try:
        _until(lambda: bool(_told(work / "serve.log", "read")))
        yield _told(work / "serve.log", "listening")[0]["port"], made.stdout.strip(), running.pid
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


def asking(port: int, token: str, accounts: list[str], seconds: int, rate: int) -> list[Asked]:
    """Ask ``rate`` times a second for ``seconds``, over :data:`CONNECTIONS` connections."""
    random = Random(1)
    kinds = random.choices([kind for _, *kind in MIX], [share for share, *_ in MIX], k=seconds * rate)
    due = [(number / rate, *kind, random.choice(accounts)) for number, kind in enumerate(kinds)]
    return asyncio.run(_asked(port, token, due))


async def _asked(port: int, token: str, due: list[tuple[float, str, str, str]]) -> list[Asked]:
    begin = time.perf_counter() + 0.5
    waiting: asyncio.Queue[tuple[float, str, str, str] | None] = asyncio.Queue()
    clients = [asyncio.ensure_future(_client(port, token, begin, waiting)) for _ in range(CONNECTIONS)]
    for one in due:
        await asyncio.sleep(max(begin + one[0] - time.perf_counter(), 0))
        waiting.put_nowait(one)
    for _ in clients:
        waiting.put_nowait(None)
    return [asked for found in await asyncio.gather(*clients) for asked in found]


async def _client(port: int, token: str, begin: float, waiting: asyncio.Queue) -> list[Asked]:  # type: ignore[type-arg]
    """One connection, kept open: a client of few words, lest it costs more than the server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    done = []
    while (one := await waiting.get()) is not None:
        at, what, path, account = one
        writer.write(f"GET {path % account} HTTP/1.1\r\nHost: toll\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(head.decode())
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        done.append(Asked(what, at, time.perf_counter() - begin - at))
        if account.encode() not in body:
            raise RuntimeError(body.decode())
    writer.close()
    return done


def cpu_s(pid: int) -> float:
    """The CPU seconds that process ``pid`` has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(
    port: int, token: str, pid: int, accounts: list[str], seconds: int, rate: int
) -> tuple[list[Asked], float]:
    """The requests, asked by a process of its own, and the CPU seconds that the server took for them."""
    before = cpu_s(pid)
    with ProcessPoolExecutor(1, get_context("spawn")) as client:
        asked = client.submit(asking, port, token, accounts, seconds, rate).result()
    return asked, cpu_s(pid) - before


@contextmanager
def stream(inputs: Path, tariffs: Path, lake: Path, seconds: int) -> Iterator[list[int]]:
    """A stream into ``lake`` from a producer at :data:`STREAMED` records a second: the sizes of batches that land."""
    lines = [line for path in sorted(inputs.glob("*.csv")) for line in path.read_bytes().splitlines()[1:]]
    landed: list[int] = []
    with embedded_broker() as bootstrap:
        create_topic(bootstrap, TOPIC, PARTITIONS)
        with service(bootstrap, TOPIC, Load(tariffs, [lines]), lake) as one:
            next(one.told("assigned"))
            threads = [
                Thread(target=lambda: landed.extend(batch["records"] for batch in one.told("landed")), daemon=True),
                Thread(target=_produce, args=(bootstrap, lines, seconds), daemon=True),
            ]
            for thread in threads:
                thread.start()
            yield landed


def _produce(bootstrap: str, lines: list[bytes], seconds: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
    begin = time.monotonic()
    for tick in range(seconds * TICKS):
        for number in range(tick * STREAMED // TICKS, (tick + 1) * STREAMED // TICKS):
            producer.produce(TOPIC, lines[number % len(lines)], partition=number % PARTITIONS)
        producer.poll(0)
        time.sleep(max(begin + (tick + 1) / TICKS - time.monotonic(), 0))
    producer.flush(5)


def table(seconds: int = 60, rate: int = 300) -> Iterator[str]:
    """The benchmark as Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        inputs, lake = generated(work / "in", RECORDS), work / "lake"
        (inputs / "tariffs" / "free.toml").write_text(ALLOWANCE, "utf-8")
        rated(inputs, lake)
        more = [sys.executable, "samples/generate.py", str(work / "more"), "--seed", "2", "--files", "1", "--days", "7"]
        run([*more, "--records", str(STREAMED * (seconds + 10))])
        with open_lake(lake, read_only=True) as opened:
            found = opened.query(CHOSEN)
        accounts = found["account"].to_pylist()
        rows = int(np.median(found["n"].to_numpy()))
        mix = ", ".join(f"{share} % {what}" for share, what, _ in MIX)
        yield f"A lake of {RECORDS:,} records; {len(accounts):,} accounts are asked for, of which the middle one has"
        yield f"{rows:,} charges: {mix} (pages of 50). {rate} requests a second for {seconds} s over {CONNECTIONS}"
        yield "connections of the loopback; latency counts from when a request was due.\n"
        yield "| meanwhile | asked | p50 ms | p99 ms | longest ms | answers/s | server, CPU ms an answer |"
        yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
        with server(lake, work) as known:
            asking(*known[:2], accounts, 2, rate)  # what is imported and opened late
            yield from _lines("nothing", *measured(*known, accounts, seconds, rate))
            with stream(work / "more", inputs / "tariffs", lake, seconds + 10) as landed:
                _until(lambda: bool(landed))
                yield from _lines(f"a stream of {STREAMED:,} records/s", *measured(*known, accounts, seconds, rate))
                yield f"\nThe stream landed {sum(landed):,} records in {len(landed):,} batches meanwhile."


def _lines(meanwhile: str, asked: list[Asked], used_s: float) -> Iterator[str]:
    length = max(one.due_s + one.took_s for one in asked)
    for what in ("all", *(what for _, what, _ in MIX)):
        took = np.array([one.took_s for one in asked if what in {"all", one.what}]) * 1000
        p50, p99 = np.percentile(took, [50, 99])
        cost = f"{used_s * 1000 / len(took):.2f}" if what == "all" else ""
        speed = f"{len(took) / length:,.0f}"
        yield f"| {meanwhile} | {what} | {p50:.1f} | **{p99:.1f}** | {took.max():.0f} | {speed} | {cost} |"


if __name__ == "__main__":
    print("\n".join(table(*(int(a) for a in sys.argv[1:]))))
