"""toll serve: answer questions about accounts over HTTP, while others write the lake; or look after tokens.

Enters: a lake, a file of tokens, an address. Leaves: answers, until it is stopped (SIGTERM, SIGINT). Always holds: it
changes nothing in the lake; beyond the machine it speaks TLS, unless told otherwise.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rating.cli.broker import stopped_by_signals
from rating.cli.faults import CommandError
from rating.cli.shared import config_argument, json_argument, lake_argument, opened, print_json, show, whole_number

if TYPE_CHECKING:
    from rating.api.tokens import Grants


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll serve``."""
    lake_argument(part)
    part.add_argument("--tokens", metavar="FILE", default="tokens.toml", help="who may ask what (default: %(default)s)")
    part.add_argument("--listen", metavar="HOST:PORT", default="127.0.0.1:8464", help="default: %(default)s")
    part.add_argument("--certificate", type=Path, metavar="FILE", help="TLS certificate with its chain (PEM)")
    part.add_argument("--key", type=Path, metavar="FILE", help="its private key (PEM, mode 0600)")
    part.add_argument("--allow-plaintext", action="store_true", help="listen beyond the machine without TLS")
    part.add_argument(
        "--refresh-ms", type=whole_number(50, 60_000), default=500, metavar="N", help="look for new commits"
    )
    part.add_argument("--workers", type=whole_number(1, 64), default=1, metavar="N", help="processes that answer")
    part.add_argument("--query-s", type=whole_number(1, 600), default=10, metavar="S", help="longest query of the lake")
    part.add_argument("--cache", type=Path, metavar="DIR", help="where to keep the shelves (default: temporary files)")
    config_argument(part)
    part.add_argument("--quiet", action="store_true", help="log warnings only")
    part.set_defaults(action="run")
    below = part.add_subparsers(dest="action", metavar="ACTION")
    token = below.add_parser("token", help="make, list or revoke tokens").add_subparsers(dest="verb", required=True)
    _new(token.add_parser("new", help="make a token and print it: it is not kept"))
    _kept(token.add_parser("list", help="the tokens, without their secrets"))
    revoke = token.add_parser("revoke", help="take a token back")
    revoke.add_argument("name", metavar="NAME", help="its first eight digits")
    _kept(revoke)


def _new(part: argparse.ArgumentParser) -> None:
    part.add_argument("--role", required=True, choices=("reader", "care", "account", "metrics"))
    part.add_argument("--account", default="", metavar="A", help="of the role account: whose it is")
    part.add_argument("--personal-data", action="store_true", help="of the role care: show numbers and places")
    part.add_argument(
        "--per-second", type=whole_number(1, 100_000), default=20, metavar="N", help="default: %(default)s"
    )
    part.add_argument("--burst", type=whole_number(1, 100_000), default=100, metavar="N", help="default: %(default)s")
    _kept(part)


def _kept(part: argparse.ArgumentParser) -> None:
    part.add_argument("--tokens", metavar="FILE", default=argparse.SUPPRESS, help="the file (default: tokens.toml)")
    json_argument(part)


def run(args: argparse.Namespace) -> int:
    """Serve, or look after tokens."""
    return _token(args) if args.action == "token" else _serve(args)


def _token(args: argparse.Namespace) -> int:
    from rating.api.tokens import new_token, read_tokens, revoke

    path = Path(args.tokens)
    if args.verb == "new":
        names = ("role", "account", "personal_data", "per_second", "burst")
        said = {"token": new_token(path, {name: getattr(args, name) for name in names})}
    elif args.verb == "revoke":
        revoke(path, args.name)
        said = {"revoked": args.name}
    else:
        return _listed(read_tokens(path), as_json=args.json)
    if args.json:
        print_json(said)
    else:
        print(*said.values())
    return 0


def _listed(grants: Grants, *, as_json: bool) -> int:
    rows = [
        {"name": name, "role": g.role.value, "account": g.account, "personal_data": g.unmasked}
        | {"per_second": g.per_second, "burst": g.burst}
        for name, g in grants.items()
    ]
    if as_json:
        print_json(rows)
    else:
        import pyarrow as pa

        from rating.answers import rich_table

        show(rich_table(pa.Table.from_pylist(rows), "Tokens"))
    return 0


def _serve(args: argparse.Namespace) -> int:
    from rating.api.serving import serve
    from rating.api.settings import Address, Settings
    from rating.streaming.logs import log_json

    host, _, port = args.listen.rpartition(":")
    if not host or not port.isdecimal():
        raise CommandError(f"--listen {args.listen}: expected HOST:PORT", 2)
    address = Address(host.strip("[]"), int(port), args.certificate, args.key, args.allow_plaintext)
    settings = Settings(
        lake=Path(args.lake),
        tokens=Path(args.tokens),
        cache=args.cache,
        workers=args.workers,
        refresh_ms=args.refresh_ms,
        far_s=args.query_s,
    )
    log_json(quiet=args.quiet)
    opened(args).close()
    with stopped_by_signals(lambda: sys.exit(0)):  # before the server sees to signals, and after it has
        serve(settings, address)
    return 0
