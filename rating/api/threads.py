"""Threads that answer: a few at a time, and few that wait.

Enters: work. Leaves: what it gives. Always holds: no more works at a time than there are threads, and no more wait
than may.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class BusyError(Exception):
    """Too many wait already."""


class TooSlowError(Exception):
    """It took longer than it may, and was interrupted."""


class Threads:
    """``threads`` threads, for which up to ``waiting`` works wait; asked by one event loop."""

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, name)
        self._turn = asyncio.Semaphore(threads)
        self._places = threads + waiting

    async def run(
        self, work: Callable[[], T], most_s: int | None = None, interrupt: Callable[[], None] | None = None
    ) -> T:
        """What ``work`` gives; after ``most_s`` seconds of it, not counting the wait, ``interrupt`` is called.

        Raises :class:`BusyError`, :class:`TooSlowError`, or what the work raises.
        """
        if not self._places:
            raise BusyError
        self._places -= 1
        try:
            async with self._turn:
                return await _in_time(self._pool.submit(work), most_s, interrupt)
        finally:
            self._places += 1

    def close(self) -> None:
        """Wait for what is under way, and end the threads."""
        self._pool.shutdown(cancel_futures=True)


async def _in_time(running: Future[T], most_s: int | None, interrupt: Callable[[], None] | None) -> T:
    answer = asyncio.wrap_future(running)
    done, _ = await asyncio.wait({answer}, timeout=most_s)
    if done:
        return await answer
    while not done and interrupt:  # again and again: it may be between two queries
        interrupt()
        done, _ = await asyncio.wait({answer}, timeout=1)
    answer.exception()
    raise TooSlowError
