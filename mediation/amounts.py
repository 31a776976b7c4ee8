"""Amounts as columns: int64 nano-units become DECIMAL(18, 9).

Enters: nano-units (1e-9 of the major unit). Leaves: an Arrow column. Always holds: no amount passes a binary float.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mediation.fields import AMOUNT

PLACES = 9
"""Decimal places of a nano-unit."""


def decimal(nano: npt.NDArray[np.int64], there: npt.NDArray[np.bool_] | None = None) -> pa.Decimal128Array:
    """Nano-units as DECIMAL(18, 9), null if not ``there``: 128-bit little-endian integers, the high half the sign."""
    wide = np.empty((len(nano), 2), np.int64)
    wide[:, 0] = nano
    np.right_shift(nano, 63, out=wide[:, 1])
    column = pa.Decimal128Array.from_buffers(AMOUNT, len(nano), [None, pa.py_buffer(wide)])
    return column if there is None else pc.if_else(pa.array(there), column, pa.scalar(None, AMOUNT))
