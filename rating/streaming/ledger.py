"""The ledger of what was shipped: how far each source is in each topic.

Enters: sources, topics, offsets. Leaves: the same after any crash. Always holds: an offset is noted only after the
broker acknowledged everything before it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rating.streaming.source import StreamError

_CREATE = """
CREATE TABLE IF NOT EXISTS shipped (
    source TEXT, topic TEXT, name TEXT, next_offset INTEGER, next_record_no INTEGER, complete INTEGER,
    PRIMARY KEY (source, topic)
)"""
_PUT = "INSERT OR REPLACE INTO shipped VALUES (?, ?, ?, ?, ?, ?)"
_GET = "SELECT next_offset, next_record_no, complete FROM shipped WHERE source = ? AND topic = ?"


@dataclass(frozen=True, slots=True)
class Shipped:
    """How far a source is shipped: offset, the ordinal of the record there, whether that is all."""

    next_offset: int = 0
    next_record_no: int = 1
    complete: bool = False


class Ledger:
    """A ledger in the file ``path``; a context manager."""

    def __init__(self, path: Path) -> None:
        try:
            self._sql = sqlite3.connect(path, isolation_level=None, timeout=30)
            self._sql.execute("PRAGMA synchronous = FULL")
            self._sql.execute(_CREATE)
        except sqlite3.Error as fault:
            raise StreamError(f"{path}: the ledger cannot be written: {fault}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sql.close()

    def shipped(self, source: str, topic: str) -> Shipped:
        """How far ``source`` is in ``topic``."""
        found = self._sql.execute(_GET, (source, topic)).fetchall()
        return Shipped(found[0][0], found[0][1], bool(found[0][2])) if found else Shipped()

    def note(self, source: str, topic: str, name: str, at: Shipped) -> None:
        """Note that ``source`` is shipped up to ``at``."""
        self._sql.execute(_PUT, (source, topic, name, at.next_offset, at.next_record_no, at.complete))
