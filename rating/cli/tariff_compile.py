"""toll tariff compile: compile a tariff folder into one file, named by the hash of its content.

Enters: a tariff folder. Leaves: a file that every command takes where it takes a tariff to look at. Always holds:
the same folder gives the same bytes and the same name.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rating.cli.faults import CommandError
from rating.cli.shared import compiled, json_argument, print_json


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll tariff compile``."""
    part.add_argument("folder", metavar="DIR", help="folder of the tariff")
    part.add_argument("--to", default=".", metavar="PATH", help="an .arrow file, or a folder for VERSION.arrow")
    json_argument(part)


def run(args: argparse.Namespace) -> int:
    """Compile and write."""
    from tariffs.catalogue_file import save

    catalogue = compiled(args.folder)
    path = Path(args.to)
    if path.suffix != ".arrow":
        path /= f"{catalogue.version}.arrow"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save(catalogue, path)
    except OSError as fault:
        raise CommandError(f"{path}: cannot be written: {fault.strerror or fault}") from None
    if args.json:
        print_json({"version": catalogue.version, "file": str(path)})
    else:
        print(path)
    return 0
