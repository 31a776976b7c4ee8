"""The floor of a stream: consume the messages, write what the service landed of them, nothing in between.

Enters: a topic, the lake that the service made of it. Leaves: wall and CPU seconds from the first message to the last
file. Always holds: the tables are in memory before the clock starts; the lake's own writer writes and syncs them, in
as many parts as the service landed batches.
Run: ``python -m benchmarks.stream_floor BOOTSTRAP TOPIC MESSAGES LAKE OUT``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer

from mediation.fields import schema
from rating.lake.parquet import write_files

TAKE = 1_000


def batches(lake: Path) -> list[dict[str, pa.Table]]:
    """What each batch landed, by table, in the types of the field table."""
    found: dict[str, dict[str, pa.Table]] = {}
    for path in sorted(lake.glob("data/main/*/*.parquet")):
        table = path.parent.name
        rows = pq.read_table(path).cast(schema(table)).unify_dictionaries().combine_chunks()
        found.setdefault("-".join(path.stem.split("-")[:-1]), {})[table] = rows
    return list(found.values())


def measure(bootstrap: str, topic: str, messages: int, lake: Path, out: Path) -> dict[str, float]:
    """Consume ``messages`` messages of ``topic``; write the batches of ``lake`` to ``out`` as they become due."""
    due = batches(lake)
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "floor", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    taken = len(consumer.consume(1, 60))
    cpu, wall, written, kept = time.process_time(), time.perf_counter(), 0, 0
    while taken < messages:
        values = [message.value() for message in consumer.consume(TAKE, 1)]
        kept += pa.array(values, pa.binary()).nbytes
        taken += len(values)
        while written < len(due) * taken // messages:
            write_files({out / f"{table}-{written}.parquet": rows for table, rows in due[written].items()})
            written += 1
    figures = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall, "bytes": kept}
    consumer.close()
    return figures


if __name__ == "__main__":
    at, name, count, lake_folder, out_folder = sys.argv[1:]
    Path(out_folder).mkdir(parents=True)
    print(json.dumps(measure(at, name, int(count), Path(lake_folder), Path(out_folder))))
