"""A lake in memory: the twin of the lake on disk, for tests and for trying things out.

Enters: deltas. Leaves: what :class:`rating.lake.Lake` promises, gone when it is closed. Always holds: the
same contract tests run over it and over the lake on disk.
"""

from __future__ import annotations

from typing import Any

import duckdb

from rating.lake.delta import Delta
from rating.lake.lake import Lake, create_tables, large_tables


class MemoryLake(Lake):
    """A :class:`Lake` whose tables live in this process alone."""

    def __init__(self) -> None:
        super().__init__(duckdb.connect())
        create_tables(self._sql)
        self._tariffs: dict[str, bytes] = {}

    def _place(self) -> str:
        return "the lake in memory"

    def _write(self, delta: Delta) -> dict[str, Any]:
        if delta.tariff:
            self._tariffs[delta.tariff.file] = delta.tariff.content
        return dict(large_tables(delta))

    def _take_in(self, written: dict[str, Any]) -> None:
        for table, rows in written.items():
            self._insert(table, rows, 0)

    def _discard(self, written: dict[str, Any]) -> None:
        """Nothing to remove: the rolled back transaction held it all."""

    def _kept(self, file: str) -> bytes:
        return self._tariffs[file]

    def delete_orphans(self) -> int:
        """Nothing outlives a crash in memory."""
        return 0

    def maintain(self) -> None:
        """Nothing to merge in memory."""
