"""Numba, configured in one place.

Enters: plain Python functions of integers and arrays. Leaves: the same functions compiled, without
the GIL, cached per user and version. Always holds: no fastmath, no hidden parallelism, and with
``NUMBA_DISABLE_JIT=1`` or ``TOLL_JIT=off`` the very same functions run as Python, so a cold start on a
small file costs no compilation.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")

VERSION = "0.1.0"


def cache_folder() -> Path:
    """Where compiled kernels are kept: ``$TOLL_CACHE`` or the user's cache folder, by version."""
    root = os.environ.get("TOLL_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tollstream"
    )
    return Path(root) / f"kernels-{VERSION}"


ENABLED = os.environ.get("TOLL_JIT", "on") != "off" and os.environ.get("NUMBA_DISABLE_JIT", "0") != "1"


def kernel(rule: Callable[P, R]) -> Callable[P, R]:
    """Compile ``rule`` (a scalar rule or a loop over arrays) on first use; identity when disabled."""
    if not ENABLED:
        return rule
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder()))
    import numba

    return cast("Callable[P, R]", numba.njit(rule, nogil=True, cache=True, boundscheck=False, error_model="python"))
