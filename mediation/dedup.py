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
from mediation.id_table import (
    CONTENT,
    DAY,
    DAY_US,
    HIGH,
    LOW,
    IdTable,
    Ints,
    fetch,
    find,
    free_slots,
    keys_of,
    near,
    row_of,
    slot_of,
)
from mediation.jit import index, kernel
from mediation.reasons import CODE

NEW, SAME, OTHER = range(3)
ANY_DAY = range(-1_000_000, 4_000_000)
"""Days that a lake may hold, where nothing is known of it."""
_REASON = np.array([0, CODE["duplicate"], CODE["conflicting_duplicate"]], np.uint8)


@kernel
def _corrected(slots: Ints, held: Ints, high: int, low: int, content: int) -> bool:
    """Whether the table has the corrected version of the event that has this content."""
    high, low = version_id(int(high), int(low), int(content))
    return bool(slots[find(slots, held, high, low)] != 0)


@kernel
def look_up(slots: Ints, held: Ints, own: Ints, keys: Ints, near: Ints, verdict: npt.NDArray[np.uint8]) -> None:
    """Judge each row of ``keys`` against the table of ``slots`` and ``held``, and the rows before it.

    ``own`` are free slots with room for all keys, ``near`` is room for :func:`fetch`.
    """
    for i in range(len(keys)):
        if i % len(near) == 0:
            fetch(slots, keys[i : i + len(near)], near)
            fetch(own, keys[i : i + len(near)], near)
        high, low, content = keys[i, HIGH], keys[i, LOW], keys[i, CONTENT]
        row = row_of(slots[index(find(slots, held, high, low))])
        if row >= 0:
            same = held[index(row), CONTENT] == content or _corrected(slots, held, high, low, content)
            verdict[i] = SAME if same else OTHER
            continue
        at = index(find(own, keys, high, low))
        row = row_of(own[at])
        if row >= 0:
            verdict[i] = SAME if keys[index(row), CONTENT] == content else OTHER
            continue
        verdict[i] = NEW
        own[at] = slot_of(low, i)


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
        self._ids = IdTable()
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
        if len(self._ids) > self._most and self.days - around:
            self._forget_all_but(around)
        return sorted(day for day in around - self.days if day in self._held)

    def load(self, days: Iterable[int], parts: Iterable[Ints], count: int = 0) -> None:
        """Take the keys in ``parts``, all that the lake holds of ``days``; ``count``: how many, if that is known."""
        self._ids.reserve(count)
        for keys in parts:
            self.remember(keys)
        self.days |= set(days)

    def remember(self, keys: Ints) -> None:
        """Add the ids of committed events."""
        if len(keys):
            self._hold(_distinct(keys[:, DAY]))
        self._ids.add(keys)

    def _hold(self, days: list[int]) -> None:
        """Note that the lake now holds ``days``; the ones that it did not hold before are loaded thereby."""
        self.days |= {day for day in days if day not in self._held}
        bounds = (*self._held[:1], *self._held[-1:], days[0], days[-1])
        self._held = range(min(bounds), max(bounds) + 1)

    def judge(self, keys: Ints) -> npt.NDArray[np.uint8]:
        """NEW, SAME or OTHER for each row of ``keys``, in order; nothing is added."""
        verdict = np.zeros(len(keys), np.uint8)
        look_up(self._ids.slots, self._ids.keys, free_slots(len(keys)), keys, near(), verdict)
        return verdict

    def _forget_all_but(self, days: set[int]) -> None:
        self.days &= days
        kept, keys = IdTable(), self._ids.keys
        kept.add(keys[np.isin(keys[:, DAY], sorted(days))])
        self._ids = kept


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
