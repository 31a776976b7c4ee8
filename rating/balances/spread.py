"""Walks over a batch, spread over threads.

Enters: the group of each leg, an account or a pool: legs meet in a lot only within one. Leaves: the legs in parts, each
of which a thread walks. Always holds: a group stands whole and in order in one part; so no lot is touched by two
threads, and a walk comes to the same however many there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from tariffs.catalogue import Ints

THREADS: Final = min(len(os.sched_getaffinity(0)), 8)
"""One for each processor that this process may use: they do nothing but reckon."""

LEAST: Final = 1 << 18
"""Legs of a batch that is spread. A walk takes some 20 ns a leg: of fewer, threads could save a millisecond, and where
no processor is idle they cost as much."""

_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
"""2**64 by the golden ratio: numbers that follow each other, or are all even, come to different parts."""


def parts_of(group: Ints) -> list[Ints]:
    """The legs by place, in parts that share no ``group``; one part of all where they are few."""
    threads = THREADS if len(group) >= LEAST else 1
    if threads == 1:
        return [np.arange(len(group))]
    mixed = group.astype(np.uint64) * _MULTIPLIER >> np.uint64(32)
    part = (mixed * np.uint64(threads) >> np.uint64(32)).astype(np.uint8)
    return [np.flatnonzero(part == each) for each in range(threads)]


def walk(parts: list[Ints], over: Callable[[Ints], None]) -> None:
    """Let ``over`` walk each of ``parts``, a thread for each. Raises what it raises."""
    if len(parts) == 1:
        over(parts[0])
        return
    with ThreadPoolExecutor(len(parts), "walk") as pool:
        list(pool.map(over, parts))
