"""Peak memory over the length of the input, at the same number of records a day.

Enters: two sizes. Leaves: Markdown lines. Always holds: both runs are whole processes into fresh lakes.
Run: ``python -m benchmarks.memory [SMALL] [LARGE]``.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.end_to_end import check, generated, rated


def table(small: int = 2_000_000, large: int = 10_000_000) -> Iterator[str]:
    """The benchmark as Markdown."""
    yield "Whole `toll rate` processes, the same number of records a day in both: deduplication holds the ids of the"
    yield "days at hand (10 million records in the same seven days peak at 1,811 MB).\n"
    yield "| records | peak MB | CPU s | wall s | records/s |"
    yield "| ---: | ---: | ---: | ---: | ---: |"
    for records in (small, large):
        with tempfile.TemporaryDirectory() as work:
            inputs = generated(Path(work) / "in", records, days=7 * records // small)
            cost = rated(inputs, Path(work) / "lake")
            check(inputs, cost)
        speed = records / cost.wall_s
        yield f"| {records:,} | {cost.peak_mb:,.0f} | {cost.cpu_s:.1f} | {cost.wall_s:.1f} | {speed:,.0f} |"


if __name__ == "__main__":
    print("\n".join(table(*(int(a) for a in sys.argv[1:]))))
