"""toll bill show, export: bills and invoices as they were made.

Enters: a customer, an account or a number; a run. Leaves: tables, JSON, HTML, PDF, CSV, Parquet.
"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from rating.cli.faults import CommandError
from rating.cli.shared import json_argument, lake_argument, opened, print_json, show, whole_number

if TYPE_CHECKING:
    from rating.billing.shown import BillKey, Shown
    from rating.lake import Lake

_LINES = (
    "kind",
    "cost_centre",
    "account",
    "category",
    "direction",
    "zone",
    "band",
    "text",
    "events",
    "billed_usage",
    "unit",
)
_SUMS = (
    "charges",
    "fees",
    "discounts",
    "covered",
    "rounding",
    "tax",
    "total",
    "previous_balance",
    "payments",
    "credited",
    "due",
)
_LISTED = ("number", "state", "kind", "customer", "first_day", "last_day", "currency", "total", "due", "run", "bill_no")


def actions(below: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """``toll bill show`` and ``toll bill export``."""
    shows = below.add_parser("show", help="bills of a customer or account, or one bill, also as HTML, PDF or calls")
    shows.add_argument("who", metavar="WHO", help="customer, account, or number of a bill")
    shows.add_argument("--period", metavar="MONTH", help="only periods that begin in that month, like 2026-10")
    shows.add_argument("--run", dest="bill_run", metavar="RUN", type=whole_number(1, 2**62), help="only of this run")
    shows.add_argument("--drafts", action="store_true", help="also bills of runs that are not final")
    shows.add_argument("--html", metavar="FILE", help="write the invoice as HTML")
    shows.add_argument("--pdf", metavar="FILE", help="write the invoice as PDF")
    shows.add_argument("--items", metavar="FILE", help="write the charges of the bill as CSV")
    exports = below.add_parser("export", help="the bills of a run as Parquet and JSON")
    exports.add_argument("bill_run", metavar="RUN", type=whole_number(1, 2**62), help="number of the run")
    exports.add_argument("--to", required=True, metavar="DIR", help="folder for the files")
    for part, act in ((shows, _show), (exports, _export)):
        lake_argument(part)
        json_argument(part)
        part.set_defaults(act=act)


def _show(args: argparse.Namespace) -> int:
    """Show the latest bill of those asked for, and list the others; 1 if there is none."""
    from rating.answers import rich_table
    from rating.billing.shown import BillKey, documents, shown

    with opened(args) as lake:
        if (key := _numbered(lake, args.who)) is None:
            found = documents(lake, args.who, month=_month(args.period), drafts=args.drafts, run=args.bill_run)
            if not found.num_rows:
                print_json([]) if args.json else print(f"{args.who}: no such bill.")
                return 1
            key = BillKey(found["run"][0].as_py(), found["bill_no"][0].as_py())
            if found.num_rows > 1 and not args.json:
                show(rich_table(found.select(_LISTED), f"Bills of {args.who}"))
        bill = shown(lake, key)
        written = _written(lake, key, bill, args)
    if args.json:
        print_json(bill.to_json())
    elif not written:
        for table in _tables(bill):
            show(table)
    return 0


def _numbered(lake: Lake, who: str) -> BillKey | None:
    from rating.billing.shown import NoSuchBillError, numbered

    try:
        return numbered(lake, who)
    except NoSuchBillError:
        return None


def _month(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text if len(text) > len("2026-10") else f"{text}-01")
    except ValueError:
        raise CommandError(f"--period {text}: expected a month like 2026-10", 2) from None


def _written(lake: Lake, key: BillKey, bill: Shown, args: argparse.Namespace) -> bool:
    """Write the files that ``args`` ask for; whether there are any."""
    from rating.answers import ExportError

    try:
        if args.html:
            from rating.billing.html import html
            from rating.billing.invoice import invoice

            Path(args.html).write_text(html(invoice(bill)), "utf-8")
        if args.pdf:
            from rating.billing.invoice import invoice
            from rating.billing.pdf import pdf

            Path(args.pdf).write_bytes(pdf(invoice(bill)))
        if args.items:
            from rating.billing.export import write_items

            with Path(args.items).open("w", encoding="utf-8", newline="") as file:
                write_items(lake, key, file)
    except OSError as error:
        raise ExportError(f"{error.filename} cannot be written: {error.strerror}") from error
    return bool(args.html or args.pdf or args.items)


def _tables(bill: Shown) -> list[object]:
    """The bill for a terminal: its lines, its sums."""
    import pyarrow as pa

    from rating.answers import rich_table

    document = bill.document
    title = f"{document['kind']} {document['number'] or 'draft'}, {document['customer']}, {document['currency']}"
    lines = bill.lines.select([*_LINES, "amount", "tax_code", "tax"])
    said = {
        "sum": _SUMS,
        "amount": pa.array([document[name] for name in _SUMS], bill.lines.schema.field("amount").type),
    }
    return [rich_table(lines, title), rich_table(pa.table(said), f"{document['first_day']} to {document['last_day']}")]


def _export(args: argparse.Namespace) -> int:
    from rating.billing.export import export
    from rating.billing.steps import run_of
    from rating.cli.progress import counting

    with opened(args) as lake, counting("writing bills", quiet=args.json) as watch:
        run_of(lake, args.bill_run)
        files = export(lake, args.bill_run, Path(args.to), watch)
    if args.json:
        print_json([str(file) for file in files])
    else:
        print("\n".join(str(file) for file in files))
    return 0
