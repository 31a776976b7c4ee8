"""toll tariff diff: what changes from one tariff to another, price by price.

Enters: two tariffs (folders, compiled files, versions in the lake). Leaves: a summary by plan and zone, the
largest changes, and which other definitions changed. Always holds: percents are of exact prices; 0 whether or not
anything changed.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rating.cli.catalogues import NAMED, at_argument, catalogue_named, instant_of
from rating.cli.shared import json_argument, lake_argument, print_json, show

if TYPE_CHECKING:
    import polars as pl


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll tariff diff``."""
    part.add_argument("old", metavar="A", help=f"the old tariff: {NAMED}")
    part.add_argument("new", metavar="B", help="the new tariff, likewise")
    part.add_argument(
        "--top", type=int, default=20, metavar="N", help="how many changes to list (default: %(default)s)"
    )
    part.add_argument("--to", metavar="FILE", help="write every change to a .csv, .parquet or .json file")
    at_argument(part)
    lake_argument(part)
    json_argument(part)


def run(args: argparse.Namespace) -> int:
    """Compare and print."""
    from pathlib import Path

    from rating.answers import export, json_rows, rich_table
    from tariffs.compare import compare
    from tariffs.definitions import changed_definitions

    old, new = (catalogue_named(name, args.lake) for name in (args.old, args.new))
    found = compare(old, new, instant_of(args))
    if args.to:
        export(_told(found.rows).to_arrow(), Path(args.to))
    definitions = changed_definitions(old, new)
    by_plan, by_zone = (found.summary(*by) for by in (("plan",), ("plan", "zone")))
    if args.json:
        parts = {"plans": by_plan, "zones": by_zone, "changes": found.rows, "definitions": definitions}
        rows = {name: json_rows(_told(part).to_arrow()) for name, part in parts.items()}
        print_json({"old": found.old, "new": found.new, "compared": found.compared, **rows})
        return 0
    print(f"{found.compared:,} prices compared, {found.rows.height:,} changes from {found.old} to {found.new}.")
    if found.rows.height:
        show(rich_table(_told(by_plan).to_arrow(), "By plan (highest and lowest in percent)"))
        show(rich_table(_told(found.largest(args.top)).to_arrow(), "Largest changes"))
    if definitions.height:
        show(rich_table(definitions.to_arrow(), "Other definitions"))
    return 0


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    """``rows`` with percents as text."""
    import polars as pl

    from tariffs.compare import percent_text

    percents = [name for name in ("percent", "highest", "lowest") if name in rows.columns]
    return rows.with_columns(pl.Series(name, map(percent_text, rows[name]), pl.String) for name in percents)
