"""The longest prefix of each leg's number.

Enters: a ``usage`` batch, legs (rows of it and their cells) and a catalogue. Leaves: a destination per leg, a row of
``Catalogue.destinations``. Always holds: a number is read once, however many legs its event has.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from rating.columns import text_buffers
from rating.find_kernels import BLOCK, find_prefixes, number_ranges
from rating.narrow import narrow
from tariffs.catalogue import Catalogue, Codes, Ints


def longest_prefixes(
    usage: pa.RecordBatch, column: str, row: Ints, cell: Codes, cells: Ints, catalogue: Catalogue
) -> Codes:
    """The destination of the longest prefix of each leg's number in ``column`` among those of its ``cell``; or NONE."""
    keys, found = np.empty(usage.num_rows, np.int64), np.empty(len(row), np.int32)
    tables = narrow(catalogue)
    number_ranges(*text_buffers(usage[column]), tables.digits, keys)
    find_prefixes(
        row,
        cell,
        keys,
        cells,
        tables.sets,
        tables.heads,
        tables.bounds,
        tables.longest,
        found,
        np.empty((2, BLOCK), np.int32),
    )
    return found
