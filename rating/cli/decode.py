"""toll decode: show any supported file, as a tree, a table, JSON lines, Parquet, or its raw elements.

Enters: files, and what is known of them. Leaves: their header, records and trailer, on stdout or in a Parquet file.
Always holds: what a file was recognised as, and why, is told; bytes that cannot be read are shown with their fault and
its offset, counted, and make the exit code 1; a file that nothing fits makes it 2.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rating.cli.faults import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediation.part import Part
    from mediation.recognise import Recognised

_SMALL_BYTES = 256 << 10
"""Up to this much input, plain Python is ready before the compiler is loaded."""
_TABLE_ROWS = 100


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll decode``."""
    part.add_argument("files", nargs="+", metavar="FILE", help="a file, compressed or not, or a folder of files")
    how = part.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="one JSON line a record")
    how.add_argument("--table", action="store_true", help="one row a record, one column a field")
    how.add_argument("--parquet", metavar="OUT", help="such a table as Parquet: a file, or for several inputs a folder")
    how.add_argument("--raw", action="store_true", help="tags, lengths and offsets, up to the first fault")
    part.add_argument("--format", metavar="NAME", default="", help="the format, like 3gpp_cs (default: recognised)")
    part.add_argument("--container", metavar="NAME", default="", help="bare, nested, prefixed or ts32297")
    part.add_argument("--layout", metavar="L", default="", help="read by this layout: a name, or a file")
    part.add_argument("--skip", type=_count, default=0, metavar="N", help="leave the first N records out")
    part.add_argument("--records", type=_count, metavar="N", help="at most N records (a table: 100)")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected a whole number, not {text!r}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Show each file; the worst of their codes."""
    from rating.cli.warmth import input_bytes, without_jit

    if args.raw and (args.skip or args.records is not None):
        raise CommandError("--raw shows elements, not records: --skip and --records do not go with it", 2)
    if not (args.table or args.parquet) or input_bytes(args.files) <= _SMALL_BYTES:
        without_jit()
    from mediation.ber.format import CONTAINERS, shipped
    from mediation.pickup import input_files

    if args.container and args.container not in CONTAINERS:
        raise CommandError(f"--container {args.container}: expected one of {', '.join(sorted(CONTAINERS))}", 2)
    if args.format and args.format not in shipped():
        raise CommandError(f"--format {args.format}: expected one of {', '.join(shipped())}", 2)
    files = input_files(args.files)
    return max((_decode(path, args, among=len(files)) for path in files), default=0)


def _decode(path: str, args: argparse.Namespace, among: int) -> int:
    """Show one file: its code. A file that cannot be read does not end the others."""
    from mediation.layout_file import LayoutError
    from mediation.pickup import InputError
    from mediation.recognise import Choice, UnrecognisedError, recognise_file

    choice = Choice(args.format, args.container, args.layout)
    try:
        if args.raw:
            return _raw(path, choice)
        known = recognise_file(path, choice)
        if args.table:
            return _table(known, args)
        if args.parquet:
            return _parquet(known, args, among)
        return _json(known, args, among) if args.json else _tree(known, args)
    except InputError as fault:
        print(f"toll decode: {fault}", file=sys.stderr)
        return 2 if isinstance(fault, UnrecognisedError) else 1
    except LayoutError as fault:
        raise CommandError(str(fault), 2) from None


def _told(known: Recognised) -> list[str]:
    """What the file is, and why."""
    lines = [known.headline, f"  told by: {known.why}"]
    if known.layouts:
        lines.append(f"  rated with: --layout {' or '.join(known.layouts)}")
    return lines


def _chosen(parts: Iterator[Part], args: argparse.Namespace) -> Iterator[Part]:
    """The parts that are asked for: header and trailer, and the records from ``--skip`` on."""
    from mediation.part import Kind

    seen = 0
    last = None if args.records is None else args.skip + args.records
    for part in parts:
        if part.kind in {Kind.RECORD, Kind.UNDECODABLE}:
            seen += 1
            if last is not None and seen > last:
                return
            if seen <= args.skip:
                continue
        yield part


def _tree(known: Recognised, args: argparse.Namespace) -> int:
    from mediation.ber.named import code_text
    from mediation.show import parts
    from rating.cli.decode_text import part_lines

    print("\n".join(_told(known)))
    undecodable = 0
    for part in _chosen(parts(known, code_text), args):
        undecodable += part.fault is not None
        print("\n".join(part_lines(part)))
    return _counted(known, undecodable)


def _json(known: Recognised, args: argparse.Namespace, among: int) -> int:
    import json

    from mediation.show import parts
    from rating.cli.progress import reading

    print("\n".join(_told(known)), file=sys.stderr)
    undecodable = 0
    named = {"file": known.file.name} if among > 1 else {}
    with reading("decoding", known.file.content_bytes, quiet=sys.stdout.isatty()) as watch:
        for part in _chosen(parts(known, watch=watch), args):
            undecodable += part.fault is not None
            print(json.dumps(named | part.row(), ensure_ascii=False))
    return _counted(known, undecodable)


def _table(known: Recognised, args: argparse.Namespace) -> int:
    import pyarrow as pa

    from mediation.table import faulty, planned, some_rows, tables
    from rating.cli.decode_text import print_table

    plan = planned(known)
    most = _TABLE_ROWS if args.records is None else args.records
    found = pa.concat_tables([plan.schema.empty_table(), *some_rows(tables(plan), args.skip, most + 1)])
    print("\n".join(_told(known)))
    print_table(found.slice(0, most))
    if args.records is None and found.num_rows > most:
        print(f"There are more records than these {most}: --records N shows N.")
    return _counted(known, faulty(found.slice(0, most)))


def _parquet(known: Recognised, args: argparse.Namespace, among: int) -> int:
    from mediation.table import planned, some_rows, tables, write_parquet
    from rating.cli.progress import reading

    out = Path(args.parquet)
    if among > 1 or out.is_dir():
        out = out / f"{known.file.name}.parquet"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with reading("columns", known.file.content_bytes, quiet=False) as watch:
            plan = planned(known, watch)
        with reading("decoding", known.file.content_bytes, quiet=False) as watch:
            rows, undecodable = write_parquet(some_rows(tables(plan, watch), args.skip, args.records), plan.schema, out)
    except OSError as fault:
        raise CommandError(f"{out}: cannot be written: {fault.strerror or fault}") from None
    print("\n".join(_told(known)))
    left = f"; {plan.left_out} more columns found no room" if plan.left_out else ""
    print(f"  {rows:,} records in {len(plan.schema)} columns written to {out}{left}")
    return _counted(known, undecodable)


def _raw(path: str, choice: object) -> int:
    from mediation.ber.raw import Fault, pieces
    from mediation.pickup import content
    from mediation.recognise import Choice, raw_source
    from rating.cli.decode_text import piece_line

    assert isinstance(choice, Choice)  # noqa: S101 - imported late, so the signature cannot say it
    file, source, why = raw_source(path, choice)
    print(f"{file.name}: {why}")
    with content(file) as stream:
        for piece in pieces(stream, file.content_bytes, source):
            print(piece_line(piece))
    return int(isinstance(piece, Fault))


def _counted(known: Recognised, undecodable: int) -> int:
    """Tell how many records cannot be read; 1 if there are any."""
    if undecodable:
        sys.stdout.flush()
        print(f"toll decode: {known.file.name}: {undecodable:,} undecodable", file=sys.stderr)
    return int(undecodable > 0)
