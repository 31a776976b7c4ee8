"""toll bill charges: an account's charges of a period, by category and itemised.

Enters: an account, a period, a lake. Leaves: tables on stdout, or a file (CSV, Parquet, JSON).
"""

from __future__ import annotations

import argparse

from rating.cli.shared import json_argument, lake_argument, opened, tell
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
    from rating.billing.charges import bill

    period = period_of(args)
    with opened(args) as lake:
        made = bill(lake, args.account, period)
    items = {"Items": made.items} if args.items else {}
    shown = {f"{args.account}, {period}": made.categories, **items, "Total": made.totals}
    return tell(args, made, made.items, shown, f"{args.account}: no charges from {period}.")
