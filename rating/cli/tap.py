"""toll tap: files for roaming partners: what their subscribers did here.

Enters: a lake, a TOML file that tells our own network, a period. Leaves: TAP files in a folder, and a table of them.
Always holds: the same command again sends nothing twice; 1 if something of the period could not be sent.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from rating.cli.faults import CommandError
from rating.cli.progress import counting
from rating.cli.shared import json_argument, lake_argument, opened, print_json, show
from rating.cli.spans import period_arguments, period_of


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll tap``."""
    below = part.add_subparsers(dest="action", metavar="ACTION", required=True)
    out = below.add_parser("out", help="write TAP 3.12 files of visitors' usage, one or more for each home network")
    period_arguments(out)
    out.add_argument("--operator", required=True, metavar="FILE", help="TOML file of our own network: docs/roaming.md")
    out.add_argument("--to", required=True, metavar="DIR", help="folder of the files")
    out.add_argument("--notify", action="store_true", help="a notification to partners whom there is nothing to send")
    out.add_argument("--available", metavar="WHEN", help="when the files are made available (default: now)")
    lake_argument(out)
    json_argument(out)


def run(args: argparse.Namespace) -> int:
    """Write the files; 1 if a charge of the period could not be sent."""
    from rating.answers import json_rows, rich_table
    from rating.roaming.money import TapOutError
    from rating.roaming.operator import OperatorError, read_operator
    from rating.roaming.out import tap_out

    try:
        operator = read_operator(Path(args.operator))
    except OperatorError as fault:
        raise CommandError(str(fault), 2) from None
    period, available = period_of(args), _available(args.available)
    try:
        with opened(args, write=True) as lake, counting("events sent", quiet=args.json) as watch:
            sent = tap_out(lake, operator, Path(args.to), period, available, notify=args.notify, watch=watch)
    except TapOutError as fault:
        raise CommandError(str(fault)) from None
    if args.json:
        print_json({"files": json_rows(sent.files), "finished": sent.finished, "left": json_rows(sent.left)})
        return int(bool(sent.left.num_rows))
    for name in sent.finished:
        print(f"{name}: written by an earlier run that was cut short; now in place.")
    if sent.files.num_rows:
        show(rich_table(sent.files.select(_SHOWN), f"Files in {args.to}"))
    else:
        print(f"Nothing to send from {period}.")
    if sent.left.num_rows:
        show(rich_table(sent.left, "Not sent"))
    return int(bool(sent.left.num_rows))


_SHOWN = ["recipient", "name", "kind", "events", "charge", "tax", "currency", "earliest_utc", "latest_utc"]


def _available(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--available {text}: expected a date and time like 2026-11-01T06:00Z", 2) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
