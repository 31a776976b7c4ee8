"""Timing whole processes by the operating system's own accounting.

Enters: a command. Leaves: its CPU seconds, wall seconds and peak memory. Always holds: a command that fails
raises; figures are of that process and its threads alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TOLL = str(Path(sys.executable).parent / "toll")
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    output: str


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run ``command`` from the root of the repository; raises RuntimeError if it ends with anything but 0."""
    began = time.perf_counter()
    child = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
    )
    output = child.stdout.read() if child.stdout else ""
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{command} ended with {child.returncode}")
    wall = time.perf_counter() - began
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, output)


def memory_mb(pid: int | str = "self") -> dict[str, int]:
    """What a running process holds in memory (``held``), and held at most (``peak``), in MB: by proc(5) of Linux."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    sizes = {name: int(size) >> 10 for name, size in re.findall(r"(\w+):\s+(\d+) kB", status)}
    return {"held": sizes["VmRSS"], "peak": sizes["VmHWM"]}
