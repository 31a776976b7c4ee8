"""A delta: everything that one batch did, of one source or of several partitions of a stream, as a value.

Enters: what the stages made of a batch. Leaves: a frozen value that :meth:`rating.lake.Lake.commit` lands
whole or not at all. Always holds: nothing of a batch is outside its delta, and the same input gives an
equal delta (no clock, no random number).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Self

import pyarrow as pa

from mediation.fields import schema
from mediation.stage import empty

SUSPENSE: Final = "suspense"
"""The reserved source whose offset counts the batches of suspense actions: two recyclers conflict there."""

STATE: Final = "state"
"""The reserved source whose offset is the epoch: it counts what changed ids and balances beside the sources' own
batches, recycles and re-ratings. Who holds such state live reads it anew when the epoch has turned."""

_TABLE_OF: Final = {
    "usage": "usage",
    "charges": "charge",
    "rejected": "rejected",
    "recycled": "rejected",
    "movements": "balance_movement",
}

Row = Mapping[str, str | int | bool | bytes | Decimal | datetime | None]
"""One row of a small table, by column name."""


@dataclass(frozen=True, slots=True)
class TariffVersion:
    """A compiled tariff that priced rows of a delta: its hash, its file name in the lake, its bytes."""

    version: str
    file: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LayoutVersion:
    """A layout that decoded rows of a delta: the hash of its text, its name, its TOML text."""

    version: str
    name: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Offset:
    """How far a source is committed: bytes (of a stream: messages), the record that begins there, whether it is all."""

    next_offset: int = 0
    next_record_no: int = 1
    complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What a batch took of ``source``: ``records`` from ``first_offset`` to ``next_offset``.

    Offsets of a file are bytes, those of a stream are the broker's. A stream's may need ``further_layouts``, and has an
    ``intake`` row without ``batch_id``. One of no length takes nothing; its offset is checked all the same.
    """

    source: str
    first_offset: int
    next_offset: int
    next_record_no: int
    complete: bool
    records: int
    layout: LayoutVersion | None = None
    further_layouts: tuple[LayoutVersion, ...] = ()
    intake: Row | None = None

    @classmethod
    def numbered(cls, source: str, first: int, count: int = 1, **parts: Any) -> Self:  # noqa: ANN401 - fields, checked so
        """What takes the ``count`` ordinals after ``first`` of a source of the lake's own, which counts from 0."""
        after = first + count
        rest = {"next_record_no": after + 1, "complete": False, "records": 0} | parts
        return cls(source=source, first_offset=first, next_offset=after, **rest)

    def layouts(self) -> tuple[LayoutVersion, ...]:
        """Every layout that decoded its records."""
        return (*((self.layout,) if self.layout else ()), *self.further_layouts)

    def __post_init__(self) -> None:
        if not 0 <= self.first_offset <= self.next_offset:
            raise ValueError(f"offsets run backwards: {self.first_offset} to {self.next_offset}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta(Extent):
    """One batch: what it took of ``source``, and ``beside`` of further sources, and all that came of it.

    Sources land together or not at all. A delta that ``turns_epoch`` changes what others may hold live
    (:data:`STATE`). ``small`` are rows of further small tables, by table, without ``batch_id``.

    ``usage``, ``charges``, ``rejected`` and ``movements`` (of balances) are in the schemas of
    :mod:`mediation.fields`. A recycle is a delta of the source :data:`SUSPENSE`, whose offsets count such batches:
    ``recycled`` are the rejected rows that leave suspense by it, ``actions`` further ``suspense_action`` rows (failed,
    written_off) without ``batch_id``.
    """

    usage: pa.RecordBatch | pa.Table = field(default_factory=lambda: empty("usage"), repr=False)
    charges: pa.RecordBatch | pa.Table = field(default_factory=lambda: empty("charge"), repr=False)
    rejected: pa.RecordBatch | pa.Table = field(default_factory=lambda: empty("rejected"), repr=False)
    movements: pa.RecordBatch | pa.Table = field(default_factory=lambda: empty("balance_movement"), repr=False)
    recycled: pa.RecordBatch | pa.Table = field(default_factory=lambda: empty("rejected"), repr=False)
    actions: tuple[Row, ...] = ()
    findings: tuple[Row, ...] = ()
    source_file: Row | None = None
    tariff: TariffVersion | None = None
    beside: tuple[Extent, ...] = ()
    turns_epoch: bool = False
    small: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    bills: Mapping[str, pa.Table] = field(default_factory=dict, repr=False)
    rating_run: int = 0

    @classmethod
    def over(cls, extents: Sequence[Extent], **parts: Any) -> Self:  # noqa: ANN401 - fields, checked as such
        """The delta that takes ``extents``, with ``parts`` that came of them."""
        first, *beside = extents
        return cls(**{f.name: getattr(first, f.name) for f in fields(Extent)}, beside=tuple(beside), **parts)

    def extents(self) -> tuple[Extent, ...]:
        """What the delta takes of each of its sources."""
        return (self, *self.beside)

    def all_layouts(self) -> dict[str, LayoutVersion]:
        """Every layout that decoded rows of the delta, by version."""
        return {found.version: found for extent in self.extents() for found in extent.layouts()}

    def __post_init__(self) -> None:
        Extent.__post_init__(self)
        sources = [extent.source for extent in self.extents()]
        if len(set(sources)) < len(sources):
            raise ValueError(f"a source stands twice in a delta: {', '.join(sources)}")
        parts = [(table, getattr(self, part)) for part, table in _TABLE_OF.items()]
        for table, rows in [*parts, *self.bills.items()]:
            have, wanted = rows.schema, schema(table)
            if have.names != wanted.names or have.types != wanted.types:
                raise ValueError(f"rows of {table} have not its columns: {have.names} {have.types}")
        if (self.recycled.num_rows or self.actions) and self.source != SUSPENSE:
            raise ValueError(f"suspense actions belong to the source {SUSPENSE!r}, not {self.source!r}")
