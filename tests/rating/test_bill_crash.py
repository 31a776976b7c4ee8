"""Bill runs that die at any of their commits: the same commands again end where an undisturbed run ends."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rating.billing import final
from rating.billing.final import finish
from rating.billing.run import Order, trial
from rating.billing.steps import APPROVED, FINAL, NUMBERED, TRIAL, run_of, take
from rating.lake import Lake, MemoryLake
from tests.rating.bills import SIGNED, Killed, Killer, again, balanced, billed, folder, landed, ordered

OCT = datetime(2026, 10, 20, 12, tzinfo=UTC)


def world(path: Path) -> tuple[Lake, Order]:
    lake = MemoryLake()
    people = "customer,name\n" + "".join(f"c{n},C\n" for n in range(5))
    paid = "customer,date,amount,currency,reference\nc1,2026-10-02,1,GBP,p1\nc4,2026-10-02,1,GBP,p4\n"
    customers = folder(path, customers_csv=people, payments_csv=paid)
    landed(lake, "sep", *({"account": f"c{n}", "amount": "5", "start_utc": OCT.replace(month=9)} for n in range(5)))
    billed(lake, ordered(customers, "2026-09"))
    again(lake, "sep", 2, 1, {"account": "c1", "amount": "5", "start_utc": OCT.replace(month=9)}, {"amount": "1"})
    landed(lake, "oct", *({"account": f"c{n % 6}", "amount": f"{n}.005", "start_utc": OCT} for n in range(12)))
    return lake, ordered(customers)


def to_the_end(lake: Lake, order: Order) -> None:
    """What an operator does after a crash: the same commands again."""
    runs = lake.query("SELECT run, state FROM bill_run_state WHERE first_day = $first", {"first": order.period.first})
    states = dict(zip(runs["run"].to_pylist(), runs["state"].to_pylist(), strict=True))
    number = max(states, default=0)
    if states.get(number) not in {TRIAL, APPROVED, FINAL, NUMBERED}:
        number = trial(lake, order, SIGNED, at_once=2)
    if run_of(lake, number)["state"] == TRIAL:
        take(lake, number, APPROVED, SIGNED)
    finish(lake, number, SIGNED)


def dies(lake: Lake, order: Order, monkeypatch: pytest.MonkeyPatch, *, after: bool) -> bool:
    """Whether the next commit, which dies, was still to be made."""
    with monkeypatch.context() as dying:
        dying.setattr(lake, "commit", Killer(0, lake.commit, after=after))
        try:
            to_the_end(lake, order)
        except Killed:
            return True
    return False


TABLES = ("bill_run", "bill_step", "bill", "bill_line", "bill_number", "bill_payment", "bill_finding", "input_offset")


def tables(lake: Lake) -> dict[str, list[str]]:
    return {name: sorted(map(str, lake.query(f"FROM {name}").to_pylist())) for name in TABLES}


def test_a_crash_at_every_commit_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every commit of the run dies twice: before it lands, and, tried again, after it has landed."""
    monkeypatch.setattr(final, "NUMBERS_AT_ONCE", 2)
    lake, order = world(tmp_path)
    to_the_end(lake, order)
    expected = tables(lake)
    assert lake.query("SELECT count(*) AS n FROM bill_number WHERE run = 2")["n"][0].as_py() == 6
    lake, order = world(tmp_path)
    turns = itertools.cycle((False, True))
    crashes = sum(1 for _ in iter(lambda: dies(lake, order, monkeypatch, after=next(turns)), False))
    assert crashes == 2 * 11  # begun, three chunks, trial, approved, final, three of numbers, numbered
    assert tables(lake) == expected
    balanced(lake)
