"""Exact deduplication by event id.

Enters: a ``usage`` batch and the ids that were seen before. Leaves: the events that are new; copies
(same id, same content) as duplicates; conflicts (same id, other content) to suspense. A corrected version of an
event is kept under an id made of the event's and of its own content, so copies of it are found, too. Always holds:
:func:`deduplicate` changes nothing; :meth:`SeenIds.remember` is called after the commit. No id is ever
dropped from a day that counts as loaded, so there are no false answers either way.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation import stage
from mediation.fields import EVENT_ID
from mediation.hashing import version_id
from mediation.jit import kernel
from mediation.reasons import CODE

Ints = npt.NDArray[np.int64]

NEW, SAME, OTHER = range(3)
DAY_US = 86_400_000_000
ANY_DAY = range(-1_000_000, 4_000_000)
"""Days that a lake may hold, where nothing is known of it."""
_FEWEST_SLOTS = 1024
_REASON = np.array([0, CODE["duplicate"], CODE["conflicting_duplicate"]], np.uint8)


@kernel
def _find(table: Ints, high: int, low: int) -> int:
    """The slot of ``table`` (rows of high, low, content, day) that holds the id, or the empty one where it belongs."""
    mask = table.shape[0] - 1
    slot: int = (low ^ (low >> 29)) & mask
    while (table[slot, 0] != 0 or table[slot, 1] != 0) and (table[slot, 0] != high or table[slot, 1] != low):
        slot = (slot + 1) & mask
    return slot


@kernel
def insert_keys(table: Ints, keys: Ints) -> int:
    """Put the rows of ``keys`` into ``table``, which has room; the number of ids that were not in it."""
    fresh = 0
    for i in range(len(keys)):
        slot = _find(table, keys[i, 0], keys[i, 1])
        if table[slot, 0] == 0 and table[slot, 1] == 0:
            fresh += 1
            for c in range(4):
                table[slot, c] = keys[i, c]
    return fresh


@kernel
def _corrected(table: Ints, high: int, low: int, content: int) -> bool:
    """Whether ``table`` has the corrected version of the event that has this content."""
    high, low = version_id(int(high), int(low), int(content))
    slot = _find(table, high, low)
    return bool(table[slot, 0] != 0 or table[slot, 1] != 0)


@kernel
def look_up(table: Ints, batch: Ints, keys: Ints, verdict: npt.NDArray[np.uint8]) -> None:
    """Judge each row of ``keys`` against ``table`` and the rows before it: NEW, SAME or OTHER.

    ``batch`` is an empty table with room for all keys.
    """
    for i in range(len(keys)):
        slot = _find(table, keys[i, 0], keys[i, 1])
        if table[slot, 0] != 0 or table[slot, 1] != 0:
            same = table[slot, 2] == keys[i, 2] or _corrected(table, keys[i, 0], keys[i, 1], keys[i, 2])
            verdict[i] = SAME if same else OTHER
            continue
        slot = _find(batch, keys[i, 0], keys[i, 1])
        if batch[slot, 0] != 0 or batch[slot, 1] != 0:
            verdict[i] = SAME if batch[slot, 2] == keys[i, 2] else OTHER
            continue
        verdict[i] = NEW
        for c in range(3):
            batch[slot, c] = keys[i, c]


def _room(keys: int) -> Ints:
    slots = _FEWEST_SLOTS
    while slots < 2 * keys:
        slots *= 2
    return np.zeros((slots, 4), np.int64)


def keys_of(event_id: pa.Array, content_hash: pa.Array, start_utc: pa.Array) -> Ints:
    """Rows of (id's high half, low half, content hash, day) for the columns of a usage batch."""
    storage = event_id.storage
    halves = np.frombuffer(storage.buffers()[1], np.int64, 2 * len(storage), 16 * storage.offset).reshape(-1, 2)
    keys = np.empty((len(storage), 4), np.int64)
    keys[:, :2] = halves
    keys[:, 2] = np.asarray(content_hash)
    keys[:, 3] = np.asarray(start_utc.cast(pa.int64())) // DAY_US
    return keys


def version_ids(usage: pa.RecordBatch) -> pa.Array:
    """For each row of ``usage`` the id of its event's version that has its content: what a correction is kept under."""
    keys = keys_of(usage["event_id"], usage["content_hash"], usage["start_utc"])
    ids = np.array([version_id(*key) for key in keys[:, :3].tolist()], np.int64).reshape(-1, 2)
    return pa.Array.from_buffers(EVENT_ID, len(ids), [None, pa.py_buffer(ids.tobytes())])


def _distinct(days: Ints) -> list[int]:
    """The distinct ``days`` in order, of which there are few beside the events: counted, not sorted."""
    if not len(days):
        return []
    first = int(days.min())
    return (first + np.flatnonzero(np.bincount(days - first))).tolist()


class SeenIds:
    """The ids of the days that are loaded: a cache of what the lake holds, of ``most_keys`` or the days at hand.

    ``held`` are the days (since 1970-01-01) on which the lake holds anything; it grows with what is
    remembered. A day among them that is not loaded is unknown, not empty: :meth:`missing_days` tells which
    to load first.
    """

    def __init__(self, held: range = ANY_DAY, most_keys: int = 2_000_000) -> None:
        self._table = _room(0)
        self._count = 0
        self._most = most_keys
        self._held = held
        self.days: set[int] = set()

    def missing_days(self, usage: pa.RecordBatch) -> list[int]:
        """The days around the events of ``usage`` that the lake holds and that are not loaded.

        A day is taken with both its neighbours, so that a change of the layout's zone hides no copy. Where
        more than ``most_keys`` ids are held, those of all other days are forgotten first.
        """
        days = _distinct(np.asarray(usage["start_utc"].cast(pa.int64())) // DAY_US)
        around = {day + step for day in days for step in (-1, 0, 1)}
        if self._count > self._most and self.days - around:
            self._forget_all_but(around)
        return sorted(day for day in around - self.days if day in self._held)

    def load(self, days: Iterable[int], *parts: Ints) -> None:
        """Take the keys in ``parts``, all that the lake holds of ``days``."""
        self.days |= set(days)
        self._make_room(sum(map(len, parts)))
        for keys in parts:
            self.remember(keys)

    def remember(self, keys: Ints) -> None:
        """Add the ids of committed events."""
        if len(keys):
            self._hold(_distinct(keys[:, 3]))
        self._make_room(len(keys))
        self._count += insert_keys(self._table, keys)

    def _make_room(self, more: int) -> None:
        if 2 * (self._count + more) > len(self._table):
            self._rebuild(self._rows(), self._count + more)

    def _hold(self, days: list[int]) -> None:
        """Note that the lake now holds ``days``; the ones that it did not hold before are loaded thereby."""
        self.days |= {day for day in days if day not in self._held}
        bounds = (*self._held[:1], *self._held[-1:], days[0], days[-1])
        self._held = range(min(bounds), max(bounds) + 1)

    def judge(self, keys: Ints) -> npt.NDArray[np.uint8]:
        """NEW, SAME or OTHER for each row of ``keys``, in order; nothing is added."""
        verdict = np.zeros(len(keys), np.uint8)
        look_up(self._table, _room(len(keys)), keys, verdict)
        return verdict

    def _rows(self) -> Ints:
        rows: Ints = self._table[(self._table[:, 0] != 0) | (self._table[:, 1] != 0)]
        return rows

    def _forget_all_but(self, days: set[int]) -> None:
        rows = self._rows()
        kept = rows[np.isin(rows[:, 3], sorted(days))]
        self.days &= days
        self._rebuild(kept, len(kept))

    def _rebuild(self, rows: Ints, room_for: int) -> None:
        self._table = _room(room_for)
        self._count = insert_keys(self._table, rows)


def deduplicate(
    usage: pa.RecordBatch, seen: SeenIds, oldest_us: int | None = None, admitted: npt.NDArray[np.bool_] | None = None
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Part ``usage`` into (new events, rejected rows).

    Events before ``oldest_us`` (microseconds UTC) cannot be proved new. Rows ``admitted`` were found new
    before: halves of a call that waited in suspense, where their ids count as seen.
    """
    keys = keys_of(usage["event_id"], usage["content_hash"], usage["start_utc"])
    reason = _REASON[seen.judge(keys)]
    if oldest_us is not None:
        reason[np.asarray(usage["start_utc"].cast(pa.int64())) < oldest_us] = CODE["too_old"]
    if admitted is not None:
        reason[admitted] = 0
    return stage.split(usage, stage.Fault(reason, lambda _: "event_id", stage.no_fault))
