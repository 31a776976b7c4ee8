"""Corrected events: which version of an event one is.

Enters: a lake, a row of ``usage``. Leaves: the id that its record has by its layout, and nodes. Always holds: both
directions are told; an event that nobody corrected has no nodes.
"""

from __future__ import annotations

from typing import Any, Final

from rating.lake import Lake
from rating.story import Node

_ROWS: Final = "SELECT * FROM correction WHERE event_id = $event OR replaces = $event ORDER BY rating_run"


def identity(lake: Lake, row: dict[str, Any]) -> tuple[object, tuple[Node, ...]]:
    """The id that the record of ``row`` has by its layout, and what the event replaces or is replaced by."""
    event, nodes = row["event_id"], []
    for each in lake.query(_ROWS, {"event": str(row["event_id"])}).to_pylist():
        if each["event_id"] == row["event_id"]:
            event = each["original"]
            nodes.append(Node("replaces", f"{each['replaces']} by run {each['rating_run']}"))
        else:
            nodes.append(Node("replaced by", f"{each['event_id']} by run {each['rating_run']}"))
    return event, tuple(nodes)
