"""The offsets of a delta: checked and moved within its transaction.

Enters: a delta, an open transaction. Leaves: moved offsets. Always holds: the extents of a delta move together,
each only from where it is; rows move by an UPDATE, and a new one moves a reserved row, so that two writers conflict.
"""

from __future__ import annotations

from typing import Final

import duckdb

from rating.lake.delta import STATE, SUSPENSE, Delta, Extent, Offset
from rating.lake.errors import StaleOffset, StaleState

NEW_SOURCES: Final = "sources"
"""The reserved source whose offset counts the sources seen: two writers of a new one conflict there."""

_STORED: Final = """
SELECT source, next_offset, next_record_no, complete FROM input_offset WHERE list_contains($sources, source)"""
_ROWS: Final = """
    unnest($sources) AS source, unnest($next_offsets) AS next_offset, unnest($record_nos) AS next_record_no,
    unnest($complete) AS complete"""
_INSERT: Final = f"INSERT INTO input_offset SELECT {_ROWS}"
_UPDATE: Final = f"""
UPDATE input_offset SET next_offset = m.next_offset, next_record_no = m.next_record_no, complete = m.complete
FROM (SELECT {_ROWS}) m WHERE m.source = input_offset.source"""  # noqa: S608 - our own text

Offsets = dict[str, Offset]


def add_reserved(connection: duckdb.DuckDBPyConnection) -> None:
    """Write the first offsets of a new lake: those of the sources that stand for no input."""
    _write(connection, _INSERT, {source: Offset() for source in (SUSPENSE, NEW_SOURCES, STATE)})


def moved(connection: duckdb.DuckDBPyConnection, delta: Delta, epoch: int | None) -> None:
    """Move the offset of each extent of ``delta``, and turn the epoch if it does so.

    Raises :class:`StaleOffset` with the sources that are not where ``delta`` begins, or complete; :class:`StaleState`
    if ``epoch``, where there is one, is not the one that holds.
    """
    extents = {extent.source: extent for extent in delta.extents()}
    stored = _stored(connection, [*extents, NEW_SOURCES, STATE])
    _refuse_stale(delta, extents, stored)
    held = stored.get(STATE, Offset()).next_offset
    if epoch not in {None, held}:
        raise StaleState("ids or balances were changed by another process since they were read: run again")
    to = {name: Offset(e.next_offset, e.next_record_no, e.complete) for name, e in extents.items()}
    if delta.turns_epoch:
        to[STATE] = Offset(held + 1)
    new = {name: offset for name, offset in to.items() if name not in stored}
    if new:
        to[NEW_SOURCES] = Offset(stored[NEW_SOURCES].next_offset + len(new))
        _write(connection, _INSERT, new)
    _write(connection, _UPDATE, {name: offset for name, offset in to.items() if name not in new})


def _stored(connection: duckdb.DuckDBPyConnection, sources: list[str]) -> Offsets:
    rows = connection.execute(_STORED, {"sources": sources}).fetchall()
    return {source: Offset(*at) for source, *at in rows}


def _refuse_stale(delta: Delta, extents: dict[str, Extent], stored: Offsets) -> None:
    stale = [extent for extent in extents.values() if not _fits(delta, extent, stored.get(extent.source, Offset()))]
    if stale:
        told = "; ".join(
            f"{e.source} is committed up to {stored.get(e.source, Offset()).next_offset}, not {e.first_offset}"
            for e in stale
        )
        says = f"{told}: another run has taken this batch; start again from the stored offset"
        raise StaleOffset(says, [extent.source for extent in stale])


def _fits(delta: Delta, extent: Extent, at: Offset) -> bool:
    """Whether ``extent`` begins where its source is; a complete file takes findings only (an empty one is so at 0)."""
    adds = extent.records > 0 or delta.source_file is not None
    return at.next_offset == extent.first_offset and not (at.complete and adds)


def _write(connection: duckdb.DuckDBPyConnection, statement: str, offsets: Offsets) -> None:
    if offsets:
        values = list(offsets.values())
        columns = {
            "sources": list(offsets),
            "next_offsets": [offset.next_offset for offset in values],
            "record_nos": [offset.next_record_no for offset in values],
            "complete": [offset.complete for offset in values],
        }
        connection.execute(statement, columns)
