"""What changes from one rating to another, told: as tables, as JSON, as a picture.

Enters: a ``Simulation``. Leaves: output. Always holds: the largest changes come first; amounts are exact decimals.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rating.cli.faults import CommandError
from rating.cli.shared import show

if TYPE_CHECKING:
    from rating.simulate import Simulation


def comparison_arguments(part: argparse.ArgumentParser) -> None:
    """``--top N`` and ``--chart FILE``."""
    part.add_argument("--top", type=int, default=10, metavar="N", help="rows of each table (default: %(default)s)")
    part.add_argument("--chart", metavar="FILE", help="draw the changes to a .png, .svg or .pdf file")


def chart(found: Simulation, path: Path) -> None:
    """Draw ``found`` to ``path``."""
    from rating.chart import draw

    try:
        draw(found, path)
    except (OSError, ValueError) as fault:
        raise CommandError(f"{path}: cannot be drawn: {fault}") from None


def comparison(found: Simulation, top: int) -> dict[str, Any]:
    """The changes as JSON-able values: all of them by plan, zone and segment, the ``top`` accounts."""
    from rating.answers import json_rows

    parts = {by: json_rows(rows) for by, rows in found.changes.items() if by != "account"}
    return {
        "margins": json_rows(found.margins()),
        **{f"{by}s": rows for by, rows in parts.items()},
        "winners": json_rows(found.accounts(winners=True, count=top)),
        "losers": json_rows(found.accounts(winners=False, count=top)),
        "unpriced": json_rows(found.unpriced),
    }


def show_comparison(found: Simulation, top: int, unpriced: str) -> None:
    """Print the changes as tables; ``unpriced`` is the title of what could not be priced."""
    from rating.answers import rich_table

    tables = {
        "Revenue and cost": found.margins(),
        **{f"By {by}": found.changes[by].slice(0, top) for by in ("plan", "zone", "segment")},
        "Winners: accounts that pay less": found.accounts(winners=True, count=top),
        "Losers: accounts that pay more": found.accounts(winners=False, count=top),
        unpriced: found.unpriced,
    }
    for title, table in tables.items():
        if table.num_rows:
            show(rich_table(table, title))
