"""Unpacking: messages become pieces, and pieces one chunk of bytes.

Enters: messages of one partition and the layouts that they may name. Leaves: per layout the pieces (a value, or a
record of an Arrow block) joined into one text with the place of each, and as rejected rows the messages that
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

from mediation import stage
from mediation.layout import Layout
from mediation.reasons import CODE
from rating.streaming.coordinates import MOST_RECORDS, record_no
from rating.streaming.source import Headers, Messages

Ints = npt.NDArray[np.int64]

LAYOUT_HEADER: Final = "toll-layout"
PACKING_HEADER: Final = "toll-packing"
RECORD_COLUMN: Final = "record"
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
    """Pieces of messages of one layout, end to end in ``text``, with a line end after those that lack one it needs.

    ``offset`` is that of each piece's message, ``starts`` where each begins (and the end of the last), ``added`` which
    ones got a line end.
    """

    layout: Layout
    offset: Ints
    text: npt.NDArray[np.uint8]
    starts: Ints
    added: npt.NDArray[np.bool_]

    @property
    def size_bytes(self) -> int:
        """The bytes of all pieces as they came."""
        return len(self.text) - int(self.added.sum())


@dataclass(slots=True)
class _Group:
    """What is gathered for one layout: pieces in the order of their messages, with the offset of each one's."""

    offsets: list[int]
    values: list[bytes]

    def pieces(self, layout: Layout) -> Pieces:
        """The pieces, joined."""
        offset, values = np.array(self.offsets, np.int64), self.values
        added = np.zeros(len(values), np.bool_)
        if line_end := layout.framing.record_end:
            added = ~np.fromiter((value.endswith(line_end) for value in values), np.bool_, len(values))
        starts = np.zeros(len(values) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, values), np.int64, len(values)) + added, out=starts[1:])
        return Pieces(layout, offset, np.frombuffer(_joined(values, line_end, added), np.uint8), starts, added)


def _joined(values: list[bytes], line_end: bytes, added: npt.NDArray[np.bool_]) -> bytes:
    """``values`` end to end, with ``line_end`` after those that are ``added``."""
    if added.all():
        return line_end.join([*values, b""])
    if added.any():
        values = [value + line_end if add else value for value, add in zip(values, added.tolist(), strict=True)]
    return b"".join(values)


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
    usual = _all_usual(messages, reading)
    if usual:
        groups[reading.layout] = _Group(messages.offsets, messages.values)
    for row, headers in enumerate(() if usual else messages.headers):
        name, packing = named(headers, reading)
        if packing == "raw" and name in reading.layouts and _fits(messages.values[row], reading, name):
            block: list[bytes] | _Poison = [messages.values[row]]
        else:
            block = _block(messages, row, name, packing, reading)
        if isinstance(block, _Poison):
            poison.append(block)
        else:
            group = groups.setdefault(name, _Group([], []))
            group.offsets += [messages.offsets[row]] * len(block)
            group.values += block
    return [group.pieces(reading.layouts[name]) for name, group in groups.items()], _rejected(source, poison)


def _all_usual(messages: Messages, reading: Reading) -> bool:
    """Whether no message names a layout or packing, and none is empty or near a limit: told without a look at each."""
    if reading.packing != "raw" or reading.layout not in reading.layouts or any(messages.headers):
        return False
    return all(messages.values) and max(map(len, messages.values)) <= min(MOST_RECORDS, reading.most_bytes)


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
        return bool(reading.layouts[name].framing.record_end)
    if len(value) <= MOST_RECORDS:  # a record has at least one byte, if only its line end
        return len(value) <= reading.most_bytes
    lines = value.count(reading.layouts[name].framing.line_end)
    return len(value) <= reading.most_bytes and lines < MOST_RECORDS


def _block(messages: Messages, row: int, name: str, packing: str, reading: Reading) -> list[bytes] | _Poison:
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


def _holds(records: list[bytes], layout: Layout) -> bool:
    """Whether there is any record: where records end by themselves, nothing is none."""
    return len(records) > 0 and (bool(layout.framing.record_end) or any(records))


def _records(value: bytes) -> list[bytes]:
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
    records: list[bytes] = column.to_pylist()
    return records


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
