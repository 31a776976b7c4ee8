"""toll bill charges: an account's charges of a period, by category and itemised.

Enters: an account, a period, a lake. Leaves: tables on stdout, or a file (CSV, Parquet, JSON).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rating.cli.shared import json_argument, lake_argument, opened, print_json, show
from rating.cli.spans import period_arguments, period_of


def actions(below: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """``toll bill charges``."""
    part = below.add_parser("charges", help="an account's charges of a period, by category and itemised")
    part.add_argument("account", metavar="ACCOUNT")
    period_arguments(part)
    part.add_argument("--items", action="store_true", help="print every charge")
    part.add_argument("--to", metavar="FILE", help="write the items to a .csv, .parquet or .json file")
    lake_argument(part)
    json_argument(part)
    part.set_defaults(act=run)


def run(args: argparse.Namespace) -> int:
    """Print or export the bill; 1 if the account has no charge in the period."""
    from rating.answers import export, rich_table
    from rating.billing.charges import bill

    period = period_of(args)
    with opened(args) as lake:
        made = bill(lake, args.account, period)
    if args.to:
        export(made.items, Path(args.to))
    if args.json:
        print_json(made.to_json())
    elif not made.items.num_rows:
        print(f"{args.account}: no charges from {period}.")
    else:
        show(rich_table(made.categories, f"{args.account}, {period}"))
        if args.items:
            show(rich_table(made.items, "Items"))
        show(rich_table(made.totals, "Total"))
    return int(not made.items.num_rows)
