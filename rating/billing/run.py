"""A trial bill run: the bills of a cycle's period, drafted, landed and checked.

Enters: a lake, customers, a tariff, a period. Leaves: rows of ``bill``, ``bill_line``, ``bill_payment`` and
``bill_finding`` under a run of its own. Always holds: what a run bills is fixed when it begins (``charge_limit``, the
version of the customers), so that a run that was killed goes on and ends as an undisturbed one; usage is summed by SQL
over files that may be larger than memory, and bills are drafted customers by customers.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl

from rating.billing.customers import Customers
from rating.billing.draft import Chunk, draft
from rating.billing.exact import frame, nano
from rating.billing.fee_corrections import fee_corrections
from rating.billing.findings import findings
from rating.billing.lines import AMOUNTS, covered_lines, discount_lines, fee_lines, lines, taxed_by, usage_lines
from rating.billing.steps import BEGUN, TRIAL, WITHDRAWN, BillRunError, Signed, Watch, begin, take, unwatched
from rating.billing.taken import FRONTIER, taken
from rating.lake import Delta, Lake, TariffVersion
from rating.period import Period
from rating.sections import sections
from tariffs.model import Tariff

CUSTOMERS_AT_ONCE: Final = 20_000
"""Customers whose bills are drafted and landed together: bounds memory."""

MEMORY: Final = "4GB"
"""What summing the usage may take before it spills to files."""

_SQL: Final = {name: part.sql for name, part in sections("rating.billing", "usage.sql").items()}
_OPEN: Final = """
SELECT * FROM bill_run_state WHERE cycle = $cycle AND from_utc = $from_utc AND until_utc = $until_utc
AND state IN ('begun', 'trial', 'approved') ORDER BY run DESC LIMIT 1"""


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """What a run is asked to bill. ``tariff_version`` names the compiled ``tariff``, whose fees and discounts apply.

    With its ``file`` the lake keeps it: later runs correct the fees of this one by it.
    """

    customers: Customers
    tariff: Tariff
    tariff_version: str
    cycle: str
    period: Period
    issued_on: date | None = None
    """The date of the bills; without it, the day after the period."""
    file: TariffVersion | None = None

    def dated(self) -> date:
        """The date of the bills."""
        return self.issued_on or self.period.last + timedelta(days=1)

    def terms(self, charge_limit: int) -> dict[str, Any]:
        """The row of ``bill_run``, without its number."""
        period, settings = self.period, self.customers.settings
        issued_on = self.dated()
        return {
            "cycle": self.cycle,
            "first_day": period.first,
            "last_day": period.last,
            "zone": period.zone,
            "from_utc": period.start_utc,
            "until_utc": period.end_utc,
            "charge_limit": charge_limit,
            "issued_on": issued_on,
            "due_on": issued_on + timedelta(days=settings.due_days),
            "tariff_version": self.tariff_version,
            "customers_version": self.customers.version,
            "settings": settings.to_json(),
        }


def trial(
    lake: Lake,
    order: Order,
    signed: Signed,
    watch: Watch = unwatched,
    at_once: int = CUSTOMERS_AT_ONCE,
) -> int:
    """Draft all bills of ``order`` and check them, ``at_once`` customers at a time; return the run.

    A run of the same cycle and period that was killed goes on. A trial that nobody approved stays if it would be made
    again of the same; else it is withdrawn.

    Raises:
        BillRunError: such a run is approved; or one was killed, and customers or tariff have changed since.

    """
    terms = order.terms(lake.query(_SQL["limit"])["charge_limit"][0].as_py())
    known = _open(lake, order)
    if known and known["state"] == TRIAL and not _changed(known, terms):
        return int(known["run"])
    run = _going_on(lake, known, terms, signed) if known else None
    if run is None:
        run = begin(lake, terms, signed, order.file)
    with tempfile.TemporaryDirectory(prefix="toll-bill-") as scratch:
        made = _Making(lake, order, run, Path(scratch))
        made.land(watch, at_once)
        take(lake, run, TRIAL, signed, {"bill_finding": findings(lake, run, order.customers, made.accounts_file)})
    return run


def _open(lake: Lake, order: Order) -> dict[str, Any] | None:
    """The run of the same cycle and period that is neither final nor withdrawn."""
    span = {"cycle": order.cycle, "from_utc": order.period.start_utc, "until_utc": order.period.end_utc}
    found = lake.query(_OPEN, span).to_pylist()
    return dict(found[0]) if found else None


def _changed(known: dict[str, Any], terms: dict[str, Any], *but: str) -> list[str]:
    return [name for name, value in terms.items() if name not in but and known[name] != value]


def _going_on(lake: Lake, known: dict[str, Any], terms: dict[str, Any], signed: Signed) -> int | None:
    """The run that was killed, if ``known`` is one; none after a trial that is given up."""
    run, state = int(known["run"]), known["state"]
    if state == TRIAL:
        take(lake, run, WITHDRAWN, signed)
        return None
    if state != BEGUN:
        raise BillRunError(
            f"bill run {run} of the same cycle and period is {state}: make it final or withdraw it first"
        )
    changed = _changed(known, terms, "charge_limit")
    if changed:
        raise BillRunError(
            f"bill run {run} began with other {', '.join(changed)}: go on with what it had, or withdraw it"
        )
    return run


class _Making:
    """The making of one run's bills: sums of usage in scratch files, then customers by customers."""

    def __init__(self, lake: Lake, order: Order, run: int, scratch: Path) -> None:
        self._lake, self._order, self._run, self._scratch = lake, order, run, scratch
        self.accounts_file = scratch / "accounts.parquet"
        every = order.customers.accounts()
        every.write_parquet(self.accounts_file)
        self._mine = order.customers.customers.filter(pl.col("cycle") == order.cycle)
        self._accounts = every.join(self._mine, on="customer", how="semi")

    def land(self, watch: Watch, at_once: int) -> None:
        """Land the bills of all customers that have none yet, ``at_once`` customers in a commit."""
        source, count = f"bill:{self._run}", self._mine.height
        at = self._lake.offset(source)
        if at.complete:
            return
        self._sum_usage()
        fees, payments, balances = self._fees(), self._payments(), self._balances()
        for first in range(at.next_offset, max(count, 1), at_once):
            part = self._mine.slice(first, at_once)
            of_part = [each.join(part, on="customer", how="semi") for each in (fees, payments, balances)]
            charged = self._charged(part, of_part[0])
            made = draft(Chunk(self._run, at.next_record_no, part, charged, *of_part[1:]))
            delta = Delta(
                source=source,
                first_offset=first,
                next_offset=first + part.height,
                next_record_no=at.next_record_no + made.bills.num_rows,
                complete=first + part.height == count,
                records=0,
                bills=made.tables(),
            )
            self._lake.commit(delta)
            at = self._lake.offset(source)
            watch(at.next_offset, count)

    def _sum_usage(self) -> None:
        mine = self._scratch / "mine.parquet"
        self._accounts.write_parquet(mine)
        rows = taken(f"c.account IN (SELECT account FROM read_parquet('{mine}'))")  # noqa: S608 - a path of our own
        self._lake.query(f"SET memory_limit = '{MEMORY}'; SET preserve_insertion_order = false")  # sorted anyway
        sql = _SQL["usage"].format(taken=rows, accounts=mine, lines=self._scratch / "usage.parquet")
        self._lake.query(sql, {"run": self._run})
        self._lake.query("RESET preserve_insertion_order")

    def _charged(self, part: pl.DataFrame, fees: pl.DataFrame) -> pl.DataFrame:
        """All lines of the customers ``part``."""
        if part.is_empty():
            return lines(part.select("customer", "currency"))
        first, last = pl.lit(part["customer"][0]), pl.lit(part["customer"][-1])
        scanned = pl.scan_parquet(self._scratch / "usage.parquet").filter(pl.col("customer").is_between(first, last))
        sums = scanned.with_columns(nano(*AMOUNTS)).collect()
        full = pl.concat([usage_lines(sums), fees])
        whole = pl.concat([full, discount_lines(full, self._order.tariff)]) if self._order.tariff.discounts else full
        taxed = taxed_by(part, whole, self._order.customers.settings.regions)
        return pl.concat([taxed, covered_lines(taxed)])

    def _fees(self) -> pl.DataFrame:
        """Fees of the period, but of accounts that were billed for a part of it; corrections of those billed before."""
        values = {"run": self._run, "from_utc": self._order.period.start_utc}
        done = frame(self._lake.query(_SQL["frontiers"].format(frontier=FRONTIER), values))
        accounts = self._accounts.join(done, on="account", how="anti")
        due = fee_lines(self._order.tariff, self._order.period, accounts)
        months = self._order.customers.settings.fee_months
        since = self._order.period.first - timedelta(days=31 * months)
        known = (self._order.tariff, self._accounts, since)
        changed = [fee_corrections(self._lake, self._run, *known)] if months else []
        return pl.concat([due, *changed]).sort("customer", maintain_order=True)

    def _payments(self) -> pl.DataFrame:
        """Payments up to the date of the bills that no final bill has."""
        payments = self._order.customers.payments.filter(pl.col("paid_on") <= self._order.dated())
        return payments.join(frame(self._lake.query(_SQL["paid"])), on="reference", how="anti")

    def _balances(self) -> pl.DataFrame:
        """What customers owed by their last bills."""
        return frame(self._lake.query(_SQL["previous"], {"run": self._run})).with_columns(nano("due"))
