"""Guiding as loops: keys from digits, subscriptions and plan versions in force.

Enters: columns of usage and the guiding arrays of a ``Catalogue``. Leaves: account and plan version per
leg, or a reason. Always holds: a key is looked up in one bucket, no text is built; NONE means no such leg.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from mediation.jit import kernel
from mediation.reasons import CODE
from rating.kernels import Bytes
from tariffs.catalogue import (
    KEY,
    KEY_ACCOUNT,
    KEY_FROM,
    KEY_PLAN,
    KEY_TO,
    NONE,
    TRUNK_CARRIER,
    TRUNK_FROM,
    TRUNK_IN,
    TRUNK_OUT,
    TRUNK_PLAN_IN,
    TRUNK_PLAN_OUT,
    TRUNK_TO,
    VERSION_FROM,
    VERSION_TO,
    Codes,
    Ints,
)
from tariffs.keys import DIGITS_MAX, LOW_63, MULTIPLIER

NO_KEY: Final = 0
EXPIRED: Final = -2
"""A key, trunk or plan that is known, but not in force."""
NO_TRUNK: Final = -2
"""The event names no trunk; NONE is one that is not listed."""

NO_ACCOUNT: Final = CODE["no_account"]
UNKNOWN_TRUNK: Final = CODE["unknown_trunk"]
NO_PLAN: Final = CODE["no_plan"]

ORIGINATED, TERMINATED, FORWARDED = range(3)
RETAIL, WHOLESALE_IN, WHOLESALE_OUT = range(3)
FIELDS: Final = ("a_number", "b_number", "imsi", "account_key", "trunk_in", "trunk_out")
"""The columns that keys come from, as ``field`` counts them."""
A_NUMBER, B_NUMBER, IMSI, ACCOUNT_KEY, KEY_TRUNK_IN, KEY_TRUNK_OUT = range(6)

_PLUS: Final = 43
_ZERO: Final = 48


@kernel
def number_key(text: Bytes, begin: int, end: int, imsi: int) -> int:
    """The key of a number, as tariffs/keys.py makes it; NO_KEY for no number or one of no digits."""
    plus = 0
    if begin < end and text[begin] == _PLUS:
        plus = 2
        begin += 1
    if begin == end or end - begin > DIGITS_MAX:
        return NO_KEY
    digits = 1
    for place in range(begin, end):
        digit = int(np.int64(text[place])) - _ZERO
        if digit < 0 or digit > 9:
            return NO_KEY
        digits = digits * 10 + digit
    return digits * 4 + plus + imsi


@kernel
def subscription(keys: Ints, starts: Codes, shift: int, key: int, start_us: int) -> int:
    """The row of ``key`` in force at ``start_us``; EXPIRED if only others have it, NONE if no row has."""
    if key == NO_KEY:
        return NONE
    bucket = ((int(key) * MULTIPLIER) & LOW_63) >> shift
    found = NONE
    for row in range(starts[bucket], starts[bucket + 1]):
        if keys[row, KEY] == key:
            if keys[row, KEY_FROM] <= start_us < keys[row, KEY_TO]:
                return row
            found = EXPIRED
    return found


@kernel
def version_in_force(versions: Ints, plan_versions: Codes, plan: int, start_us: int) -> int:
    """The version of ``plan`` in force at ``start_us``; EXPIRED without one."""
    if plan != NONE:
        for version in range(plan_versions[plan], plan_versions[plan + 1]):
            if versions[version, VERSION_FROM] <= start_us < versions[version, VERSION_TO]:
                return version
    return EXPIRED


@kernel
def trunk_row(trunks: Ints, trunk_rows: Codes, trunk: int, side: int, start_us: int) -> int:
    """The row of ``trunk`` in force in its column ``side`` (TRUNK_IN, TRUNK_OUT); NONE without one."""
    if trunk != NONE:
        for row in range(trunk_rows[trunk], trunk_rows[trunk + 1]):
            if trunks[row, side] == 1 and trunks[row, TRUNK_FROM] <= start_us < trunks[row, TRUNK_TO]:
                return row
    return NONE


@kernel
def guide_rows(  # noqa: C901, PLR0912 - one pass over a row's keys; every path shares its state
    directions: Codes,
    start_us: Ints,
    a_offsets: Codes,
    a_text: Bytes,
    b_offsets: Codes,
    b_text: Bytes,
    imsi_offsets: Codes,
    imsi_text: Bytes,
    account_keys: Ints,
    trunk_keys: Ints,
    trunks_in: Codes,
    trunks_out: Codes,
    keys: Ints,
    key_starts: Codes,
    key_shift: Ints,
    trunks: Ints,
    trunk_rows: Codes,
    versions: Ints,
    plan_versions: Codes,
    reason: npt.NDArray[np.uint8],
    field: npt.NDArray[np.uint8],
    accounts: Codes,
    guided: Codes,
) -> None:
    """Guide each usage row: ``accounts[leg, row]`` and the plan version ``guided[leg, row]`` (NONE: no such leg).

    ``account_keys`` and ``trunk_keys`` are keys of texts or NO_KEY; trunks are codes, NONE or NO_TRUNK.
    A row that fails gets a ``reason`` and the ``field`` whose value failed.
    """
    for row in range(len(directions)):
        start = start_us[row]
        direction = directions[row]
        column, number = A_NUMBER, NO_KEY
        if direction in (ORIGINATED, FORWARDED):
            number = number_key(a_text, a_offsets[row], a_offsets[row + 1], 0)
        elif direction == TERMINATED:
            column, number = B_NUMBER, number_key(b_text, b_offsets[row], b_offsets[row + 1], 0)
        served = column
        payer, known = NONE, NONE
        for kind in (served, IMSI, ACCOUNT_KEY, KEY_TRUNK_IN):
            if kind == IMSI:
                number = number_key(imsi_text, imsi_offsets[row], imsi_offsets[row + 1], 1)
            elif kind == ACCOUNT_KEY:
                number = account_keys[row]
            elif kind == KEY_TRUNK_IN:
                number = trunk_keys[row]
            payer = subscription(keys, key_starts, key_shift[0], number, start)
            if payer != NONE:
                known, column = payer, kind
            if payer >= 0:
                break
        if payer >= 0:
            accounts[RETAIL, row] = keys[payer, KEY_ACCOUNT]
            guided[RETAIL, row] = version_in_force(versions, plan_versions, keys[payer, KEY_PLAN], start)
        elif known == EXPIRED:
            guided[RETAIL, row] = EXPIRED
        if guided[RETAIL, row] == EXPIRED:
            reason[row], field[row] = NO_PLAN, column
        for leg in (WHOLESALE_IN, WHOLESALE_OUT):
            trunk, side, plan, key = trunks_in[row], TRUNK_IN, TRUNK_PLAN_IN, KEY_TRUNK_IN
            if leg == WHOLESALE_OUT:
                trunk, side, plan, key = trunks_out[row], TRUNK_OUT, TRUNK_PLAN_OUT, KEY_TRUNK_OUT
            if trunk == NO_TRUNK:
                continue
            line = trunk_row(trunks, trunk_rows, trunk, side, start)
            if line == NONE:
                reason[row], field[row] = UNKNOWN_TRUNK, key
            elif trunks[line, TRUNK_CARRIER] != NONE:
                accounts[leg, row] = trunks[line, TRUNK_CARRIER]
                guided[leg, row] = version_in_force(versions, plan_versions, trunks[line, plan], start)
                if guided[leg, row] == EXPIRED and reason[row] == 0:
                    reason[row], field[row] = NO_PLAN, key
        if reason[row] == 0 and guided[RETAIL, row] == NONE and guided[WHOLESALE_IN, row] == NONE:
            reason[row], field[row] = NO_ACCOUNT, served
