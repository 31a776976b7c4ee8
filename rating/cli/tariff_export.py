"""toll tariff export: write a tariff as a folder of A-Z sheets and TOML.

Enters: a tariff folder, a compiled file, or a version in the lake. Leaves: a tariff folder that loads, and notes on
what it says otherwise. Always holds: no file is written over; subscriptions and trunks stay where they are.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rating.cli.catalogues import NAMED, catalogue_named
from rating.cli.faults import CommandError
from rating.cli.shared import json_argument, lake_argument, print_json


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll tariff export``."""
    part.add_argument("tariff", metavar="TARIFF", help=NAMED)
    part.add_argument("folder", metavar="DEST", help="folder to write; it must be new or empty")
    lake_argument(part)
    json_argument(part)


def run(args: argparse.Namespace) -> int:
    """Export and tell what was written."""
    from tariffs.export import export_tariff

    catalogue = catalogue_named(args.tariff, args.lake)
    try:
        notes = export_tariff(catalogue, Path(args.folder))
    except OSError as fault:
        raise CommandError(f"{args.folder}: cannot be written: {fault}") from None
    files = sorted(path.name for path in Path(args.folder).iterdir())
    if args.json:
        print_json({"version": catalogue.version, "folder": args.folder, "files": files, "notes": notes})
    else:
        print(*(f"note: {note}" for note in notes), f"{args.folder}: {', '.join(files)}", sep="\n")
    return 0
