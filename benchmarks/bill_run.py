"""What a bill run costs: usage of a month summed, fees, taxes, bills landed and numbered.

Enters: maybe how many accounts and charges; a lake of them is made. Leaves: Markdown lines. Always holds: each part
runs in a process of its own; the bills must hold every charge, to the last digit, before their time counts; the floor
is the same sums by plain SQL over the same Parquet files.
Run: ``python -m benchmarks bill_run [ACCOUNTS] [CHARGES]``; a million and fifty million by hand.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from benchmarks.timing import TOLL, Cost, run
from benchmarks.usage import calls, event_ids
from mediation.amounts import decimal
from mediation.fields import CHARGE, INSTANT, LABEL
from rating.lake import Delta, open_lake

ACCOUNTS: Final = 10_000
CHARGES: Final = 500_000
BATCH: Final = 250_000
ZONES: Final = ("uk-fixed", "uk-mobile", "international", "special", "on-net")
_MONTH_US: Final = 1_772_323_200_000_000  # 2026-03-01
_SECONDS: Final = 31 * 86_400
_TARIFF: Final = """
[tariff]
zone = "UTC"
[tax.vat]
percent = "20"
[rate.flat]
currency = "GBP"
price = "0.06"
[plan.home]
currency = "GBP"
tax = "vat"
[[plan.home.rule]]
service = "voice"
rate = "flat"
[fee.line]
plan = "home"
amount = "8.5"
currency = "GBP"
due = "arrears"
"""
_FLOOR: Final = """
import duckdb, sys
folder, target, limit = sys.argv[1:]
duckdb.sql(f"SET enable_progress_bar = false; SET memory_limit = '{limit}'; SET temp_directory = '{target}.tmp'")
duckdb.sql(f'''
COPY (
    SELECT c.account, u.service, u.direction, c.zone, c.band, c.plan, c.rate, u.unit, c.currency, c.tax_code,
        count(*) AS events, sum(u.duration_s) AS duration_s, sum(c.billed_usage) AS billed_usage,
        sum(c.amount) AS amount, sum(c.tax_amount) AS tax
    FROM read_parquet('{folder}/charge/*.parquet') c JOIN read_parquet('{folder}/usage/*.parquet') u USING (event_id)
    WHERE c.leg = 'retail' AND c.start_utc < '2026-04-01 00:00:00+00' GROUP BY ALL ORDER BY ALL
) TO '{target}' (FORMAT parquet)''')
"""
_LIMIT: Final = "4GB"


def table(accounts: int = ACCOUNTS, charges: int = CHARGES) -> list[str]:
    """The rows of docs/benchmarks.md."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        _write(folder, accounts, charges)
        floor_arguments = [str(folder / "lake" / "data" / "main"), str(folder / "floor.parquet"), _LIMIT]
        floor = run([sys.executable, "-c", _FLOOR, *floor_arguments])
        common = ["--lake", str(folder / "lake"), "--json"]
        given = ["--period", "2026-03", "--customers", str(folder), "--tariffs", str(folder / "tariff")]
        trial = run([TOLL, "bill", "run", *given, *common])
        run([TOLL, "bill", "approve", "1", *common])
        final = run([TOLL, "bill", "final", "1", *common])
        _check(folder, json.loads(trial.output), accounts, charges)
    head = [
        f"{accounts:,} accounts with a fee, a tax and {charges:,} charges of a month, in {len(ZONES)} zones.",
        "The floor is one SQL statement of DuckDB over the same files that joins, groups and sorts; it makes no bills.",
        "",
        "| part | CPU s | wall s | peak MB | accounts a CPU second |",
        "|---|---:|---:|---:|---:|",
    ]
    parts = {"sums in plain SQL (floor)": floor, "trial run": trial, "numbering": final}
    return [*head, *(_row(name, cost, accounts) for name, cost in parts.items())]


def _row(name: str, cost: Cost, accounts: int) -> str:
    speed = accounts / cost.cpu_s
    return f"| {name} | {cost.cpu_s:,.1f} | {cost.wall_s:,.1f} | {cost.peak_mb:,.0f} | {speed:,.0f} |"


def _write(folder: Path, accounts: int, charges: int) -> None:
    """A lake of charges, the customers who owe them, and their tariff."""
    names = [f"A{number:08}" for number in range(accounts)]
    (folder / "tariff").mkdir()
    (folder / "tariff" / "tariff.toml").write_text(_TARIFF)
    with (folder / "customers.csv").open("w") as people, (folder / "tariff" / "subscriptions.csv").open("w") as held:
        csv.writer(people).writerows([("customer", "name"), *((name, "A Name") for name in names)])
        rows = (("number", f"+44{number:010}", name, "home") for number, name in enumerate(names))
        csv.writer(held).writerows([("kind", "key", "account", "plan"), *rows])
    dice = np.random.default_rng(1)
    account_names = pa.array(names)
    with open_lake(folder / "lake", create=True) as lake:
        for first in range(0, charges, BATCH):
            lake.commit(_delta(first, min(BATCH, charges - first), first + BATCH >= charges, account_names, dice))


def _delta(first: int, count: int, last: bool, names: pa.Array, dice: np.random.Generator) -> Delta:
    """``count`` calls of the month in order of time, each with its charge."""
    start = np.sort(dice.integers(0, _SECONDS, count)) * 1_000_000 + _MONTH_US
    seconds = dice.integers(1, 600, count)
    amount = seconds * 1_000_000
    shared = {"event_id": event_ids(first, count), "start_utc": pa.array(start).cast(INSTANT)}
    usage = calls({**shared, "duration_s": pa.array(seconds), "usage": pa.array(seconds)})
    values = {
        **shared,
        "account": _labels(dice.integers(0, len(names), count), names),
        "zone": _labels(dice.integers(0, len(ZONES), count), pa.array(ZONES)),
        "billed_usage": pa.array(seconds),
        "amount": decimal(amount),
        "tax_amount": decimal(amount // 5),
        **{name: _labels(np.zeros(count, np.int32), pa.array([text])) for name, text in _SAME.items()},
    }
    charge = pa.RecordBatch.from_arrays(
        [values[f.name] if f.name in values else _blank(f.type, count, f.nullable) for f in CHARGE],
        names=[f.name for f in CHARGE],
    )
    return Delta(
        source="file:benchmark", first_offset=first, next_offset=first + count, next_record_no=first + count + 1,
        complete=last, records=count, usage=usage, charges=charge,
    )  # fmt: skip


_SAME: Final = {"leg": "retail", "kind": "charge", "plan": "home", "rate": "flat", "currency": "GBP", "tax_code": "vat"}


def _labels(codes: np.ndarray, texts: pa.Array) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), texts)


def _blank(kind: pa.DataType, count: int, nullable: bool) -> pa.Array:
    if nullable:
        return pa.nulls(count, kind)
    if kind == LABEL:
        return _labels(np.zeros(count, np.int32), pa.array([""]))
    return decimal(np.zeros(count, np.int64)) if pa.types.is_decimal(kind) else pa.array(np.zeros(count, np.int64))


def _check(folder: Path, told: dict[str, object], accounts: int, charges: int) -> None:
    """Raises AssertionError unless every charge is on a bill, and every account has one."""
    with open_lake(folder / "lake", read_only=True) as lake:
        billed = lake.query(
            "SELECT sum(charge_amount) AS amount, sum(charges)::BIGINT AS rows FROM bill_line"
        ).to_pylist()
        charged = lake.query("SELECT sum(amount) AS amount, count(*) AS rows FROM charge").to_pylist()
        numbered = lake.query("SELECT count(*) AS n FROM bill_number")["n"][0].as_py()
    if billed != charged or charged[0]["rows"] != charges or numbered != accounts:
        raise AssertionError(f"{billed} billed, {charged} charged, {numbered} bills: {told['totals']}")
