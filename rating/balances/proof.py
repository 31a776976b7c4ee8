"""The proof of snapshots: each is what the movements up to it come to.

Enters: a lake. Leaves: what is wrong, snapshot by snapshot. Always holds: both sides are read part by part, in one
order, and compared by their hashes; a file that is not there is no fault, for snapshots are a cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from rating.balances.snapshots import FOLDER, Snapshot, SnapshotError, snapshots, stored, without_caps
from rating.balances.sums import Parts, StateHash, added, caps_hash, movement_sums
from rating.lake import Lake
from rating.lake.landed import landed
from rating.stored import newest_catalogue
from rating.story import micros

_NO_CAPS: Final = hashlib.sha256().hexdigest()
"""The hash of no caps (:func:`rating.balances.sums.caps_hash`)."""


def snapshot_faults(lake: Lake) -> Iterator[dict[str, str]]:
    """(file, fault) of each snapshot of ``lake`` that is not what it should be."""
    for snapshot in snapshots(lake):
        if lake.folder and (lake.folder / FOLDER / snapshot.file).exists() and (fault := _fault(lake, snapshot)):
            yield {"file": snapshot.file, "fault": fault}


def _fault(lake: Lake, snapshot: Snapshot) -> str:
    catalogue = newest_catalogue(lake) if snapshot.caps_sha256 != _NO_CAPS else None
    known = catalogue is not None and snapshot.caps_sha256 == caps_hash(catalogue)
    with lake.one_snapshot():
        first = f"rowid < {snapshot.movements}"
        if landed(lake, "balance_movement", first) != snapshot.movements:
            return f"not all of the {snapshot.movements} movements that it sums are there"
        try:
            found = _hash(stored(lake, snapshot) if known else without_caps(stored(lake, snapshot)))
        except SnapshotError as fault:
            return str(fault)
        sums = movement_sums(lake, catalogue if known else None, micros(snapshot.since_utc), first, first)
        return "" if found == _hash(added(iter(()), sums)) else "it is not what its movements come to"


def _hash(parts: Parts) -> str:
    state = StateHash()
    for rows in parts:
        state.add(rows)
    return state.hex()
