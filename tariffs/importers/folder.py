"""Writing a tariff folder, and reading it again to be sure of it.

Enters: tables of TOML and rows of CSV. Leaves: files. Always holds: no file is written over; what is written loads
and compiles, or the report says what is wrong with it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import tomli_w

from tariffs.compile import compile_tariff
from tariffs.importers.report import Report
from tariffs.load import load
from tariffs.model import EVER_FROM, EVER_TO


def fresh(folder: Path, names: Iterable[str]) -> None:
    """Make ``folder``; FileExistsError if one of the files ``names`` (or a pattern) is there already."""
    found = [path for name in names for path in sorted(folder.glob(name))] if folder.is_dir() else []
    if found:
        raise FileExistsError(f"{found[0]} is there already; import into another folder")
    folder.mkdir(parents=True, exist_ok=True)


def write_toml(path: Path, says: str, tables: dict[str, object]) -> None:
    """Write ``tables`` behind a comment."""
    path.write_text(f"# {says}\n\n{tomli_w.dumps(tables)}", "utf-8")


def write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write ``rows`` under ``header``."""
    with path.open("w", encoding="utf-8", newline="") as text:
        out = csv.writer(text, lineterminator="\n")
        out.writerow(header)
        out.writerows(rows)


def prove(folder: Path, report: Report) -> None:
    """Load and compile ``folder``; what keeps it from being used is lost."""
    tariff, problems = load(folder)
    _, more = compile_tariff(tariff)
    for problem in (*problems, *more):
        if problem.fatal:
            report.lost(problem.place, f"{problem.key}: {problem.message}")


def shown(instant: int) -> str:
    """An instant as the folder writes it; empty where it is unbounded."""
    if instant in (EVER_FROM, EVER_TO):
        return ""
    seconds, micros = divmod(instant, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros).isoformat()
