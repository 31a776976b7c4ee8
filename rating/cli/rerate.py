"""toll rerate: rate what is in the lake again, by the tariff that it had or by another.

Enters: days and filters, a tariff. Leaves: what would change, as tables, JSON or a chart; with --apply, reversals and
new charges under a new rating run. Always holds: nothing is overwritten; without --apply the lake is only read; the
same command again goes on with a run that was stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rating.cli.catalogues import NAMED, catalogue_named
from rating.cli.comparison import chart, comparison, comparison_arguments, show_comparison
from rating.cli.faults import CommandError
from rating.cli.progress import stepping
from rating.cli.shared import json_argument, lake_argument, opened, print_json, whole_number

if TYPE_CHECKING:
    from rating.period import Period
    from rating.rerating.compared import Compared
    from rating.rerating.scope import Scope
    from tariffs.catalogue import Catalogue

_FILTERS = (("account", "whoever pays or is paid"), ("plan", "the plan"), ("zone", "the destination zone"))


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll rerate``."""
    part.add_argument("--from", dest="first", metavar="DAY", help="first day of usage")
    part.add_argument("--to", dest="last", metavar="DAY", help="last day (default: the first alone)")
    part.add_argument("--time-zone", default="UTC", metavar="ZONE", help="zone of the days (default: %(default)s)")
    for name, says in _FILTERS:
        part.add_argument(f"--{name}", metavar="NAME", help=f"only legs whose charge has this as {says}")
    part.add_argument("--leg", metavar="LEG", help="only this leg: retail, wholesale_in, ...")
    part.add_argument("--tariffs", metavar="TARIFF", help=f"{NAMED} (default: for each leg the one that it has)")
    part.add_argument("--due", action="store_true", help="what came for closed periods, and what it touches")
    part.add_argument("--resume", action="store_true", help="go on with the run that was stopped")
    part.add_argument("--apply", action="store_true", help="write it (default: only tell what would change)")
    part_argument(part)
    comparison_arguments(part)
    lake_argument(part)
    json_argument(part)


def part_argument(part: argparse.ArgumentParser) -> None:
    """``--part-legs N``."""
    says = "legs rated and committed at a time: memory, and how long a stream beside waits (default: %(default)s)"
    part.add_argument("--part-legs", type=whole_number(1, 10_000_000), default=200_000, metavar="N", help=says)


def run(args: argparse.Namespace) -> int:
    """Rate again; 1 if some legs could not be priced, and so stay as they are."""
    from rating.lake.closed import closed_until
    from rating.rerating.rerate import preview, rerate, resume

    period = _period(args)
    tariff = catalogue_named(args.tariffs, args.lake) if args.tariffs else None
    write = args.apply or args.resume
    with opened(args, write=write) as lake, stepping("rating again", quiet=args.json) as watch:
        if args.due and closed_until(lake) is None:
            raise CommandError("no period has been closed yet, so nothing can be due")
        if not write:
            compared = preview(lake, _scope(args, period, tariff), tariff, watch)
            return tell(args, 0, compared, period, tariff)
        lake.delete_orphans()
        if args.resume:
            made, compared = resume(lake, watch)
        else:
            made, compared = rerate(lake, _scope(args, period, tariff), tariff, watch, args.part_legs)
    return tell(args, made.number, compared, period, tariff)


def tell(
    args: argparse.Namespace, number: int, compared: Compared, period: Period | None, tariff: Catalogue | None
) -> int:
    """Print and draw what changed, under the run ``number`` (0: nothing was written)."""
    found = compared.simulation(period, tariff)
    if args.chart:
        chart(found, Path(args.chart))
    if args.json:
        print_json({**_figures(number, compared), **comparison(found, args.top)})
    else:
        print(_sentence(number, compared))
        show_comparison(found, args.top, "Not priced, and left as they are")
    return int(found.unpriced.num_rows > 0)


def _figures(number: int, compared: Compared) -> dict[str, Any]:
    rows = {"rated_legs": compared.legs, "charge_rows": compared.charges, "movement_rows": compared.movements}
    return {"rating_run": number or None, "applied": number > 0, **rows}


def _sentence(number: int, compared: Compared) -> str:
    rows = f"{compared.charges:,} rows of charges and {compared.movements:,} of balances"
    told = f"{compared.legs:,} legs rated again, {rows}"
    if number:
        return f"Run {number}: {told} added."
    return f"{told} would be added; --apply adds them."


def _scope(args: argparse.Namespace, period: Period | None, tariff: Catalogue | None) -> Scope:
    from rating.rerating.scope import DUE, RERATE, Scope

    filters = {name: getattr(args, name) for name in ("account", "plan", "zone", "leg")}
    if args.due:
        return Scope(DUE)
    assert period is not None  # noqa: S101 (_period saw to it)
    version = tariff.version if tariff else ""
    return Scope(RERATE, period.start_utc, period.end_utc, **filters, tariff_version=version)


def _period(args: argparse.Namespace) -> Period | None:
    from rating.period import Period, PeriodError

    narrowed = any(getattr(args, name) for name in ("account", "plan", "zone", "leg", "tariffs", "first", "last"))
    if args.due + args.resume + bool(args.first) != 1 or (narrowed and not args.first):
        raise CommandError("give --from (and --to, filters, --tariffs), or --due, or --resume", 2)
    if not args.first:
        return None
    try:
        return Period.parse(f"{args.first}/{args.last or args.first}", args.time_zone)
    except PeriodError as fault:
        raise CommandError(str(fault), 2) from None
