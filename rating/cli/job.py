"""What ``toll rate`` and ``toll stream`` share: the job that rates and lands, from its arguments.

Always holds: layouts, tariff and alert rules are read before the lake is made, so that a wrong one leaves nothing.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rating.cli.shared import compiled, lake_argument, whole_number

if TYPE_CHECKING:
    from mediation.layout import Layout
    from rating.after import Keeper
    from rating.alerts.rule import Rule
    from rating.job import Job
    from rating.lake import Lake


def job_arguments(part: argparse.ArgumentParser) -> None:
    """``--lake``, ``--window-days``, ``--alerts``; ``--tariffs`` is the command's own."""
    lake_argument(part)
    part.add_argument(
        "--window-days",
        type=whole_number(0, 36_500),
        metavar="N",
        help="deduplicate over N days; older events wait in suspense",
    )
    part.add_argument("--alerts", metavar="FILE", help="alert rules (TOML); `toll alerts` shows what they found")


def job_of(args: argparse.Namespace, layout: Layout) -> Job:
    """The job over the lake of ``args``, which is made if it is not there."""
    from rating.balances.snapshot_keeper import snapshots_taken
    from rating.job import Job
    from rating.lake import open_lake
    from rating.seen import seen_ids
    from rating.stored import tariff_version

    catalogue = compiled(args.tariffs)
    rules = _alert_rules(args)
    lake = open_lake(args.lake, create=True)
    lake.use_one_thread(from_commit=True)  # state is restored before the first, in all threads
    known = (catalogue, tariff_version(catalogue), seen_ids(lake))
    keepers = [*_watched(lake, rules), *snapshots_taken(lake, catalogue)]
    return Job(lake, layout, *known, window_days=args.window_days, keepers=keepers)


def _alert_rules(args: argparse.Namespace) -> tuple[Rule, ...]:
    """The rules of the file that ``--alerts`` names; none without it."""
    if not args.alerts:
        return ()
    from rating.alerts.alert_file import read_rules

    return read_rules(args.alerts)


def _watched(lake: Lake, rules: tuple[Rule, ...]) -> list[Keeper]:
    """What weighs usage against ``rules`` as it lands; nothing without rules."""
    if not rules:
        return []
    from rating.alerts.keeper import Alerts

    return [Alerts(lake, rules)]
