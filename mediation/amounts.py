"""Amounts as columns: int64 nano-units as DECIMAL(18, 9), and their sums as DECIMAL(38, 9).

Enters: nano-units (1e-9 of the major unit), or a column of them. Leaves: the other. Always holds: no amount
passes a binary float.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mediation.fields import AMOUNT, TOTAL

PLACES = 9
"""Decimal places of a nano-unit."""


def decimal(nano: npt.NDArray[np.int64], there: npt.NDArray[np.bool_] | None = None) -> pa.Decimal128Array:
    """Nano-units as DECIMAL(18, 9), null if not ``there``: 128-bit little-endian integers, the high half the sign."""
    wide = np.empty((len(nano), 2), np.int64)
    wide[:, 0] = nano
    np.right_shift(nano, 63, out=wide[:, 1])
    column = pa.Decimal128Array.from_buffers(AMOUNT, len(nano), [None, pa.py_buffer(wide)])
    return column if there is None else pc.if_else(pa.array(there), column, pa.scalar(None, AMOUNT))


def nano(column: pa.Decimal128Array) -> npt.NDArray[np.int64]:
    """The nano-units of a column of DECIMAL(18, 9), which has no nulls: the low half says it all."""
    return np.frombuffer(column.buffers()[1], np.int64, 2 * len(column), 16 * column.offset)[::2]


def total(nano: Iterable[int]) -> pa.Decimal128Array:
    """Sums of nano-units as DECIMAL(38, 9)."""
    wide = [each.to_bytes(16, "little", signed=True) for each in nano]
    return pa.Decimal128Array.from_buffers(TOTAL, len(wide), [None, pa.py_buffer(b"".join(wide))])
