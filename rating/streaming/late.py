"""Late halves: what waited for another record of its call or session, once that has come in a later batch.

Enters: batches that landed, the lake. Leaves: the suspended records that are worth another try. Always holds: a call is
tried again only when another of its records waits too, and once for each that comes; a partial when the one before it
was rated; after an assignment all that waits is looked at, so that nothing is left behind by a crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from mediation.partials import partial_rows
from mediation.reasons import WAITING
from rating.lake import Lake
from rating.pipeline import Rated

MOST: Final = 10_000
"""Records that are tried at a time; the others follow."""

_CALLS: Final = """
SELECT suspense_id, layout || ' ' || words[1] || ' ' || array_to_string(list_sort(words[2:]), ' ') AS call
FROM (
    SELECT suspense_id, layout, string_split(value, ' ') AS words FROM suspense
    WHERE reason = 'awaiting_pair' AND source IN (SELECT unnest($sources))
)
QUALIFY count(*) OVER (PARTITION BY call) > 1 ORDER BY call"""
_PARTIALS: Final = """
SELECT suspense_id FROM suspense
WHERE reason = 'awaiting_partial' AND source IN (SELECT unnest($sources))
    AND ($all OR value IN (SELECT unnest($values)))"""


class Late:
    """What may have come together since it was last looked."""

    def __init__(self) -> None:
        self._halves, self._everything = True, True
        self._tried: set[str] = set()
        self._next_partials: set[str] = set()

    def forget(self) -> None:
        """Look at everything again: the partitions have changed."""
        self.__init__()  # type: ignore[misc]

    def landed(self, rated: Rated) -> None:
        """Note what a batch had of halves and of partials that others may have waited for."""
        reasons = pc.unique(rated.rejected["reason"].cast(pa.string()))
        self._halves |= bool(set(reasons.to_pylist()) & set(WAITING))
        for row in partial_rows(rated.usage).tolist():
            reference, number = rated.usage["call_reference"][row], rated.usage["partial_no"][row].as_py()
            self._next_partials.add(f"{reference} {number + 1}")

    def found(self, lake: Lake, sources: Sequence[str]) -> list[str]:
        """Ids of up to :data:`MOST` records of ``sources`` that are worth another try now."""
        found = self._calls(lake, sources) if self._halves else []
        if self._everything or self._next_partials:
            found += self._partials(lake, sources)
        return found[:MOST]

    def tried(self, ids: Sequence[str]) -> None:
        """Note that ``ids`` were tried again: those that still wait do so until another one comes."""
        self._tried |= set(ids)
        more = len(ids) == MOST
        self._halves, self._everything = more, more and self._everything
        self._next_partials.clear()

    def _calls(self, lake: Lake, sources: Sequence[str]) -> list[str]:
        rows = lake.query(_CALLS, {"sources": list(sources)})
        calls: dict[str, list[str]] = {}
        for waiting, call in zip(rows["suspense_id"].to_pylist(), rows["call"].to_pylist(), strict=True):
            calls.setdefault(call, []).append(waiting)
        self._tried &= {waiting for ids in calls.values() for waiting in ids}
        return [waiting for ids in calls.values() if not self._tried.issuperset(ids) for waiting in ids]

    def _partials(self, lake: Lake, sources: Sequence[str]) -> list[str]:
        wanted = {"sources": list(sources), "all": self._everything, "values": sorted(self._next_partials)}
        found: list[str] = lake.query(_PARTIALS, wanted)["suspense_id"].to_pylist()
        return found
