"""toll settle: what each carrier or roaming partner owes and is owed, by direction and route.

Enters: a period, a lake, maybe one carrier. Leaves: tables on stdout, or a file (CSV, Parquet, JSON).
"""

from __future__ import annotations

import argparse

from rating.cli.shared import json_argument, lake_argument, opened, tell
from rating.cli.spans import period_arguments, period_of


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll settle``."""
    part.add_argument("carrier", nargs="?", metavar="CARRIER", help="one carrier (default: all)")
    period_arguments(part)
    part.add_argument("--to", metavar="FILE", help="write the lines to a .csv, .parquet or .json file")
    lake_argument(part)
    json_argument(part)


def run(args: argparse.Namespace) -> int:
    """Print or export the settlement; 1 if there is nothing to settle."""
    from rating.settlement import settle

    period = period_of(args)
    with opened(args) as lake:
        made = settle(lake, args.carrier, period)
    shown = {f"{args.carrier or 'All carriers'}, {period}": made.lines, "Net": made.nets}
    return tell(args, made, made.lines, shown, f"Nothing to settle from {period}.")
