"""toll rate: read CDR files, rate them, land them in the lake.

Enters: files or folders, a layout, a tariff folder, a lake. Leaves: committed batches and a summary on
stdout. Always holds: the same command again charges nothing twice; a file that cannot be read is told,
and the others go on.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from rating.cli.job import job_arguments, job_of
from rating.cli.shared import (
    config_argument,
    json_argument,
    layout_argument,
    print_json,
    show,
    tariffs_argument,
    whole_number,
)

if TYPE_CHECKING:
    from rich.table import Table

    from rating.job import Job
    from rating.summary import FileSummary


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll rate``."""
    part.add_argument("inputs", nargs="+", metavar="INPUT", help="CDR files, or folders of them")
    layout_argument(part)
    tariffs_argument(part)
    job_arguments(part)
    config_argument(part)
    part.add_argument(
        "--chunk-mib",
        type=whole_number(1, 256),
        default=32,
        metavar="N",
        help="size of a batch in MiB (default: %(default)s)",
    )
    part.add_argument("--force", action="store_true", help="take a file even if no record of it fits the layout")
    json_argument(part)


def run(args: argparse.Namespace) -> int:
    """Rate the inputs; 1 if a file was refused."""
    from rating.cli.memory import keep_pages, rest_collector

    keep_pages()
    from mediation.pickup import input_files
    from rating.cli.progress import following
    from rating.cli.warmth import choose_jit, note_warm

    paths = input_files(args.inputs)
    if not paths:
        print("toll rate: there are no files in the given folders", file=sys.stderr)
    choose_jit(paths)  # before anything that holds a kernel is imported
    from rating.summary import total

    job = _job(args)
    with job.lake, following(paths, quiet=args.json) as watch:
        from rating.balances.snapshot_keeper import snapshots_ended
        from rating.job import rate_files
        from rating.recycle import recycle_waiting

        rest_collector()
        job.lake.delete_orphans()
        with snapshots_ended(job.keepers, finish=True):
            files = list(rate_files(job, paths, watch))
            recycle_waiting(job)
    note_warm()
    whole = total(files)
    if args.json:
        print_json({"files": [f.row() for f in files], "total": whole.row(), "tariff_version": job.tariff.version})
    else:
        show(_table(files, whole))
        show(_amounts(whole))
        _hints(whole)
    for file in files:
        if file.error:
            print(f"toll rate: {file.error}", file=sys.stderr)
    return int(any(f.error for f in files) or not whole.balanced)


def _job(args: argparse.Namespace) -> Job:
    from mediation.layout_file import read_layout
    from rating.balances.restore import live_balances

    job = job_of(args, read_layout(args.layout))
    balances = live_balances(job.lake, job.catalogue)
    return replace(job, balances=balances, chunk_bytes=args.chunk_mib << 20, force=args.force)


_COLUMNS = ("records", "rated", "suspended", "duplicate", "filtered", "merged", "control")


def _table(files: list[FileSummary], whole: FileSummary) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title="Records", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("file", overflow="fold")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    shown = files if len(files) <= 40 else [f for f in files if f.error]
    for file in [*shown, whole]:
        if file is whole:
            table.add_section()
        note = " (rated before)" if file.already else " (refused)" if file.error else ""
        row = file.row()
        counts = [row["records"], *(row["dispositions"][name] for name in _COLUMNS[1:])]
        table.add_row(file.name.rsplit("/", 1)[-1] + note, *(f"{n:,}" for n in counts))
    return table


def _amounts(whole: FileSummary) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title="Charges", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("leg")
    table.add_column("amount", justify="right")
    table.add_column("currency")
    for (leg, currency), amount in sorted(whole.amounts.items()):
        table.add_row(leg, f"{amount:,f}", currency)
    return table


def _hints(whole: FileSummary) -> None:
    """Why records were set aside, and what to look at next."""
    aside = ", ".join(f"{reason} {count:,}" for reason, count in whole.reasons.most_common(8))
    if aside:
        print(f"Set aside: {aside}.")
    verdict = "balances" if whole.balanced else "DOES NOT BALANCE"
    print(f"In = out: the summary {verdict}. Next: toll audit, toll suspense list, toll sql.")
