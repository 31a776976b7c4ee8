"""What several commands need: a lake, a tariff, output as a table or as JSON.

Always holds: results go to stdout, progress and problems to stderr; ``--json`` prints one JSON value.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rating.cli.faults import CommandError

if TYPE_CHECKING:
    import pyarrow as pa

    from rating.lake import Lake
    from tariffs.catalogue import Catalogue


_UNWRAPPED = 250


def lake_argument(part: argparse.ArgumentParser) -> None:
    """``--lake DIR``."""
    part.add_argument("--lake", metavar="DIR", default="lake", help="folder of the lake (default: %(default)s)")


def json_argument(part: argparse.ArgumentParser) -> None:
    """``--json``."""
    part.add_argument("--json", action="store_true", help="print JSON instead of text")


def layout_argument(part: argparse.ArgumentParser) -> None:
    """``--layout L``."""
    part.add_argument("--layout", required=True, metavar="L", help="name of a shipped layout, or a .toml file")


def tariffs_argument(part: argparse.ArgumentParser, *, required: bool = True) -> None:
    """``--tariffs DIR``."""
    part.add_argument("--tariffs", required=required, metavar="DIR", help="folder of the tariff")


def config_argument(part: argparse.ArgumentParser) -> None:
    """``--config FILE``."""
    part.add_argument("--config", metavar="FILE", help="TOML file with these arguments, by their long names")


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


class Answer(Protocol):
    """What a command found."""

    def to_json(self) -> object:
        """The same as JSON."""


def tell(args: argparse.Namespace, found: Answer, rows: pa.Table, tables: Mapping[str, pa.Table], nothing: str) -> int:
    """Export ``rows`` to where ``--to`` says; print what was ``found`` as JSON, or as ``tables`` by title.

    The exit code: 1 if there is no row, which ``nothing`` then says.
    """
    from rating.answers import export, rich_table

    if args.to:
        export(rows, Path(args.to))
    if args.json:
        print_json(found.to_json())
    elif not rows.num_rows:
        print(nothing)
    else:
        for title, table in tables.items():
            show(rich_table(table, title))
    return int(not rows.num_rows)


def print_json(value: Any) -> None:  # noqa: ANN401 - anything that is JSON
    """Print ``value`` as JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False))
