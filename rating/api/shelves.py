"""Shelves: rows of the lake laid out by whom they concern, so that one party's are found without a scan.

Enters: rows. Leaves: runs, files of rows in the order of party and start, and what a run holds of one party and span
of time. Always holds: a run is never changed; it is read in place, so memory does not grow with it; the runs of a
shelf together hold each row once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mediation.fields import LABEL, TABLES
from rating.story import EPOCH

Ints = npt.NDArray[np.int64]

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


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A file of rows in the order of their party's hash and their start."""

    path: Path
    rows: pa.RecordBatch
    hashes: Ints
    starts: Ints

    @classmethod
    def read(cls, path: Path) -> Run:
        """The run at ``path``, mapped into memory."""
        rows = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
        return cls(path, rows.drop_columns([_HASH]), rows[_HASH].to_numpy(), starts_of(rows))

    def of(self, party: str, number: int, first: int, end: int) -> pa.RecordBatch:
        """The rows of ``party`` (whose hash is ``number``) with a start in [``first``, ``end``) microseconds."""
        at, until = self.hashes.searchsorted(number), self.hashes.searchsorted(number, "right")
        low, high = self.starts[at:until].searchsorted((first, end)) + at
        found = self.rows.slice(low, high - low)
        if low == high or _alone(found, party):
            return found
        return found.filter(pc.equal(found[PARTY], party))  # another party has the same hash


def _alone(rows: pa.RecordBatch, party: str) -> bool:
    codes = rows[PARTY].indices.to_numpy()
    return bool((codes == codes[0]).all()) and rows[PARTY][0].as_py() == party


@dataclass(frozen=True, slots=True)
class View:
    """All shelves as of one snapshot of the lake."""

    snapshot: int
    runs: Mapping[str, tuple[Run, ...]]

    def of(self, shelf: str, party: str, first: datetime, end: datetime) -> list[pa.RecordBatch]:
        """The rows of ``party`` with a start in [``first``, ``end``), in parts, each sorted by start."""
        span = party, _hashed(party), micros(first), micros(end)
        return [rows for rows in (run.of(*span) for run in self.runs[shelf]) if rows.num_rows]


def micros(instant: datetime) -> int:
    """``instant`` in microseconds since 1970."""
    return (instant - EPOCH) // timedelta(microseconds=1)


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
    hashes = np.array([_hashed(name) for name in party.dictionary.to_pylist()])[party.indices.to_numpy()]
    order = np.lexsort((starts_of(rows), hashes))
    sorted_rows = rows.append_column(_HASH, pa.array(hashes)).take(pa.array(order))
    batch = next(iter(sorted_rows.combine_chunks().to_batches()))
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)
    return Run.read(path)
