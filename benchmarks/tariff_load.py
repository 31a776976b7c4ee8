"""How long large tariffs take to load, check and compile.

Enters: nothing; tariffs are made. Leaves: Markdown lines. Always holds: each tariff is compiled in a process of its
own, and must have no problem and an item for each prefix and band before its time counts.
Run: ``python -m benchmarks.tariff_load``.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final

from benchmarks.timing import ROOT, run

PREFIXES: Final = 200_000
ZONES: Final = 2_000
LENGTHS: Final = range(4, 11)
NUMBERING: Final = ROOT.parent / "shared" / "data" / "numbering" / "libphonenumber_geo_en.csv"
AT_US: Final = 1_772_323_200_000_000  # 2026-03-01
BANDS: Final = ("day", "night", "any")
HEAD: Final = "prefix,zone,price,minimum,increment,valid_from\n"
COLUMNS: Final = "".join(f'{name} = "{name}"\n' for name in HEAD.strip().split(","))


def deck(folder: Path, name: str, prefixes: list[str], random: Random) -> str:
    """Write an A-Z deck of ``prefixes``; the TOML of it and of a plan that has it."""
    rows = (
        f"{prefix},Zone {prefix[:4]},{random.randrange(1, 2000) / 10_000:.4f},{random.choice((1, 30, 60))},"
        f"{random.choice((1, 6, 60))},2026-01-01\n"
        for prefix in prefixes
    )
    (folder / f"{name}.csv").write_text(HEAD + "".join(rows))
    table = f'[deck.{name}]\nfile = "{name}.csv"\ncurrency = "EUR"\n[deck.{name}.columns]\n{COLUMNS}'
    return f'{table}[plan.{name}]\ncurrency = "EUR"\n[[plan.{name}.rule]]\ndeck = "{name}"\n'


def random_prefixes(random: Random) -> list[str]:
    """Distinct prefixes of 4 to 10 digits."""
    found: dict[str, None] = {}
    while len(found) < PREFIXES:
        found["".join(random.choices("0123456789", k=random.choice(LENGTHS)))] = None
    return list(found)


def decks(folder: Path, count: int) -> int:
    """``count`` decks of other prefixes each; how many items they must make."""
    random = Random(7)
    (folder / "t.toml").write_text(
        "".join(deck(folder, f"d{n}", random_prefixes(random), random) for n in range(count))
    )
    return count * PREFIXES


def areas(folder: Path, _: int) -> int:
    """One deck of the prefixes of a real numbering plan, with made prices."""
    prefixes = [line.split(",", 1)[0] for line in NUMBERING.read_text("utf-8").splitlines()[1:]]
    (folder / "t.toml").write_text(deck(folder, "areas", prefixes, Random(7)))
    return len(prefixes)


def zones(folder: Path, count: int) -> int:
    """``count`` zones of two prefixes, each with a rate and a rule for each of three bands."""
    spans = '[calendar.c.bands]\nday = ["mon-fri 08:00-18:00"]\nnight = ["mon-sun 22:00-06:00"]\n'
    parts = [spans, '[plan.p]\ncurrency = "EUR"\ncalendar = "c"\n']
    for number in range(count):
        parts.append(f'[zone.z{number}]\nprefixes = ["{10_000 + number}", "{20_000 + number}"]\n')
        for band in BANDS:
            rate = f"r{number}-{band}"
            parts.append(f'[rate.{rate}]\ncurrency = "EUR"\nprice = "0.{number + 1:06}"\n')
            parts.append(f'[[plan.p.rule]]\nzone = "z{number}"\nband = "{band}"\nrate = "{rate}"\n')
    (folder / "t.toml").write_text("".join(parts))
    return 2 * len(BANDS) * count


CASES: Final[dict[str, tuple[Callable[[Path, int], int], int]]] = {
    "one deck of 200,000 prefixes": (decks, 1),
    "four decks of 200,000 prefixes": (decks, 4),
    "287,109 areas of real numbering plans": (areas, 0),
    "2,000 zones with three bands": (zones, ZONES),
}


def timed(folder: Path, items: int) -> dict[str, object]:
    """CPU seconds of each step on ``folder``, and the size of what it makes; ValueError where it is wrong."""
    from tariffs.catalogue_file import save
    from tariffs.compile import compile_tariff
    from tariffs.lints import lints
    from tariffs.load import load

    times = [time.process_time()]
    tariff, problems = load(folder)
    times.append(time.process_time())
    catalogue, found = compile_tariff(tariff)
    times.append(time.process_time())
    if catalogue is None or problems or len(catalogue.items) != items:
        raise ValueError(f"{folder} is not what it should be: {problems[:1] + found[:1]}")
    lints(tariff, catalogue, AT_US)
    times.append(time.process_time())
    save(catalogue, folder / "catalogue")
    load_s, compile_s, lint_s = (after - before for before, after in pairwise(times))
    size = (folder / "catalogue").stat().st_size >> 20
    return {"load_s": load_s, "compile_s": compile_s, "lint_s": lint_s, "mb": size}


def table() -> Iterator[str]:
    """The benchmark as Markdown."""
    yield "CPU seconds in a fresh process. Check is what `toll tariff check` does besides: all lints.\n"
    yield "| tariff | load | compile | both | check | peak MB | catalogue MB |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name, (made, size) in CASES.items():
        if made is areas and not NUMBERING.exists():
            continue
        with tempfile.TemporaryDirectory() as folder:
            items = made(Path(folder), size)
            cost = run([sys.executable, "-m", "benchmarks.tariff_load", folder, str(items)])
        one = json.loads(cost.output)
        steps = (one["load_s"], one["compile_s"], one["load_s"] + one["compile_s"], one["lint_s"])
        told = " | ".join(f"{seconds:.2f}" for seconds in steps)
        yield f"| {name} | {told} | {cost.peak_mb:,.0f} | {one['mb']} |"


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(timed(Path(sys.argv[1]), int(sys.argv[2]))))
    else:
        sys.stdout.writelines(f"{line}\n" for line in table())
