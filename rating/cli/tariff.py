"""toll tariff: check a tariff folder, or show what it compiles to.

Enters: a tariff folder. Leaves: every problem with file and line, or the compiled tariff's version and sizes.
"""

from __future__ import annotations

import argparse

from rating.cli.shared import compiled, json_argument, print_json


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll tariff``."""
    below = part.add_subparsers(dest="action", metavar="ACTION", required=True)
    checks = below.add_parser("check", help="load, check and compile; print every problem")
    checks.add_argument("folder", metavar="DIR", help="folder of the tariff")
    json_argument(checks)


def run(args: argparse.Namespace) -> int:
    """Check; 1 if there are problems."""
    catalogue = compiled(args.folder)
    tables = ("plan", "rate", "zone", "prefix", "account", "trunk", "band", "currency")
    sizes = {f"{name}s": len(getattr(catalogue, f"{name}_names")) for name in tables}
    if args.json:
        print_json({"version": catalogue.version, **sizes})
    else:
        print(f"{args.folder}: no problems; version {catalogue.version}")
        print(", ".join(f"{count:,} {name}" for name, count in sizes.items()))
    return 0
