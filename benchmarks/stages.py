"""What each stage of a record's life costs, in CPU time of one thread.

Enters: one generated file. Leaves: Markdown lines. Always holds: each stage runs on what the stage before
it gave; the best of several rounds is told, as the machine's noise only adds.
Run: ``python -m benchmarks.stages [RECORDS]``.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.end_to_end import generated
from mediation.correlate import correlate
from mediation.decode import decode
from mediation.dedup import SeenIds, deduplicate
from mediation.frame import frame
from mediation.layout_file import read_layout
from mediation.normalise import normalise
from mediation.pickup import LONGEST_CHUNK, blocks, bound, pick_up
from mediation.records import Chunk
from mediation.validate import validate
from rating.guide import guide
from rating.lake import Delta, control_totals
from rating.lake.parquet import writer_options
from rating.price import price
from tariffs.compile import compile_tariff
from tariffs.load import load

T = TypeVar("T")
ROUNDS = 5


def best(work: Callable[[], T]) -> tuple[T, float]:
    """The result of ``work()`` and the least CPU time that it took."""
    least = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        result = work()
        least = min(least, time.process_time() - began)
    return result, least


def table(records: int = 250_000) -> Iterator[str]:
    """The benchmark as Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = generated(Path(folder), records)
        catalogue = compile_tariff(load(inputs / "tariffs")[0])[0]
        if catalogue is None:
            raise RuntimeError("the generated tariff does not compile")
        layout = read_layout("generic_csv")
        file = pick_up(str(next(inputs.glob("*.csv"))), layout)
        layout = bound(file, layout)
        block = next(blocks(file, layout.framing, 0, LONGEST_CHUNK))
        seen = SeenIds()
        costs: dict[str, float] = {}
        (framed, _), costs["frame"] = best(lambda: frame(Chunk(file.source, 0, 1, block.bytes, block.last), layout))
        (fields, _), costs["decode"] = best(lambda: decode(framed, layout))
        (usage, _), costs["normalise"] = best(lambda: normalise(fields, layout))
        (valid, _), costs["validate"] = best(lambda: validate(usage, layout.limits))
        (fresh, _), costs["deduplicate"] = best(lambda: deduplicate(valid, seen))
        (whole, _), costs["correlate"] = best(lambda: correlate(fresh, layout.pairing))
        (guided, _), costs["guide"] = best(lambda: guide(whole, catalogue))
        (priced, _), costs["price"] = best(lambda: price(guided, catalogue))
        delta = Delta(
            source=file.source,
            first_offset=0,
            next_offset=file.content_bytes,
            next_record_no=1,
            complete=True,
            records=len(framed),
            usage=priced.usage,
            charges=priced.charges,
        )
        _, costs["control totals"] = best(lambda: control_totals(delta))
        for name, batch in (("usage", priced.usage), ("charges", priced.charges)):
            rows = pa.table(batch)
            path = Path(folder) / f"{name}.parquet"
            _, costs[f"write {name}"] = best(
                lambda rows=rows, path=path: pq.write_table(rows, path, **writer_options(rows.schema))  # type: ignore[misc]
            )
    legs = priced.charges.num_rows / priced.usage.num_rows
    yield f"One thread, {len(framed):,} records of one file, {legs:.2f} charges an event; best of {ROUNDS} rounds.\n"
    yield "| stage | ns CPU a record |"
    yield "| --- | ---: |"
    for name, cost in costs.items():
        yield f"| {name} | {cost / len(framed) * 1e9:,.0f} |"
    yield f"| all | {sum(costs.values()) / len(framed) * 1e9:,.0f} |"


if __name__ == "__main__":
    print("\n".join(table(*(int(a) for a in sys.argv[1:]))))
