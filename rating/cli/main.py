"""``toll``: the commands, and how every one of them ends.

Enters: arguments. Leaves: an exit code: 0 well, 1 the data differ or were refused, 2 wrong use. Always
holds: a fault of input or environment is one clear message on stderr, never a traceback; ``--help``
imports nothing but this package, so that it is instant.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from rating.cli import (
    alerts,
    audit,
    balance,
    bill,
    close,
    collect,
    decode,
    explain,
    layout,
    quote,
    rate,
    rekey,
    rerate,
    serve,
    settle,
    simulate,
    sql,
    stream,
    suspense,
    tap,
    tariff,
)
from rating.cli.config import with_config
from rating.cli.faults import CommandError, known_faults

COMMANDS = (
    rate,
    stream,
    alerts,
    collect,
    rekey,
    layout,
    decode,
    tariff,
    quote,
    explain,
    suspense,
    audit,
    balance,
    bill,
    settle,
    tap,
    simulate,
    rerate,
    close,
    sql,
    serve,
)
VERSION = "0.1.0"


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    whole = argparse.ArgumentParser(
        prog="toll", description="CDR mediation and rating: switch records in, exact and explainable charges out."
    )
    whole.add_argument("--version", action="version", version=f"toll {VERSION}")
    below = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        name = command.__name__.rsplit(".", 1)[-1]
        says = (command.__doc__ or "").partition("\n")[0].partition(": ")[2].rstrip(".")
        part = below.add_parser(name, help=says, description=says)
        command.arguments(part)
        part.set_defaults(run=command.run)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    try:
        args = parser().parse_args(with_config(sys.argv[1:] if arguments is None else arguments))
    except CommandError as fault:
        print(f"toll: {fault}", file=sys.stderr)
        return fault.code
    try:
        code: int = args.run(args)
        sys.stdout.flush()
    except CommandError as fault:
        print(f"toll {args.command}: {fault}", file=sys.stderr)
        return fault.code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print(
            f"toll {args.command}: stopped; what was committed stays, the same command goes on from there",
            file=sys.stderr,
        )
        return 130
    except known_faults() as fault:
        print(f"toll {args.command}: {fault}", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
