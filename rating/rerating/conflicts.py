"""Records that wait because they are a rated event with other content: what they correct, or why they cannot.

Enters: rows of suspense. Leaves: :class:`Conflicts`. Always holds: what a record corrects is the latest version of its
event; of an event for which several contents wait none is taken; a content that the event had before is a copy.
"""

# ruff: noqa: S608  (queries are made of our own text; values are bound)
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mediation.dedup import version_ids
from mediation.layout import Layout
from mediation.partials import halves
from mediation.reasons import CODE
from mediation.stage import Fault, no_fault, split
from rating.lake import Lake
from rating.recycle import mediated_again
from rating.rerating.compare import Flags
from rating.rerating.corrections import Corrections
from rating.stored import stored_layout, stored_usage
from rating.suspense import Filter, Recyclable
from tariffs.catalogue import Catalogue, Ints

_DAY: Final = timedelta(days=1)
_SEVERAL: Final = """
SELECT r.event_id FROM rejected r
SEMI JOIN (SELECT source, record_no FROM suspense s WHERE {where}) s
ON s.source = r.source AND s.record_no = r.record_no
WHERE r.disposition = 'suspended' AND r.event_id IS NOT NULL
GROUP BY r.event_id HAVING count(DISTINCT r.content_hash) > 1"""
_ASKED: Final = "SELECT unnest(string_split($ids, ' ')::UUID[])"
_LATEST: Final = f"""
SELECT l.original, l.replaces, min(c.start_utc) AS start_utc, min(c.tariff_version) AS tariff_version
FROM (
    SELECT a.original, coalesce(k.event_id, a.original) AS replaces
    FROM ({_ASKED} AS original) a
    LEFT JOIN (SELECT original, arg_max(event_id, rating_run) AS event_id FROM correction GROUP BY original) k
    ON k.original = a.original
) l
JOIN charge_now c ON c.event_id = l.replaces
WHERE c.start_utc >= $first AND c.start_utc <= $last GROUP BY ALL"""
_KNOWN: Final = (
    f"SELECT event_id FROM usage WHERE event_id IN ({_ASKED}) AND start_utc >= $first AND start_utc <= $last"
)


@dataclass(frozen=True, eq=False)
class Conflicts:
    """The suspended rows ``tried``, of ``layout``: the ``corrections`` among them, and ``copies`` of earlier ones."""

    tried: Recyclable
    layout: Layout
    corrections: Corrections
    copies: pa.RecordBatch

    def without(self, events: pa.Array) -> Conflicts:
        """The same but for the new versions ``events``."""
        lost = _among(self.corrections.usage["event_id"], events)
        gone = _places(self.corrections.usage.filter(lost))
        kept = pa.array([place not in gone for place in _all_places(self.tried.rows)], pa.bool_())
        tried = replace(self.tried, rows=self.tried.rows.filter(kept))
        return replace(self, tried=tried, corrections=self.corrections.filter(pc.invert(lost)))


def several_contents(lake: Lake, which: Filter) -> pa.Array:
    """The events for which ``which`` chooses more than one content: nobody can say which one is right."""
    where, values = which.where()
    return lake.query(_SEVERAL.format(where=where), values)["event_id"].combine_chunks()


def conflicts(
    lake: Lake, tried: Recyclable, unclear: pa.Array, tariff: Catalogue | None, waiting: Counter[str]
) -> Conflicts:
    """What of ``tried`` corrects an event or copies a correction; ``waiting`` counts why the others do not.

    An event is priced by ``tariff``, or without one as the event that it replaces was. The events ``unclear`` wait.
    """
    layout = stored_layout(lake, tried.layout)
    usage = mediated_again(lake, layout, tried.rows).usage
    latest = _asked(lake, _LATEST, usage)
    at = pc.index_in(usage["event_id"].storage, latest["original"].storage)
    why = _why_not(usage, layout, _flags(_among(usage["event_id"], unclear)), _flags(pc.is_null(at)))
    waiting.update(why[why != ""].tolist())
    waiting["unreadable"] += tried.rows.num_rows - usage.num_rows
    fits = pa.array(why == "")
    usage, of = usage.filter(fits), latest.take(at.filter(fits))
    if tariff:
        place = of.schema.get_field_index("tariff_version")
        of = of.set_column(place, "tariff_version", pa.array([tariff.version] * of.num_rows, pa.string()))
    went = _places(usage)
    rows = tried.rows.filter(pa.array([place in went for place in _all_places(tried.rows)], pa.bool_()))
    usage = usage.set_column(0, usage.schema.field("event_id"), version_ids(usage))
    copy = _copies(lake, usage)
    fresh, copies = split(usage, Fault(np.where(copy, CODE["duplicate"], 0).astype(np.uint8), _id, no_fault))
    return Conflicts(
        replace(tried, rows=rows), layout, Corrections(stored_usage(fresh), of.filter(pa.array(~copy))), copies
    )


def _id(_: int) -> str:
    return "event_id"


def _why_not(usage: pa.RecordBatch, layout: Layout, unclear: Flags, unknown: Flags) -> npt.NDArray[np.str_]:
    """Why each row corrects nothing; empty where it does."""
    paired = np.full(usage.num_rows, layout.pairing is not None)
    partial = _flags(usage["session_id"].is_valid())
    reasons = ["part_of_a_call", "part_of_a_session", "several_contents", "not_rated"]
    return np.select([paired, partial, unclear, unknown], reasons, "")


def _copies(lake: Lake, usage: pa.RecordBatch) -> Flags:
    """Which rows are versions that the lake has, or that stand before them."""
    known = _among(usage["event_id"], _asked(lake, _KNOWN, usage)["event_id"])
    _, first = np.unique(_ids(usage), axis=0, return_index=True)
    again = np.ones(usage.num_rows, np.bool_)
    again[first] = False
    return again | _flags(known)


def _asked(lake: Lake, sql: str, usage: pa.RecordBatch) -> pa.RecordBatch:
    """The answer of ``sql`` about the ``$ids`` of ``usage`` and the days around them; of no usage that about none."""
    span: dict[str, Any] = pc.min_max(usage["start_utc"]).as_py()
    first, last = (span[side] and span[side] + by for side, by in (("min", -_DAY), ("max", _DAY)))
    ids = _ids(usage).tobytes().hex(" ", 16)
    found = lake.query(sql, {"ids": ids, "first": first, "last": last}).combine_chunks()
    return found.to_batches()[0] if found.num_rows else pa.RecordBatch.from_pylist([], found.schema)


def _ids(usage: pa.RecordBatch) -> Ints:
    return halves(usage["event_id"])


def _among(ids: pa.Array, known: pa.Array) -> pa.Array:
    return pc.is_in(ids.storage, known.storage)


def _flags(column: pa.Array) -> Flags:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.bool_)


def _places(rows: pa.RecordBatch) -> set[tuple[str, int]]:
    return set(_all_places(rows))


def _all_places(rows: pa.RecordBatch | pa.Table) -> list[tuple[str, int]]:
    return list(zip(rows["source"].to_pylist(), rows["record_no"].to_pylist(), strict=True))
