"""toll tariff import: write a tariff folder from another system's files.

Enters: files to import. Leaves: a tariff folder and every finding of the import. Always holds: an import that lost
something priced exits with 1.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rating.cli.faults import CommandError
from rating.cli.shared import json_argument, print_json

if TYPE_CHECKING:
    from tariffs.importers.report import Report


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll tariff import``."""
    kinds = part.add_subparsers(dest="kind", metavar="KIND", required=True)
    _cgrates(kinds.add_parser("cgrates", help="a folder of CGRateS 0.x tariff CSVs"))
    _deck(kinds.add_parser("deck", help="an A-Z price sheet, CSV or XLSX"))


def _cgrates(part: argparse.ArgumentParser) -> None:
    part.add_argument("source", metavar="SRC", help="folder of Destinations.csv, Rates.csv, RatingPlans.csv, ...")
    part.add_argument("folder", metavar="DEST", help="folder to write; it must hold no tariff yet")
    part.add_argument("--currency", default="XXX", help="ISO 4217 code of the amounts (default: %(default)s, none)")
    part.add_argument("--zone", default="UTC", help="IANA zone of timings and naive dates (default: %(default)s)")
    part.add_argument(
        "--fallback-depth", type=int, default=3, metavar="N", help="subjects that a fallback may pass, the first too"
    )
    json_argument(part)


def _deck(part: argparse.ArgumentParser) -> None:
    part.add_argument("source", metavar="SHEET", help="the price sheet: .csv or .xlsx")
    part.add_argument("folder", metavar="DEST", help="tariff folder to write ID.toml and ID.csv to")
    part.add_argument("--mapping", metavar="FILE", help="TOML with the keys below; docs/importers.md")
    part.add_argument("--id", help="id of the deck and its plan (default: name of the sheet)")
    part.add_argument("--currency", help="ISO 4217 code of the prices")
    part.add_argument("--column", action="append", default=[], metavar="KEY=NAME", help="which column holds KEY")
    part.add_argument("--where", action="append", default=[], metavar="NAME=A,B", help="only rows with these values")
    part.add_argument("--intervals", metavar="N/N", help="first and further interval, without a column (default: 1/1)")
    part.add_argument("--per", type=int, metavar="N", help="units that a price is for (default: 60)")
    part.add_argument("--separator", help="between the cells of a CSV (default: ,)")
    part.add_argument("--encoding", help="of a CSV (default: utf-8)")
    part.add_argument("--worksheet", help="of an XLSX (default: the first)")
    part.add_argument("--no-header", action="store_true", help="columns are named 1, 2, 3, ...")
    part.add_argument("--date-format", metavar="FORMAT", help="of effective dates, as strptime has it (default: ISO)")
    part.add_argument("--date-zone", metavar="ZONE", help="IANA zone of dates without an offset (default: UTC)")
    json_argument(part)


def run(args: argparse.Namespace) -> int:
    """Import; 1 if something priced was lost."""
    return _told(args, _imported(args))


def _imported(args: argparse.Namespace) -> Report:
    try:
        if args.kind == "cgrates":
            from tariffs.importers.cgrates import import_cgrates

            return import_cgrates(
                Path(args.source), Path(args.folder), currency=args.currency, zone=args.zone, depth=args.fallback_depth
            )
        from tariffs.importers.deck import import_deck
        from tariffs.importers.mapping import mapping

        return import_deck(Path(args.source), Path(args.folder), mapping(vars(args)))
    except (ValueError, OSError) as error:
        raise CommandError(str(error), 2) from None


def _told(args: argparse.Namespace, report: Report) -> int:
    if args.json:
        findings = [
            {"file": each.place.file, "line": each.place.line, "kind": each.kind, "message": each.message}
            for each in report.sorted
        ]
        print_json({"folder": args.folder, "complete": report.complete, **report.written, "findings": findings})
    else:
        print(*report.sorted, sep="\n")
        sizes = ", ".join(f"{count:,} {name}" for name, count in report.written.items())
        print(f"{args.folder}: {sizes}; {'all prices imported' if report.complete else 'something priced was lost'}")
    return 0 if report.complete else 1
