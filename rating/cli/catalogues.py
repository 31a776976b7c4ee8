"""Tariffs by name: a folder, a compiled file, or a version that a lake keeps; and the instant to look at them.

Enters: arguments. Leaves: catalogues. Always holds: what cannot be found or has errors ends the command.
"""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rating.cli.faults import CommandError
from rating.cli.shared import compiled

if TYPE_CHECKING:
    from tariffs.catalogue import Catalogue

_VERSION = re.compile(r"[0-9a-f]{16}")

NAMED = "a tariff folder, a compiled file, or a version in the lake"


def at_argument(part: argparse.ArgumentParser) -> None:
    """``--at DATE``."""
    part.add_argument("--at", metavar="DATE", help="prices in force then, UTC unless it has an offset (default: now)")


def instant_of(args: argparse.Namespace) -> int:
    """The instant that ``--at`` names, in UTC microseconds."""
    from tariffs.values import instant, zone_info

    text = args.at or datetime.now(UTC).isoformat()
    try:
        return instant(text, zone_info("UTC"))
    except ValueError as fault:
        raise CommandError(f"--at: {fault}", 2) from None


def catalogue_named(name: str, lake: str) -> Catalogue:
    """The catalogue of the folder or file ``name``, or of that version in ``lake``.

    Raises:
        CommandError: there is none, or it cannot be used.

    """
    if Path(name).is_dir():
        return compiled(name)
    if Path(name).is_file():
        from tariffs.catalogue_file import load_catalogue

        try:
            return load_catalogue(Path(name))
        except (ValueError, OSError) as fault:
            raise CommandError(str(fault), 2) from None
    if not _VERSION.fullmatch(name):
        raise CommandError(f"{name}: no such tariff folder or compiled file, and no version of 16 hex digits", 2)
    from rating.lake import open_lake
    from rating.stored import stored_catalogue

    with open_lake(lake, read_only=True) as opened:
        return stored_catalogue(opened, name)
