"""Guiding: who pays for an event on each leg, and by which plan version.

Enters: a ``usage`` batch and a catalogue. Leaves: ``Guided`` (usage with account and plan version per leg)
and the rejected rows: ``unknown_trunk``, ``no_plan``, ``no_account``. Always holds: every guided event has
a retail or a wholesale_in leg; each leg has a plan version in force at the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from mediation.stage import Fault, split
from rating.columns import coded, integers, text_buffers
from rating.guide_kernels import FIELDS, NO_KEY, NO_TRUNK, guide_rows
from tariffs.catalogue import NONE, Catalogue, Codes, Ints

LEGS: Final = ("retail", "wholesale_in", "wholesale_out")


@dataclass(frozen=True)
class Guided:
    """Usage, and per leg (in the order of LEGS) and row the account and the plan version; NONE: no such leg."""

    usage: pa.RecordBatch
    accounts: Codes
    versions: Codes


def guide(usage: pa.RecordBatch, catalogue: Catalogue) -> tuple[Guided, pa.RecordBatch]:
    """Find the account and plan version of each leg; docs/tariffs.md, "Guiding"."""
    reason, field = np.zeros((2, usage.num_rows), np.uint8)
    accounts = np.full((len(LEGS), usage.num_rows), NONE, np.int32)
    versions = np.full((len(LEGS), usage.num_rows), NONE, np.int32)
    guide_rows(
        direction_codes(usage, catalogue),
        integers(usage["start_utc"]),
        *text_buffers(usage["a_number"]),
        *text_buffers(usage["b_number"]),
        *text_buffers(usage["imsi"]),
        _keys(usage, catalogue, "account_key", "account"),
        _keys(usage, catalogue, "trunk_in", "trunk"),
        _trunks(usage, catalogue, "trunk_in"),
        _trunks(usage, catalogue, "trunk_out"),
        catalogue.keys,
        catalogue.key_starts,
        catalogue.key_shift,
        catalogue.trunks,
        catalogue.trunk_rows,
        catalogue.versions,
        catalogue.plan_versions,
        reason,
        field,
        accounts,
        versions,
    )
    accepted, rejected = split(
        usage, Fault(reason, lambda i: FIELDS[field[i]], lambda i: str(usage[FIELDS[field[i]]][i]))
    )
    good = reason == 0
    if good.all():
        return Guided(usage, accounts, versions), rejected
    return Guided(accepted, accounts[:, good], versions[:, good]), rejected


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

    def key(text: str) -> int:
        code = known.get(f"{kind}:{text}")
        return NO_KEY if code is None else -1 - code

    return coded(usage[column], key, np.int64)


def _trunks(usage: pa.RecordBatch, catalogue: Catalogue, column: str) -> Codes:
    known = catalogue.codes["trunk_names"]
    return coded(usage[column], lambda text: known.get(text, NONE) if known and text else NO_TRUNK, np.int32)
