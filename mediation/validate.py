"""Validation: usage within plausible ranges.

Enters: a ``usage`` batch and the layout's limits. Leaves: the events inside them, and the others as
rejected rows. Always holds: rows in = accepted + rejected.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from mediation import stage
from mediation.layout import Limits
from mediation.reasons import CODE

_FIELDS = {
    CODE["start_out_of_range"]: "start_utc",
    CODE["duration_out_of_range"]: "duration_s",
    CODE["volume_out_of_range"]: "volume_up_bytes",
}


def validate(usage: pa.RecordBatch, limits: Limits) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Part ``usage`` into (plausible events, rejected rows)."""
    reason = np.zeros(usage.num_rows, np.uint8)
    start = np.asarray(usage["start_utc"].cast(pa.int64()))
    most = np.maximum(np.asarray(usage["volume_up_bytes"]), np.asarray(usage["volume_down_bytes"]))
    reason[most > limits.volume_bytes] = CODE["volume_out_of_range"]
    reason[np.asarray(usage["duration_s"]) > limits.duration_s] = CODE["duration_out_of_range"]
    reason[(start < limits.start_us) | (start >= limits.end_us)] = CODE["start_out_of_range"]

    def field(row: int) -> str:
        return _FIELDS[int(reason[row])]

    return stage.split(usage, stage.Fault(reason, field, lambda row: str(usage[field(row)][row])))
