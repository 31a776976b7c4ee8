"""Compiled kernels or plain Python: what makes a small file instant on a cold machine.

Enters: the input files. Leaves: the environment that ``mediation/jit.py`` reads at its import. Always
holds: both forms are the same functions and give the same rows; the choice is made before any kernel is
imported, and never against the user's own setting.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_WARM = "complete"
SMALL_BYTES = 64 << 10
"""Up to this much input, plain Python is sooner ready than the compiler on a cold machine."""


def without_jit() -> None:
    """Turn the compiler off, whether its cache is warm or not: for work that is not in kernels."""
    os.environ.setdefault("TOLL_JIT", "off")


def input_bytes(paths: list[str]) -> int:
    """The bytes of those of ``paths`` that are files."""
    return sum(Path(p).stat().st_size for p in paths if Path(p).is_file())


def choose_jit(paths: list[str]) -> None:
    """Turn the compiler off where its cache is empty and the input is small."""
    if "TOLL_JIT" in os.environ:
        return
    from mediation.jit import cache_folder

    size = input_bytes(paths)
    warm = (cache_folder() / _WARM).exists()
    if size <= SMALL_BYTES and not warm and not any("://" in p for p in paths):
        os.environ["TOLL_JIT"] = "off"


def note_warm() -> None:
    """Note that a run has filled the cache: all that a batch needs is compiled."""
    from mediation.jit import cache_folder, enabled

    if enabled() and cache_folder().is_dir():
        with suppress(OSError):  # a cache that cannot be written stays cold
            (cache_folder() / _WARM).touch()
