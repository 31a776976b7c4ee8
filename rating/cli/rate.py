"""toll rate: read CDR files, rate them, land them in the lake.

Enters: files or folders, a layout, a tariff folder, a lake. Leaves: committed batches and a summary on
stdout. Always holds: the same command again charges nothing twice; a file that cannot be read is told,
and the others go on.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from rating.cli.shared import (
    alert_rules,
    compiled,
    json_argument,
    lake_argument,
    print_json,
    show,
    watched,
    whole_number,
)

if TYPE_CHECKING:
    from rich.table import Table

    from rating.summary import FileSummary


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll rate``."""
    part.add_argument("inputs", nargs="+", metavar="INPUT", help="CDR files, or folders of them")
    part.add_argument("--layout", required=True, metavar="L", help="name of a shipped layout, or a .toml file")
    part.add_argument("--tariffs", required=True, metavar="DIR", help="folder of the tariff")
    lake_argument(part)
    part.add_argument("--config", metavar="FILE", help="TOML file with these arguments, by their long names")
    part.add_argument(
        "--window-days",
        type=whole_number(0, 36_500),
        metavar="N",
        help="deduplicate over N days; older events wait in suspense",
    )
    part.add_argument(
        "--chunk-mib",
        type=whole_number(1, 256),
        default=32,
        metavar="N",
        help="size of a batch in MiB (default: %(default)s)",
    )
    part.add_argument("--alerts", metavar="FILE", help="alert rules (TOML); `toll alerts` shows what they found")
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


def _job(args: argparse.Namespace) -> Any:  # noqa: ANN401 - rating.job is imported late
    from mediation.layout_file import read_layout
    from rating.balances.restore import live_balances
    from rating.balances.snapshot_keeper import snapshots_taken
    from rating.job import Job
    from rating.lake import open_lake
    from rating.seen import seen_ids
    from rating.stored import tariff_version

    layout = read_layout(args.layout)
    catalogue = compiled(args.tariffs)
    rules = alert_rules(args)
    lake = open_lake(args.lake, create=True)
    return Job(
        lake=lake,
        layout=layout,
        catalogue=catalogue,
        tariff=tariff_version(catalogue),
        seen=seen_ids(lake),
        balances=live_balances(lake, catalogue),
        window_days=args.window_days,
        chunk_bytes=args.chunk_mib << 20,
        force=args.force,
        keepers=[*watched(lake, rules), *snapshots_taken(lake, catalogue)],
    )


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
