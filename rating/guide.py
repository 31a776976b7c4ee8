"""Guiding: who pays for an event on each leg, and by which plan version.

Enters: a ``usage`` batch and a catalogue. Leaves: ``Guided`` (usage with account and plan version per leg)
and the rejected rows: ``unknown_trunk``, ``no_plan``, ``no_account``. Always holds: every guided event has
a retail or a wholesale_in leg; each leg has a plan version in force at the start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation.stage import Fault, split
from rating.columns import coded, integers, text_buffers
from rating.guide_kernels import (
    A_NUMBER,
    ACCOUNT_KEY,
    B_NUMBER,
    FIELDS,
    IMSI,
    KEY_TRUNK_IN,
    NO_KEY,
    NO_TRUNK,
    RETAIL,
    WHOLESALE_IN,
    WHOLESALE_OUT,
    find_faults,
    find_subscriptions,
    find_trunks,
    find_versions,
    number_keys,
)
from tariffs.catalogue import (
    NONE,
    TRUNK_IN,
    TRUNK_OUT,
    TRUNK_PLAN_IN,
    TRUNK_PLAN_OUT,
    Catalogue,
    Codes,
    Ints,
)
from tariffs.keys import named_key

LEGS: Final = ("retail", "wholesale_in", "wholesale_out")
_TRUNK_LEGS: Final = (
    (WHOLESALE_IN, "trunk_in", TRUNK_IN, TRUNK_PLAN_IN),
    (WHOLESALE_OUT, "trunk_out", TRUNK_OUT, TRUNK_PLAN_OUT),
)


@dataclass(frozen=True)
class Guided:
    """Usage, and per leg (in the order of LEGS) and row the account and the plan version; NONE: no such leg."""

    usage: pa.RecordBatch
    accounts: Codes
    versions: Codes


def guide(usage: pa.RecordBatch, catalogue: Catalogue) -> tuple[Guided, pa.RecordBatch]:
    """Find the account and plan version of each leg; docs/tariffs.md, "Guiding"."""
    count, start = usage.num_rows, integers(usage["start_utc"])
    accounts, plans, versions = np.full((3, len(LEGS), count), NONE, np.int32)
    reason, field = np.zeros((2, count), np.uint8)
    table = (catalogue.keys, catalogue.key_starts, int(catalogue.key_shift[0]))
    for place, keys in _retail_keys(usage, catalogue):
        find_subscriptions(keys, place, start, *table, accounts[RETAIL], plans[RETAIL], field)
    for leg, column, side, plan in _TRUNK_LEGS:
        trunks = _trunks(usage, catalogue, column)
        find_trunks(trunks, side, plan, start, catalogue.trunks, catalogue.trunk_rows, accounts[leg], plans[leg])
    for leg in range(len(LEGS)):
        find_versions(plans[leg], start, catalogue.versions, catalogue.plan_versions, versions[leg])
    find_faults(
        versions[RETAIL], versions[WHOLESALE_IN], versions[WHOLESALE_OUT], _served(usage, "terminated"), reason, field
    )
    accepted, rejected = split(
        usage, Fault(reason, lambda i: FIELDS[field[i]], lambda i: str(usage[FIELDS[field[i]]][i]))
    )
    good = reason == 0
    if good.all():
        return Guided(usage, accounts, versions), rejected
    return Guided(accepted, accounts[:, good], versions[:, good]), rejected


def _retail_keys(usage: pa.RecordBatch, catalogue: Catalogue) -> Iterator[tuple[int, Ints]]:
    """The keys that may name the subscriber, in the order in which they are asked: (place in FIELDS, key per row)."""
    served = {
        A_NUMBER: _served(usage, "originated", "forwarded"),
        B_NUMBER: _served(usage, "terminated"),
        IMSI: np.ones(usage.num_rows, np.bool_),
    }
    for place, wanted in served.items():
        keys = np.full(usage.num_rows, NO_KEY, np.int64)
        number_keys(wanted, *text_buffers(usage[FIELDS[place]]), int(place == IMSI), keys)
        yield place, keys
    yield ACCOUNT_KEY, _keys(usage, catalogue, "account_key", "account")
    yield KEY_TRUNK_IN, _keys(usage, catalogue, "trunk_in", "trunk")


def _served(usage: pa.RecordBatch, *directions: str) -> npt.NDArray[np.bool_]:
    """Which rows are of one of the ``directions``."""
    return coded(usage["direction"], lambda text: text in directions, np.bool_)


def direction_codes(usage: pa.RecordBatch, catalogue: Catalogue) -> Codes:
    """The code of each row's direction; the last for one that no rule can name."""
    return _codes(usage, catalogue, "direction")


def service_codes(usage: pa.RecordBatch, catalogue: Catalogue) -> Codes:
    """The code of each row's service; the last for one that no rule can name."""
    return _codes(usage, catalogue, "service")


def _codes(usage: pa.RecordBatch, catalogue: Catalogue, column: str) -> Codes:
    known = catalogue.codes[f"{column}_names"]
    return coded(usage[column], lambda text: known.get(text, len(known)), np.int32)


def _keys(usage: pa.RecordBatch, catalogue: Catalogue, column: str, kind: str) -> Ints:
    known = catalogue.codes["key_names"]

    return coded(usage[column], lambda text: named_key(known, kind, text) or NO_KEY, np.int64)


def _trunks(usage: pa.RecordBatch, catalogue: Catalogue, column: str) -> Codes:
    known = catalogue.codes["trunk_names"]
    return coded(usage[column], lambda text: known.get(text, NONE) if known and text else NO_TRUNK, np.int32)
