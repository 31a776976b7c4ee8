"""Pricing: guided usage becomes ``charge`` rows.

Enters: ``Guided`` and a catalogue. Leaves: ``Priced`` (the usage that was priced and its charges, leg by
leg in usage order) and the rejected rows: ``no_rate``, ``no_band``, ``amount_overflow``,
``no_conversion``. Always holds: an event has all its legs' charges or none; what a record gives is charged as
given, whatever our own price of it is, or if there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation.stage import Fault, split
from rating.charges import charges
from rating.given import UNPRICED, Beside, with_given
from rating.guide import LEGS, Guided
from rating.guide_kernels import ROAMING_IN
from rating.legs import Free, Legs, price_all
from tariffs.catalogue import NONE, VERSION_PLAN, Catalogue, Ints


@dataclass(frozen=True)
class Priced:
    """Usage that was priced, and its charges: all retail rows in usage order, then each further leg."""

    usage: pa.RecordBatch
    charges: pa.RecordBatch


class Draw(Protocol):
    """What pays for legs, or keeps them from being charged."""

    def free(self, legs: Legs, usage: pa.RecordBatch) -> Free:
        """What is not of the event alone; of the legs nothing is priced yet."""

    def paid(self, legs: Legs, usage: pa.RecordBatch) -> Legs:
        """The legs, which are priced, as they are charged and paid; those of events that have no price as they are."""


def price(
    guided: Guided, catalogue: Catalogue, rating_run: int = 0, draw: Draw | None = None
) -> tuple[Priced, pa.RecordBatch]:
    """Price every leg of ``guided``, but for what is free of it; docs/tariffs.md, "How usage becomes an amount"."""
    usage = guided.usage
    legs = price_all(guided, catalogue, draw=draw.free if draw else None)
    if draw:
        legs = draw.paid(legs, usage)
    compared = _compared(guided, legs)
    reason = np.zeros(usage.num_rows, np.uint8)
    failed = np.flatnonzero(legs.reason if compared is None else np.where(compared, 0, legs.reason))[::-1]
    reason[legs.row[failed]] = legs.reason[failed]  # the first leg that failed is written last
    first = dict(zip(legs.row[failed].tolist(), failed.tolist(), strict=True))
    fault = Fault(
        reason,
        lambda row: LEGS[legs.leg[first[row]]],
        lambda row: f"{usage['b_number'][row]} {_plan(catalogue, legs, first[row])}",
    )
    accepted, rejected = split(usage, fault)
    kept: Ints | slice = np.flatnonzero(reason[legs.row] == 0) if len(failed) else slice(None)
    beside = Beside()
    if compared is not None:
        beside = _beside(guided, legs, compared, reason == 0, catalogue)
        kept = np.flatnonzero((reason[legs.row] == 0) & ~compared)
    made = charges(usage, legs, kept, catalogue, rating_run)
    return Priced(accepted, with_given(made, accepted, catalogue, beside, rating_run)), rejected


def _compared(guided: Guided, legs: Legs) -> npt.NDArray[np.bool_] | None:
    """Which legs are prices to compare with given ones; None in a tariff without roaming partners.

    Without a given amount the leg is a charge like others: only a quote asks for that.
    """
    if len(guided.versions) <= ROAMING_IN:
        return None
    given = guided.usage["given_amount"].is_valid().to_numpy(zero_copy_only=False)
    return np.asarray((legs.leg == ROAMING_IN) & given[legs.row], np.bool_)


def _beside(
    guided: Guided, legs: Legs, compared: npt.NDArray[np.bool_], good: npt.NDArray[np.bool_], catalogue: Catalogue
) -> Beside:
    """Partners and our own prices, for the rows of usage that are ``good``."""
    priced = np.flatnonzero(compared & (legs.reason == 0))
    place = np.full(len(good), NONE, np.int32)
    place[legs.row[compared]] = UNPRICED
    place[legs.row[priced]] = np.arange(len(priced))
    return Beside(guided.accounts[ROAMING_IN][good], place[good], charges(guided.usage, legs, priced, catalogue, 0))


def _plan(catalogue: Catalogue, legs: Legs, leg: int) -> str:
    return catalogue.name("plan", int(catalogue.versions[legs.version[leg], VERSION_PLAN]))
