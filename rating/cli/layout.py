"""toll layout: list the layouts, or check one against a sample.

Enters: a layout and a sample file. Leaves: how the first records map, field by field, with their errors.
Always holds: nothing is landed; the stages are those of a real run.
"""

from __future__ import annotations

import argparse

from rating.cli.shared import json_argument, print_json, show

SHOWN_BYTES = 1 << 20


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll layout``."""
    below = part.add_subparsers(dest="action", metavar="ACTION", required=True)
    lists = below.add_parser("list", help="the layouts that come with Tollstream")
    json_argument(lists)
    checks = below.add_parser("check", help="check a layout, and show how a sample maps")
    checks.add_argument("layout", metavar="LAYOUT", help="a layout file, or the name of a shipped one")
    checks.add_argument("--sample", metavar="DATA", help="a CDR file whose first records are shown")
    checks.add_argument("--records", type=int, default=5, metavar="N", help="how many records (default: %(default)s)")
    json_argument(checks)


def run(args: argparse.Namespace) -> int:
    """List or check; 1 if a shown record is rejected."""
    return _list(args) if args.action == "list" else _check(args)


def _list(args: argparse.Namespace) -> int:
    from mediation.layout_file import read_layout, shipped

    layouts = [read_layout(name) for name in shipped()]
    if args.json:
        print_json([{"name": one.name, "title": one.title, "version": one.version} for one in layouts])
        return 0
    for one in layouts:
        print(f"{one.name:24} {one.title}")
    return 0


def _check(args: argparse.Namespace) -> int:
    from mediation.layout_file import read_layout

    layout = read_layout(args.layout)
    if args.sample is None:
        if args.json:
            print_json({"layout": layout.name, "version": layout.version, "records": []})
        else:
            print(f"{layout.name}: no problems ({len(layout.mappings)} fields mapped, version {layout.version})")
        return 0
    from rating.cli.warmth import choose_jit

    choose_jit([])
    from mediation.preview import preview_file

    records = preview_file(args.sample, layout, args.records, SHOWN_BYTES)
    if args.json:
        print_json({"layout": layout.name, "version": layout.version, "records": [r.row() for r in records]})
    else:
        for record in records:
            show(_table(record))
    return int(any(r.reason for r in records))


def _table(record: object) -> object:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from mediation.preview import Preview

    assert isinstance(record, Preview)  # noqa: S101 - imported late, so the signature cannot say it
    table = Table(title=record.headline(), title_justify="left", box=SIMPLE_HEAD)
    for name in ("field", "rule", "as it came", "as usage"):
        table.add_column(name, overflow="fold")
    for field in record.fields:
        style = "bold red" if field.name == record.field and record.reason else ""
        table.add_row(field.name, field.rule, Text(field.came), Text(field.became), style=style)
    return table
