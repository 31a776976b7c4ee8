"""Partials: each record of a long session is priced as the part of it that it is.

Enters: a ``usage`` batch in which some rows are partials (they have a ``session_id``, and a place in it, from 1), and
what is known of their sessions: the rows of earlier partials, placed before. Leaves: usage in which every partial
says how much its session had used before it (``usage_offset``) and when that began; the partials whose predecessor
has not come, which wait; and those whose place another one has. Always holds: rows in = accepted + rejected,
whatever their order; a partial is placed only upon the one before it, so that the offsets of a session are the sums
of its usage, and no usage counts twice. Whole records pass as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mediation import stage
from mediation.fields import INSTANT, schema
from mediation.jit import kernel
from mediation.reasons import CODE

Ints = npt.NDArray[np.int64]

COLUMNS: Final = ("session_id", "partial_no", "usage", "usage_offset", "start_utc", "session_start_utc")
"""What must be known of an earlier partial, as usage has it."""

MOST: Final = 1 << 62
"""What has been used counts no further; it is far beyond what can be priced."""

_AWAITING: Final = CODE["awaiting_partial"]
_CONFLICTING: Final = CODE["conflicting_partial"]


def place(usage: pa.RecordBatch, known: pa.Table | None = None) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Give the partials in ``usage`` their offset and the start of their session: (usage, rejected rows).

    ``known`` has the :data:`COLUMNS` of the partials that were placed before, at least of those with the same or
    the preceding number.
    """
    rows = partial_rows(usage)
    if not len(rows):
        return usage, stage.empty("rejected")
    parts = _parts(usage.select(COLUMNS).take(pa.array(rows)), known)
    before = len(parts.number) - len(rows)
    reasons = np.zeros(len(parts.number), np.uint8)
    _walk(parts.order(), before, parts.session, parts.number, parts.usage, parts.offset, parts.start_us, reasons)
    reason = np.zeros(usage.num_rows, np.uint8)
    reason[rows] = reasons[before:]

    def value(row: int) -> str:
        return f"{usage['call_reference'][row]} {usage['partial_no'][row]}"

    return stage.split(_placed(usage, rows, parts, before), stage.Fault(reason, lambda _: "partial_no", value))


def partial_rows(usage: pa.RecordBatch) -> Ints:
    """The row numbers of partials; a batch without any costs nothing."""
    if usage["session_id"].null_count == usage.num_rows:
        return np.zeros(0, np.int64)
    return np.flatnonzero(usage["session_id"].is_valid().to_numpy(zero_copy_only=False))


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """Partials as arrays, the known ones first: ``session`` as two halves of its id, (n, 2)."""

    session: Ints
    number: Ints
    usage: Ints
    offset: Ints
    start_us: Ints

    def order(self) -> Ints:
        """The rows by session and number; of equal ones the known first, then as they came."""
        return np.lexsort((self.number, self.session[:, 1], self.session[:, 0]))


def _parts(usage: pa.RecordBatch, known: pa.Table | None) -> _Parts:
    batches = [usage] if known is None else [*known.select(COLUMNS).combine_chunks().to_batches(), usage]

    def joined(column: Callable[[pa.RecordBatch], Ints]) -> Ints:
        return np.concatenate([column(batch) for batch in batches])

    return _Parts(
        session=joined(lambda batch: halves(batch["session_id"])),
        number=joined(lambda batch: _integers(batch["partial_no"])),
        usage=joined(lambda batch: _integers(batch["usage"])),
        offset=joined(lambda batch: _integers(batch["usage_offset"])),
        start_us=joined(lambda batch: _integers(pc.coalesce(batch["session_start_utc"], batch["start_utc"]))),
    )


def _integers(column: pa.Array) -> Ints:
    """A copy of ``column`` that can be written."""
    return np.array(column.cast(pa.int64()), np.int64)


def halves(ids: pa.ExtensionArray) -> Ints:
    """Both halves of each id, (n, 2), as its bytes stand."""
    storage = ids.storage
    return np.frombuffer(storage.buffers()[1], np.int64, 2 * len(storage), 16 * storage.offset).reshape(-1, 2)


@kernel
def _walk(
    order: Ints,
    known: int,
    session: Ints,
    number: Ints,
    usage: Ints,
    offset: Ints,
    start_us: Ints,
    reason: npt.NDArray[np.uint8],
) -> None:
    """Write offset and session start of each partial behind the first ``known``, or the reason why it has none."""
    last, linked, used = -1, False, 0
    for at in order:
        same = last >= 0 and session[at, 0] == session[last, 0] and session[at, 1] == session[last, 1]
        if same and number[at] == number[last]:
            reason[at] = _CONFLICTING
            continue
        if at < known:
            linked = True
        elif same and linked and number[at] == number[last] + 1:
            offset[at], start_us[at] = used, start_us[last]
        else:
            linked = number[at] == 1
            reason[at] = 0 if linked else _AWAITING
        used = offset[at] + min(usage[at], MOST - offset[at])
        last = at


def _placed(usage: pa.RecordBatch, rows: Ints, parts: _Parts, known: int) -> pa.RecordBatch:
    """``usage`` with what was found of the partials at ``rows``."""
    offset = _integers(usage["usage_offset"])
    began, whole = np.zeros(usage.num_rows, np.int64), np.ones(usage.num_rows, np.bool_)
    offset[rows], began[rows], whole[rows] = parts.offset[known:], parts.start_us[known:], False
    found = {"usage_offset": pa.array(offset), "session_start_utc": pa.array(began, mask=whole).cast(INSTANT)}
    names = schema("usage").names
    return pa.RecordBatch.from_arrays([found.get(n, usage[n]) for n in names], schema=schema("usage"))
