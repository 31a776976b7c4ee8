"""toll quote: price hypothetical events, one JSON line in, one out.

Enters: a tariff folder and newline-delimited JSON events (docs/quote.md). Leaves: a JSON line for each
line, in order. Always holds: a line that cannot be read or priced gives a line with ``error``; a lake is only read.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rating.cli.faults import CommandError
from rating.cli.shared import compiled, tariffs_argument

if TYPE_CHECKING:
    from rating.balances.quoted import Held
    from tariffs.catalogue import Catalogue


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll quote``."""
    tariffs_argument(part)
    part.add_argument("--events", default="-", metavar="FILE", help="events as NDJSON; - is stdin (default)")
    part.add_argument("--explain", action="store_true", help="add the story of each leg to its line")
    part.add_argument(
        "--lake", metavar="DIR", help="draw on the balances of this lake: allowances, totals, caps, money"
    )
    part.add_argument("--json", action="store_true", help="accepted for uniformity: the output is always JSON lines")


def run(args: argparse.Namespace) -> int:
    """Quote; 1 if any line has an error."""
    from rating.cli.warmth import choose_jit

    choose_jit([] if args.events == "-" else [args.events])
    from rating.quote import quote_lines

    if args.explain and args.lake:
        raise CommandError("give --explain or --lake: the story is of the price without balances", 2)
    catalogue = compiled(args.tariffs)
    failed = False
    try:
        with ExitStack() as opened:
            held = opened.enter_context(_held(args.lake, catalogue)) if args.lake else None
            lines = sys.stdin if args.events == "-" else opened.enter_context(Path(args.events).open(errors="replace"))
            for answer in quote_lines(catalogue, lines, explain=args.explain, held=held):
                failed |= answer["error"] is not None
                print(json.dumps(answer, ensure_ascii=False))
    except OSError as fault:
        raise CommandError(f"{args.events}: cannot be read: {fault.strerror}", 2) from None
    return int(failed)


@contextmanager
def _held(folder: str, catalogue: Catalogue) -> Iterator[Held | None]:
    """The balances of the lake in ``folder``; None where ``catalogue`` has nothing to draw on."""
    from rating.balances.quoted import Held
    from rating.balances.restore import live_balances
    from rating.lake import open_lake

    with open_lake(folder, read_only=True) as lake:
        balances = live_balances(lake, catalogue)
        yield Held(lake, balances) if balances else None
