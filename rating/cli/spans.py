"""The period arguments of commands that sum over time.

Always holds: whole civil days of one zone; a wrong period is wrong use (exit code 2).
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rating.cli.faults import CommandError

if TYPE_CHECKING:
    from rating.period import Period


def period_arguments(part: argparse.ArgumentParser) -> None:
    """``--period`` and ``--zone``."""
    part.add_argument("--period", required=True, metavar="P", help="2026-10, 2026-10-05, or 2026-10-05/2026-10-11")
    part.add_argument("--zone", default="UTC", metavar="ZONE", help="time zone of the days (default: %(default)s)")


def period_of(args: argparse.Namespace) -> Period:
    """The period that the arguments name."""
    from rating.period import Period, PeriodError

    try:
        return Period.parse(args.period, args.zone)
    except PeriodError as fault:
        raise CommandError(str(fault), 2) from None
