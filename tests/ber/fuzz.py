"""Damaged files against every layout of ASN.1: no exception, no hang, no swelling, not a byte lost.

Enters: seconds and a seed (``python -m tests.ber.fuzz [SECONDS] [SEED]``, or ``TOLL_FUZZ_S`` and ``TOLL_FUZZ_SEED``).
Leaves: exit code 0; or 1, the layout, the fault, and the file that showed it in the system's temporary folder. Always
holds: a seed names a run, so that it can be run again.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from mediation.decode import decode
from mediation.frame import frame
from mediation.layout import Kind, Layout
from mediation.layout_file import read_layout, shipped
from mediation.pickup import InputError, bind_header
from mediation.records import Chunk
from tests.ber.writer import MIB, adversaries, file_of

MOST_MS, MOST_MIB = 50, 64
"""What 1 MiB may take, of CPU time and of memory beyond itself."""
ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [ROOT / "samples" / "3gpp", ROOT / "samples" / "tap3", ROOT.parent / "shared" / "data"]
SUFFIXES = {".ber", ".dat", ".cdr", ".ts32297"}
TOKENS = [
    b"\x80",
    b"\0\0",
    b"\xff",
    b"\x1f",
    b"\x9f\x81",
    b"\x84\xff\xff\xff\xff",
    b"\x88" + b"\xff" * 8,
    b"\x30\x80",
    b"\xa0\x80",
]


@dataclass(frozen=True, slots=True)
class Taken:
    """What one file took: CPU milliseconds, MiB of memory."""

    cpu_ms: float
    mib: float


def layouts() -> list[Layout]:
    """The shipped layouts of ASN.1 formats."""
    return [layout for layout in map(read_layout, shipped()) if layout.framing.kind is Kind.BER]


def seeds() -> list[bytes]:
    """Real files, as far as they are at hand, and none above 100 kB."""
    folders = [path for folder in FOLDERS for path in (folder, *(p for p in folder.glob("*") if p.is_dir()))]
    files = sorted({path for folder in folders for path in folder.glob("*") if path.suffix in SUFFIXES})
    return [path.read_bytes()[:100_000] for path in files]


def read(layout: Layout, content: bytes) -> int:
    """Frame and decode ``content``; how many rows it has, which must be all of it."""
    records, aside = frame(Chunk("here", 0, 1, np.frombuffer(bytearray(content), np.uint8), last=True), layout)
    fields, undecoded = decode(records, layout)
    assert len(records) == len(fields.records) + undecoded.num_rows
    kept = [(fields.records.offset, fields.records.stop - fields.records.begin)]
    kept += [(np.asarray(b["offset_bytes"]), np.asarray(pc.binary_length(b["raw"]))) for b in (aside, undecoded)]
    offsets, lengths = (np.concatenate(columns) for columns in zip(*kept, strict=True))
    order = np.argsort(offsets, kind="stable")
    ends = offsets[order] + lengths[order]
    assert offsets[order].tolist() == [0, *ends[:-1].tolist()][: len(order)]
    assert not len(content) or ends[-1] == len(content)
    return len(order)


def bound(layout: Layout, content: bytes) -> Layout | None:
    """``layout`` for a file of ``content``; None if it is none, which is told by the one declared exception."""
    try:
        return bind_header(layout, content, "here")
    except InputError:
        return None


def least_ms(work: Callable[[], int], rounds: int) -> float:
    """The least CPU milliseconds of ``rounds``."""
    costs = []
    for _ in range(rounds):
        began = time.thread_time()
        work()
        costs.append(time.thread_time() - began)
    return min(costs) * 1e3


def taken(work: Callable[[], int]) -> Taken:
    """The least CPU time of a few rounds, and the peak of memory of one more (of arrays and objects)."""
    cpu_ms = least_ms(work, rounds=3)
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Taken(cpu_ms, peak / MIB)


def limited(work: Callable[[], int]) -> Taken:
    """What ``work`` takes; measured again where a busy machine lets it seem too slow."""
    tries = (taken(work) for _ in range(4))
    cost = next(tries)
    while cost.cpu_ms > MOST_MS and (again := next(tries, None)):
        cost = min(cost, again, key=lambda one: one.cpu_ms)
    return cost


def frame_and_decode(layout: Layout, content: bytes) -> int:
    """What is measured: the two stages alone."""
    records, aside = frame(Chunk("here", 0, 1, np.frombuffer(bytearray(content), np.uint8), last=True), layout)
    fields, undecoded = decode(records, layout)
    return len(fields.records) + aside.num_rows + undecoded.num_rows


def damaged(rng: random.Random, content: bytes, others: list[bytes]) -> bytes:
    """``content`` after some changes: other bytes, pieces lost, repeated, taken from other files, the end cut off."""
    made = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(len(made) + 1)
        count = rng.choice((1, 2, 8, 100))
        change = rng.randrange(7)
        if change == 0:
            made[at : at + 1] = bytes([rng.randrange(256)])
        elif change == 1:
            del made[at : at + count]
        elif change == 2:
            made[at:at] = rng.choice(TOKENS)
        elif change == 3:
            made[at : at + count] = rng.randbytes(count)
        elif change == 4:
            made[at:at] = made[at : at + count] * rng.choice((1, 3, 60))
        elif change == 5:
            other = rng.choice(others)
            begin = rng.randrange(len(other) + 1)
            made[at:at] = other[begin : begin + 10 * count]
        else:
            del made[at:]
    return bytes(made[: 2 * MIB])


def streams(seed: int) -> Iterator[tuple[Layout, bytes]]:
    """Damaged files without end, each with a layout; half of them keep a head by which the layout takes them."""
    rng, files, all_layouts = random.Random(seed), seeds(), layouts()
    fitting = [(layout, [f for f in files if bound(layout, f)]) for layout in all_layouts]
    while True:
        layout, own = rng.choice(fitting)
        content = rng.choice(own or files)
        if rng.random() < 0.5:
            yield layout, damaged(rng, content, files)
        elif rng.random() < 0.8:
            head = rng.choice((54, 60, 200))
            yield layout, content[:head] + damaged(rng, content[head:], files)
        else:
            yield file_of(layout, damaged(rng, content, files), indefinite=rng.random() < 0.5)


def found(layout: Layout, content: bytes) -> str:
    """What is wrong with how ``content`` is read; empty: nothing."""
    try:
        here = bound(layout, content)
        if here is not None:
            began = time.thread_time()
            read(here, content)
            if time.thread_time() - began > 1:  # far beyond any limit here: a run measures its own checks too
                return f"{time.thread_time() - began:.1f} s of CPU time"
    except Exception as fault:  # noqa: BLE001 - whatever it is, it is what is looked for
        return f"{type(fault).__name__}: {fault}"
    return ""


def main(seconds: float, seed: int) -> int:
    """Fuzz for ``seconds``; then hold the worst streams to the limits of time and memory."""
    print(f"fuzz: {seconds:.0f} s, seed {seed}", flush=True)
    for layout in layouts():
        read(*file_of(layout, b""))  # kernels are compiled before time counts
    until, count = time.monotonic() + seconds, 0
    for layout, content in streams(seed):
        wrong = found(layout, content)
        if wrong:
            path = Path(tempfile.gettempdir()) / f"fuzz-{layout.name}-{seed}.ber"
            path.write_bytes(content)
            print(f"fuzz: layout {layout.name}, {path}: {wrong}")
            return 1
        count += 1
        if time.monotonic() > until:
            break
    print(f"fuzz: {count} files, nothing found", flush=True)
    return worst()


def worst() -> int:
    """Hold the worst bodies of 1 MiB to the limits, in every layout."""
    faults = 0
    for layout in layouts():
        costs = []
        for name, body in adversaries(layout):
            here, content = file_of(layout, body)
            cost = limited(partial(frame_and_decode, here, content))
            costs.append((cost.cpu_ms, cost.mib, name))
            faults += cost.cpu_ms > MOST_MS or cost.mib > MOST_MIB
        slowest, largest = max(costs), max(costs, key=lambda cost: cost[1])
        time_taken, memory_taken = f"{slowest[0]:.1f} ms ({slowest[2]})", f"{largest[1]:.1f} MiB ({largest[2]})"
        print(f"{layout.name}: 1 MiB takes at most {time_taken}, {memory_taken}", flush=True)
    return int(faults > 0)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(
        main(
            float(arguments[0] if arguments else os.environ.get("TOLL_FUZZ_S", "60")),
            int(arguments[1] if arguments[1:] else os.environ.get("TOLL_FUZZ_SEED", "1")),
        )
    )
