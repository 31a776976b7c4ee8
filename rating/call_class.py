"""What kind of call each leg is: the zone that it comes from, and its class.

Enters: legs (usage rows and payers) and a catalogue some of whose rules name origins or classes. Leaves: the
item of the origin and the number of the class of each leg. Always holds: a class is the first, in the order in
which they are written, of which a condition holds for the other party's number; docs/tariffs.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rating.columns import coded, tariff_starts, text_buffers
from rating.destinations import longest_prefixes
from rating.guide_kernels import find_members, find_subscriptions, number_keys, subscriptions
from tariffs.catalogue import (
    CELL_ORIGIN_E164,
    CLASS_SAME_ACCOUNT,
    CLASS_SUBSCRIBED,
    NONE,
    Catalogue,
    Codes,
    Ints,
)
from tariffs.prefixes import FIRST

Flags = npt.NDArray[np.bool_]


def origin_items(usage: pa.RecordBatch, row: Ints, cell: Codes, catalogue: Catalogue) -> Codes:
    """The item of the longest origin prefix of each leg's A-number; NONE without one."""
    cells = np.ascontiguousarray(catalogue.cells[:, CELL_ORIGIN_E164:])
    place = longest_prefixes(usage, "a_number", row, cell, cells, catalogue)
    found, items = place != NONE, np.full(len(row), NONE, np.int32)
    items[found] = catalogue.destinations[place[found], FIRST]
    return items


def call_classes(usage: pa.RecordBatch, row: Ints, account: Codes, catalogue: Catalogue) -> Codes:
    """The class of each leg, from 1; 0 is ``other``."""
    terminated = coded(usage["direction"], lambda text: text == "terminated", np.bool_)
    key, payer = _other_party(usage, terminated, catalogue)
    found = np.zeros(len(row), np.int32)
    for place in reversed(range(len(catalogue.classes))):
        holds = np.zeros(len(row), np.bool_)
        for column, reads in (("b_number", ~terminated), ("a_number", terminated)):
            cell = np.where(reads[row], place, NONE).astype(np.int32)
            holds |= longest_prefixes(usage, column, row, cell, catalogue.classes, catalogue) != NONE
        if catalogue.classes[place, CLASS_SUBSCRIBED]:
            holds |= payer[row] != NONE
        if catalogue.classes[place, CLASS_SAME_ACCOUNT]:
            holds |= (payer[row] != NONE) & (payer[row] == account)
        table = (catalogue.members, catalogue.member_starts, int(catalogue.member_shift[0]))
        find_members(key[row], account, place, *table, holds)
        found[holds] = place + 1
    return found


def _other_party(usage: pa.RecordBatch, terminated: Flags, catalogue: Catalogue) -> tuple[Ints, Codes]:
    """The key of the other party's number, and the account of its subscription in force (NONE)."""
    key = np.zeros(usage.num_rows, np.int64)
    number_keys(~terminated, *text_buffers(usage["b_number"]), 0, key)
    number_keys(terminated, *text_buffers(usage["a_number"]), 0, key)
    account, plan = np.full((2, usage.num_rows), NONE, np.int32)
    table = subscriptions(catalogue.keys, catalogue.key_starts, catalogue.key_shift)
    find_subscriptions(key, 0, tariff_starts(usage), *table, account, plan, np.zeros(usage.num_rows, np.uint8))
    return key, account
