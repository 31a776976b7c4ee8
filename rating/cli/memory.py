"""Keeping the pages that one batch freed for the next one.

Enters: nothing. Leaves: the settings of the allocator and of Python's cycle collector, for this process.
Always holds: results do not depend on it, and a setting that the user made in the environment stays.

Batches of one size follow each other, so memory that is given back to the system is asked for again at
once, page by page and zeroed: measured as a tenth of a run's CPU time, and on virtual machines, whose host takes
back what is free, as two fifths of a stream's. (DuckDB gives all that is free back whenever its number of threads
changes: see :meth:`rating.lake.Lake.use_one_thread`.)
"""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of mallopt(3)
_KEPT_BYTES = 1 << 30


def keep_pages(*, large: bool = False) -> None:
    """Set the allocators, and stop the cycle collector until :func:`rest_collector`.

    Call it once, at the start of a long run, before numpy and pyarrow are loaded; ``large``: for batches of tens of
    megabytes that one thread makes and another lets go, which the C library's one heap serves badly.
    """
    gc.disable()  # what loads now stays: its rounds would find nothing
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "mimalloc" if large else "system")
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", "-1")  # else it gives large blocks back at once
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no linear algebra here: its threads would only wait
    with suppress(OSError, AttributeError):  # not glibc: its own settings are as good
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in ((_MMAP_THRESHOLD, _KEPT_BYTES), (_TRIM_THRESHOLD, _KEPT_BYTES), (_ARENA_MAX, 1)):
            mallopt(option, value)


def rest_collector() -> None:
    """Start the cycle collector again, without all that lives now (a compiled tariff, modules)."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 20, 100)
