"""The streaming service: how fast, how late, how soon back.

Enters: numbers of records. Leaves: Markdown lines. Always holds: the service runs as a process of its own on the
embedded broker of this machine, with four partitions and no output topics; what landed is counted before it is
quoted; service and floor alternate in one run; what does not end is ended.
Run: ``python -m benchmarks streaming``, which records it, or ``python -m benchmarks.streaming [RECORDS [KEYS]]``.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from confluent_kafka import Producer

from benchmarks.commit_cost import synthetic
from benchmarks.stream_load import LONGEST_S, PARTITIONS, Load, load, produce, service
from benchmarks.timing import memory_mb, run
from mediation.fields import INSTANT
from rating.lake import Delta, open_lake
from samples.broker import create_topic, embedded_broker

ROUNDS = 3
LATENCY_S = 20
TICK_S = 0.01
LOOK_S = 0.05
PROMPT = "--kafka=fetch.wait.max.ms=50"
"""The embedded broker keeps a fetch waiting though messages have come, 150 ms as a rule; Apache Kafka does not."""
DAYS = 3
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sustained:
    """Records a second of the service and of the floor, over the same messages; the service's most memory."""

    service: float
    floor: float
    peak_mb: float

    @property
    def share(self) -> float:
        """How much of the floor the service reaches."""
        return self.service / self.floor


def sustained(bootstrap: str, topic: str, pack: int, given: Load, work: Path) -> Sustained:
    """All of ``given`` from a topic that holds it: from the first batch that landed to the last."""
    create_topic(bootstrap, topic, PARTITIONS)
    messages = produce(bootstrap, topic, given.packed(pack) if pack > 1 else given.records)
    with service(bootstrap, topic, given, work / topic, "--exit-when-idle", "5") as one:
        told = [batch | memory_mb(one.running.pid) for batch in one.told("landed")]
    records, landed = sum(map(len, given.records)), sum(batch["records"] for batch in told)
    if landed != records:
        raise RuntimeError(f"{topic}: {landed} of {records} records landed:\n{''.join(one.last)}")
    speed = (records - told[0]["records"]) / (told[-1]["at_s"] - told[0]["at_s"])
    command = [sys.executable, "-m", "benchmarks.stream_floor", bootstrap, topic, str(messages)]
    floor = json.loads(
        run(["timeout", str(LONGEST_S), *command, *map(str, (work / topic, work / f"{topic}-floor"))]).output
    )
    return Sustained(speed, records / floor["wall_s"], told[-1]["peak"])


def latencies(bootstrap: str, topic: str, given: Load, speed: float, work: Path) -> Floats:
    """Seconds from producing a message (one record each) until a reader of the lake sees it, at ``speed`` a second."""
    lake = work / topic
    create_topic(bootstrap, topic, PARTITIONS)
    sent: list[list[float]] = [[] for _ in range(PARTITIONS)]
    seen: list[list[tuple[float, int]]] = [[] for _ in range(PARTITIONS)]
    open_lake(lake, create=True).close()
    with service(bootstrap, topic, given, lake, PROMPT) as one:
        one.first("assigned")
        threading.Thread(target=lambda: list(one.told("")), daemon=True).start()  # so that its log never blocks it
        produced = threading.Thread(target=_paced, args=(bootstrap, topic, given, speed, sent))
        produced.start()
        with open_lake(lake, read_only=True) as reader:
            late = time.time() + LATENCY_S + 20
            while (produced.is_alive() or _unseen(sent, seen)) and time.time() < late:
                time.sleep(LOOK_S)
                rows = reader.query("SELECT source, next_offset FROM input_offset WHERE source LIKE 'kafka:%'")
                for row in rows.to_pylist():
                    seen[int(row["source"].rpartition("/")[2])].append((time.time(), row["next_offset"]))
        produced.join()
    return np.concatenate([_waited(*pair) for pair in zip(sent, seen, strict=True)])


def _paced(bootstrap: str, topic: str, given: Load, speed: float, sent: list[list[float]]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "queue.buffering.max.messages": 1_000_000})
    began, ticks = time.time(), int(LATENCY_S / TICK_S)
    for tick in range(ticks):
        for partition, records in enumerate(given.records):
            due = int(speed / PARTITIONS * TICK_S * (tick + 1))
            at = len(sent[partition])
            for record in records[at:due]:
                producer.produce(topic, record, partition=partition)
            sent[partition] += [time.time()] * len(records[at:due])
        producer.poll(0)
        time.sleep(max(began + (tick + 1) * TICK_S - time.time(), 0))
    producer.flush(30)


def _unseen(sent: list[list[float]], seen: list[list[tuple[float, int]]]) -> bool:
    return any(len(s) > (looks[-1][1] if looks else 0) for s, looks in zip(sent, seen, strict=True))


def _waited(sent: list[float], seen: list[tuple[float, int]]) -> Floats:
    """How long each message of a partition waited for the first look that found the offset past it."""
    at, reached = np.array([look[0] for look in seen]), np.array([look[1] for look in seen])
    look = np.searchsorted(reached, np.arange(len(sent)), "right")
    if len(look) and look[-1] >= len(at):
        raise RuntimeError(f"{(look >= len(at)).sum()} of {len(sent)} records were not seen within {LATENCY_S + 20} s")
    return at[look] - np.array(sent)


def restart_s(bootstrap: str, given: Load, keys: int, work: Path) -> tuple[float, float]:
    """Seconds from starting the process: until it has its partitions, and until the first batch has landed."""
    topic, lake, parts = "again", work / "again", max(keys // 500_000, 1)
    first = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) * 1_000_000
    with open_lake(lake, create=True) as opened:
        for part in range(parts):
            opened.commit(_known(part, keys // parts, first))
    create_topic(bootstrap, topic, PARTITIONS)
    records = [rows[:250] for rows in given.records]
    produce(bootstrap, topic, records)
    began = time.time()
    with service(bootstrap, topic, Load(given.tariffs, records), lake) as one:
        assigned = one.first("assigned")["at_s"] - began
        return assigned, one.first("landed")["at_s"] - began


def _known(part: int, rows: int, first_us: int) -> Delta:
    """Events that have landed, spread over the days around the traffic."""
    span_us = int(timedelta(days=DAYS).total_seconds()) * 1_000_000
    start = first_us - span_us // DAYS + np.random.default_rng(part).integers(0, span_us, rows)
    usage = synthetic("usage", rows, part, start_utc=pa.array(start).cast(INSTANT))
    return Delta(
        source=f"file:{part}", first_offset=0, next_offset=rows, next_record_no=rows + 1, complete=True, records=rows,
        usage=usage,
    )  # fmt: skip


def table(records: int = 4_800_000, keys: int = 10_000_000) -> Iterator[str]:
    """The benchmark as Markdown; several batches of the service's own size must land for a speed."""
    with tempfile.TemporaryDirectory() as folder, embedded_broker() as bootstrap:
        work = Path(folder)
        given = load(work / "in", records)
        yield f"{records:,} records of 200 bytes, {PARTITIONS} partitions, broker and service on one machine; it"
        yield "gathers by its own limits; the floor is `Consumer.consume`, and writing and syncing the Parquet files"
        yield "that the service wrote.\n"
        yield "| median of three | records/s | floor, records/s | of the floor | each time | peak MB |"
        yield "| --- | ---: | ---: | ---: | ---: | ---: |"
        speeds = []
        for name, pack in (("one a message", 1), ("100 a message", 100)):
            rounds = [sustained(bootstrap, f"load-{pack}-{n}", pack, given, work) for n in range(ROUNDS)]
            rounds.sort(key=lambda r: r.share)
            usual, each = rounds[ROUNDS // 2], ", ".join(f"{r.share:.0%}" for r in rounds)
            speeds.append(usual.service)
            figures = f"{usual.service:,.0f} | {usual.floor:,.0f} | **{usual.share:.0%}**"
            yield f"| {name} | {figures} | {each} | {max(r.peak_mb for r in rounds):,.0f} |"
        speed = min(speeds[0] / 2, records / LATENCY_S)
        yield from _late([latencies(bootstrap, f"paced-{n}", given, speed, work) for n in range(ROUNDS)], speed)
        assigned, landed = restart_s(bootstrap, given, keys, work)
        yield f"Restart on a lake with {keys:,} events in the three days around the traffic: the first batch landed"
        yield f"**{landed:.1f} s** after the process began, {landed - assigned:.1f} s after it had its partitions."


def _late(rounds: list[Floats], speed: float) -> Iterator[str]:
    """What ``rounds`` of :func:`latencies` at ``speed`` gave, by their 99th percentiles."""
    rounds.sort(key=lambda waited: float(np.percentile(waited, 99)))
    usual, each = rounds[ROUNDS // 2], ", ".join(f"{np.percentile(waited, 99):.2f}" for waited in rounds)
    p50, p99 = np.percentile(usual, [50, 99])
    yield f"\nFrom produce to visible for a reader, {speed:,.0f} records/s, one a message, {LATENCY_S} s:"
    yield f"median {p50:.2f} s, p99 **{p99:.2f} s** ({ROUNDS} runs: {each}), longest {usual.max():.2f} s.\n"


if __name__ == "__main__":
    for line in table(*(int(a) for a in sys.argv[1:])):
        print(line, flush=True)
