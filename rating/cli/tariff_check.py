"""toll tariff check: every problem of a tariff folder, errors and lints, with file and line.

Enters: a tariff folder, and maybe the tariff in force. Leaves: problems and sizes. Always holds: 1 if there is an
error, or with ``--strict`` any lint.
"""

from __future__ import annotations

import argparse
from collections import Counter
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rating.cli.catalogues import NAMED, at_argument, catalogue_named, instant_of
from rating.cli.faults import CommandError
from rating.cli.shared import json_argument, lake_argument, print_json

if TYPE_CHECKING:
    from tariffs.catalogue import Catalogue
    from tariffs.diagnose import Diagnosis
    from tariffs.model import Problem

_SHOWN = 20
_TABLES = ("plans", "rates", "zones", "prefixes", "accounts", "trunks", "bands", "currencies")


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll tariff check``."""
    part.add_argument("folder", metavar="DIR", help="folder of the tariff")
    part.add_argument("--strict", action="store_true", help="exit with 1 for lints too")
    part.add_argument("--against", metavar="TARIFF", help=f"what is in force, to find price jumps: {NAMED}")
    part.add_argument(
        "--jump-percent",
        type=_percent,
        default=Decimal(25),
        metavar="P",
        help="a change of more percent is a jump (default: %(default)s)",
    )
    at_argument(part)
    part.add_argument("--all", action="store_true", help=f"print all lints, not {_SHOWN} of each kind")
    lake_argument(part)
    json_argument(part)


def _percent(text: str) -> Decimal:
    try:
        percent = Decimal(text)
    except InvalidOperation:
        percent = Decimal(-1)
    if not percent.is_finite() or not 0 <= percent < 10**9:
        raise argparse.ArgumentTypeError(f"expected a percentage such as 25 or 7.5, not {text!r}")
    return percent


def run(args: argparse.Namespace) -> int:
    """Check; 1 if there are errors, or lints and ``--strict``."""
    from tariffs.diagnose import diagnose

    if not Path(args.folder).is_dir():
        raise CommandError(f"{args.folder}: no such tariff folder", 2)
    against = catalogue_named(args.against, args.lake) if args.against else None
    found = diagnose(Path(args.folder), instant_of(args), against, args.jump_percent)
    if args.json:
        print_json(_json(found))
    else:
        _print(args, found)
    return int(bool(found.errors or (args.strict and found.problems)))


def _sizes(catalogue: Catalogue) -> dict[str, int]:
    singular = {name: name.removesuffix("s") for name in _TABLES} | {"prefixes": "prefix", "currencies": "currency"}
    return {name: len(getattr(catalogue, f"{singular[name]}_names")) for name in _TABLES}


def _json(found: Diagnosis) -> dict[str, Any]:
    """The version and sizes of a tariff that can be used, and all problems."""
    usable = {"version": found.catalogue.version, **_sizes(found.catalogue)} if found.catalogue else {"version": None}
    return {
        **usable,
        "errors": len(found.errors),
        "lints": len(found.problems) - len(found.errors),
        "problems": [
            {
                "file": each.place.file,
                "line": each.place.line,
                "key": each.key,
                "severity": "lint" if each.lint else "error",
                "code": each.code,
                "message": each.message,
            }
            for each in found.problems
        ],
    }


def _print(args: argparse.Namespace, found: Diagnosis) -> None:
    told: Counter[str] = Counter()
    for problem in found.problems:
        told[problem.code] += problem.lint
        if args.all or told[problem.code] <= _SHOWN:
            print(_line(problem))
    for code, count in told.items():
        if count > _SHOWN and not args.all:
            print(f"... and {count - _SHOWN:,} more of kind {code} (--all prints them)")
    lints = ", ".join(f"{code} {count:,}" for code, count in told.items() if count)
    if found.catalogue is None:
        print(f"{args.folder}: {len(found.errors):,} errors; it cannot be used")
    else:
        verdict = f"no errors, lints: {lints}" if lints else "no problems"
        print(f"{args.folder}: {verdict}; version {found.catalogue.version}")
        print(", ".join(f"{count:,} {name}" for name, count in _sizes(found.catalogue).items()))


def _line(problem: Problem) -> str:
    return f"{problem} [{problem.code}]" if problem.lint else f"{problem} [error]"
