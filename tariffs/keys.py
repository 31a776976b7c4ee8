"""Guiding keys as 64-bit integers, and a table to find them by.

Enters: numbers as text. Leaves: integer keys that keep ``+`` and leading zeros apart, and a bucketed
hash table built in one sort. Always holds: two different texts of up to 18 digits have different keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

DIGITS_MAX: Final = 18
MULTIPLIER: Final = 0x1E3779B97F4A7C15
"""Odd, below 2^63: products are taken modulo 2^63, alike in numpy, numba and plain Python."""
LOW_63: Final = (1 << 63) - 1

ANY_SUBJECT: Final = "*any"
"""The subject that stands for all of its tenant and category that have no subscription of their own."""

Ints = npt.NDArray[np.int64]


if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl


def named_key(known: Mapping[str, int], kind: str, key: str) -> int | None:
    """The key of an account or a trunk; where ``tenant/category/subject`` has none, that of its ``*any``.

    ``known`` are the codes of a catalogue's ``key_names``.
    """
    code = known.get(f"{kind}:{key}", known.get(f"{kind}:{key.rpartition('/')[0]}/{ANY_SUBJECT}"))
    return None if code is None else -1 - code


def number_keys(numbers: pl.Series, imsi: pl.Series) -> Ints:
    """The key of each number: its digits behind a leading 1, times 4, plus 2 with a ``+``, plus 1 for an IMSI.

    Keys of other texts (accounts, trunks) are below zero: -1 - their code; 0 is no key.
    """
    import polars as pl  # late: who only looks keys up has no use for it

    plus = numbers.str.starts_with("+").cast(pl.Int64)
    digits = ("1" + numbers.str.strip_prefix("+")).cast(pl.Int64)
    return (digits * 4 + plus * 2 + imsi.cast(pl.Int64)).to_numpy().astype(np.int64)


def imsi_prefix_key(digits: str) -> int:
    """The key of an IMSI's first ``digits``, as :func:`number_keys` makes it of them alone."""
    return int(f"1{digits}") * 4 + 1


@dataclass(frozen=True, slots=True)
class KeyTable:
    """``order``: rows by bucket; the rows of bucket ``b`` are ``order[starts[b]:starts[b + 1]]``."""

    order: Ints
    starts: npt.NDArray[np.int32]
    shift: int


def key_table(keys: Ints) -> KeyTable:
    """Buckets of ``keys``, about one row in each; rows of one bucket keep their order."""
    bits = max(1, len(keys).bit_length())
    shift = 63 - bits
    with np.errstate(over="ignore"):
        buckets = ((keys * MULTIPLIER) & LOW_63) >> shift
    order = np.argsort(buckets, kind="stable")
    starts = np.searchsorted(buckets[order], np.arange((1 << bits) + 1))
    return KeyTable(order, starts.astype(np.int32), shift)
