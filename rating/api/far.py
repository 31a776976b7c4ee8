"""Questions to the lake itself: few at a time, and none for longer than its time.

Enters: a question, which is a function of a lake. Leaves: its answer. Always holds: a question sees one snapshot;
slow ones hold up each other, never those that the shelves answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, local
from typing import Final, TypeVar

from rating.api.threads import Threads
from rating.lake import Lake, open_lake

T = TypeVar("T")

WAITING: Final = 8
"""Questions that may wait for each connection."""
_RENEW: Final = 500
"""Questions through one connection: DuckLake keeps something of every snapshot in its memory."""


class _Underway:
    """The lake that a question reads, as long as it does: after that the connection is another's, or closed."""

    def __init__(self) -> None:
        self._lake: Lake | None = None
        self._held = Lock()

    @contextmanager
    def on(self, lake: Lake) -> Iterator[None]:
        """Meanwhile an interrupt reaches ``lake``."""
        self._lake = lake
        try:
            yield
        finally:
            with self._held:
                self._lake = None

    def interrupt(self) -> None:
        """End the query that the question has under way, if it has any."""
        with self._held:
            if self._lake:
                self._lake.interrupt()


class Far:
    """``connections`` to the lake in ``folder``; a question may take ``most_s`` seconds."""

    def __init__(self, folder: Path | str, connections: int, most_s: int) -> None:
        self._folder, self._most_s = folder, most_s
        self._threads = Threads("far", connections, connections * WAITING)
        self._own = local()
        self._open: set[Lake] = set()

    async def ask(self, question: Callable[[Lake], T]) -> T:
        """The answer of ``question``.

        Raises :class:`rating.api.threads.BusyError`, :class:`rating.api.threads.TooSlowError`,
        :class:`rating.lake.LakeError`, or what the question raises.
        """
        underway = _Underway()

        def work() -> T:
            lake = self._lake()
            with lake.one_snapshot(), underway.on(lake):
                return question(lake)

        return await self._threads.run(work, self._most_s, underway.interrupt)

    def _lake(self) -> Lake:
        """The thread's own connection, opened when it is first needed, and renewed now and then."""
        count, lake = getattr(self._own, "line", (0, None))
        if lake is None or count >= _RENEW:
            if lake:
                self._open.discard(lake)
                lake.close()
            lake, count = open_lake(self._folder, read_only=True), 0
            lake.use_one_thread()
            self._open.add(lake)
        self._own.line = count + 1, lake
        return lake

    def close(self) -> None:
        """Wait for what is under way, and close the connections."""
        self._threads.close()
        for lake in self._open:
            lake.close()
