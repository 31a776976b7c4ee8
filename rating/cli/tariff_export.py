"""toll tariff export: write a tariff as a folder of A-Z sheets and TOML.

Enters: a tariff folder, a compiled file, or a version in the lake. Leaves: a tariff folder that compiles to the same
version. Always holds: no file is written over.
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
        files = export_tariff(catalogue, Path(args.folder))
    except OSError as fault:
        raise CommandError(f"{args.folder}: cannot be written: {fault}") from None
    if args.json:
        print_json({"version": catalogue.version, "folder": args.folder, "files": files})
    else:
        print(f"{args.folder}: {', '.join(files)}")
    return 0
