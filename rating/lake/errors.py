"""What can go wrong with a lake, said in words that tell what to do.

Enters: DuckDB's and the system's exceptions. Leaves: the exceptions of :mod:`rating.lake`. Always holds: a
broken environment is one of these, bad records never are; what a second attempt may cure is tried again.
"""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

import duckdb

T = TypeVar("T")

ATTEMPTS: Final = 8
FIRST_WAIT_S: Final = 0.05
"""The wait after the first failed attempt; it doubles, so that eight attempts take some six seconds."""

LEAST_FREE_BYTES: Final = 1 << 20
"""With less room than this, a failure is put down to the full disk."""

_PASSING: Final = ("database is locked", "conflict", "database is busy", "concurrent")
_FULL: Final = ("no space left", "disk is full", "disk full", "database or disk is full")
_IN_DOUBT: Final = ("i/o error", "input/output error", "disk io")
_FORBIDDEN: Final = ("permission denied", "readonly database", "read-only file", "unable to open database")


class LakeError(Exception):
    """The lake cannot be opened, read or written; the text says what to do."""


class LakeUnavailable(LakeError):  # noqa: N818  (as with StaleOffset)
    """The disk is full or the catalogue locked: nothing landed, and a later attempt may succeed."""


class StaleOffset(LakeError):  # noqa: N818  (the name says what it is; "Error" would add nothing)
    """Another writer has moved the offset of ``sources``: this delta was made from bytes already committed."""

    def __init__(self, says: str, sources: Sequence[str] = ()) -> None:
        super().__init__(says)
        self.sources = tuple(sources)


class StaleState(LakeError):  # noqa: N818  (as with StaleOffset)
    """The epoch has turned: ids or balances that this delta rests on were changed by somebody else; nothing landed."""


class QueryError(LakeError):
    """A query that the lake refuses: unknown names, wrong syntax, a statement that writes."""


def _says(error: BaseException, words: tuple[str, ...]) -> bool:
    text = str(error).lower()
    return any(word in text for word in words)


def passing(error: BaseException) -> bool:
    """Whether a second attempt may cure ``error``: the catalogue is locked, or another writer was first."""
    return _says(error, _PASSING)


def in_doubt(error: BaseException) -> bool:
    """Whether a commit that failed by ``error`` may yet be there after a restart.

    Where the disk fails to sync, the journal may hold the whole transaction, and the next process finds it.
    """
    return isinstance(error, duckdb.Error) and _says(error, _IN_DOUBT)


def retried(attempt: Callable[[], T]) -> T:
    """The result of ``attempt``, which is tried again with growing waits while the catalogue is locked."""
    wait_s = FIRST_WAIT_S
    for _ in range(ATTEMPTS - 1):
        try:
            return attempt()
        except duckdb.Error as error:
            if not passing(error):
                raise
            time.sleep(wait_s)
            wait_s *= 2
    return attempt()


@contextmanager
def explained(place: str) -> Iterator[None]:
    """Turn what the system or DuckDB says of the lake at ``place`` into a :class:`LakeError` with a remedy."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise _named(place, error) from error


def _full(place: str) -> bool:
    """Whether the disk of ``place`` has no room for a commit; SQLite's own error may hide it behind another."""
    try:
        return shutil.disk_usage(place).free < LEAST_FREE_BYTES
    except OSError:
        return False


def _named(place: str, error: Exception) -> LakeError:
    """What is wrong with the lake at ``place``, and what to do."""
    if _says(error, _FULL) or getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT} or _full(place):
        told = f"the disk of {place} is full: nothing of this batch was kept; free space, then run again"
        return LakeUnavailable(told)
    if passing(error):
        return LakeUnavailable(f"{place} is locked by another writer: wait until it has finished, then run again")
    if isinstance(error, OSError) or _says(error, _FORBIDDEN):
        return LakeError(f"{place} cannot be written ({error}): check that it is a folder, its owner and its mode")
    return LakeError(f"{place}: {str(error).strip()}")
