"""The earlier partials of the sessions of a batch, from the lake.

Enters: a lake and mediated usage. Leaves: the lake's rows of the partials that those of the batch follow upon, or
stand in the place of. Always holds: they are asked for anew for every batch, so nothing needs to be remembered; a
batch without partials asks nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from mediation.partials import COLUMNS, halves, partial_rows
from rating.lake import Lake

SPAN: Final = timedelta(days=32)
"""Two records whose starts are further apart are not of one session: networks use their references again."""

# The places stand in two texts: DuckDB takes seconds for a list of a hundred thousand values.
_KNOWN: Final = f"""
SELECT {", ".join(COLUMNS)} FROM usage
SEMI JOIN (
    SELECT unnest(string_split($sessions, ' ')::UUID[]) AS session_id,
        unnest(string_split($numbers, ' ')::INTEGER[]) AS partial_no
) USING (session_id, partial_no)
WHERE start_utc >= $first AND start_utc <= $last ORDER BY start_utc, event_id"""  # noqa: S608 (our own column names)


def earlier_partials(lake: Lake, usage: pa.RecordBatch) -> pa.Table | None:
    """What ``lake`` has of the place of each partial in ``usage`` and of the one before; None if there are none."""
    rows = partial_rows(usage)
    if not len(rows):
        return None
    parts = usage.select(COLUMNS).take(pa.array(rows))
    sessions = halves(parts["session_id"]).tobytes().hex(" ", 16)
    numbers = parts["partial_no"].to_pylist()
    span = pc.min_max(parts["start_utc"]).as_py()
    wanted = {
        "sessions": f"{sessions} {sessions}",
        "numbers": " ".join(map(str, [*numbers, *(number - 1 for number in numbers)])),
        "first": span["min"] - SPAN,
        "last": span["max"] + SPAN,
    }
    return lake.query(_KNOWN, wanted)
