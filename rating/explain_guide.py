"""Why a leg of an event is paid by whom: the guiding half of explain.

Enters: a hypothetical event and a catalogue. Leaves: a ``Node`` with every candidate and why it lost. Always
holds: candidates are looked up by the kernels that guide.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from mediation.reasons import BY_CODE
from rating.columns import text_buffers
from rating.guide import IMSI_PREFIXES
from rating.guide_kernels import EXPIRED, NO_KEY, find_subscriptions, find_versions, number_keys, subscriptions
from rating.hypothetical import Event
from rating.story import Node, period
from tariffs import catalogue as layout
from tariffs.catalogue import NONE, Catalogue
from tariffs.keys import imsi_prefix_key, named_key


def failure(rejected: pa.RecordBatch) -> str:
    """Why an event was set aside before it was priced."""
    row = rejected.to_pylist()[0]
    return f"{row['reason']}: {BY_CODE[row['reason']].meaning} ({row['field']} {row['value']})"


def guiding(event: Event, leg: str, catalogue: Catalogue) -> Node:
    """Who pays for ``leg`` of the event, and every key that was asked."""
    if event.plan:
        plan = catalogue.codes["plan_names"][event.plan]
        return Node("guiding", "the event names its plan", (_plan(plan, event, catalogue),))
    if leg == "retail":
        candidates = _retail(event, catalogue)
    else:
        candidates = _visitor(event, catalogue) if leg == "roaming_out" else _wholesale(event, leg, catalogue)
    return Node("guiding", "who pays, and by which plan", tuple(candidates))


def whose_network(network: str, start_us: int, catalogue: Catalogue) -> tuple[Node, str]:
    """Which partner's ``network`` (TADIG or MCC-MNC) that bills us is, and the plan_in, if there is one."""
    known = catalogue.codes["partner_names"]
    key = -1 - known[network] if network in known else NO_KEY
    for row in _agreements(key, catalogue):
        partner, plan = (
            catalogue.name(*each) for each in (("account", row[layout.KEY_ACCOUNT]), ("plan", row[layout.KEY_PLAN]))
        )
        if row[layout.KEY_FROM] <= start_us < row[layout.KEY_TO]:
            return Node(f"network {network}", f"partner {partner}, plan_in {plan or 'none'}"), plan
    return Node(f"network {network}", "of a partner, but not in force then" if key != NO_KEY else "no partner's"), ""


def _visitor(event: Event, catalogue: Catalogue) -> Iterator[Node]:
    """Each prefix of the IMSI that could name the partner, the longest first."""
    for digits in IMSI_PREFIXES:
        prefix = event.imsi[:digits]
        rows = _agreements(imsi_prefix_key(prefix), catalogue) if prefix.isdecimal() and prefix.isascii() else []
        if not rows:
            yield Node(f"imsi {prefix}".strip(), "no partner's network")
        for row in rows:
            if row[layout.KEY_FROM] <= event.start_us < row[layout.KEY_TO]:
                partner = catalogue.name("account", row[layout.KEY_ACCOUNT])
                yield Node(f"imsi {prefix}", f"visitor of {partner}", (_plan(row[layout.KEY_PLAN], event, catalogue),))
                return
            yield Node(f"imsi {prefix}", f"lost: not in force ({period(row[layout.KEY_FROM], row[layout.KEY_TO])})")


def _agreements(key: int, catalogue: Catalogue) -> list[list[int]]:
    """The rows of the partner table that have ``key``, in order of time."""
    table = catalogue.partners
    found: list[list[int]] = table[table[:, layout.KEY] == key].tolist()
    return found


def _retail(event: Event, catalogue: Catalogue) -> Iterator[Node]:
    """Each key that could name the payer, in order, and why it did or did not."""
    served = {"originated": "a_number", "forwarded": "a_number", "terminated": "b_number"}.get(event.direction, "")
    kinds = ((served, "number"), ("imsi", "imsi"), ("account", "account"), ("trunk_in", "trunk"))
    found = False
    for column, kind in kinds:
        value = str(getattr(event, column)) if column else ""
        label = f"{column or 'served party'} {value}".strip()
        if found:
            yield Node(label, "not asked: found already")
            continue
        account, plan = _subscription(value, kind, event, catalogue)
        found = plan >= 0
        if not found:
            yield Node(label, "known, but no subscription is in force" if plan == EXPIRED else "no subscription")
            continue
        yield Node(label, f"account {catalogue.name('account', account)}", (_plan(plan, event, catalogue),))


def _subscription(value: str, kind: str, event: Event, catalogue: Catalogue) -> tuple[int, int]:
    """(account, plan) of the subscription to one key; the plan is EXPIRED or NONE where none is in force."""
    key = np.full(1, NO_KEY, np.int64)
    if kind in {"number", "imsi"}:
        number_keys(np.ones(1, np.bool_), *text_buffers(pa.array([value])), int(kind == "imsi"), key)
    else:
        key[0] = named_key(catalogue.codes["key_names"], kind, value) or NO_KEY
    account, plan = np.full((2, 1), NONE, np.int32)
    table = subscriptions(catalogue.keys, catalogue.key_starts, catalogue.key_shift)
    find_subscriptions(key, 0, np.array([event.start_us]), *table, account, plan, np.zeros(1, np.uint8))
    return int(account[0]), int(plan[0])


def _plan(plan: int, event: Event, catalogue: Catalogue) -> Node:
    found = np.zeros(1, np.int32)
    plans, start = np.array([plan], np.int32), np.array([event.start_us])
    find_versions(plans, start, catalogue.versions, catalogue.plan_versions, found)
    if found[0] < 0:
        return Node("plan", f"{catalogue.name('plan', plan) or 'none'}: no version in force")
    first, last = catalogue.versions[found[0], [layout.VERSION_FROM, layout.VERSION_TO]].tolist()
    return Node("plan", f"{catalogue.name('plan', plan)}, version in force {period(first, last)}")


def _wholesale(event: Event, leg: str, catalogue: Catalogue) -> Iterator[Node]:
    into = leg == "wholesale_in"
    trunk = event.trunk_in if into else event.trunk_out
    code = catalogue.codes["trunk_names"].get(trunk, NONE)
    if code == NONE:
        yield Node(f"trunk {trunk}".strip(), "not listed" if trunk else "the event names none")
        return
    side, plan = (layout.TRUNK_IN, layout.TRUNK_PLAN_IN) if into else (layout.TRUNK_OUT, layout.TRUNK_PLAN_OUT)
    for row in catalogue.trunks[catalogue.trunk_rows[code] : catalogue.trunk_rows[code + 1]]:
        when = period(int(row[layout.TRUNK_FROM]), int(row[layout.TRUNK_TO]))
        if not row[side] or not row[layout.TRUNK_FROM] <= event.start_us < row[layout.TRUNK_TO]:
            yield Node(f"trunk {trunk}", f"lost: for the other direction or not in force ({when})")
        elif row[layout.TRUNK_CARRIER] == NONE:
            yield Node(f"trunk {trunk}", "our own trunk: nobody pays")
        else:
            carrier = catalogue.name("account", int(row[layout.TRUNK_CARRIER]))
            yield Node(f"trunk {trunk}", f"carrier {carrier}", (_plan(int(row[plan]), event, catalogue),))
