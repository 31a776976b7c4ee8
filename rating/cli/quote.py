"""toll quote: price hypothetical events, one JSON line in, one out.

Enters: a tariff folder and newline-delimited JSON events (docs/quote.md). Leaves: a JSON line for each
line, in order. Always holds: a line that cannot be read or priced gives a line with ``error``.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import nullcontext
from pathlib import Path

from rating.cli.faults import CommandError
from rating.cli.shared import compiled, tariffs_argument


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll quote``."""
    tariffs_argument(part)
    part.add_argument("--events", default="-", metavar="FILE", help="events as NDJSON; - is stdin (default)")
    part.add_argument("--explain", action="store_true", help="add the story of each leg to its line")
    part.add_argument("--json", action="store_true", help="accepted for uniformity: the output is always JSON lines")


def run(args: argparse.Namespace) -> int:
    """Quote; 1 if any line has an error."""
    from rating.cli.warmth import choose_jit

    choose_jit([] if args.events == "-" else [args.events])
    from rating.quote import quote_lines

    catalogue = compiled(args.tariffs)
    failed = False
    try:
        with nullcontext(sys.stdin) if args.events == "-" else Path(args.events).open(errors="replace") as lines:
            for answer in quote_lines(catalogue, lines, explain=args.explain):
                failed |= answer["error"] is not None
                print(json.dumps(answer, ensure_ascii=False))
    except OSError as fault:
        raise CommandError(f"{args.events}: cannot be read: {fault.strerror}", 2) from None
    return int(failed)
