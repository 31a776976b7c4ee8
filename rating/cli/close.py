"""toll close: settle a period, so that the order in which its usage came counts no more.

Enters: a period. Leaves: a comparison of what was with what is; reversals and new charges where order had made a
difference, under a rating run that marks the period as closed. Always holds: what stands before the period unclosed is
closed with it; the same command again changes nothing, and goes on with a close that was stopped.
"""

from __future__ import annotations

import argparse

from rating.cli.comparison import comparison_arguments
from rating.cli.faults import CommandError
from rating.cli.progress import stepping
from rating.cli.rerate import part_argument, tell
from rating.cli.shared import json_argument, lake_argument, opened
from rating.cli.spans import period_arguments, period_of


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll close``."""
    period_arguments(part)
    part.add_argument("--dry-run", action="store_true", help="tell what it would change, and write nothing")
    part_argument(part)
    comparison_arguments(part)
    lake_argument(part)
    json_argument(part)


def run(args: argparse.Namespace) -> int:
    """Close the period; 1 if it is closed already, or some legs could not be priced."""
    from rating.lake.closed import closed_until
    from rating.rerating.rerate import preview, rerate
    from rating.rerating.scope import CLOSE, Scope

    period = period_of(args)
    with opened(args, write=not args.dry_run) as lake, stepping("closing", quiet=args.json) as watch:
        until = closed_until(lake)
        if until and until >= period.end_utc:
            raise CommandError(f"everything before {until:%Y-%m-%d %H:%M:%S} UTC is closed already")
        scope = Scope(CLOSE, until, period.end_utc)
        if args.dry_run:
            return tell(args, 0, preview(lake, scope, None, watch), period, None)
        lake.delete_orphans()
        made, compared = rerate(lake, scope, None, watch, args.part_legs)
    return tell(args, made.number, compared, period, None)
