"""Recycling: suspended records through the pipeline again.

Enters: an open job and which records. Leaves: one committed batch per layout and hundred thousand
records. Always holds: a record leaves suspense once, in the transaction that lands what became of it;
one that fails again stays, with its new reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mediation.layout import Layout
from mediation.layout_file import LayoutError
from mediation.reasons import WAITING
from rating.after import land
from rating.balances.restore import reach
from rating.job import Job
from rating.lake import Extent, Lake
from rating.pipeline import Mediated, Rated, mediate_again, rate
from rating.seen import load_days
from rating.sessions import earlier_partials
from rating.stored import layout_of_source, stored_layout
from rating.streaming.coordinates import is_stream
from rating.suspense import EVERYTHING, Filter, Recyclable, recyclable, recycling


@dataclass(frozen=True, slots=True)
class Recycled:
    """How many records were tried, and how many left suspense."""

    tried: int = 0
    left: int = 0

    def __add__(self, other: Recycled) -> Recycled:
        return Recycled(self.tried + other.tried, self.left + other.left)


def recycle(
    job: Job, which: Filter = EVERYTHING, mended: Layout | None = None, held: Sequence[Extent] = ()
) -> Recycled:
    """Try the matching records again: by the layout that the lake has for them, or by a ``mended`` one.

    Partials that waited for one of them follow by themselves. Who holds the ids and balances of the records' sources
    live gives their places as ``held``: it lands only while they are still its own, and no epoch need turn.

    Raises:
        LayoutError: the ``mended`` layout cannot read records of messages, and one of them is such a record.

    """
    done = now = _once(job, which, mended, held)
    while now.left:
        followers = Filter(reason="awaiting_partial", layout=which.layout, sources=which.sources)
        now = _once(job, followers, None, held)
        done += now
    return done


def recycle_waiting(job: Job) -> Recycled:
    """Bring together what came in different batches or files: the halves of calls, the partials of sessions."""
    done = Recycled()
    for reason, rule in (("awaiting_pair", job.layout.pairing), ("awaiting_partial", job.layout.partials)):
        if rule is not None:
            done += recycle(job, Filter(reason=reason, layout=job.layout.name), job.layout)
    return done


def _once(job: Job, which: Filter, mended: Layout | None, held: Sequence[Extent]) -> Recycled:
    done = Recycled()
    forgiven = () if mended else (LayoutError,)  # a layout that nobody has given yet: its record waits on
    for tried in recyclable(job.lake, which):
        with suppress(*forgiven), job.lake.alone():
            layout = mended or stored_layout(job.lake, tried.layout)
            if job.lake.disturbed() and not held:
                job.renew(pc.unique(tried.rows["source"].cast(pa.string())).to_pylist())
            done += _again(replace(job, layout=layout), tried, held)
    return done


def _again(job: Job, tried: Recyclable, held: Sequence[Extent]) -> Recycled:
    mediated = mediated_again(job.lake, job.layout, tried.rows)
    load_days(job.lake, job.seen, mediated.usage)
    reach(job.balances, job.lake, job.catalogue, mediated.usage)
    rated = rate(
        mediated,
        job.layout,
        job.catalogue,
        job.seen,
        admitted=_admitted(tried, mediated.usage),
        partials=earlier_partials(job.lake, mediated.usage),
        balances=job.balances,
    )
    delta = recycling(
        tried,
        usage=rated.usage,
        charges=rated.charges,
        rejected=rated.rejected,
        movements=rated.drawn.movements,
        tariff=job.tariff,
        layout=job.layout_version(),
    )
    if held:
        delta = replace(delta, beside=tuple(held), turns_epoch=False)
    left = delta.recycled.num_rows
    if left or _news(job.lake, tried, rated):
        land(job.lake, delta, rated, job.seen, job.balances, job.keepers)
    return Recycled(tried.rows.num_rows, left)


def mediated_again(lake: Lake, layout: Layout, rows: pa.Table) -> Mediated:
    """The suspended ``rows`` as usage, each read by the header of its own file where that names the columns."""
    names = rows["source"].cast(pa.string())
    if not layout.framing.by_header and not any(is_stream(s) for s in pc.unique(names).to_pylist()):
        return mediate_again(rows, layout)
    parts = [
        mediate_again(rows.filter(pc.equal(names, source)), layout_of_source(lake, layout, source))
        for source in pc.unique(names).to_pylist()
    ]
    usage = pa.Table.from_batches([p.usage for p in parts]).combine_chunks().unify_dictionaries()
    rejected = tuple(batch for p in parts for batch in p.rejected)
    whole = usage.to_batches()[0] if usage.num_rows else parts[0].usage
    return Mediated(whole, rejected, sum(p.records for p in parts), sum(p.fitting for p in parts))


def _admitted(tried: Recyclable, usage: pa.RecordBatch) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which rows of ``usage`` waited for other records: their ids are among the seen ones already."""
    rows = tried.rows.select(["source", "record_no", "reason"]).to_pylist()
    waiting = {(r["source"], r["record_no"]) for r in rows if r["reason"] in WAITING}
    here = zip(usage["source"].to_pylist(), usage["record_no"].to_pylist(), strict=True)
    return np.fromiter((at in waiting for at in here), np.bool_, usage.num_rows)


def _news(lake: Lake, tried: Recyclable, rated: Rated) -> bool:
    """Whether a record that is suspended again has another reason than the one it waits with."""
    known = lake.query(
        "SELECT source, record_no, reason FROM suspense WHERE layout = $layout", {"layout": tried.layout}
    )
    before = {(r["source"], r["record_no"]): r["reason"] for r in known.to_pylist()}
    again = rated.rejected.select(["source", "record_no", "reason"]).to_pylist()
    return any(before.get((r["source"], r["record_no"])) != r["reason"] for r in again)
