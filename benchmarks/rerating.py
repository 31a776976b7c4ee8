"""What it takes to rate a month again, and to close it.

Enters: maybe how many events; they are made. Leaves: Markdown lines. Always holds: sums that are known beforehand must
come out before a time counts: twice the price is twice the sum, and the same tariff again changes nothing.
Run: ``python -m benchmarks.rerating [EVENTS]``.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from benchmarks.usage import calls, event_ids
from mediation.fields import INSTANT
from rating.guide import guide
from rating.lake import Delta, Lake, open_lake
from rating.rerating.compared import Compared
from rating.rerating.rerate import rerate
from rating.rerating.scope import CLOSE, Scope
from rating.stored import tariff_version
from tariffs.catalogue import Catalogue
from tariffs.compile import compile_tariff
from tariffs.load import load

EVENTS: Final = 200_000
EVENTS_AN_ACCOUNT: Final = 100
_BATCHES: Final = 8
_MARCH_US: Final = 1_772_323_200_000_000
_MONTH_US: Final = 31 * 86_400_000_000
_TARIFF: Final = """
[zone.all]
prefixes = ["*"]
[rate.r]
currency = "EUR"
price = "{price}"
per = 60
[plan.p]
currency = "EUR"
[[plan.p.rule]]
zone = "all"
rate = "r"
"""
_ALLOWANCE: Final = """
[allowance.minutes]
plan = "p"
unit = "s"
amount = 3000
period = "month"
"""


def table(events: int = EVENTS) -> Iterator[str]:
    """The page's section: CPU seconds and events a second."""
    accounts = events // EVENTS_AN_ACCOUNT
    yield f"| {events:,} events of {accounts:,} accounts | CPU s | wall s | events/s (CPU) | rows added |"
    yield "|---|---:|---:|---:|---:|"
    with tempfile.TemporaryDirectory() as folder:
        for allowances in (False, True):
            for _ in _measured(Path(folder) / f"warm-{allowances}", 1_000, allowances=allowances):
                pass  # the kernels are compiled
            yield from _measured(Path(folder) / str(allowances), events, allowances=allowances)


def _measured(folder: Path, events: int, *, allowances: bool) -> Iterator[str]:
    folder.mkdir()
    what = ", minutes included" if allowances else ""
    once, twice = (_catalogue(folder / price, price, events, allowances=allowances) for price in ("0.06", "0.12"))
    usage = _usage(events)
    with open_lake(folder / "lake", create=True) as lake:
        yield _row(f"first rating{what}", events, lambda: _land(lake, once, usage))
        if allowances:
            yield _row("close, events in no order", events, lambda: rerate(lake, Scope(CLOSE), None, _quiet)[1])
        before = _total(lake)
        yield _row(f"again, nothing changes{what}", events, lambda: _again(lake, once, 0))
        yield _row(f"again, every price doubled{what}", events, lambda: _again(lake, twice, None))
        if _total(lake) != 2 * before:
            raise AssertionError("twice the price is not twice the sum")


def _again(lake: Lake, tariff: Catalogue, rows: int | None) -> Compared:
    _, done = rerate(lake, Scope(tariff_version=tariff.version), tariff, _quiet)
    if rows is not None and done.charges != rows:
        raise AssertionError(f"{done.charges} rows of charges were added, not {rows}")
    return done


def _row(says: str, events: int, work: Callable[[], Compared | None]) -> str:
    began, cpu = time.perf_counter(), time.process_time()
    done = work()
    cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - began
    added = f"{done.charges + done.movements:,}" if done else ""
    return f"| {says} | {cpu_s:.1f} | {wall_s:.1f} | {events / cpu_s:,.0f} | {added} |"


def _quiet(*_: int) -> None:
    """Watch nothing."""


def _catalogue(folder: Path, price: str, events: int, *, allowances: bool) -> Catalogue:
    folder.mkdir()
    (folder / "t.toml").write_text(_TARIFF.format(price=price) + _ALLOWANCE * allowances)
    people = [f"number,+4477{number:08},A{number},p" for number in range(max(events // EVENTS_AN_ACCOUNT, 1))]
    (folder / "subscriptions.csv").write_text("\n".join(["kind,key,account,plan", *people, ""]))
    catalogue, problems = compile_tariff(load(folder)[0])
    if catalogue is None:
        raise AssertionError(problems)
    return catalogue


def _usage(events: int) -> pa.RecordBatch:
    """Calls of a minute or so by all accounts, in no order of time."""
    random = np.random.default_rng(1)
    people = pa.array([f"+4477{number:08}" for number in range(max(events // EVENTS_AN_ACCOUNT, 1))])
    starts = _MARCH_US + random.integers(0, _MONTH_US, events)
    return calls({
        "event_id": event_ids(0, events),
        "start_utc": pa.array(starts, pa.int64()).cast(INSTANT),
        "usage": pa.array(random.integers(1, 120, events)),
        "a_number": people.take(pa.array(random.integers(0, len(people), events))),
        "b_number": pa.repeat(pa.scalar("+33123456789"), events),
    })  # fmt: skip


def _land(lake: Lake, catalogue: Catalogue, usage: pa.RecordBatch) -> None:
    from mediation.stage import empty
    from rating.balances.live import price_drawing
    from rating.balances.restore import live_balances

    balances = live_balances(lake, catalogue)
    size = -(-usage.num_rows // _BATCHES)
    for first in range(0, usage.num_rows, size):
        guided, _ = guide(usage.slice(first, size), catalogue)
        outcome = price_drawing(guided, catalogue, balances, lambda priced: (priced, empty("rejected")))
        end = min(first + size, usage.num_rows)
        place = {"first_offset": first, "next_offset": end, "next_record_no": end + 1, "complete": False}
        rows = {"usage": outcome.priced.usage, "charges": outcome.priced.charges, "movements": outcome.drawn.movements}
        lake.commit(Delta(source="file:month", records=end - first, tariff=tariff_version(catalogue), **place, **rows))
        if balances:
            balances.landed(outcome.drawn)


def _total(lake: Lake) -> Decimal:
    total: Decimal = lake.query("SELECT sum(amount) AS total FROM charge")["total"][0].as_py()
    return total


if __name__ == "__main__":
    for line in table(*map(int, sys.argv[1:])):
        print(line, flush=True)
