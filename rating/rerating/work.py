"""The work of one part of a run: legs as they are charged now, their usage, and the movements of their households.

Enters: a plan, a part. Leaves: a :class:`Work`. Always holds: a leg is named by one number, ``row * legs + leg``, by
which charges and movements find each other; what is charged is charged once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mediation.fields import TABLES, schema
from rating.columns import coded
from rating.guide import LEGS
from rating.rerating.compare import Flags
from rating.rerating.plan import Plan
from rating.stored import USAGE_COLUMNS, stored_usage
from tariffs.catalogue import NONE, Ints

_CHARGES: Final = ", ".join(f"c.{field.name}" for field in TABLES["charge"])
_LIVE: Final = f"{_CHARGES}, ({{asked}}) AS asked, h.household, p.household AS placed"
_USAGE: Final = f"""
SELECT {USAGE_COLUMNS} FROM usage u SEMI JOIN read_parquet($events) e ON e.event_id = u.event_id
WHERE u.start_utc >= $first AND u.start_utc <= $last ORDER BY u.start_utc, u.event_id"""  # noqa: S608 (our own columns)
_MOVEMENTS: Final = """
SELECT m.*, m.start_utc >= h.since AS again, h.household FROM balance_movement m
JOIN read_parquet($holders) h ON h.holder = m.holder AND h.shared = m.shared
WHERE md5_number_lower(h.household) % $parts = $part"""
_PLACED: Final = "SELECT event_id, household FROM read_parquet($placed)"


@dataclass(frozen=True, eq=False)
class Work:
    """``live`` charges, one for each of the legs ``key``; of ``asked`` ones, and others, with their ``household``.

    ``usage`` are their events. ``movements`` are those of the households ``home``, ``again`` those of what is
    replayed. A household is a number, NONE for a leg that depends on no order, or has landed since
    the plan was made. Corrected events are the last rows of ``usage``: without a charge, of the households ``placed``.
    """

    usage: pa.RecordBatch
    live: pa.Table
    key: Ints
    household: Ints
    asked: Flags
    movements: pa.Table
    again: Flags
    home: Ints
    placed: Ints

    def keys(self, rows: pa.Table) -> Ints:
        """The number of the leg of each of ``rows``; NONE where it is no leg of these events."""
        return leg_keys(rows, self.usage)


def load_work(plan: Plan, part: int, parts: int) -> Work:
    """The work of ``part`` of ``parts``."""
    found = plan.work(_LIVE, part, parts)
    usage = _usage(plan, found)
    found = found.take(pa.array(np.argsort(leg_keys(found, usage))))
    live = found.select(schema("charge").names).cast(schema("charge")).combine_chunks()
    moved = plan.query(_MOVEMENTS, part=part, parts=parts)
    homes = _numbers(pa.chunked_array([*_households(found).chunks, *_placed(plan).chunks], pa.string()))
    return Work(
        _with_corrected(usage, plan),
        live,
        leg_keys(live, usage),
        homes[: found.num_rows],
        _flags(found["asked"]),
        moved.select(schema("balance_movement").names).cast(schema("balance_movement")),
        _flags(moved["again"]),
        _numbers(moved["household"]),
        homes[found.num_rows :],
    )


def _households(found: pa.Table) -> pa.ChunkedArray:
    """The household of each leg that is replayed; of a leg that is asked for that of its event."""
    of_event = pc.if_else(found["asked"].cast(pa.bool_()), found["placed"], pa.scalar(None, pa.string()))
    return pc.coalesce(found["household"], of_event)


def _placed(plan: Plan) -> pa.ChunkedArray:
    """The household of each corrected event: that of what it replaces."""
    if plan.corrected is None:
        return pa.chunked_array([], pa.string())
    known = plan.query(_PLACED)
    at = pc.index_in(plan.corrected.replaces.storage, known["event_id"].combine_chunks().storage)
    return pa.chunked_array([known["household"].combine_chunks().take(at)], pa.string())


def _with_corrected(usage: pa.RecordBatch, plan: Plan) -> pa.RecordBatch:
    return pa.concat_batches([usage, plan.corrected.usage]) if plan.corrected else usage


def _numbers(names: pa.ChunkedArray) -> Ints:
    """A number for each distinct name; NONE for none."""
    return np.asarray(pc.fill_null(names.combine_chunks().dictionary_encode().indices, NONE), np.int64)


def _flags(column: pa.ChunkedArray) -> Flags:
    """A column of truth values, which DuckDB gives as bytes."""
    return np.asarray(column.cast(pa.bool_()).to_numpy(), np.bool_)


def leg_keys(rows: pa.Table, usage: pa.RecordBatch) -> Ints:
    """The number of the leg that each of ``rows`` (event_id, leg) is of; NONE for those of no event of ``usage``."""
    if not rows.num_rows:
        return np.zeros(0, np.int64)
    whole = rows.select(["event_id", "leg"]).unify_dictionaries().combine_chunks()
    ids, legs = whole["event_id"].chunk(0), whole["leg"].chunk(0).cast(pa.string()).dictionary_encode()
    row = np.asarray(pc.fill_null(pc.index_in(ids.storage, usage["event_id"].storage), NONE), np.int64)
    leg = coded(legs, lambda name: LEGS.index(name) if name in LEGS else NONE, np.int64)
    return np.where((row == NONE) | (leg == NONE), NONE, row * len(LEGS) + leg)


def _usage(plan: Plan, live: pa.Table) -> pa.RecordBatch:
    """The events of ``live``."""
    if not live.num_rows:
        return stored_usage(pa.RecordBatch.from_pylist([], schema("usage")))
    path = plan.path("events")
    pq.write_table(live.select(["event_id"]), path)
    span = pc.min_max(live["start_utc"]).as_py()
    rows = plan.query(_USAGE, events=str(path), first=span["min"], last=span["max"])
    return stored_usage(rows.combine_chunks().to_batches()[0])
