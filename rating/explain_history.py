"""What became of an event's charges, run by run.

Enters: a lake, an event. Leaves: nodes. Always holds: every row of ``charge`` for the event is told, in the order in
which they were written; an event that was rated once has no history.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

from rating.lake import Lake
from rating.story import Node

_ROWS: Final = """
SELECT c.*, coalesce(r.kind, 'first rating') AS run_kind FROM charge c LEFT JOIN rating_run r USING (rating_run)
WHERE c.event_id = $event ORDER BY c.rating_run, c.leg, c.kind DESC"""


def history(lake: Lake, row: dict[str, Any]) -> Iterator[Node]:
    """The charges and reversals of an event by run, if there was more than one."""
    rows = lake.query(_ROWS, {"event": str(row["event_id"])}).to_pylist()
    if not any(each["rating_run"] for each in rows):
        return
    runs = tuple(
        Node(f"run {number}", kind, tuple(Node(f"{each['leg']} {each['kind']}", stored(each)) for each in written))
        for (number, kind), written in groupby(rows, lambda each: (each["rating_run"], each["run_kind"]))
    )
    yield Node("history", f"{len(runs)} runs", runs)


def stored(charge: dict[str, Any]) -> str:
    """A row of ``charge`` in a line."""
    return (
        f"{charge['amount']:f} {charge['currency']}, account {charge['account']}, plan {charge['plan']}, "
        f"tariff {charge['tariff_version']}, run {charge['rating_run']}"
    )
