"""Guiding: who pays for an event on each leg, and by which plan version.

Enters: a ``usage`` batch and a catalogue. Leaves: ``Guided`` (usage with account and plan version per leg)
and the rejected rows: ``unknown_trunk``, ``no_plan``, ``no_account``. Always holds: every guided event has
a retail, a wholesale_in or a roaming_out leg; each leg has a plan version in force at the start, but for a
roaming_in leg, which tells the partner and may have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mediation.stage import Fault, split
from rating.columns import coded, tariff_starts, text_buffers
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
    ROAMING_IN,
    ROAMING_OUT,
    WHOLESALE_IN,
    WHOLESALE_OUT,
    find_faults,
    find_subscriptions,
    find_trunks,
    find_versions,
    number_keys,
    subscriptions,
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

LEGS: Final = ("retail", "wholesale_in", "wholesale_out", "roaming_out", "roaming_in")
"""In a tariff without roaming partners only the first three apply."""
IMSI_PREFIXES: Final = (6, 5)
"""Digits of MCC and MNC, the more first."""
_TRUNK_LEGS: Final = (
    (WHOLESALE_IN, "trunk_in", TRUNK_IN, TRUNK_PLAN_IN),
    (WHOLESALE_OUT, "trunk_out", TRUNK_OUT, TRUNK_PLAN_OUT),
)


@dataclass(frozen=True)
class Guided:
    """Usage, and per leg (in the order of LEGS) and row the account and the plan version; NONE: no such leg.

    The legs of roaming are there in a tariff with partners only.
    """

    usage: pa.RecordBatch
    accounts: Codes
    versions: Codes


def guide(usage: pa.RecordBatch, catalogue: Catalogue) -> tuple[Guided, pa.RecordBatch]:
    """Find the account and plan version of each leg; docs/tariffs.md, "Guiding"."""
    count, start = usage.num_rows, tariff_starts(usage)
    legs = len(LEGS) if len(catalogue.partners) else ROAMING_OUT
    accounts, plans, versions = np.full((3, legs, count), NONE, np.int32)
    reason, field = np.zeros((2, count), np.uint8)
    table = subscriptions(catalogue.keys, catalogue.key_starts, catalogue.key_shift)
    for place, keys in _retail_keys(usage, catalogue):
        find_subscriptions(keys, place, start, *table, accounts[RETAIL], plans[RETAIL], field)
    by_trunk = _TRUNK_LEGS if len(catalogue.trunks) else ()
    for leg, column, side, plan in by_trunk:
        trunks = _trunks(usage, catalogue, column)
        find_trunks(trunks, side, plan, start, catalogue.trunks, catalogue.trunk_rows, accounts[leg], plans[leg])
    if legs > ROAMING_OUT:
        _find_partners(usage, catalogue, start, accounts, plans, field)
    for leg in (RETAIL, *(leg for leg, *_ in by_trunk), *range(ROAMING_OUT, legs)):
        find_versions(plans[leg], start, catalogue.versions, catalogue.plan_versions, versions[leg])
    if legs > ROAMING_OUT:
        np.maximum(versions[ROAMING_IN], NONE, out=versions[ROAMING_IN])  # no plan: no price to compare with
    find_faults(
        *(versions[RETAIL], versions[WHOLESALE_IN], versions[WHOLESALE_OUT]),
        versions[ROAMING_OUT] if legs > ROAMING_OUT else np.zeros(0, np.int32),
        *(_served(usage, "terminated"), reason, field),
    )
    accepted, rejected = split(
        usage, Fault(reason, lambda i: FIELDS[field[i]], lambda i: str(usage[FIELDS[field[i]]][i]))
    )
    good = reason == 0
    if good.all():
        return Guided(usage, accounts, versions), rejected
    return Guided(accepted, accounts[:, good], versions[:, good]), rejected


def _find_partners(
    usage: pa.RecordBatch,
    catalogue: Catalogue,
    start: Ints,
    accounts: Codes,
    plans: Codes,
    field: npt.NDArray[np.uint8],
) -> None:
    """Whose visitor each row is that no subscription in force serves, and which partner bills us for a row.

    An event for which another network bills us is no visitor's.
    """
    table = subscriptions(catalogue.partners, catalogue.partner_starts, catalogue.partner_shift)
    given = usage["given_amount"].is_valid().to_numpy(zero_copy_only=False)
    visiting = (plans[RETAIL] < 0) & ~given
    for digits in IMSI_PREFIXES:
        keys = np.full(usage.num_rows, NO_KEY, np.int64)
        number_keys(visiting, *text_buffers(pc.utf8_slice_codeunits(usage["imsi"], 0, digits)), 1, keys)
        find_subscriptions(keys, IMSI, start, *table, accounts[ROAMING_OUT], plans[ROAMING_OUT], field)
    plans[RETAIL][visiting & (plans[ROAMING_OUT] >= 0)] = NONE
    if given.any():
        known = catalogue.codes["partner_names"]
        keys = coded(usage["network"], lambda text: -1 - known[text] if text in known else NO_KEY, np.int64)
        keys[~given] = NO_KEY
        unread = np.zeros(usage.num_rows, np.uint8)
        find_subscriptions(keys, 0, start, *table, accounts[ROAMING_IN], plans[ROAMING_IN], unread)


def _retail_keys(usage: pa.RecordBatch, catalogue: Catalogue) -> Iterator[tuple[int, Ints]]:
    """The keys that may name the subscriber, in the order in which they are asked: (place in FIELDS, key per row)."""
    served = {
        A_NUMBER: _served(usage, "originated", "forwarded"),
        B_NUMBER: _served(usage, "terminated"),
        IMSI: np.ones(usage.num_rows, np.bool_),
    }
    for place, wanted in served.items():
        places, text = text_buffers(usage[FIELDS[place]])
        if wanted.any() and places[0] != places[-1]:
            keys = np.full(usage.num_rows, NO_KEY, np.int64)
            number_keys(wanted, places, text, int(place == IMSI), keys)
            yield place, keys
    known = catalogue.codes["key_names"]
    for place, kind in ((ACCOUNT_KEY, "account"), (KEY_TRUNK_IN, "trunk")):
        column = usage[FIELDS[place]]
        of_text = {text: named_key(known, kind, text) or NO_KEY for text in column.dictionary.to_pylist()}
        if any(of_text.values()):
            yield place, coded(column, of_text.__getitem__, np.int64)


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


def _trunks(usage: pa.RecordBatch, catalogue: Catalogue, column: str) -> Codes:
    known = catalogue.codes["trunk_names"]
    return coded(usage[column], lambda text: known.get(text, NONE) if known and text else NO_TRUNK, np.int32)
