"""What several commands need: a lake, a tariff, output as a table or as JSON.

Always holds: results go to stdout, progress and problems to stderr; ``--json`` prints one JSON value.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rating.cli.faults import CommandError

if TYPE_CHECKING:
    from rating.after import Keeper
    from rating.alerts.rule import Rule
    from rating.lake import Lake
    from tariffs.catalogue import Catalogue


_UNWRAPPED = 250


def lake_argument(part: argparse.ArgumentParser) -> None:
    """``--lake DIR``."""
    part.add_argument("--lake", metavar="DIR", default="lake", help="folder of the lake (default: %(default)s)")


def json_argument(part: argparse.ArgumentParser) -> None:
    """``--json``."""
    part.add_argument("--json", action="store_true", help="print JSON instead of text")


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """What reads an argument that is a whole number from ``least`` to ``most``."""

    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return number


def opened(args: argparse.Namespace, *, write: bool = False) -> Lake:
    """The lake that ``args`` names; it must exist."""
    from rating.lake import open_lake

    return open_lake(args.lake, read_only=not write)


def compiled(folder: str) -> Catalogue:
    """The catalogue of the tariff folder; every problem is printed.

    Raises:
        CommandError: there is no such folder, or problems that are no mere warnings.

    """
    if not Path(folder).is_dir():
        raise CommandError(f"{folder}: no such tariff folder", 2)
    from rating.cli.tariff_cache import keep, kept, key_of

    key = key_of(Path(folder))
    known = kept(key)
    if known is not None:
        return known
    from tariffs.compile import compile_tariff
    from tariffs.load import load

    tariff, problems = load(Path(folder))
    catalogue, more = compile_tariff(tariff)
    for problem in [*problems, *more]:
        print(problem, file=sys.stderr)
    if catalogue is None or any(p.fatal for p in [*problems, *more]):
        raise CommandError(f"{folder}: the tariff has problems; nothing was done")
    if not problems and not more:
        keep(key, catalogue)
    return catalogue


def show(value: object) -> None:
    """Print ``value`` for people: a rich table, or text."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=_UNWRAPPED)  # a pipe has no width: keep each row on one line
    console.print(value)


def print_json(value: Any) -> None:  # noqa: ANN401 - anything that is JSON
    """Print ``value`` as JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def alert_rules(args: argparse.Namespace) -> tuple[Rule, ...]:
    """The rules of the file that ``--alerts`` names; none without it."""
    if not args.alerts:
        return ()
    from rating.alerts.alert_file import read_rules

    return read_rules(args.alerts)


def watched(lake: Lake, rules: tuple[Rule, ...]) -> list[Keeper]:
    """What weighs usage against ``rules`` as it lands; nothing without rules."""
    if not rules:
        return []
    from rating.alerts.keeper import Alerts

    return [Alerts(lake, rules)]
