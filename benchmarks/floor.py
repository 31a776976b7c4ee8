"""The floor of a batch run: read the CSV, write what the run landed, nothing in between.

Enters: the input files, and a lake that a run made of them. Leaves: the CPU and wall seconds of
``pyarrow.csv.read_csv`` over the input plus ``pq.write_table`` (zstd) of exactly the landed tables. Always holds:
the tables are in memory in the types that the run had them in, before the clock starts; the options of the writer
are the lake's own, or pyarrow's defaults, whichever is asked.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from mediation.fields import schema
from rating.lake.parquet import writer_options


def landed(lake: Path) -> list[pa.Table]:
    """Every large table file of ``lake``, in the types of the field table."""
    files = sorted(lake.glob("data/main/*/*.parquet"))
    tables = ((pq.read_table(file), file.parent.name) for file in files)
    return [table.cast(schema(name)).unify_dictionaries().combine_chunks() for table, name in tables]


def measure(inputs: list[Path], lake: Path, out: Path) -> dict[str, object]:
    """CPU and wall seconds of reading and of writing, by the lake's options and by pyarrow's defaults."""
    tables = landed(lake)
    options = pacsv.ParseOptions(quote_char=False, invalid_row_handler=lambda _: "skip")
    figures: dict[str, object] = {}
    figures["read"] = timed(lambda: [pacsv.read_csv(path, parse_options=options).num_rows for path in inputs])
    for name in ("lake", "default"):
        figures[name] = timed(
            lambda name=name: [write(table, out / f"{i}.parquet", name) for i, table in enumerate(tables)]
        )
    return figures


def write(table: pa.Table, path: Path, options: str) -> None:
    """Write ``table``; the file is not synced, which only helps the floor."""
    chosen = writer_options(table.schema) if options == "lake" else {"compression": "zstd"}
    pq.write_table(table, path, **chosen)


def timed(work: object) -> dict[str, float]:
    """CPU and wall seconds of ``work()``."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()  # type: ignore[operator]
    return {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}


if __name__ == "__main__":
    folder, lake_folder, out_folder = (Path(a) for a in sys.argv[1:4])
    out_folder.mkdir(parents=True, exist_ok=True)
    print(json.dumps(measure(sorted(folder.glob("*.csv")), lake_folder, out_folder)))
