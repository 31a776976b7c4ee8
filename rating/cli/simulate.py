"""toll simulate: what a period's usage would earn by another tariff.

Enters: a candidate tariff, a lake, a period. Leaves: changes by plan, zone, segment and account, as tables or JSON,
and a chart. Always holds: nothing in the lake changes; both sides are of the same events.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rating.cli.catalogues import NAMED, catalogue_named
from rating.cli.comparison import chart, comparison, comparison_arguments, show_comparison
from rating.cli.faults import CommandError
from rating.cli.shared import json_argument, lake_argument, opened, print_json

if TYPE_CHECKING:
    from rating.lake import Lake
    from rating.period import Period
    from rating.simulate import Simulation
    from tariffs.catalogue import Catalogue


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll simulate``."""
    part.add_argument("--tariffs", required=True, metavar="TARIFF", help=f"the candidate: {NAMED}")
    part.add_argument("--period", metavar="P", help="2026-10, 2026-10-05, or 2026-10-05/2026-10-11")
    part.add_argument("--from", dest="first", metavar="DAY", help="first day, instead of --period")
    part.add_argument("--to", dest="last", metavar="DAY", help="last day, with --from (default: that day alone)")
    part.add_argument("--zone", default="UTC", metavar="ZONE", help="time zone of the days (default: %(default)s)")
    comparison_arguments(part)
    says = "draw on balances, too: what the accounts of the period used from then on is rated again, in order"
    part.add_argument("--balances", action="store_true", help=says)
    part.add_argument("--accounts", metavar="FILE", help="write every account's change to .csv, .parquet or .json")
    lake_argument(part)
    json_argument(part)


def run(args: argparse.Namespace) -> int:
    """Simulate; 1 if the candidate could not price some of the usage."""
    from rating.answers import export
    from rating.simulate import simulate

    period = _period(args)
    catalogue = catalogue_named(args.tariffs, args.lake)
    with opened(args) as lake:
        found = _with_balances(lake, catalogue, period, args) if args.balances else simulate(lake, catalogue, period)
    if args.accounts:
        export(found.changes["account"], Path(args.accounts))
    if args.chart:
        chart(found, Path(args.chart))
    if args.json:
        print_json(_json(found, period, args.top))
    else:
        _print(found, args.top)
    return int(found.unpriced.num_rows > 0)


def _with_balances(lake: Lake, catalogue: Catalogue, period: Period, args: argparse.Namespace) -> Simulation:
    """What a re-rating by ``catalogue`` would change."""
    from rating.cli.progress import stepping
    from rating.rerating.rerate import preview
    from rating.rerating.scope import RERATE, Scope

    scope = Scope(RERATE, period.start_utc, period.end_utc, tariff_version=catalogue.version)
    with stepping("simulating", quiet=args.json) as watch:
        return preview(lake, scope, catalogue, watch).simulation(period, catalogue)


def _period(args: argparse.Namespace) -> Period:
    from rating.period import Period, PeriodError

    if bool(args.period) == bool(args.first) or (args.last and not args.first):
        raise CommandError("give a --period, or --from and --to", 2)
    text = args.period or (f"{args.first}/{args.last}" if args.last else args.first)
    try:
        return Period.parse(text, args.zone)
    except PeriodError as fault:
        raise CommandError(str(fault), 2) from None


def _json(found: Simulation, period: Period, top: int) -> dict[str, Any]:
    return {
        "tariff_version": found.tariff_version,
        "from": period.start_utc.isoformat(),
        "until": period.end_utc.isoformat(),
        "events": found.events,
        **comparison(found, top),
    }


def _print(found: Simulation, top: int) -> None:
    print(f"{found.events:,} events, {found.period}, by tariff {found.tariff_version}.")
    show_comparison(found, top, "Not priced by the candidate, and left out above")
