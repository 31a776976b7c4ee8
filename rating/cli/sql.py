"""toll sql: ask the lake in SQL, read only.

Enters: a query. Leaves: a table, CSV or JSON on stdout. Always holds: the lake cannot be changed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rating.cli.faults import CommandError
from rating.cli.shared import json_argument, lake_argument, opened, print_json, show


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll sql``."""
    part.add_argument("query", nargs="?", metavar="QUERY", help="the query; without one the views are listed")
    part.add_argument("-f", "--file", metavar="FILE", help="read the query from FILE")
    part.add_argument("--csv", action="store_true", help="print CSV")
    lake_argument(part)
    json_argument(part)


_VIEWS = "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal ORDER BY view_name"


def run(args: argparse.Namespace) -> int:
    """Run the query."""
    from rating.answers import json_rows, rich_table, write_csv

    with opened(args) as lake:
        table = lake.query(_query(args))
    if args.json:
        print_json(json_rows(table))
    elif args.csv:
        write_csv(table, sys.stdout)
    else:
        show(rich_table(table))
    return 0


def _query(args: argparse.Namespace) -> str:
    if args.file and args.query:
        raise CommandError("give a query or a file, not both", 2)
    if args.file:
        try:
            return Path(args.file).read_text("utf-8")
        except OSError as fault:
            raise CommandError(f"{args.file}: cannot be read: {fault.strerror}", 2) from None
    return args.query or _VIEWS
