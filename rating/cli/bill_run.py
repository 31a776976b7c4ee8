"""toll bill run, runs, check, approve, final, withdraw: a bill run from its trial to final bills.

Enters: a cycle's period, customers, a tariff; a run. Leaves: drafts, findings, final bills. Always holds: only what
somebody approved becomes final; the same command again goes on where it was killed.
"""

from __future__ import annotations

import argparse
import getpass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rating.cli.faults import CommandError
from rating.cli.shared import json_argument, lake_argument, opened, print_json, show, whole_number

if TYPE_CHECKING:
    from rating.billing.customers import Customers
    from rating.billing.run import Order
    from rating.billing.steps import Signed
    from rating.lake import Lake

_LISTED = 50
_RUNS = """
SELECT run, state, cycle, first_day, last_day, issued_on, "by", at_utc, note FROM bill_run_state ORDER BY run"""
_TOTALS = """
SELECT kind, currency, count(*) AS bills, sum(charges) AS charges, sum(fees) AS fees, sum(discounts) AS discounts,
    sum(covered) AS covered, sum(rounding) AS rounding, sum(tax) AS tax, sum(total) AS total, sum(due) AS due
FROM bill WHERE run = $run GROUP BY kind, currency ORDER BY kind DESC, currency"""


def actions(below: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """``toll bill run``, ``runs``, ``check``, ``approve``, ``final`` and ``withdraw``."""
    begins = below.add_parser("run", help="a trial run: draft and check the bills of a cycle's period")
    begins.add_argument(
        "--period", required=True, metavar="P", help="2026-10: the cycle's month that begins then; or days"
    )
    begins.add_argument("--cycle", metavar="C", help="the billing cycle (needless where there is one)")
    begins.add_argument("--customers", required=True, metavar="DIR", help="folder of the customers (docs/billing.md)")
    begins.add_argument("--tariffs", required=True, metavar="DIR", help="folder of the tariff: its fees and discounts")
    at_once = begins.add_argument("--at-once", type=whole_number(1, 10**9), default=20_000, metavar="N")
    at_once.help = "customers whose bills are drafted and landed together (default: %(default)s)"
    begins.add_argument("--date", metavar="DAY", help="date of the bills (default: the day after the period)")
    _common(begins, _run)
    _common(below.add_parser("runs", help="the bill runs and how far they are"), _runs)
    checks = below.add_parser("check", help="the sums of a run and what its checks found")
    approves = below.add_parser("approve", help="approve a trial run")
    approves.add_argument("--accept-findings", action="store_true", help="approve although the checks found something")
    finals = below.add_parser("final", help="make an approved run final: its bills get their numbers")
    withdraws = below.add_parser("withdraw", help="give up a run that is not final")
    for part, act in ((checks, _check), (approves, _approve), (finals, _final), (withdraws, _withdraw)):
        part.add_argument("bill_run", metavar="RUN", type=whole_number(1, 2**62), help="number of the run")
        _common(part, act)
    for part in (begins, approves, finals, withdraws):
        part.add_argument("--by", metavar="NAME", help="who does it (default: who is logged in)")
        part.add_argument("--note", metavar="TEXT", default="", help="why, kept with the step")


def _common(part: argparse.ArgumentParser, act: object) -> None:
    lake_argument(part)
    json_argument(part)
    part.set_defaults(act=act)


def _signed(args: argparse.Namespace) -> Signed:
    from rating.billing.steps import Signed

    return Signed(args.by or getpass.getuser(), datetime.now(UTC), args.note)


def _order(args: argparse.Namespace) -> Order:
    from rating.billing.customers import read_customers
    from rating.billing.run import Order
    from rating.cli.shared import compiled
    from rating.period import PeriodError
    from rating.stored import tariff_version
    from tariffs.load import load

    catalogue = compiled(args.tariffs)
    tariff, _ = load(Path(args.tariffs))
    customers = read_customers(Path(args.customers))
    cycle = _cycle(args, customers)
    try:
        period = customers.settings.cycles[cycle].period(args.period)
        issued_on = date.fromisoformat(args.date) if args.date else None
    except PeriodError as fault:
        raise CommandError(str(fault), 2) from None
    except ValueError:
        raise CommandError(f"--date {args.date}: expected a date like 2026-11-01", 2) from None
    return Order(customers, tariff, catalogue.version, cycle, period, issued_on, tariff_version(catalogue))


def _cycle(args: argparse.Namespace, customers: Customers) -> str:
    cycles = list(customers.settings.cycles)
    if args.cycle is None and len(cycles) > 1:
        raise CommandError(f"--cycle is needed: one of {', '.join(cycles)}", 2)
    cycle: str = args.cycle or cycles[0]
    if cycle not in cycles:
        raise CommandError(f"--cycle {cycle}: expected one of {', '.join(cycles)}", 2)
    return cycle


def _run(args: argparse.Namespace) -> int:
    """Make a trial run; 0 also with findings: `toll bill approve` asks about them."""
    from rating.billing.run import trial
    from rating.cli.progress import counting

    order = _order(args)
    with opened(args, write=True) as lake, counting("drafting bills", quiet=args.json) as watch:
        made = trial(lake, order, _signed(args), watch, args.at_once)
        return _told(lake, made, args)


def _told(lake: Lake, run: int, args: argparse.Namespace) -> int:
    from rating.answers import json_rows, rich_table
    from rating.billing.findings import found
    from rating.billing.steps import run_of

    state, totals, findings = run_of(lake, run), lake.query(_TOTALS, {"run": run}), found(lake, run)
    if args.json:
        print_json({"run": run, "state": state["state"], "totals": json_rows(totals), "findings": json_rows(findings)})
        return 0
    show(rich_table(totals, f"Bill run {run}, {state['cycle']}, {state['first_day']} to {state['last_day']}"))
    if findings.num_rows:
        more = f" (the first {_LISTED} of {findings.num_rows:,})" if findings.num_rows > _LISTED else ""
        show(rich_table(findings.slice(0, _LISTED).drop_columns("run"), f"Findings{more}"))
    print(f"Bill run {run} is {state['state']}.{_NEXT.get(state['state'], '').format(run=run)}")
    return 0


_NEXT = {
    "trial": " Next: toll bill approve {run}, then toll bill final {run}; or toll bill withdraw {run}.",
    "approved": " Next: toll bill final {run}.",
    "final": " Its bills are not all numbered: toll bill final {run} goes on.",
    "numbered": " Next: toll bill show, toll bill export {run}.",
}


def _runs(args: argparse.Namespace) -> int:
    from rating.answers import json_rows, rich_table

    with opened(args) as lake:
        listed = lake.query(_RUNS)
    if args.json:
        print_json(json_rows(listed))
    else:
        show(rich_table(listed, "Bill runs"))
    return 0


def _check(args: argparse.Namespace) -> int:
    """Show sums and findings; 1 if there are findings."""
    from rating.billing.findings import found

    with opened(args) as lake:
        _told(lake, args.bill_run, args)
        return int(found(lake, args.bill_run).num_rows > 0)


def _approve(args: argparse.Namespace) -> int:
    from rating.billing.findings import found
    from rating.billing.steps import APPROVED, take

    with opened(args, write=True) as lake:
        findings = found(lake, args.bill_run).num_rows
        if findings and not args.accept_findings:
            raise CommandError(
                f"the checks of run {args.bill_run} found {findings:,} things: see toll bill check {args.bill_run}; "
                "approve with --accept-findings where they are right"
            )
        take(lake, args.bill_run, APPROVED, _signed(args))
        return _ended(args, f"Bill run {args.bill_run} is approved. Next: toll bill final {args.bill_run}.")


def _final(args: argparse.Namespace) -> int:
    from rating.billing.final import finish
    from rating.cli.progress import counting

    with opened(args, write=True) as lake, counting("numbering bills", quiet=args.json) as watch:
        bills = finish(lake, args.bill_run, _signed(args), watch)
    return _ended(args, f"Bill run {args.bill_run} is final: {bills:,} bills are numbered.")


def _withdraw(args: argparse.Namespace) -> int:
    from rating.billing.steps import WITHDRAWN, take

    with opened(args, write=True) as lake:
        take(lake, args.bill_run, WITHDRAWN, _signed(args))
    return _ended(args, f"Bill run {args.bill_run} is withdrawn.")


def _ended(args: argparse.Namespace, says: str) -> int:
    if args.json:
        print_json({"run": args.bill_run, "says": says})
    else:
        print(says)
    return 0
