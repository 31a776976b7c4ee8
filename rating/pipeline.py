"""The life of a record, on one screen.

Enters: a chunk of bytes, or rows that wait in suspense. Leaves: usage, its charges, and everything that
was set aside. Always holds: records in = usage + rejected. Both functions are pure: they read the seen
ids and the catalogue and change nothing, so what they return can be landed, or thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation.correlate import correlate, part_again
from mediation.decode import decode
from mediation.dedup import SeenIds, deduplicate
from mediation.frame import frame, reframe
from mediation.layout import Layout
from mediation.normalise import normalise
from mediation.partials import place
from mediation.records import Chunk, Records
from mediation.stage import empty
from mediation.tap_file import check
from mediation.validate import validate
from rating.balances.draw import NOTHING_DRAWN, Drawn
from rating.balances.live import Balances, price_drawing
from rating.guide import guide
from rating.price import Priced
from tariffs.catalogue import Catalogue


@dataclass(frozen=True, slots=True, eq=False)
class Mediated:
    """Trusted usage of one chunk, before anything that needs to know the past."""

    usage: pa.RecordBatch
    rejected: tuple[pa.RecordBatch, ...]
    records: int
    fitting: int
    """Records that the layout could read, whether or not they were then accepted."""


@dataclass(frozen=True, slots=True, eq=False)
class Rated:
    """What became of a chunk: usage with its charges, and the rejected rows of all stages."""

    usage: pa.RecordBatch
    charges: pa.RecordBatch | pa.Table
    rejected: pa.Table
    records: int
    drawn: Drawn = NOTHING_DRAWN


def mediate(chunk: Chunk, layout: Layout) -> Mediated:
    """Bytes to usage: frame, decode, normalise, validate."""
    return mediate_framed(*frame(chunk, layout), layout)


def mediate_again(suspended: pa.Table, layout: Layout) -> Mediated:
    """Rows of the ``rejected`` schema, by their own bytes, through the same stages."""
    return mediate_framed(*reframe(suspended, layout), layout)


def mediate_framed(records: Records, unframed: pa.RecordBatch, layout: Layout) -> Mediated:
    """As :func:`mediate`, of a chunk that :func:`mediation.frame.frame` has parted."""
    fields, undecoded = decode(records, layout)
    sound, broken = check(fields, layout)
    usage, abnormal = normalise(sound, layout)
    valid, implausible = validate(usage, layout.limits)
    rejected = (unframed, undecoded, broken, abnormal, implausible)
    filtered = abnormal.num_rows and sum(r == "not_billable" for r in abnormal["reason"].to_pylist())
    return Mediated(valid, rejected, len(records) + unframed.num_rows, usage.num_rows + filtered)


def rate(
    mediated: Mediated,
    layout: Layout,
    catalogue: Catalogue,
    seen: SeenIds,
    *,
    oldest_us: int | None = None,
    admitted: npt.NDArray[np.bool_] | None = None,
    partials: pa.Table | None = None,
    balances: Balances | None = None,
) -> Rated:
    """Usage to money: deduplicate, correlate, guide, price. ``partials`` are earlier ones of the sessions at hand."""
    fresh, repeated = deduplicate(mediated.usage, seen, oldest_us, admitted)
    whole, halves = correlate(fresh, layout.pairing)
    placed, early = place(whole, partials)
    guided, unguided = guide(placed, catalogue)
    outcome = price_drawing(guided, catalogue, balances, lambda priced: _without_followers(placed, priced, partials))
    priced, unpriced, held = outcome.priced, outcome.rejected, outcome.held
    if layout.pairing and (unguided.num_rows or unpriced.num_rows):
        halves = part_again(halves, _missing(whole, priced.usage))
    rejected = pa.Table.from_batches([*mediated.rejected, repeated, halves, early, unguided, unpriced, held])
    return Rated(priced.usage, priced.charges, rejected, mediated.records, outcome.drawn)


def _without_followers(
    placed: pa.RecordBatch, priced: Priced, partials: pa.Table | None
) -> tuple[Priced, pa.RecordBatch]:
    """``priced`` without the partials of which an earlier one could not be rated: they wait for it."""
    if priced.usage.num_rows == placed.num_rows:
        return priced, empty("rejected")
    usage, held = place(priced.usage, partials)
    if not held.num_rows:
        return priced, held
    gone = set(held["event_id"].to_pylist())
    kept = pa.array([event not in gone for event in priced.charges["event_id"].to_pylist()], pa.bool_())
    return Priced(usage, priced.charges.filter(kept)), held


def _missing(whole: pa.RecordBatch, rated: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of ``whole`` that are not in ``rated``."""
    kept = set(rated["event_id"].to_pylist())
    return whole.filter(pa.array([e not in kept for e in whole["event_id"].to_pylist()], pa.bool_()))
