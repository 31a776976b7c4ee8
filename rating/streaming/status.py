"""How far a stream is, by its lake alone.

Enters: a lake. Leaves: a row per partition. Always holds: what it shows is committed; lag is the broker's to tell
(``/metrics``).
"""

from __future__ import annotations

import pyarrow as pa

from rating.lake import Lake

_STATUS = """
SELECT
    s.source, s.next_offset, s.messages, s.records, s.rated, s.suspended, s.duplicate, s.published_offset,
    s.last_utc, b.batches, b.last_batch, s.records - s.rated - s.suspended - s.duplicate AS other
FROM stream_status s
JOIN (
    SELECT source, count(DISTINCT batch_id) AS batches, max(batch_id) AS last_batch FROM batch GROUP BY source
) b ON b.source = s.source
ORDER BY s.source"""


def status(lake: Lake) -> pa.Table:
    """One row per partition: offsets, counts, the broker's time of the last message (UTC)."""
    return lake.query(_STATUS)
