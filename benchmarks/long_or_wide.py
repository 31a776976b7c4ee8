"""Charges long (a row a leg) or wide (a row an event): what each form costs to write and to keep.

Enters: a number of events. Leaves: rows (form, CPU seconds, MB). Always holds: every form says the same of the
same charges, three legs an event, written as the lake writes its Parquet. Run:
``python -m benchmarks.long_or_wide [EVENTS]``.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.commit_cost import synthetic
from rating.lake.parquet import write_files

LEGS = ("retail", "wholesale_in", "wholesale_out")
OF_THE_EVENT = ("event_id", "source", "start_utc")
"""Columns that a long charge repeats from its event and a wide row has once."""


@dataclass(frozen=True, slots=True)
class FormCost:
    """What it costs to write charges in a form, and how large they are."""

    form: str
    cpu_s: float
    megabytes: float


def _long(charges: pa.RecordBatch) -> pa.Table:
    return pa.table(charges)


def _by_row(charges: pa.RecordBatch) -> pa.Table:
    """Long, but naming the event by its batch and row instead of its id."""
    row = pa.array(np.arange(charges.num_rows) // len(LEGS))
    batch = pa.array(np.zeros(charges.num_rows, np.int64))
    return pa.table(charges).drop_columns("event_id").append_column("batch_id", batch).append_column("row", row)


def _wide(charges: pa.RecordBatch) -> pa.Table:
    columns = {name: charges[name].take(_every(charges, 0)) for name in OF_THE_EVENT}
    for at, leg in enumerate(LEGS):
        own = [name for name in charges.schema.names if name not in (*OF_THE_EVENT, "leg")]
        columns |= {f"{leg}_{name}": charges[name].take(_every(charges, at)) for name in own}
    return pa.table(columns)


def _every(charges: pa.RecordBatch, first: int) -> pa.Array:
    return pa.array(np.arange(first, charges.num_rows, len(LEGS)))


FORMS = {"long, by event id": _long, "long, by batch and row": _by_row, "wide, by event id": _wide}


def charges_of(events: int) -> pa.RecordBatch:
    """Three charges an event, leg after leg."""
    event = pa.array(np.repeat(np.arange(events), len(LEGS)))
    usage = synthetic("usage", events, 1)
    given = {name: usage[name].take(event) for name in OF_THE_EVENT}
    leg = pa.DictionaryArray.from_arrays(pa.array(np.tile(np.arange(3, dtype=np.int32), events)), list(LEGS))
    return synthetic("charge", events * len(LEGS), 2, leg=leg, **given)


def measure(events: int = 1_000_000) -> list[FormCost]:
    """The cost of each form for ``events`` events; the forming itself is not counted."""
    charges = charges_of(events)
    costs = []
    with tempfile.TemporaryDirectory() as place:
        for form, made in FORMS.items():
            path = Path(place) / "charges.parquet"
            rows = made(charges)
            start = time.process_time()
            write_files({path: rows})
            costs.append(FormCost(form, time.process_time() - start, path.stat().st_size / 1e6))
    return costs


def table(costs: list[FormCost]) -> str:
    """``costs`` as a Markdown table."""
    lines = ["| charges | CPU s | MB |", "|---|---:|---:|"]
    return "\n".join([*lines, *(f"| {c.form} | {c.cpu_s:.2f} | {c.megabytes:.1f} |" for c in costs)])


if __name__ == "__main__":
    print(table(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)))
