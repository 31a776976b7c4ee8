"""Numba, configured in one place.

Enters: plain Python functions of integers and arrays. Leaves: the same functions compiled, without
the GIL, cached per user and source. Always holds: no fastmath, no hidden parallelism, and with
``NUMBA_DISABLE_JIT=1`` or ``TOLL_JIT=off`` the very same functions run as Python, so a cold start on a
small file costs no compilation.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import ParamSpec, TypeVar, cast

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

index = np.uint64
"""Makes an index of a place that is known to be no less than 0: of a signed one, kernels ask each time whether it
counts from the end, which costs them a third of their time."""

_MARKS = (b"@kernel", b"@inlined", b"@allocating")


def cache_root() -> Path:
    """Where this user's caches are: ``$TOLL_CACHE``, or tollstream in the user's cache folder."""
    given = os.environ.get("TOLL_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tollstream"


@cache
def cache_folder() -> Path:
    """Where compiled kernels are kept, by their source.

    Numba notices a change of the file that holds a kernel, but not of a file that holds a rule which the
    kernel calls: so the folder is named by the hash of all files with kernels and rules.
    """
    packages = (Path(__file__).parent, Path(__file__).parent.parent / "rating")
    sources = [path.read_bytes() for package in packages for path in sorted(package.rglob("*.py"))]
    digest = hashlib.sha256(b"".join(text for text in sources if any(mark in text for mark in _MARKS))).hexdigest()
    return cache_root() / f"kernels-{digest[:16]}"


@cache
def enabled() -> bool:
    """Whether kernels are compiled: decided when the first one is defined, and the same for all."""
    return os.environ.get("TOLL_JIT", "on") != "off" and os.environ.get("NUMBA_DISABLE_JIT", "0") != "1"


def kernel(rule: Callable[P, R]) -> Callable[P, R]:
    """Compile ``rule`` (a scalar rule or a loop over arrays) on first use; identity when disabled.

    It allocates nothing, so numba need not count references to its arrays: a call costs no more than its work.
    """
    return _compiled(rule, _nrt=False)


def inlined(rule: Callable[P, R]) -> Callable[P, R]:
    """As :func:`kernel`, for a short rule that is called per row: it becomes part of its callers."""
    return _compiled(rule, _nrt=False, forceinline=True)


def allocating(rule: Callable[P, R]) -> Callable[P, R]:
    """As :func:`kernel`, for a loop that makes arrays of its own; only Python may call it."""
    return _compiled(rule)


def _compiled(rule: Callable[P, R], **options: bool) -> Callable[P, R]:
    if not enabled():
        return rule
    compiled = _numba().njit(rule, nogil=True, cache=True, boundscheck=False, error_model="python", **options)
    return cast("Callable[P, R]", compiled)


@cache
def _numba() -> ModuleType:
    """Numba, with our cache folder.

    Its import also loads ``coverage`` where that is installed, to report compiled lines; that takes as long
    as numba itself, so it is left out unless coverage is already measuring.
    """
    measuring = "coverage" in sys.modules
    if not measuring:
        sys.modules["coverage"] = cast("ModuleType", None)  # an import of it fails, which numba expects
    try:
        import numba
    finally:
        if not measuring:
            del sys.modules["coverage"]
    if "NUMBA_CACHE_DIR" not in os.environ:
        numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined] # set at run time by numba
    return numba
