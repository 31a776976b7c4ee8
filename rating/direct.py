"""Guiding hypothetical events, which may name the plan that is to price them.

Enters: events, either all with a plan of their own or none. Leaves: what rating/guide.py leaves. Always holds: an
event that names its plan has one leg, and nobody pays.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from mediation.reasons import CODE
from mediation.stage import Fault, split
from rating.columns import tariff_starts
from rating.guide import LEGS, Guided, guide
from rating.guide_kernels import find_versions
from rating.hypothetical import Event
from tariffs.catalogue import NONE, Catalogue


def guide_events(usage: pa.RecordBatch, events: list[Event], catalogue: Catalogue) -> tuple[Guided, pa.RecordBatch]:
    """Guide ``events``, of which ``usage`` was made: by the plan that they name, else by their keys."""
    if not events[0].plan:
        return guide(usage, catalogue)
    versions = np.full((len(LEGS), len(events)), NONE, np.int32)
    found = np.zeros(len(events), np.int32)
    plans = np.array([catalogue.codes["plan_names"][event.plan] for event in events], np.int32)
    find_versions(plans, tariff_starts(usage), catalogue.versions, catalogue.plan_versions, found)
    versions[[LEGS.index(event.leg) for event in events], np.arange(len(events))] = found
    reason = np.where(found >= 0, 0, CODE["no_plan"]).astype(np.uint8)
    accepted, rejected = split(usage, Fault(reason, lambda _: "plan", lambda row: events[row].plan))
    good = reason == 0
    nobody = np.full((len(LEGS), int(good.sum())), len(catalogue.account_names) - 1, np.int32)
    return Guided(accepted, nobody, versions[:, good]), rejected
