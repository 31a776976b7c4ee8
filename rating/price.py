"""Pricing: guided usage becomes ``charge`` rows.

Enters: ``Guided`` and a catalogue. Leaves: ``Priced`` (the usage that was priced and its charges, leg by
leg in usage order) and the rejected rows: ``no_rate``, ``no_band``, ``amount_overflow``,
``no_conversion``. Always holds: an event has all its legs' charges or none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mediation.stage import Fault, split
from rating.charges import charges
from rating.guide import LEGS, Guided
from rating.legs import Legs, price_all
from tariffs.catalogue import VERSION_PLAN, Catalogue


@dataclass(frozen=True)
class Priced:
    """Usage that was priced, and its charges: all retail rows in usage order, then each further leg."""

    usage: pa.RecordBatch
    charges: pa.RecordBatch


def price(guided: Guided, catalogue: Catalogue, rating_run: int = 0) -> tuple[Priced, pa.RecordBatch]:
    """Price every leg of ``guided``; docs/tariffs.md, "How usage becomes an amount"."""
    usage = guided.usage
    legs = price_all(guided, catalogue)
    reason = np.zeros(usage.num_rows, np.uint8)
    failed = np.flatnonzero(legs.reason)[::-1]  # the first leg that failed is written last
    reason[legs.row[failed]] = legs.reason[failed]
    first = dict(zip(legs.row[failed].tolist(), failed.tolist(), strict=True))
    fault = Fault(
        reason,
        lambda row: LEGS[legs.leg[first[row]]],
        lambda row: f"{usage['b_number'][row]} {_plan(catalogue, legs, first[row])}",
    )
    accepted, rejected = split(usage, fault)
    kept = np.flatnonzero(reason[legs.row] == 0) if len(failed) else np.arange(len(legs.row))
    return Priced(accepted, charges(usage, legs, kept, catalogue, rating_run)), rejected


def _plan(catalogue: Catalogue, legs: Legs, leg: int) -> str:
    return catalogue.name("plan", int(catalogue.versions[legs.version[leg], VERSION_PLAN]))
