"""toll audit: prove that nothing was lost and that the books balance.

Enters: a lake. Leaves: the conservation of records, seconds, bytes and money per file, hour and stage.
Always holds: exit code 1 on a difference of a single record.
"""

from __future__ import annotations

import argparse

from rating.cli.shared import json_argument, lake_argument, opened, print_json, show


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll audit``."""
    lake_argument(part)
    part.add_argument("--no-content", action="store_true", help="do not lay the files' bytes end to end again")
    part.add_argument("--hours", action="store_true", help="show every hour")
    json_argument(part)


def run(args: argparse.Namespace) -> int:
    """Audit; 1 if anything differs."""
    from rating.answers import cell, rich_table
    from rating.audit import audit

    with opened(args) as lake:
        report = audit(lake, content=not args.no_content)
    if args.json:
        print_json(report.to_json())
        return int(not report.balanced)
    if report.files.num_rows or not report.streams.num_rows:
        show(rich_table(report.files.drop_columns(["sha256", "next_offset"]), "Files"))
    if report.streams.num_rows:
        show(rich_table(report.streams, "Streams"))
    show(rich_table(report.stages, "Stages"))
    if args.hours:
        show(rich_table(report.hours, "Hours"))
    for check in report.checks:
        print(
            f"{'ok  ' if check.count == 0 else 'FAIL'} {check.says}"
            + (f": {check.count} differ" if check.count else "")
        )
        for difference in check.differences:
            print("       " + ", ".join(f"{name}={cell(value)}" for name, value in difference.items()))
    print("The lake balances." if report.balanced else "THE LAKE DOES NOT BALANCE.")
    return int(not report.balanced)
