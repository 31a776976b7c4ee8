"""Shelves: rows of the lake laid out by whom they concern, so that one party's are found without a scan.

Enters: rows. Leaves: runs, files of rows in the order of party and start, and what a run holds of one party and span
of time. Always holds: a run is never changed; it is read in place, so memory does not grow with it; the runs of a
shelf together hold each row once; the rows of a party in a run stand together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation.fields import LABEL, TABLES
from rating.api.columns import Column, Ints, Labels, Numbers, Rows, column
from rating.story import micros

PARTY: Final = "party"
START: Final = "start_utc"
_HASH: Final = "party_hash"
_OF_CHARGE: Final = (
    *("event_id", START, "rating_run", "leg", "kind", "plan", "rate", "zone", "band", "billed_usage", "free_usage"),
    *("amount", "currency", "tax_amount", "tax_code", "note", "tariff_version"),
)
_OF_USAGE: Final = (
    *("service", "direction", "a_number", "b_number", "imsi", "network", "cell", "trunk_in", "trunk_out"),
    *("duration_s", "volume_up_bytes", "volume_down_bytes", "usage", "unit"),
)
_OF_MOVEMENT: Final = ", ".join(f'"{f.name}"' for f in TABLES["balance_movement"])
_LABELS: Final = {f.name for fields in TABLES.values() for f in fields if f.type == LABEL} | {PARTY}


@dataclass(frozen=True, slots=True)
class Shelf:
    """Which rows a shelf has."""

    table: str
    """The table of the lake whose new rows are new on the shelf."""
    select: str
    """SELECT of its columns, a row per party; ``{rows}`` stands for rows of the table, ``{usage}`` for their usage."""


SHELVES: Final = {
    "charges": Shelf(
        "charge",
        f"""SELECT c.account AS {PARTY}, {", ".join(f"c.{n}" for n in _OF_CHARGE)},
        {", ".join(f"u.{n}" for n in _OF_USAGE)}
        FROM {{rows}} c JOIN {{usage}} u ON u.event_id = c.event_id AND u.start_utc = c.start_utc""",  # noqa: S608 - ours
    ),
    "movements": Shelf(
        "balance_movement",
        f"""SELECT holder AS {PARTY}, {_OF_MOVEMENT} FROM {{rows}} UNION ALL
        SELECT account AS {PARTY}, {_OF_MOVEMENT} FROM {{rows}} WHERE shared AND account <> ''""",  # noqa: S608 - ours
    ),
}
"""Charges with their events, by account; movements, by holder and by the account that drew on a pool."""
CHARGE_FIELDS: Final = tuple(
    field
    for table, names in (("charge", _OF_CHARGE), ("usage", _OF_USAGE))
    for field in TABLES[table]
    if field.name in names
)
"""The columns of a charge with its event, besides the account."""


class WideError(Exception):
    """A question is about more rows than it may be."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A file of rows in the order of their party's hash, their party and their start."""

    path: Path
    rows: pa.RecordBatch
    hashes: Ints
    starts: Ints
    columns: Mapping[str, Column]

    @classmethod
    def read(cls, path: Path) -> Run:
        """The run at ``path``, mapped into memory."""
        rows = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
        hashes, rows = rows[_HASH].to_numpy(), rows.drop_columns([_HASH])
        return cls(path, rows, hashes, starts_of(rows), {name: column(rows[name]) for name in rows.schema.names})

    def labels(self, name: str) -> Labels:
        """The column ``name``, which is of labels."""
        found = self.columns[name]
        assert isinstance(found, Labels)  # noqa: S101 - the select says so
        return found

    def numbers(self, name: str) -> Numbers:
        """The column ``name``, which is of numbers."""
        found = self.columns[name]
        assert isinstance(found, Numbers)  # noqa: S101 - as above
        return found

    def whole(self) -> pa.Table:
        """All that the file has, to be merged into another run."""
        return pa.Table.from_batches([self.rows]).append_column(_HASH, pa.array(self.hashes))

    def of(self, party: str, number: int, first: int, end: int) -> Part:
        """The rows of ``party`` (whose hash is ``number``) with a start in [``first``, ``end``) microseconds."""
        at, until = self._own(party, *_range(self.hashes, number))
        low, high = self.starts[at:until].searchsorted((first, end)).tolist()
        return Part(self, slice(at + low, at + high))

    def _own(self, party: str, at: int, until: int) -> tuple[int, int]:
        """Which of the rows from ``at`` to before ``until``, of one hash, are of ``party``: others may share it."""
        parties = self.labels(PARTY)
        codes = parties.codes[at:until]
        alone = not len(codes) or codes[0] == codes[-1]
        for code in codes[:1] if alone else np.unique(codes):
            if parties.names[code] == party:
                low, high = _range(codes, code)
                return at + low, at + high
        return at, at


def _range(ordered: npt.NDArray[Any], value: int) -> tuple[int, int]:
    """Where ``value`` stands."""
    return int(ordered.searchsorted(value)), int(ordered.searchsorted(value, "right"))


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows of one party in one run, in the order of their starts."""

    run: Run
    at: Rows

    def __len__(self) -> int:
        return self.at.stop - self.at.start if isinstance(self.at, slice) else len(self.at)

    def values(self, name: str) -> list[Any]:
        """The values of the column ``name``, as :mod:`rating.api.columns` has them."""
        return self.run.columns[name].values(self.at)

    def picked(self, at: Rows) -> Part:
        """Those of the rows that stand at ``at`` among them."""
        if not isinstance(self.at, slice):
            return Part(self.run, self.at[at])
        first = self.at.start
        return Part(self.run, slice(first + at.start, first + at.stop) if isinstance(at, slice) else first + at)

    @property
    def starts(self) -> Ints:
        """The starts in microseconds since 1970."""
        return self.run.starts[self.at]

    @property
    def rows(self) -> pa.RecordBatch:
        """The rows for Arrow."""
        whole, at = self.run.rows, self.at
        return whole.slice(at.start, len(self)) if isinstance(at, slice) else whole.take(pa.array(at))


@dataclass(frozen=True, slots=True)
class View:
    """All shelves as of one snapshot of the lake."""

    boot: str
    """The start of the server that it is of."""
    snapshot: int
    runs: Mapping[str, tuple[Run, ...]]
    most: int | None = None
    """More rows at once are refused."""

    @property
    def tag(self) -> str:
        """The snapshot as an HTTP entity tag; another one after a restart."""
        return f'"{self.boot}-{self.snapshot}"'

    def up_to(self, most: int) -> View:
        """The same, which gives no more than ``most`` rows at once."""
        return replace(self, most=most)

    def of(self, shelf: str, party: str, first: datetime, end: datetime) -> list[Part]:
        """The rows of ``party`` with a start in [``first``, ``end``). Raises :class:`WideError` for too many."""
        span = party, _hashed(party), micros(first), micros(end)
        found = [part for part in (run.of(*span) for run in self.runs[shelf]) if len(part)]
        if self.most is not None and sum(map(len, found)) > self.most:
            raise WideError
        return found


def starts_of(rows: pa.RecordBatch | pa.Table) -> Ints:
    """The starts of ``rows`` in microseconds since 1970."""
    starts: Ints = rows[START].cast(pa.int64()).to_numpy()
    return starts


def _hashed(party: str) -> int:
    return int.from_bytes(blake2b(party.encode(), digest_size=8).digest(), signed=True)


def write_run(path: Path, parts: Sequence[pa.Table]) -> Run:
    """Sort the rows of ``parts``, of which there are some, into a run at ``path``."""
    rows = pa.concat_tables(parts)
    for at, field in enumerate(rows.schema):
        if field.name in _LABELS and not pa.types.is_dictionary(field.type):
            rows = rows.set_column(at, field.name, rows[field.name].dictionary_encode())
    rows = rows.unify_dictionaries().combine_chunks()
    party = rows[PARTY].combine_chunks()
    codes = party.indices.to_numpy()
    if _HASH not in rows.column_names:
        hashes = np.array([_hashed(name) for name in party.dictionary.to_pylist()])
        rows = rows.append_column(_HASH, pa.array(hashes[codes]))
    order = np.lexsort((starts_of(rows), codes, rows[_HASH].to_numpy()))
    batch = next(iter(rows.take(pa.array(order)).combine_chunks().to_batches()))
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)
    return Run.read(path)
