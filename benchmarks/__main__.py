"""All benchmarks in one run; writes docs/benchmarks.md.

Enters: maybe names of benchmarks and their sizes. Leaves: the page, and the same on stdout. Always holds: the
page tells the machine, the date and the command; a section that was not run keeps its last figures.
Run: ``python -m benchmarks [NAME [SIZE ...] ...]`` (``make bench``).
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from benchmarks.timing import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
SECTIONS = {
    "end_to_end": "From files to a committed lake",
    "memory": "Memory does not grow with the input",
    "streaming": "The streaming service",
    "stages": "What each stage costs",
    "cold_start": "Cold start",
    "commit_cost": "What a commit costs",
    "long_or_wide": "Charges long or wide",
    "rating_speed": "The rating core",
    "tariff_load": "Loading large tariffs",
    "subscribers": "Millions of subscribers",
    "ber_decode": "Decoding ASN.1",
    "api_load": "The HTTP API under load",
    "bill_run": "A bill run",
    "rerating": "Re-rating a month",
    "period_charges": "Fees and discounts of a month",
}
INTRO = """# Benchmarks

Written by `make bench`. Quote ratios taken in one run: the machines are shared and noisy, single times vary by a
third. Each section says when and where it was run; `python -m benchmarks NAME` runs one again.
"""


def main(names: Iterable[str]) -> None:
    """Run the named benchmarks (all, if none) and write the page."""
    kept = _sections(PAGE.read_text("utf-8")) if PAGE.exists() else {}
    for name, *sizes in _with_sizes(names) or [[n] for n in SECTIONS if (ROOT / "benchmarks" / f"{n}.py").exists()]:
        module = import_module(f"benchmarks.{name}")
        lines = module.table(module.measure()) if hasattr(module, "measure") else module.table(*map(int, sizes))
        body = lines if isinstance(lines, str) else "\n".join(lines)
        stamp = f"`python -m benchmarks {' '.join([name, *sizes])}`, {datetime.now(UTC):%Y-%m-%d}, {_machine()}."
        kept[SECTIONS[name]] = f"{stamp}\n\n{body}"
        print(f"## {SECTIONS[name]}\n\n{kept[SECTIONS[name]]}\n", flush=True)
        ordered = [f"## {title}\n\n{kept[title]}\n" for title in SECTIONS.values() if title in kept]
        PAGE.write_text("\n".join([INTRO, *ordered]), encoding="utf-8")


def _with_sizes(words: Iterable[str]) -> list[list[str]]:
    """Each name with the numbers that follow it."""
    found: list[list[str]] = []
    for word in words:
        if word.isdecimal():
            found[-1].append(word)
        else:
            found.append([word])
    return found


def _sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)[1:]
    return {title: body.strip() for title, body in zip(parts[::2], parts[1::2], strict=True)}


def _machine() -> str:
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text("utf-8"))
    return f"{os.cpu_count()} cores of {model[1] if model else platform.machine()}, Python {platform.python_version()}"


if __name__ == "__main__":
    main(sys.argv[1:])
