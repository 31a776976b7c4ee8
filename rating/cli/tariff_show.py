"""toll tariff show: the plans, rules, rates, zones, fees and more of a tariff, or the rate that one number meets.

Enters: a tariff folder, a compiled file, or a version in the lake. Leaves: a table, CSV or JSON. Always holds: what is
shown is what rating uses; 1 if there is nothing to show.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from rating.cli.catalogues import NAMED, at_argument, catalogue_named, instant_of
from rating.cli.faults import CommandError
from rating.cli.shared import json_argument, lake_argument, print_json, show

if TYPE_CHECKING:
    import polars as pl

    from tariffs.catalogue import Catalogue


_SAID = ("allowance", "accumulator", "fee", "discount")
"""Kinds of tables that are shown as they are said: they are compiled to no prices."""


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll tariff show``."""
    part.add_argument("tariff", metavar="TARIFF", help=NAMED)
    part.add_argument("--plan", metavar="ID", help="one plan (its rules, unless another of these is asked for)")
    what = part.add_mutually_exclusive_group()
    what.add_argument("--rates", action="store_true", help="every rate in use")
    what.add_argument("--zones", action="store_true", help="what each zone of --plan costs")
    what.add_argument("--sheet", action="store_true", help="every price of --plan, A to Z")
    what.add_argument("--partners", action="store_true", help="every roaming agreement")
    for kind in _SAID:
        what.add_argument(f"--{kind}s", action="store_true", help=f"every {kind}, as the tariff has it")
    what.add_argument("--number", metavar="B", help="which rate +447700900123, or a short code, meets")
    part.add_argument("--service", default="voice", metavar="S", help="of --number (default: %(default)s)")
    at_argument(part)
    part.add_argument("--csv", action="store_true", help="print CSV")
    lake_argument(part)
    json_argument(part)


def run(args: argparse.Namespace) -> int:
    """Show; 1 if there is nothing."""
    from rating.answers import json_rows, rich_table, write_csv

    catalogue = catalogue_named(args.tariff, args.lake)
    table = _chosen(args, catalogue).to_arrow()
    if args.json:
        print_json({"version": catalogue.version, "rows": json_rows(table)})
    elif args.csv:
        write_csv(table, sys.stdout)
    elif table.num_rows:
        show(rich_table(table, f"Tariff {catalogue.version}"))
    else:
        print(f"Tariff {catalogue.version}: nothing of that kind.")
    return int(not table.num_rows)


def _chosen(args: argparse.Namespace, catalogue: Catalogue) -> pl.DataFrame:
    from rating.hypothetical import number
    from tariffs import shown
    from tariffs.partners import shown_partners

    plan = args.plan or ""
    known = catalogue.codes["plan_names"]
    if plan and plan not in known:
        raise CommandError(f"there is no plan {plan}; the tariff has {', '.join(known)}", 2)
    if (args.zones or args.sheet) and not plan:
        raise CommandError("--zones and --sheet need --plan", 2)
    tables: dict[str, Callable[[], pl.DataFrame]] = {
        "partners": lambda: shown_partners(catalogue),
        "number": lambda: shown.met(catalogue, number(args.number), args.service, instant_of(args), plan),
        "rates": lambda: shown.rates(catalogue, plan),
        "zones": lambda: shown.zones(catalogue, plan, instant_of(args)),
        "sheet": lambda: shown.sheet(catalogue, plan, instant_of(args)),
        **{f"{kind}s": partial(shown.said, catalogue, kind, plan) for kind in _SAID},
    }
    for name, table in tables.items():
        if getattr(args, name):
            return table()
    return shown.rules(catalogue, plan) if plan else shown.plans(catalogue)
