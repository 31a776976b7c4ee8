"""toll suspense: list, show, export, recycle, correct or write off what could not be rated.

Enters: filters. Leaves: lists, bytes as they came, or a committed action. Always holds: a record leaves
suspense once.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rating.cli.catalogues import NAMED, catalogue_named
from rating.cli.comparison import chart, comparison, comparison_arguments, show_comparison
from rating.cli.faults import CommandError
from rating.cli.progress import counting
from rating.cli.shared import compiled, json_argument, lake_argument, opened, print_json, show

if TYPE_CHECKING:
    from rating.rerating.correct import Corrected
    from rating.suspense import Filter


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll suspense``."""
    below = part.add_subparsers(dest="action", metavar="ACTION", required=True)
    lists = _action(below, "list", "what waits, by reason; --records lists the records")
    lists.add_argument("--records", action="store_true", help="list records instead of counts")
    lists.add_argument("--limit", type=int, default=100, metavar="N", help="at most N records (default: %(default)s)")
    shows = below.add_parser("show", help="one record in full")
    shows.add_argument("id", metavar="ID", help="suspense id, as list --records gives it")
    lake_argument(shows)
    json_argument(shows)
    exports = _action(below, "export", "write the records as they came to a file")
    exports.add_argument("--to", required=True, metavar="FILE", help="the file to write")
    recycles = _action(below, "recycle", "rate the records again")
    recycles.add_argument("--tariffs", required=True, metavar="DIR", help="folder of the (mended) tariff")
    recycles.add_argument("--with-layout", metavar="FILE", help="a mended layout, for all records chosen")
    corrects = _action(below, "correct", "let conflicting records replace the rated events that they correct")
    says = f"{NAMED} (default: for each event the one that priced it)"
    corrects.add_argument("--tariffs", metavar="TARIFF", help=says)
    corrects.add_argument("--apply", action="store_true", help="write it (default: only tell what would change)")
    comparison_arguments(corrects)
    write_off = _action(below, "write-off", "give the records up, for a stated reason")
    write_off.add_argument("--why", required=True, metavar="TEXT", help="the reason, kept with each record")


def _action(
    below: argparse._SubParsersAction[argparse.ArgumentParser], name: str, says: str
) -> argparse.ArgumentParser:
    part = below.add_parser(name, help=says)
    part.add_argument("--reason", metavar="CODE", help="only records with this reason")
    part.add_argument("--source", metavar="SOURCE", help="only records of this source")
    part.add_argument("--layout", metavar="NAME", help="only records that this layout read")
    part.add_argument("--since", metavar="DATE", help="only records whose usage began then or later (UTC)")
    part.add_argument("--id", metavar="ID", help="only this record")
    lake_argument(part)
    json_argument(part)
    return part


def run(args: argparse.Namespace) -> int:
    """Run one action."""
    actions = {"list": _list, "show": _show, "export": _export, "recycle": _recycle, "write-off": _write_off}
    return (actions | {"correct": _correct})[args.action](args)


def _filter(args: argparse.Namespace) -> Filter:
    from rating.suspense import Filter

    try:
        since = datetime.fromisoformat(args.since) if args.since else None
    except ValueError:
        raise CommandError(f"--since {args.since}: expected a date like 2026-03-01", 2) from None
    if since and since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    return Filter(args.reason, args.source, args.layout, since, args.id)


def _list(args: argparse.Namespace) -> int:
    from rating.answers import json_rows, rich_table
    from rating.suspense import by_reason, listed

    with opened(args) as lake:
        rows = listed(lake, _filter(args), args.limit) if args.records else by_reason(lake, _filter(args))
    if args.json:
        print_json(json_rows(rows))
    elif rows.num_rows:
        show(rich_table(rows, "In suspense"))
    else:
        print("Nothing waits in suspense.")
    return 0


def _show(args: argparse.Namespace) -> int:
    from rating.answers import json_value
    from rating.suspense import shown

    with opened(args) as lake:
        record = shown(lake, args.id)
    columns = {name: json_value(value) for name, value in record.columns.items()}
    if args.json:
        print_json({**columns, "raw_hex": record.raw.hex(), "raw": record.readable()})
        return 0
    for name, value in columns.items():
        print(f"{name:16} {'' if value is None else value}")
    print("\n".join(["", record.readable().rstrip("\n"), "", *record.hex_lines()]))
    return 0


def _export(args: argparse.Namespace) -> int:
    from rating.suspense import exported

    with opened(args) as lake:
        try:
            count = exported(lake, Path(args.to), _filter(args))
        except OSError as fault:
            raise CommandError(f"{args.to}: cannot be written: {fault.strerror}") from None
    return _told(args, "exported", count, f"{count:,} records written to {args.to}.")


def _write_off(args: argparse.Namespace) -> int:
    from rating.suspense import written_off

    with opened(args, write=True) as lake:
        count = written_off(lake, _filter(args), args.why)
    return _told(args, "written_off", count, f"{count:,} records written off.")


def _recycle(args: argparse.Namespace) -> int:
    from mediation.layout_file import read_layout
    from rating.balances.restore import live_balances
    from rating.job import Job
    from rating.recycle import recycle
    from rating.seen import seen_ids
    from rating.stored import tariff_version

    catalogue = compiled(args.tariffs)
    mended = read_layout(args.with_layout) if args.with_layout else None
    with opened(args, write=True) as lake:
        known = (catalogue, tariff_version(catalogue), seen_ids(lake))
        job = Job(lake, mended or read_layout("generic_csv"), *known, balances=live_balances(lake, catalogue))
        done = recycle(job, _filter(args), mended)
    if args.json:
        print_json({"tried": done.tried, "left_suspense": done.left})
    else:
        print(f"{done.tried:,} records tried again, {done.left:,} left suspense.")
    return 0


def _correct(args: argparse.Namespace) -> int:
    from rating.rerating.correct import correct

    tariff = catalogue_named(args.tariffs, args.lake) if args.tariffs else None
    with opened(args, write=args.apply) as lake, counting("correcting", quiet=args.json) as watch:
        if args.apply:
            lake.delete_orphans()
        done = correct(lake, _filter(args), tariff, watch, apply=args.apply)
    found = done.compared.simulation(None, tariff)
    if args.chart:
        chart(found, Path(args.chart))
    if args.json:
        print_json({"applied": args.apply, **done.figures(), **comparison(found, args.top)})
        return int(done.waiting.total() > 0)
    print(_sentence(done, applied=args.apply))
    show_comparison(found, args.top, "Not priced, and left as they are")
    return int(done.waiting.total() > 0)


def _sentence(done: Corrected, *, applied: bool) -> str:
    runs = f"Run {', '.join(map(str, done.runs))}: " if done.runs else ""
    would = "" if applied else "would be "
    told = [f"{runs}{done.events:,} events {would}corrected, {done.copies:,} copies {would}set aside."]
    told += [f"{count:,} wait on: {reason}" for reason, count in sorted((+done.waiting).items())]
    return "\n".join(told if applied else [*told, "--apply writes it."])


def _told(args: argparse.Namespace, key: str, count: int, text: str) -> int:
    if args.json:
        print_json({key: count})
    else:
        print(text)
    return 0
