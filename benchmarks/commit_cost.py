"""What a commit costs, and that it goes on costing the same.

Enters: a number of commits. Leaves: rows (commits before, cost, files, memory, catalogue size).
Always holds: each commit lands one delta as a file of ten records makes it: usage, three charges an event, a
suspended record, totals, and an offset of a new source. Run: ``python -m benchmarks.commit_cost [COMMITS]``.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from mediation.fields import AMOUNT, EVENT_ID, INSTANT, TABLES, schema
from rating.lake import Delta, Lake, LayoutVersion, TariffVersion, open_lake

RECORDS = 10
WINDOW = 50
"""Commits over which a cost is taken."""
STOPS = (10, 100, 500, 1_000, 2_500, 5_000)
"""Earlier commits at which it is taken."""


@dataclass(frozen=True, slots=True)
class CommitCost:
    """The cost of the commits that follow ``commits`` earlier ones."""

    commits: int
    median_ms: float
    slowest_ms: float
    parquet_files: int
    memory_mb: int
    catalog_kb: int


def synthetic(table: str, rows: int, seed: int, **given: pa.Array) -> pa.RecordBatch:
    """``rows`` plausible rows of ``table``, the same for the same seed, with the ``given`` columns."""
    rng = np.random.default_rng(seed)

    def column(kind: pa.DataType) -> pa.Array:
        if kind == EVENT_ID:
            buffers = [None, pa.py_buffer(rng.bytes(16 * rows))]
            return pa.ExtensionArray.from_storage(kind, pa.Array.from_buffers(pa.binary(16), rows, buffers))
        if kind == INSTANT:
            return pa.array(1_700_000_000_000_000 + rng.integers(0, 86_400_000_000, rows)).cast(kind)
        if kind == AMOUNT:
            nano = np.zeros((rows, 2), np.int64)
            nano[:, 0] = rng.integers(0, 10**9, rows)
            return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(nano.tobytes())])
        if pa.types.is_dictionary(kind):
            return pa.DictionaryArray.from_arrays(pa.array(rng.integers(0, 3, rows, np.int32)), ["a", "b", "c"])
        numbers = pa.array(rng.integers(0, 1_000, rows))
        return numbers.cast(pa.string()).cast(kind) if kind == pa.binary() else numbers.cast(kind)

    columns = [given[f.name] if f.name in given else column(f.type) for f in TABLES[table]]
    return pa.RecordBatch.from_arrays(columns, schema=schema(table))


def _label(value: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), [value])


def synthetic_delta(number: int, records: int = RECORDS, legs: int = 3) -> Delta:
    """A whole file of ``records`` rated events with ``legs`` charges each, as a delta."""
    source = f"file:{number:024x}"
    usage = synthetic("usage", records, number, source=_label(source, records))
    event = pa.array(np.repeat(np.arange(records), legs))
    given = {name: usage[name].take(event) for name in ("event_id", "start_utc")}
    charges = synthetic("charge", legs * records, number, source=_label(source, legs * records), **given)
    size = 100 * records
    return Delta(
        source=source,
        first_offset=0,
        next_offset=size,
        next_record_no=records + 1,
        complete=True,
        records=records,
        usage=usage,
        charges=charges,
        rejected=synthetic("rejected", 1, number, source=_label(source, 1), disposition=_label("suspended", 1)),
        source_file={
            "source": source,
            "name": f"{number:06}.csv",
            "size_bytes": size,
            "content_bytes": size,
            "sha256": "",
            "layout": "csv",
            "stream": "",
            "sequence_no": number,
        },
        tariff=TariffVersion("t1", "catalogue/t1.tariff", b"tariff"),
        layout=LayoutVersion("l1", "csv", "layout"),
    )


def _memory_mb() -> int:
    """The resident memory of this process now, in MiB."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def _costs(lake: Lake, folder: Path, first: int) -> CommitCost:
    taken = []
    for number in range(first, first + WINDOW):
        delta = synthetic_delta(number)
        start = time.perf_counter()
        lake.commit(delta)
        taken.append(1_000 * (time.perf_counter() - start))
    files = sum(1 for _ in folder.glob("data/**/*.parquet"))
    kb = (folder / "catalog.sqlite").stat().st_size >> 10
    return CommitCost(first, statistics.median(taken), max(taken), files, _memory_mb(), kb)


def measure(commits: int = 5_000) -> Iterator[CommitCost]:
    """The cost of a commit after each of :data:`STOPS`, up to ``commits``."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "lake"
        with open_lake(folder, create=True) as lake:
            done = 0
            for stop in (s for s in STOPS if s <= commits):
                for number in range(done, stop):
                    lake.commit(synthetic_delta(number))
                yield _costs(lake, folder, stop)
                done = stop + WINDOW


def table(costs: Iterable[CommitCost]) -> Iterator[str]:
    """``costs`` as the lines of a Markdown table, each as soon as it is known."""
    yield "| after commits | median ms | slowest ms | Parquet files | memory MB | catalogue KB |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for c in costs:
        yield (
            f"| {c.commits:,} | {c.median_ms:.0f} | {c.slowest_ms:.0f} | {c.parquet_files:,} | {c.memory_mb} "
            f"| {c.catalog_kb:,} |"
        )


if __name__ == "__main__":
    for line in table(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)):
        print(line, flush=True)
