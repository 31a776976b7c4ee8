"""Millions of subscribers with two allowances each: what tariff and balances take, and what rating calls of them costs.

Enters: a number of subscribers, of calls, of the few subscribers to compare with. Leaves: Markdown lines. Always
holds: each step runs in a process of its own, whose memory is what the operating system counts; every call must be
priced and draw before its time counts.
Run: ``python -m benchmarks.subscribers [SUBSCRIBERS] [EVENTS] [FEW]``; thirty million by hand, see docs/benchmarks.md.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from benchmarks.timing import memory_mb, run
from benchmarks.usage import calls, event_ids
from mediation.fields import INSTANT
from mediation.stage import empty
from rating.balances.live import Balances, no_balances, price_drawing
from rating.balances.lots import OWN, Lots, lot_keys
from rating.balances.movements import by_nobody, movements
from rating.balances.restore import live_balances
from rating.balances.snapshots import FOLDER, register
from rating.balances.snapshots import write as write_snapshot
from rating.cli.memory import keep_pages
from rating.guide import guide
from rating.lake import Delta, open_lake
from rating.price import Priced
from tariffs import catalogue as layout
from tariffs.catalogue import Catalogue, Ints
from tariffs.catalogue_file import load_catalogue, save
from tariffs.compile import compile_tariff
from tariffs.load import load

TARIFF: Final = """
[zone.all]
prefixes = ["1", "2", "3", "4", "5", "6", "7", "8", "9"]
[rate.r]
currency = "EUR"
price = "0.06"
per = 60
[plan.home]
currency = "EUR"
[[plan.home.rule]]
zone = "all"
rate = "r"
[allowance.minutes]
plan = "home"
unit = "s"
amount = 60000
split = true
[allowance.gift]
plan = "home"
unit = "s"
amount = 3600
split = true
priority = 1
"""
FIRST: Final = 10_000_000_000
MONTH_US: Final = 1_772_323_200_000_000  # 2026-03-01
MONTH_DAYS: Final = 31
BATCH: Final = 250_000
PART: Final = 1_000_000


def write(folder: Path, subscribers: int) -> None:
    """A tariff folder with ``subscribers``, each with a number and an account of its own."""
    (folder / "tariff.toml").write_text(TARIFF)
    names = ["kind", "key", "account", "plan"]
    with csv.CSVWriter(folder / "subscriptions.csv", pa.schema([(name, pa.string()) for name in names])) as sheet:
        for first in range(0, subscribers, PART):
            who = pa.array(np.arange(first, min(first + PART, subscribers)))
            number = pc.binary_join_element_wise("+", pc.cast(pc.add(who, FIRST), pa.string()), "")
            account = pc.binary_join_element_wise("A", pc.cast(who, pa.string()), "")
            same = [pa.array([text] * len(who)) for text in ("number", "home")]
            sheet.write_batch(pa.RecordBatch.from_arrays([same[0], number, account, same[1]], names=names))


def build(folder: Path) -> dict[str, Any]:
    """Load, check, compile and save the tariff of ``folder``."""
    began = time.process_time()
    tariff, problems = load(folder)
    loaded = time.process_time()
    catalogue, found = compile_tariff(tariff)
    if catalogue is None or problems or found:
        raise ValueError(f"the tariff does not compile: {problems[:1] + found[:1]}")
    save(catalogue, folder / "catalogue")
    return {"load_s": loaded - began, "compile_s": time.process_time() - loaded} | memory_mb()


def opened(catalogue: Catalogue) -> Balances:
    """Balances in which every account has the lots of the month."""
    accounts = len(catalogue.account_names) - 1
    balances = replace(no_balances(catalogue), lots=Lots(accounts * len(catalogue.allowances)))
    for allowance, (terms, month) in enumerate(zip(catalogue.allowances, _months(catalogue), strict=True)):
        for first in range(0, accounts, PART):
            holder = np.arange(first, min(first + PART, accounts))
            granted = np.full(len(holder), terms[layout.ALLOWANCE_AMOUNT])
            balances.lots.put(lot_keys(holder, np.array(allowance), month, OWN), granted)
    return balances


def _months(catalogue: Catalogue) -> Ints:
    """The place of the month among the periods of each allowance."""
    spans = catalogue.allowances[:, [layout.ALLOWANCE_PERIODS, layout.ALLOWANCE_PERIODS_END]]
    every = (catalogue.allowance_periods[first:end] for first, end in spans)
    return np.array([np.searchsorted(periods, MONTH_US, "right") - 1 for periods in every])


def usage(subscribers: int, events: int) -> Iterator[pa.RecordBatch]:
    """``events`` calls of the month by random ``subscribers``, in batches, in order of time."""
    random, step_us = np.random.default_rng(7), MONTH_DAYS * 86_400_000_000 // events
    called = pa.array([f"+4{n:010}" for n in range(1000)])
    for first in range(0, events, BATCH):
        count = min(BATCH, events - first)
        numbers = pc.cast(pa.array(random.integers(0, subscribers, count) + FIRST), pa.string())
        yield calls(
            {
                "event_id": event_ids(first, count),
                "start_utc": pa.array(MONTH_US + np.arange(first, first + count) * step_us).cast(INSTANT),
                "a_number": pc.binary_join_element_wise("+", numbers, ""),
                "b_number": called.take(pa.array(random.integers(0, len(called), count))),
                "usage": pa.array(random.exponential(180, count).astype(np.int64) + 1),
            }
        )


def rate(folder: Path, events: int) -> dict[str, Any]:
    """Hold the tariff of ``folder`` and all lots of the month, and rate ``events`` over them."""
    keep_pages()
    catalogue = load_catalogue(folder / "catalogue")
    began = time.process_time()
    balances = opened(catalogue)
    told: dict[str, Any] = {"open_s": time.process_time() - began, "lots": balances.lots.count} | memory_mb()
    cpu, drew = 0.0, 0
    for batch in usage(len(catalogue.account_names) - 1, BATCH):  # compiles the kernels; lands nothing
        price_drawing(guide(batch, catalogue)[0], catalogue, balances, _settled)
    for batch in usage(len(catalogue.account_names) - 1, events):
        began = time.process_time()
        outcome = price_drawing(guide(batch, catalogue)[0], catalogue, balances, _settled)
        balances.landed(outcome.drawn)
        cpu += time.process_time() - began
        if outcome.priced.charges.num_rows != batch.num_rows:
            raise RuntimeError("an event was not priced")
        drew += outcome.drawn.movements.num_rows
    if drew < events:
        raise RuntimeError("an event did not draw")
    return told | {"rate_s": cpu, "rating": memory_mb()}


def month_lots(catalogue: Catalogue) -> Iterator[tuple[Ints, Ints]]:
    """The lots of the month in the order of their keys, part by part, each with some units."""
    accounts, codes = len(catalogue.account_names) - 1, np.arange(len(catalogue.allowances))
    random = np.random.default_rng(7)
    for first in range(0, accounts, PART // len(codes)):
        holder = np.arange(first, min(first + PART // len(codes), accounts)).repeat(len(codes))
        allowance = np.tile(codes, len(holder) // len(codes))
        keys = lot_keys(holder, allowance, _months(catalogue)[allowance], OWN)
        yield keys, random.integers(0, catalogue.allowances[allowance, layout.ALLOWANCE_AMOUNT] + 1)


def land(folder: Path) -> dict[str, Any]:
    """Land a grant of some units for every lot of the month."""
    catalogue, state = load_catalogue(folder / "catalogue"), hashlib.sha256()
    with open_lake(folder / "lake", create=True) as lake:
        for number, (keys, units) in enumerate(month_lots(catalogue)):
            by = by_nobody(np.full(len(keys), MONTH_US), catalogue)
            granted = movements("grant", keys, by, units, np.zeros(len(keys), np.int64), catalogue)
            lake.commit(Delta.numbered("file:lots", number, movements=pa.table(granted)))
            state.update(keys.data)
    for _, units in month_lots(catalogue):
        state.update(units.data)
    return {"hash": state.hexdigest()}


def snapshot(folder: Path) -> dict[str, Any]:
    """Write a snapshot of all movements."""
    catalogue = load_catalogue(folder / "catalogue")
    with open_lake(folder / "lake") as lake:
        began, began_s = time.process_time(), time.perf_counter()
        taken = write_snapshot(lake, catalogue)
        told = _took("snapshot", began, began_s) | {"lots": taken.lots}
        register(lake, taken)
    return told | {"bytes": (folder / "lake" / FOLDER / taken.file).stat().st_size}


def restore(folder: Path, by: str) -> dict[str, Any]:
    """Restore all lots ``by`` the snapshot, or by all movements."""
    catalogue = load_catalogue(folder / "catalogue")
    with open_lake(folder / "lake", read_only=True) as lake:
        began, began_s = time.process_time(), time.perf_counter()
        balances = live_balances(lake, catalogue, by_snapshot=by == "snapshot")
        told = _took("restore", began, began_s)
    return told | {"hash": balances.lots.digest() if balances else "", "hashed": memory_mb()}


def _took(what: str, began: float, began_s: float) -> dict[str, Any]:
    """CPU and wall seconds since then, and memory."""
    return {f"{what}_s": time.process_time() - began, "wall_s": time.perf_counter() - began_s} | memory_mb()


def _settled(priced: Priced) -> tuple[Priced, pa.RecordBatch]:
    return priced, empty("rejected")


def measured(subscribers: int, events: int) -> dict[str, Any]:
    """Build and rate, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), subscribers)
        steps = {
            "build": ["build", folder],
            "rate": ["rate", folder, str(events)],
            "land": ["land", folder],
            "snapshot": ["snapshot", folder],
            "by snapshot": ["restore", folder, "snapshot"],
            "by movements": ["restore", folder, "movements"],
        }
        return {
            name: json.loads(run([sys.executable, "-m", __spec__.name, *step]).output) for name, step in steps.items()
        }


def table(subscribers: int = 300_000, events: int = 1_000_000, few: int = 100_000) -> Iterator[str]:
    """The benchmark as Markdown."""
    every = {count: measured(count, events) for count in (few, subscribers)}
    yield f"{events:,} calls in batches of {BATCH:,}, one thread; each draws. Two lots of the month a subscriber.\n"
    yield "| subscribers | load and compile, CPU s | peak, MB | held, MB | peak rating, MB | ns CPU a call |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: |"
    for count, each in every.items():
        build_s = each["build"]["load_s"] + each["build"]["compile_s"]
        sizes = each["build"]["peak"], each["rate"]["held"], each["rate"]["rating"]["peak"]
        told = " | ".join(f"{size:,}" for size in sizes)
        yield f"| {count:,} | {build_s:.1f} | {told} | {each['rate']['rate_s'] / events * 1e9:,.0f} |"
    slower = every[subscribers]["rate"]["rate_s"] / every[few]["rate"]["rate_s"]
    yield from _snapshots(every)
    yield f"\nA call of one of the many takes **{slower:.2f}** times the CPU time of a call of one of the few."


def _snapshots(every: dict[int, dict[str, Any]]) -> Iterator[str]:
    """What a snapshot of all lots takes, and what restoring takes with and without it, of one grant a lot."""
    yield ""
    yield "| lots | write a snapshot, CPU s | size, MB | restore by it, CPU s | by all movements, CPU s | peaks, MB |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: |"
    for each in every.values():
        taken, restored, summed = each["snapshot"], each["by snapshot"], each["by movements"]
        if len({told["hash"] for told in (each["land"], restored, summed)}) > 1:
            raise RuntimeError("what was restored is not what there was")
        yield (
            f"| {taken['lots']:,} | {taken['snapshot_s']:.1f} | {taken['bytes'] >> 20:,} | {restored['restore_s']:.1f} "
            f"| {summed['restore_s']:.1f} | {taken['peak']:,}, {restored['peak']:,}, {summed['peak']:,} |"
        )


def main(kind: str = "", *rest: str) -> None:
    """A step in this process, or the whole."""
    if kind == "build":
        print(json.dumps(build(Path(rest[0]))))
    elif kind == "rate":
        print(json.dumps(rate(Path(rest[0]), int(rest[1]))))
    elif kind == "land":
        print(json.dumps(land(Path(rest[0]))))
    elif kind == "snapshot":
        print(json.dumps(snapshot(Path(rest[0]))))
    elif kind == "restore":
        print(json.dumps(restore(Path(rest[0]), rest[1])))
    else:
        sizes = [int(size) for size in (kind, *rest) if size]
        sys.stdout.writelines(f"{line}\n" for line in table(*sizes))


if __name__ == "__main__":
    main(*sys.argv[1:])
