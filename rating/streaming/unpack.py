"""Unpacking: messages become pieces, and pieces one chunk of bytes.

Enters: messages of one partition and the layouts that they may name. Leaves: per layout the pieces (a value, or a
record of an Arrow block) joined into one buffer with the place of each, and as rejected rows the messages that
cannot be unpacked. Always holds: every message is in exactly one of these; a rejected one keeps its bytes.

Headers of a message: ``toll-layout`` names the layout, ``toll-packing`` says ``raw`` (the bytes are the layout's own
framing, one record or many) or ``arrow`` (an Arrow IPC stream whose only or ``record`` column holds records).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mediation import stage
from mediation.layout import Layout
from mediation.reasons import CODE
from rating.streaming.coordinates import MOST_RECORDS, record_no
from rating.streaming.source import Headers, Messages

Ints = npt.NDArray[np.int64]

LAYOUT_HEADER: Final = "toll-layout"
PACKING_HEADER: Final = "toll-packing"
RECORD_COLUMN: Final = "record"
_SELF_DELIMITING: Final = frozenset({"ber"})
"""Kinds of framing whose records end by themselves; all others end with a line end."""
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Reading:
    """How messages are read: the layouts that they may name, what holds where a header is missing, and a limit."""

    layouts: Mapping[str, Layout]
    layout: str
    packing: str = "raw"
    most_bytes: int = 16 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Pieces of messages of one layout: ``offset`` of each one's message, its bytes as they came."""

    layout: Layout
    offset: Ints
    bytes: pa.BinaryArray

    def joined(self) -> tuple[pa.BinaryArray, npt.NDArray[np.bool_]]:
        """The pieces with a line end after those that lack one where the layout needs it, and which those are."""
        framing = self.layout.framing
        if _self_delimiting(self.layout):
            return self.bytes, np.zeros(len(self.bytes), np.bool_)
        line_end = bytes([framing.line_end])
        open_ended = pc.invert(pc.ends_with(self.bytes, pattern=line_end))
        added = np.asarray(open_ended)
        if not added.any():
            return self.bytes, added
        ended = pc.binary_join_element_wise(self.bytes, pa.scalar(line_end), pa.scalar(b""))
        return ended if added.all() else pc.if_else(open_ended, ended, self.bytes), added


@dataclass(slots=True)
class _Group:
    """What is gathered for one layout."""

    offsets: list[Ints]
    values: list[pa.BinaryArray]


@dataclass(frozen=True, slots=True)
class _Poison:
    """A message that is set aside as a whole."""

    offset: int
    raw: bytes
    layout: str
    reason: str
    field: str
    value: str


def unpack(source: str, messages: Messages, reading: Reading) -> tuple[list[Pieces], pa.RecordBatch]:
    """Part ``messages`` into (pieces per layout, rejected rows)."""
    groups: dict[str, _Group] = {}
    poison: list[_Poison] = []
    plain: dict[str, list[int]] = {}
    usual = _all_usual(messages, reading)
    if usual:
        plain[reading.layout] = list(range(len(messages)))
    for row, headers in enumerate(() if usual else messages.headers):
        name, packing = named(headers, reading)
        if packing == "raw" and name in reading.layouts and _fits(messages.values[row], reading, name):
            plain.setdefault(name, []).append(row)
        elif isinstance(block := _block(messages, row, name, packing, reading), _Poison):
            poison.append(block)
        else:
            group = groups.setdefault(name, _Group([], []))
            group.offsets.append(np.full(len(block), messages.offsets[row], np.int64))
            group.values.append(block)
    for name, rows in plain.items():
        group = groups.setdefault(name, _Group([], []))
        group.offsets.append(np.array(messages.offsets, np.int64)[rows])
        values = messages.values if len(rows) == len(messages) else [messages.values[row] for row in rows]
        group.values.append(pa.array(values, pa.binary()))
    return [_ordered(reading.layouts[name], group) for name, group in groups.items()], _rejected(source, poison)


def _all_usual(messages: Messages, reading: Reading) -> bool:
    """Whether no message names a layout or packing, and none is empty or near a limit: told without a look at each."""
    if reading.packing != "raw" or reading.layout not in reading.layouts or any(messages.headers):
        return False
    return all(messages.values) and max(map(len, messages.values)) <= min(MOST_RECORDS, reading.most_bytes)


def _ordered(layout: Layout, group: _Group) -> Pieces:
    offset = np.concatenate(group.offsets)
    values = pa.concat_arrays(group.values)
    if len(group.offsets) > 1:
        order = np.argsort(offset, kind="stable")
        offset, values = offset[order], values.take(pa.array(order))
    return Pieces(layout, offset, values)


def named(headers: Headers | None, reading: Reading) -> tuple[str, str]:
    """The layout's name and the packing of a message."""
    name, packing = reading.layout, reading.packing
    for key, value in headers or ():
        if key == LAYOUT_HEADER:
            name = (value or b"").decode("utf-8", "replace")
        elif key == PACKING_HEADER:
            packing = (value or b"").decode("utf-8", "replace")
    return name, packing


def _fits(value: bytes, reading: Reading, name: str) -> bool:
    if not value:
        return not _self_delimiting(reading.layouts[name])
    if len(value) <= MOST_RECORDS:  # a record has at least one byte, if only its line end
        return len(value) <= reading.most_bytes
    lines = value.count(reading.layouts[name].framing.line_end)
    return len(value) <= reading.most_bytes and lines < MOST_RECORDS


def _block(messages: Messages, row: int, name: str, packing: str, reading: Reading) -> pa.BinaryArray | _Poison:
    """The records of a packed message, or why it has none."""
    offset, value = messages.offsets[row], messages.values[row]

    def poison(reason: str, field: str, shown: str) -> _Poison:
        return _Poison(offset, value, name[:_SHOWN], reason, field, shown[:_SHOWN])

    if name not in reading.layouts:
        return poison("unknown_layout", LAYOUT_HEADER, name)
    if packing not in {"raw", "arrow"}:
        return poison("bad_packing", PACKING_HEADER, packing)
    if len(value) > reading.most_bytes or (value and packing == "raw"):
        return poison("message_too_long", "value", f"{len(value)} bytes")
    try:
        records = _records(value) if packing == "arrow" else None
    except (pa.ArrowException, ValueError, OSError) as fault:
        return poison("bad_packing", "value", str(fault))
    if records is None or not _holds(records, reading.layouts[name]):
        return _Poison(offset, b"", name, "no_record", "value", "")
    return records if len(records) <= MOST_RECORDS else poison("message_too_long", "value", f"{len(records)} records")


def _holds(records: pa.BinaryArray, layout: Layout) -> bool:
    """Whether there is any record: where records end by themselves, nothing is none."""
    return len(records) > 0 and (not _self_delimiting(layout) or pc.any(pc.not_equal(records, b"")).as_py())


def _self_delimiting(layout: Layout) -> bool:
    return layout.framing.kind.value in _SELF_DELIMITING


def _records(value: bytes) -> pa.BinaryArray:
    """The records of an Arrow block. Raises what Arrow raises, or :class:`ValueError`."""
    with pa.ipc.open_stream(value) as stream:
        schema = stream.schema
        name = RECORD_COLUMN if RECORD_COLUMN in schema.names else schema.names[0] if len(schema) == 1 else ""
        if not name:
            raise ValueError(f"no column {RECORD_COLUMN!r} among {', '.join(schema.names)[:_SHOWN]}")
        table = stream.read_all()
    table.validate(full=True)
    column = table[name].cast(pa.binary())
    if column.null_count:
        raise ValueError("a record is null")
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _rejected(source: str, poison: list[_Poison]) -> pa.RecordBatch:
    if not poison:
        return stage.empty("rejected")
    rows = pa.RecordBatch.from_pydict(
        {
            "source": stage.constant(source, len(poison)),
            "record_no": pa.array([record_no(p.offset, 0) for p in poison], pa.int64()),
            "offset_bytes": pa.array([0] * len(poison), pa.int64()),
            "layout": stage.labels([p.layout for p in poison]),
            "raw": pa.array([p.raw for p in poison], pa.binary()),
        }
    )
    reason = np.array([CODE[p.reason] for p in poison], np.uint8)
    fault = stage.Fault(reason, lambda row: poison[row].field, lambda row: poison[row].value)
    return stage.rejected(rows, fault, np.arange(len(poison)))
