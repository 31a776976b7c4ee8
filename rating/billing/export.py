"""Bills for other programs: Parquet, JSON lines, the list of a bill's calls.

Enters: a run, or a bill. Leaves: files. Always holds: memory does not grow with bills or calls; amounts are decimals
with all their digits; no cell of a CSV file is a formula.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa

from rating.answers import ExportError, cell, harmless, json_rows
from rating.billing.shown import BillKey, Place, items
from rating.billing.steps import Watch, unwatched
from rating.lake import Lake

PARQUET: Final = {
    "bill.parquet": "SELECT * FROM bill_document WHERE run = $run ORDER BY bill_no",
    "bill_line.parquet": "SELECT * FROM bill_line WHERE run = $run ORDER BY bill_no, line_no",
    "bill_payment.parquet": "SELECT * FROM bill_payment WHERE run = $run ORDER BY bill_no, paid_on, reference",
}
"""Files of an export, and their rows."""
JSON: Final = "bill.ndjson"
"""A bill a line, by docs/schema/bill.schema.json."""

_AT_ONCE: Final = 5_000
_LAST: Final = "SELECT coalesce(max(bill_no), 0)::BIGINT AS last FROM bill WHERE run = $run"
_PART: Final = "SELECT * FROM ({rows}) WHERE bill_no > $after AND bill_no <= $upto"
_CORRECTED: Final = """
SELECT c.bill_no, o.number FROM bill c
JOIN bill_document o
ON o.run = c.corrects_run AND o.customer = c.customer AND o.currency = c.currency AND o.kind = 'invoice'
WHERE c.run = $run AND c.bill_no > $after AND c.bill_no <= $upto"""


def export(lake: Lake, run: int, folder: Path, watch: Watch = unwatched) -> list[Path]:
    """Write the bills of ``run`` into ``folder``; the files.

    Raises:
        ExportError: it cannot be written.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, sql in PARQUET.items():
            target = str(folder / name).replace("'", "''")
            lake.query(f"COPY ({sql}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)", {"run": run})
        with (folder / JSON).open("w", encoding="utf-8") as file:
            for bill in _bills(lake, run, watch):
                file.write(json.dumps(bill, ensure_ascii=False) + "\n")
    except OSError as error:
        raise ExportError(f"{folder} cannot be written: {error.strerror or error}") from error
    return [folder / name for name in (*PARQUET, JSON)]


def _bills(lake: Lake, run: int, watch: Watch) -> Iterator[dict[str, Any]]:
    """The bills of ``run`` as JSON-able values, some thousand at a time."""
    last = lake.query(_LAST, {"run": run})["last"][0].as_py()
    for after in range(0, last, _AT_ONCE):
        values = {"run": run, "after": after, "upto": after + _AT_ONCE}
        parts = [lake.query(_PART.format(rows=sql), values) for sql in PARQUET.values()]
        corrected = {row["bill_no"]: row["number"] for row in lake.query(_CORRECTED, values).to_pylist()}
        documents, lines, payments = (_by_bill(part) for part in parts)
        for bill_no, (document,) in documents.items():
            more = {"corrects": corrected.get(bill_no, ""), "line": lines.get(bill_no, [])}
            yield document | more | {"payment": payments.get(bill_no, [])}
        watch(min(after + _AT_ONCE, last), last)


def _by_bill(rows: pa.Table) -> dict[int, list[dict[str, Any]]]:
    return {bill: list(group) for bill, group in groupby(json_rows(rows), key=lambda row: int(row["bill_no"]))}


def write_items(lake: Lake, key: BillKey, file: IO[str]) -> int:
    """Write the charges of bill ``key`` as CSV with a header; how many there are."""
    writer, count = csv.writer(file, lineterminator="\n"), 0
    after: Place | None = None
    while True:
        page = items(lake, key, after=after, limit=50_000)
        if after is None:
            writer.writerow(page.column_names)
        if not page.num_rows:
            return count
        for row in page.to_pylist():
            writer.writerow([harmless(cell(value)) for value in row.values()])
        count += page.num_rows
        after = Place(page["start_utc"][-1].as_py(), page["charge_no"][-1].as_py())
