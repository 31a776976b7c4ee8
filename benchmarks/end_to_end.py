"""From CSV files to a committed lake, beside the floor of reading and writing alone.

Enters: a number of records. Leaves: Markdown lines. Always holds: the run's summary is checked against the
generator's truth before anything is timed; runs and floors alternate; medians are quoted.
Run: ``python -m benchmarks.end_to_end [RECORDS] [ROUNDS]``.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.timing import TOLL, Cost, run

FILE_RECORDS = 250_000


def generated(folder: Path, records: int, days: int = 7) -> Path:
    """The synthetic operator's files: ``records`` records of ``days`` days, in files of a quarter of a million."""
    files = max(records // FILE_RECORDS, 1)
    command = [sys.executable, "samples/generate.py", str(folder), "--records", str(records), "--files", str(files)]
    run([*command, "--seed", "1", "--days", str(days)])
    return folder


def rated(inputs: Path, lake: Path) -> Cost:
    """One whole ``toll rate`` process into a fresh lake."""
    shutil.rmtree(lake, ignore_errors=True)
    files = sorted(str(p) for p in inputs.glob("*.csv"))
    arguments = ["--layout", "generic_csv", "--tariffs", str(inputs / "tariffs"), "--lake", str(lake), "--json"]
    return run([TOLL, "rate", *files, *arguments])


def check(inputs: Path, cost: Cost) -> None:
    """The run accounts for every record as the generator made it."""
    truth, total = json.loads((inputs / "truth.json").read_text("utf-8")), json.loads(cost.output)["total"]
    if not total["balanced"] or total["dispositions"]["rated"] != truth["billable"]:
        raise RuntimeError(f"the run does not account for every record: {total}, expected {truth}")


def table(records: int = 2_000_000, rounds: int = 3) -> Iterator[str]:
    """The benchmark as Markdown."""
    with tempfile.TemporaryDirectory() as work:
        inputs, lake, out = generated(Path(work) / "in", records), Path(work) / "lake", Path(work) / "floor"
        check(inputs, rated(inputs, lake))  # also warms the kernels' cache
        ours, floors = [], []
        for _ in range(rounds):
            ours.append(rated(inputs, lake))
            floors.append(
                json.loads(run([sys.executable, "-m", "benchmarks.floor", *map(str, (inputs, lake, out))]).output)
            )
        size = sum(p.stat().st_size for p in inputs.glob("*.csv")) / 1e6
    yield from _lines(records, size, ours, floors)


def _lines(records: int, size_mb: float, ours: list[Cost], floors: list[dict[str, dict[str, float]]]) -> Iterator[str]:
    def floor_of(options: str, figure: str) -> list[float]:
        return [f["read"][figure] + f[options][figure] for f in floors]

    cpu, wall = statistics.median(c.cpu_s for c in ours), statistics.median(c.wall_s for c in ours)
    yield f"{records:,} records, {size_mb:,.0f} MB of CSV; medians of {len(ours)} alternating rounds.\n"
    yield "| | CPU s | wall s | records/s | peak MB |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    peak = max(c.peak_mb for c in ours)
    yield f"| `toll rate`, whole process | {cpu:.2f} | {wall:.2f} | {records / wall:,.0f} | {peak:,.0f} |"
    for options, says in (("lake", "the lake's writer options"), ("default", "pyarrow's default options")):
        floor_cpu, floor_wall = (statistics.median(floor_of(options, f)) for f in ("cpu_s", "wall_s"))
        yield f"| floor: read_csv + write_table, {says} | {floor_cpu:.2f} | {floor_wall:.2f} | | |"
    for options in ("lake", "default"):
        ratios = sorted(c.cpu_s / f for c, f in zip(ours, floor_of(options, "cpu_s"), strict=True))
        middle, spread = statistics.median(ratios), f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
        yield f"| CPU over the floor ({options} options): median, range | **{middle:.2f}** | {spread} | | |"


if __name__ == "__main__":
    print("\n".join(table(*(int(a) for a in sys.argv[1:]))))
