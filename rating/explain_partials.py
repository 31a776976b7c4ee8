"""What came before a partial: the story of its session.

Enters: a stored usage row and the lake. Leaves: the earlier partials of its session, and whether they add up to what
the row says was used before it. Always holds: a whole record has no such story.
"""

from __future__ import annotations

from typing import Any, Final

from rating.answers import json_value
from rating.lake import Lake
from rating.sessions import SPAN
from rating.story import Node

_EARLIER: Final = """
SELECT source, record_no, partial_no, usage, usage_offset FROM usage
WHERE session_id = $session AND partial_no < $number AND start_utc >= $first AND start_utc <= $last
ORDER BY partial_no"""


def session_story(lake: Lake, row: dict[str, Any]) -> tuple[tuple[Node, ...], tuple[str, ...]]:
    """The session of the partial ``row`` as a node, and how it differs from what ``row`` says; both may be empty."""
    if row["session_id"] is None:
        return (), ()
    wanted = {"session": str(row["session_id"]), "number": row["partial_no"]}
    span = {"first": row["start_utc"] - SPAN, "last": row["start_utc"] + SPAN}
    earlier = lake.query(_EARLIER, wanted | span).to_pylist()
    told = tuple(
        Node(
            f"partial {part['partial_no']}",
            f"{part['usage']} {row['unit']} after {part['usage_offset']}, record {part['source']}:{part['record_no']}",
        )
        for part in earlier
    )
    began, offset = json_value(row["session_start_utc"]), row["usage_offset"]
    value = f"partial {row['partial_no']} of a session since {began}, {offset} {row['unit']} used before it"
    used = sum(part["usage"] for part in earlier)
    differs = () if used == offset else (f"usage_offset: stored {offset}, the earlier partials have {used}",)
    return (Node("session", value, told),), differs
