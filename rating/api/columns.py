"""Columns read in place: the values of a few rows among millions, without a table in between.

Enters: Arrow columns. Leaves: readers, which give the values of some rows as plain Python values. Always holds: nothing
of a column is copied but what is asked for; a reader costs a microsecond and some 50 ns a value, where an Arrow table
of the same rows costs twenty microseconds a column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation.fields import AMOUNT, EVENT_ID, INSTANT

Ints = npt.NDArray[np.int64]
Rows = slice | Ints
"""Rows of a column: a range, or their numbers."""

_FEW: Final = 1024
"""Labels of which a column has so few different ones are made texts once."""
_ID_BYTES: Final = 16


class Column(Protocol):
    """A column of a run."""

    def values(self, at: Rows) -> list[Any]:
        """The values of these rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Whole numbers, truths, instants as microseconds since 1970, amounts as nano-units."""

    numbers: npt.NDArray[Any]

    def values(self, at: Rows) -> list[int]:
        """The numbers of these rows."""
        found: list[int] = self.numbers[at].tolist()
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Texts, each decoded when it is asked for."""

    starts: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]
    content: memoryview

    def __getitem__(self, at: int) -> str:
        return str(self.content[self.starts[at] : self.ends[at]], "utf-8")

    def values(self, at: Rows) -> list[str]:
        """The texts of these rows."""
        content, spans = self.content, zip(self.starts[at].tolist(), self.ends[at].tolist(), strict=True)
        return [str(content[start:end], "utf-8") for start, end in spans]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Texts by their codes."""

    codes: npt.NDArray[np.int32]
    names: list[str] | Texts
    different: int
    """How many names there are."""

    def values(self, at: Rows) -> list[str]:
        """The texts of these rows."""
        names = self.names
        return [names[code] for code in self.codes[at].tolist()]

    def where(self, at: Rows, value: str) -> Ints:
        """Which of these rows have ``value``, by their places among them."""
        wanted = [code for code in range(self.different) if self.names[code] == value]
        return np.flatnonzero(np.isin(self.codes[at], wanted))


@dataclass(frozen=True, slots=True, eq=False)
class Ids:
    """Ids of 16 bytes, a row each; none is zeros."""

    content: npt.NDArray[np.uint8]

    def values(self, at: Rows) -> list[bytes]:
        """The ids of these rows."""
        found = self.content[at].tobytes()
        return [found[first : first + _ID_BYTES] for first in range(0, len(found), _ID_BYTES)]


def column(stored: pa.Array) -> Column:
    """What reads the column ``stored``, which begins where its buffers do and, ids aside, has no nulls."""
    kind = stored.type
    if pa.types.is_dictionary(kind):
        return labels(stored)
    if pa.types.is_string(kind):
        return _texts(stored)
    if kind == EVENT_ID:
        return Ids(_content(stored.storage).reshape(-1, _ID_BYTES))
    return Numbers(_numbers(stored))


def _numbers(stored: pa.Array) -> npt.NDArray[Any]:
    if stored.type == AMOUNT:
        return _content(stored).view(np.int64)[::2]  # of 128 bits the lower half: 18 digits fit
    truths = isinstance(stored, pa.Bool8Array)
    plain = stored.storage if truths else stored.cast(pa.int64()) if stored.type == INSTANT else stored
    found: npt.NDArray[Any] = plain.to_numpy()
    return found.view(np.bool_) if truths else found


def labels(stored: pa.DictionaryArray) -> Labels:
    """What reads a column of labels."""
    names = stored.dictionary
    few = len(names) <= _FEW
    return Labels(stored.indices.to_numpy(), names.to_pylist() if few else _texts(names), len(names))


def _texts(stored: pa.StringArray) -> Texts:
    ends = _content(stored, 1).view(np.int32)[: len(stored) + 1]
    return Texts(ends[:-1], ends[1:], memoryview(_content(stored, 2).data))


def _content(stored: pa.Array, number: int = 1) -> npt.NDArray[np.uint8]:
    found = stored.buffers()[number]
    return np.frombuffer(found if found is not None else b"", np.uint8)
