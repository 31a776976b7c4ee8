"""Compiled kernels or plain Python: what makes a small file instant on a cold machine.

Enters: the input files. Leaves: the environment that ``mediation/jit.py`` reads at its import. Always
holds: both forms are the same functions and give the same rows; the choice is made before any kernel is
imported, and never against the user's own setting.
"""

from __future__ import annotations

import os
from pathlib import Path

SMALL_BYTES = 64 << 10
"""Up to this much input, plain Python is sooner ready than the compiler on a cold machine."""


def choose_jit(paths: list[str]) -> None:
    """Turn the compiler off where its cache is empty and the input is small."""
    if "TOLL_JIT" in os.environ:
        return
    from mediation.jit import cache_folder

    size = sum(Path(p).stat().st_size for p in paths if Path(p).is_file())
    warm = cache_folder().is_dir() and any(cache_folder().iterdir())
    if size <= SMALL_BYTES and not warm and not any("://" in p for p in paths):
        os.environ["TOLL_JIT"] = "off"
