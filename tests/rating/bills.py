"""Small billing worlds: charges landed row by row, customer folders from text, runs to their end."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from rating.audit import audit
from rating.billing.customers import Customers, read_customers
from rating.billing.final import finish
from rating.billing.run import Order, trial
from rating.billing.steps import APPROVED, Signed, take
from rating.lake import Delta, Lake
from rating.period import Period
from rating.stored import tariff_version
from tariffs import sheets
from tariffs.compile import compile_tariff
from tariffs.model import Tariff
from tests.rating.deltas import charge_rows, delta, rows, usage_row
from tests.tariff_folder import loaded

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
SIGNED = Signed("ann", AT)
NO_TARIFF = Tariff(
    {},
    {},
    {},
    {},
    {},
    sheets.empty(sheets.SUBSCRIPTION_COLUMNS),
    sheets.empty(sheets.TRUNK_COLUMNS),
    partners=sheets.empty(()),
)
ALICE = "customer,name\nalice,Alice\n"


def landed(lake: Lake, name: str, *charges: dict[str, Any]) -> None:
    """Land file ``name``: an event for each of ``charges``, retail, as it says; ``event`` is of the usage."""
    lake.commit(delta_of(name, *charges))


def delta_of(name: str, *charges: dict[str, Any]) -> Delta:
    events, made = [], []
    for number, given in enumerate(charges, 1):
        said = dict(given)
        at = {"start_utc": said.pop("start_utc")} if "start_utc" in said else {}
        event = usage_row(name, number, **at, **said.pop("event", {}))
        amount = Decimal(str(said.pop("amount", "0.1")))
        events.append(event)
        made.append(charge_rows(event, amount=amount, **said)[0])
    whole = delta(name, ["rated"] * len(charges))
    return dataclasses.replace(whole, usage=rows("usage", events), charges=rows("charge", made))


def again(lake: Lake, name: str, number: int, run: int, old: dict[str, Any], new: dict[str, Any] | None) -> None:
    """Re-rate event ``number`` of ``name``: take ``old`` back and charge ``new``, in a batch of its own."""
    event = usage_row(name, number, **({"start_utc": old["start_utc"]} if "start_utc" in old else {}))
    back = {**old, "amount": -Decimal(str(old["amount"])), "kind": "reversal", "billed_usage": -60, "rating_run": run}
    tax = {"tax_amount": -old["tax_amount"]} if "tax_amount" in old else {}
    charges = [charge_rows(event, **{**back, **tax})[0]]
    if new is not None:
        charges.append(
            charge_rows(event, **{**old, **new, "amount": Decimal(str(new["amount"])), "rating_run": run})[0]
        )
    source = f"rerate:{run}"
    at = lake.offset(source).next_offset
    lake.commit(
        Delta(
            source=source, first_offset=at, next_offset=at + 1, next_record_no=at + 2, complete=False, records=0,
            charges=rows("charge", charges), rating_run=run,
        )
    )  # fmt: skip


def folder(path: Path, **files: str) -> Customers:
    """The customer folder of ``files`` (by name, ``_`` for the dot)."""
    path.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (path / name.replace("_", ".")).write_text(text, "utf-8")
    return read_customers(path)


def tariff(path: Path, text: str, subscriptions: str = "") -> Tariff:
    """The tariff of one TOML text."""
    files = {"tariff.toml": text, "subscriptions.csv": subscriptions}
    return loaded(path, {name: content for name, content in files.items() if content})


def ordered(
    customers: Customers, month: str = "2026-10", made: Tariff = NO_TARIFF, issued: date | None = None
) -> Order:
    cycle = next(iter(customers.settings.cycles))
    period: Period = customers.settings.cycles[cycle].period(month)
    return Order(customers, made, "", cycle, period, issued)


def kept(path: Path, customers: Customers, month: str, text: str, subscriptions: str) -> Order:
    """An order by the tariff of one TOML text that the lake will keep."""
    return ordered_by(tariff(path, text, subscriptions), customers, month)


def ordered_by(made: Tariff, customers: Customers, month: str) -> Order:
    """An order by a tariff that the lake will keep."""
    catalogue, _ = compile_tariff(made)
    assert catalogue is not None
    order = ordered(customers, month, made)
    return dataclasses.replace(order, tariff_version=catalogue.version, file=tariff_version(catalogue))


def tried(lake: Lake, order: Order) -> int:
    return trial(lake, order, SIGNED)


def billed(lake: Lake, order: Order) -> int:
    """A run of ``order`` to its end; its number."""
    run = tried(lake, order)
    take(lake, run, APPROVED, SIGNED)
    finish(lake, run, SIGNED)
    return run


def bills(lake: Lake, run: int) -> list[dict[str, Any]]:
    return lake.query("SELECT * FROM bill_document WHERE run = $run ORDER BY bill_no", {"run": run}).to_pylist()


def lines_of(lake: Lake, run: int) -> list[dict[str, Any]]:
    return lake.query("SELECT * FROM bill_line WHERE run = $run ORDER BY bill_no, line_no", {"run": run}).to_pylist()


def balanced(lake: Lake) -> None:
    """The audit finds nothing wrong with bills, and bills + unbilled = charges."""
    faults = [(check.name, check.differences) for check in audit(lake, content=False).checks if check.count]
    assert [fault for fault in faults if fault[0] in {"billed", "bills", "numbers"}] == []


class Killed(BaseException):
    pass


class Killer:
    """Calls what it stands for, and raises before or after the ``at``-th time."""

    def __init__(self, at: int, of: Any = None, *, after: bool = False) -> None:  # noqa: ANN401 - any function
        self.at, self.of, self.after, self.count = at, of, after, 0

    def __call__(self, *args: Any) -> Any:  # noqa: ANN401 - as above
        hit = self.count == self.at
        self.count += 1
        if hit and not self.after:
            raise Killed
        made = self.of(*args)
        if hit:
            raise Killed
        return made
