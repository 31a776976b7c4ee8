"""toll tariff: check, show, compare, import, export and compile tariffs.

Enters: tariff folders, compiled files, versions in a lake, other systems' files. Leaves: problems, tables, folders,
compiled files. Always holds: one module an action; none changes a lake.
"""

from __future__ import annotations

import argparse

from rating.cli import tariff_check, tariff_compile, tariff_diff, tariff_export, tariff_import, tariff_show

ACTIONS = (tariff_check, tariff_show, tariff_diff, tariff_compile, tariff_export, tariff_import)


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll tariff``."""
    below = part.add_subparsers(dest="action", metavar="ACTION", required=True)
    for action in ACTIONS:
        name = action.__name__.rpartition("_")[2]
        says = (action.__doc__ or "").partition("\n")[0].partition(": ")[2].rstrip(".")
        action_part = below.add_parser(name, help=says, description=says)
        action.arguments(action_part)
        action_part.set_defaults(act=action.run)


def run(args: argparse.Namespace) -> int:
    """Run one action."""
    code: int = args.act(args)
    return code
