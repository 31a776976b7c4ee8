"""toll balance: what an account has left of its allowances, and what its accumulators have counted.

Enters: an account or a pool, a moment, a lake. Leaves: its lots on stdout: granted, rolled over, used, expired,
left; its totals; its movements. Always holds: a lot's movements sum to what is left of it; lots that nobody met are
not told.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from rating.cli.faults import CommandError
from rating.cli.shared import json_argument, lake_argument, opened, print_json, show


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll balance``."""
    part.add_argument("holder", metavar="ACCOUNT", nargs="?", help="an account; or a pool")
    part.add_argument(
        "--snapshot",
        action="store_true",
        help="instead: sum all movements into a file, so that the next start of rating reads later ones alone",
    )
    part.add_argument(
        "--at",
        type=_moment,
        metavar="TIME",
        help="the moment, UTC unless it says otherwise (default: after all that is rated)",
    )
    lake_argument(part)
    json_argument(part)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a time like 2026-10-05T12:00, not {text!r}") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def run(args: argparse.Namespace) -> int:
    """Print the balances, 1 if nothing was ever drawn or granted; or take a snapshot."""
    if args.snapshot == bool(args.holder):
        raise CommandError("give an account or a pool, or --snapshot", 2)
    if args.snapshot:
        return _snapshot(args)
    from rating.answers import rich_table
    from rating.balances.statement import statement

    with opened(args) as lake:
        made = statement(lake, args.holder, args.at)
    if args.json:
        print_json(made.to_json())
    elif not made.movements.num_rows:
        print(f"{args.holder}: no movements.")
    for name, table in made.tables().items() if not args.json else ():
        if table.num_rows:
            show(rich_table(table, f"{args.holder}: {name}"))
    return int(not made.movements.num_rows)


def _snapshot(args: argparse.Namespace) -> int:
    from rating.balances.snapshots import register, write
    from rating.lake import open_lake
    from rating.stored import newest_catalogue

    with open_lake(args.lake) as lake:
        catalogue = newest_catalogue(lake)
        if catalogue is None:
            raise CommandError(f"{args.lake}: nothing was rated yet")
        taken = write(lake, catalogue)
        register(lake, taken)
    if args.json:
        print_json({**taken.row(), "since_utc": taken.since_utc.isoformat()})
    else:
        print(f"{taken.file}: {taken.lots:,} lots of {taken.movements:,} movements.")
    return 0
