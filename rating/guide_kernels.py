"""Guiding as loops: keys from digits, subscriptions, trunks and plan versions in force.

Enters: columns of usage and the guiding arrays of a ``Catalogue``. Leaves: account and plan version per
leg, or a reason. Always holds: one loop looks for one thing and calls nothing with arrays; no text is built.

``plan`` and ``version`` below zero say why there is none: NONE (no such leg), EXPIRED, UNLISTED.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from mediation.jit import index, inlined, kernel
from mediation.reasons import CODE
from rating.digits import WORD, digits_at, last_of, none, worth
from rating.find_kernels import BLOCK, Bytes
from tariffs.catalogue import (
    KEY,
    KEY_ACCOUNT,
    KEY_FROM,
    KEY_PLAN,
    KEY_TO,
    NONE,
    TRUNK_CARRIER,
    TRUNK_FROM,
    TRUNK_TO,
    VERSION_FROM,
    VERSION_TO,
    Codes,
    Ints,
)
from tariffs.keys import DIGITS_MAX, LOW_63, MULTIPLIER

Flags = npt.NDArray[np.bool_]

NO_KEY: Final = 0
EXPIRED: Final = -2
"""A key, trunk or plan that is known, but not in force."""
UNLISTED: Final = -3
"""A trunk that is not listed for that direction at the start."""
NO_TRUNK: Final = -2
"""The event names no trunk; NONE is one that is not listed."""

NO_ACCOUNT: Final = CODE["no_account"]
UNKNOWN_TRUNK: Final = CODE["unknown_trunk"]
NO_PLAN: Final = CODE["no_plan"]

RETAIL, WHOLESALE_IN, WHOLESALE_OUT, ROAMING_OUT, ROAMING_IN = range(5)
FIELDS: Final = ("a_number", "b_number", "imsi", "account_key", "trunk_in", "trunk_out")
"""The columns that keys come from, as ``field`` counts them."""
A_NUMBER, B_NUMBER, IMSI, ACCOUNT_KEY, KEY_TRUNK_IN, KEY_TRUNK_OUT = range(6)

NEAR, PLACE, LEFT, LOOKED = range(4)
"""Rows of the room for a block's subscriptions, and how many."""

_TENS: Final[tuple[int, ...]] = tuple(10**digits for digits in range(DIGITS_MAX + 1))
_PLUS: Final = 43
_ZERO: Final = 48


@kernel
def number_keys(wanted: Flags, offsets: Codes, text: Bytes, imsi: int, keys: Ints) -> None:
    """The key of each ``wanted`` number, as tariffs/keys.py makes it; NO_KEY for one of no digits or too many."""
    for row in range(len(keys)):
        begin, end = int(offsets[row]), int(offsets[row + 1])
        if not wanted[row] or begin == end:
            continue
        plus = int(text[index(begin)] == _PLUS)
        begin += plus
        count = end - begin
        if count == 0 or count > DIGITS_MAX:
            continue
        fast = count <= 2 * WORD <= end
        digits = _two_words(text, end, count) if fast else _one_by_one(text, begin, end)
        keys[row] = digits * 4 + 2 * plus + imsi if digits != NO_KEY else NO_KEY


@inlined
def _two_words(text: Bytes, end: int, count: int) -> int:
    """The ``count`` digits before ``end`` behind a 1; NO_KEY where one is no digit."""
    head = digits_at(text, end - 2 * WORD, last_of(max(count - WORD, 0)))
    tail = digits_at(text, end - WORD, last_of(min(count, WORD)))
    if none(head) or none(tail):
        return NO_KEY
    return _TENS[count] + worth(head, 10) * 10**WORD + worth(tail, 10)


@kernel
def _one_by_one(text: Bytes, begin: int, end: int) -> int:
    """The digits from ``begin`` to ``end`` behind a 1; NO_KEY where one is no digit."""
    digits = 1
    for place in range(begin, end):
        digit = int(np.int64(text[place])) - _ZERO
        if digit < 0 or digit > 9:
            return NO_KEY
        digits = digits * 10 + digit
    return digits


def subscriptions(keys: Ints, starts: Codes, shift: Ints) -> tuple[Ints, Codes, int, Codes]:
    """A table of subscriptions as :func:`find_subscriptions` takes it, with its room."""
    return keys, starts, int(shift[0]), np.empty((LOOKED, BLOCK), np.int32)


@kernel
def find_subscriptions(
    wanted: Ints,
    column: int,
    start_us: Ints,
    keys: Ints,
    starts: Codes,
    shift: int,
    looked: Codes,
    account: Codes,
    plan: Codes,
    field: Bytes,
) -> None:
    """``account`` and ``plan`` of the subscription to each key ``wanted``, for rows that have none yet.

    The plan is EXPIRED where only subscriptions not in force have the key; ``field`` is the ``column`` that was known.
    Most keys are of the first or the second subscription of their bucket: these are looked at without a branch, the
    others one by one. ``looked`` is room for what is looked at in a block.
    """
    if len(keys) == 0:
        return
    for base in range(0, len(wanted), BLOCK):
        block = slice(base, base + BLOCK)
        of, by, starting = account[block], plan[block], start_us[block]
        near, place, left = looked[NEAR, : len(of)], looked[PLACE, : len(of)], looked[LEFT]
        _find_buckets(wanted[block], starts, shift, near)
        _find_near(wanted[block], keys, near)
        _find_plans(keys, near, place)
        count = _take_near(wanted[block], column, starting, keys, near, place, of, by, field[block], left)
        _find_further(left[:count], wanted[block], column, starting, keys, starts, shift, of, by, field[block])


@inlined
def _bucket(key: int, shift: int) -> int:
    return ((int(key) * MULTIPLIER) & LOW_63) >> shift


@kernel
def _find_buckets(wanted: Ints, starts: Codes, shift: int, near: Codes) -> None:
    """The first subscription of each key's bucket."""
    for row in range(len(wanted)):
        near[row] = starts[index(_bucket(wanted[row], shift))]


@kernel
def _find_near(wanted: Ints, keys: Ints, near: Codes) -> None:
    """Go on to the second subscription of the bucket where the first is of another key."""
    last = len(keys) - 1
    for row in range(len(wanted)):
        first = min(int(near[row]), last)
        near[row] = min(first + int(keys[index(first), KEY] != wanted[row]), last)


@kernel
def _find_plans(keys: Ints, near: Codes, place: Codes) -> None:
    for row in range(len(near)):
        place[row] = keys[index(near[row]), KEY_PLAN]


@kernel
def _take_near(
    wanted: Ints,
    column: int,
    start_us: Ints,
    keys: Ints,
    near: Codes,
    place: Codes,
    account: Codes,
    plan: Codes,
    field: Bytes,
    left: Codes,
) -> int:
    """Take the subscription that is near where it is that of the key and in force; list the others in ``left``."""
    count = 0
    for row in range(len(wanted)):
        found = index(near[row])
        fits = (keys[found, KEY] == wanted[row]) & (wanted[row] != NO_KEY) & (plan[row] < 0)
        if fits & (keys[found, KEY_FROM] <= start_us[row]) & (start_us[row] < keys[found, KEY_TO]):
            account[row], plan[row], field[row] = keys[found, KEY_ACCOUNT], place[row], column
        else:
            left[index(count)] = row
            count += 1
    return count


@kernel
def _find_further(
    left: Codes,
    wanted: Ints,
    column: int,
    start_us: Ints,
    keys: Ints,
    starts: Codes,
    shift: int,
    account: Codes,
    plan: Codes,
    field: Bytes,
) -> None:
    for row in left:
        key = wanted[row]
        if key == NO_KEY or plan[row] >= 0:
            continue
        bucket = _bucket(key, shift)
        for found in range(starts[bucket], starts[bucket + 1]):
            if keys[found, KEY] == key:
                plan[row], field[row] = EXPIRED, column
                if keys[found, KEY_FROM] <= start_us[row] < keys[found, KEY_TO]:
                    account[row], plan[row] = keys[found, KEY_ACCOUNT], keys[found, KEY_PLAN]
                    break


@kernel
def find_members(wanted: Ints, account: Codes, place: int, keys: Ints, starts: Codes, shift: int, found: Flags) -> None:
    """Mark the rows whose key ``wanted`` is listed in class ``place`` for their ``account``."""
    for row in range(len(wanted)):
        key = wanted[row]
        if key == NO_KEY:
            continue
        bucket = _bucket(key, shift)
        for line in range(starts[bucket], starts[bucket + 1]):
            if keys[line, KEY] == key and keys[line, KEY_ACCOUNT] == account[row] and keys[line, KEY_PLAN] == place:
                found[row] = True


@kernel
def find_trunks(
    wanted: Codes,
    side: int,
    plan_column: int,
    start_us: Ints,
    trunks: Ints,
    trunk_rows: Codes,
    account: Codes,
    plan: Codes,
) -> None:
    """The carrier's ``account`` and ``plan`` for each trunk ``wanted``, listed on ``side`` (TRUNK_IN, TRUNK_OUT)."""
    for row in range(len(wanted)):
        trunk = wanted[row]
        if trunk == NO_TRUNK:
            continue
        plan[row] = UNLISTED
        if trunk == NONE:
            continue
        for line in range(trunk_rows[trunk], trunk_rows[trunk + 1]):
            if trunks[line, side] == 1 and trunks[line, TRUNK_FROM] <= start_us[row] < trunks[line, TRUNK_TO]:
                plan[row] = NONE
                if trunks[line, TRUNK_CARRIER] != NONE:
                    account[row] = trunks[line, TRUNK_CARRIER]
                    plan[row] = trunks[line, plan_column] if trunks[line, plan_column] != NONE else EXPIRED
                break


@kernel
def find_versions(plan: Codes, start_us: Ints, versions: Ints, plan_versions: Codes, found: Codes) -> None:
    """The version of each plan in force at the start; EXPIRED without one; what the plan says where it is below 0."""
    for row in range(len(plan)):
        wanted = plan[row]
        if wanted < 0:
            found[row] = wanted
            continue
        found[row] = EXPIRED
        for version in range(plan_versions[wanted], plan_versions[wanted + 1]):
            if versions[version, VERSION_FROM] <= start_us[row] < versions[version, VERSION_TO]:
                found[row] = version
                break


@kernel
def find_faults(
    retail: Codes,
    incoming: Codes,
    outgoing: Codes,
    visiting: Codes,
    terminated: Flags,
    reason: Bytes,
    field: Bytes,
) -> None:
    """The reason why a row is set aside, from its versions on the legs, and the ``field`` whose value failed.

    ``visiting`` is of the leg roaming_out, of no rows where there are no partners. ``field`` comes with the column of
    the retail key that was known; a ``terminated`` row's served party is the B-number.
    """
    partners = len(visiting) > 0
    for row in range(len(retail)):
        visitor = visiting[row] if partners else NONE
        if outgoing[row] == UNLISTED or incoming[row] == UNLISTED:
            reason[row] = UNKNOWN_TRUNK
            field[row] = KEY_TRUNK_OUT if outgoing[row] == UNLISTED else KEY_TRUNK_IN
        elif retail[row] == EXPIRED:
            reason[row] = NO_PLAN
        elif incoming[row] == EXPIRED or outgoing[row] == EXPIRED:
            reason[row] = NO_PLAN
            field[row] = KEY_TRUNK_IN if incoming[row] == EXPIRED else KEY_TRUNK_OUT
        elif visitor == EXPIRED:
            reason[row], field[row] = NO_PLAN, IMSI
        elif retail[row] == NONE and incoming[row] == NONE and visitor == NONE:
            reason[row], field[row] = NO_ACCOUNT, B_NUMBER if terminated[row] else A_NUMBER
