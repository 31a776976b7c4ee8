"""How soon a new user, and every later run, sees the first result.

Enters: the samples. Leaves: Markdown lines. Always holds: "fresh" has an empty kernel cache, as behind an
installation; every run lands a new lake. Run: ``python -m benchmarks.cold_start``.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from benchmarks.timing import ROOT, TOLL, run

ROUNDS = 3
CALLS = ROOT / "samples/calls/nodobo_calls_13035.csv"


def rated(inputs: Path, work: Path, cache: Path, round_no: int) -> float:
    """Wall seconds of rating ``inputs`` into a new lake, with ``cache`` for kernels."""
    lake = work / f"lake-{inputs.stem}-{cache.name}-{round_no}"
    arguments = ["--layout", "nodobo_calls", "--tariffs", "samples/tariffs/nodobo", "--lake", str(lake), "--json"]
    return run([TOLL, "rate", str(inputs), *arguments], {"TOLL_CACHE": str(cache)}).wall_s


def table() -> Iterator[str]:
    """The benchmark as Markdown."""
    yield f"Wall seconds, median of {ROUNDS}.\n"
    yield "| | s |"
    yield "| --- | ---: |"
    yield f"| `toll --help` | {statistics.median(run([TOLL, '--help']).wall_s for _ in range(ROUNDS)):.2f} |"
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        small = work / "small.csv"
        small.write_bytes(b"".join(islice(CALLS.open("rb"), 100)))
        warm = work / "warm"
        fresh = [rated(small, work, work / f"fresh-{i}", i) for i in range(ROUNDS)]
        yield f"| 100 calls, fresh installation (kernels stay uncompiled) | {statistics.median(fresh):.2f} |"
        yield f"| 13,035 calls, fresh installation (kernels compile) | {rated(CALLS, work, warm, ROUNDS):.2f} |"
        for says, inputs in (("100 calls", small), ("13,035 calls", CALLS)):
            runs = [rated(inputs, work, warm, i) for i in range(ROUNDS)]
            yield f"| {says}, kernels in the cache | {statistics.median(runs):.2f} |"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in table())
