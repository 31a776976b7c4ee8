"""Who may draw on what: for each leg the lots that it may use, in the order in which it uses them, and what counts it.

Enters: legs that were found, their usage, a catalogue with allowances. Leaves: ``Candidates``. Always holds: the
order is total; docs/tariffs.md, "Order".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rating.balances.kernels import put_in_order
from rating.balances.lots import CAP, COUNT, OWN, ROLLED, lot_keys
from rating.balances.spans import spans_of
from rating.balances.spread import parts_of
from rating.call_class import call_classes
from rating.columns import coded, integers, tariff_starts
from rating.guide import direction_codes, service_codes
from rating.guide_kernels import ROAMING_IN
from rating.legs import Legs
from rating.rules import USAGE_END
from tariffs import catalogue as layout
from tariffs.catalogue import NONE, Catalogue, Codes, Ints
from tariffs.model import UNITS

Flags = npt.NDArray[np.bool_]
Allowed = tuple[Flags, ...]

_COLUMNS: Final = ("service", "direction", "zone", "class", "band")


@dataclass(frozen=True)
class Candidates:
    """``order``: the legs that may draw or count, in the order in which they do; the others in the order of use.

    Candidate ``c`` of leg ``order[l]`` (``first[l] <= c < first[l + 1]``) is the lot ``key[c]`` of an ``allowance``;
    ``source`` is the lot from which it rolled over, ``cap`` the counter of the member's cap, NONE where there is none.
    ``kind`` is what the allowance does (ALLOWANCE_KIND); an accumulator is a lot, too. ``parts`` are of the places in
    ``order``: see :func:`rating.balances.spread.parts_of`.
    """

    order: Ints
    parts: list[Ints]
    first: Ints
    allowance: Ints
    key: Ints
    source: Ints
    cap: Ints
    kind: Ints

    def of(self, kind: int, may: Flags) -> Candidates:
        """Those of one ``kind``, of the legs that ``may``, by place in ``order``."""
        place = self.place
        kept = np.flatnonzero((self.kind == kind) & may[place])
        if len(kept) == len(place):
            return self
        first = np.searchsorted(place[kept], np.arange(len(self.order) + 1))
        columns = (self.allowance, self.key, self.source, self.cap, self.kind)
        return Candidates(self.order, self.parts, first, *(column[kept] for column in columns))

    @property
    def place(self) -> Ints:
        """The place in ``order`` of each candidate's leg."""
        return np.repeat(np.arange(len(self.order)), np.diff(self.first))


def candidates(legs: Legs, usage: pa.RecordBatch, catalogue: Catalogue, allowed: Allowed, barred: Flags) -> Candidates:
    """The candidates of ``legs``; the rows of ``usage`` that are ``barred`` have none."""
    pairs = _held(_eligible(legs, usage, catalogue, allowed, barred), legs, usage, catalogue)
    lots = {name: np.concatenate(parts) for name, parts in _lots(pairs, catalogue).items()}
    legs_in_order = _in_order(np.flatnonzero(np.bincount(lots["leg"])), legs, usage)
    rank = np.zeros(len(legs.row), np.int64)
    rank[legs_in_order] = np.arange(len(legs_in_order))
    leg, use = rank[lots["leg"]], np.empty(len(lots["leg"]), np.int64)
    first = np.concatenate([[0], np.cumsum(np.bincount(leg, minlength=len(legs_in_order)))])
    priority = catalogue.allowances[lots["allowance"], layout.ALLOWANCE_PRIORITY]
    name = _by_name(catalogue.allowance_names)[lots["allowance"]]
    put_in_order(leg, first.copy(), first, priority, lots["end"], lots["begin"], name, use)
    ranked = {name: lots[name][use] for name in ("allowance", "key", "source", "cap")}
    kind = catalogue.allowances[ranked["allowance"], layout.ALLOWANCE_KIND]
    account, pool = _accounts_and_pools(legs.account[legs_in_order], catalogue)
    parts = parts_of(np.where(pool == NONE, account, pool))  # only within these do legs meet in a lot, cap or total
    return Candidates(order=legs_in_order, parts=parts, first=first, **ranked, kind=kind)


def failed_rows(legs: Legs, usage: pa.RecordBatch) -> Flags:
    """The rows of usage of which a leg has no price; an amount that the record gives needs none."""
    failed = np.zeros(usage.num_rows, np.bool_)
    failed[legs.row[(legs.reason != 0) & (legs.leg != ROAMING_IN)]] = True
    return failed


def _eligible(
    legs: Legs, usage: pa.RecordBatch, catalogue: Catalogue, allowed: Allowed, barred: Flags
) -> tuple[Ints, Ints]:
    """(leg, allowance) of each allowance that a leg's plan grants and whose columns match the leg."""
    used = integers(usage["usage"])
    least = np.maximum(catalogue.rates[legs.rate, layout.RATE_FREE_UNDER], 1)
    sound = ~(failed_rows(legs, usage) | barred) & (used < USAGE_END)
    may = (legs.reason == 0) & (legs.leg != ROAMING_IN) & sound[legs.row] & (used[legs.row] >= least)
    plan = catalogue.versions[legs.version, layout.VERSION_PLAN]
    granted = catalogue.plan_allowances
    counts = np.where(may, granted[plan + 1] - granted[plan], 0)
    leg = np.repeat(np.arange(len(counts)), counts)
    nth = np.arange(len(leg)) - np.repeat(np.cumsum(counts) - counts, counts)
    allowance = granted[granted[plan[leg]] + nth].astype(np.int64)
    matches = _matches(legs, usage, catalogue, allowed, (leg, allowance))
    return leg[matches], allowance[matches]


def _matches(
    legs: Legs, usage: pa.RecordBatch, catalogue: Catalogue, allowed_of: Allowed, pairs: tuple[Ints, Ints]
) -> Flags:
    leg, allowance = pairs
    row = legs.row[leg]
    units = coded(usage["unit"], lambda unit: UNITS.index(unit) if unit in UNITS else NONE, np.int64)
    unit = catalogue.allowances[allowance, layout.ALLOWANCE_UNIT]
    found: Flags = (unit == units[row]) | (unit >= len(UNITS))  # money is of the plan's currency
    for name, allowed in zip(_COLUMNS, allowed_of, strict=True):
        if allowed.shape[1] == 1:
            continue
        codes = _codes(name, legs, usage, catalogue)
        each = codes[row if name in ("service", "direction") else leg]
        found &= allowed[allowance, np.minimum(each + 1, allowed.shape[1] - 1)]
    return found


def _codes(name: str, legs: Legs, usage: pa.RecordBatch, catalogue: Catalogue) -> Codes | Ints:
    """The codes of a column: of services and directions by row of usage, of all else by leg."""
    if name == "service":
        return service_codes(usage, catalogue)
    if name == "direction":
        return direction_codes(usage, catalogue)
    if name == "zone":
        zones: Ints = catalogue.items[legs.item, layout.ITEM_ZONE]
        return zones
    if name == "band":
        return legs.band
    return legs.call_class if len(catalogue.variants) else call_classes(usage, legs.row, legs.account, catalogue)


def allowed_codes(catalogue: Catalogue) -> Allowed:
    """For each of the columns whether each allowance takes each code."""
    return tuple(_allowed(catalogue, column) for column in range(len(_COLUMNS)))


def _allowed(catalogue: Catalogue, column: int) -> Flags:
    """By allowance and code, from NONE on; the last stands for all higher codes. One column where all take all."""
    spans = catalogue.allowances[:, layout.ALLOWANCE_SERVICES + 2 * column :][:, :2]
    lists = [catalogue.allowance_lists[first:end] for first, end in spans]
    if not any(map(len, lists)):
        return np.ones((len(lists), 1), np.bool_)
    allowed = np.zeros((len(lists), max(each.max(initial=0) for each in lists) + 3), np.bool_)
    for place, each in enumerate(lists):
        allowed[place, each[each >= 0] + 1] = True
        allowed[place] |= not len(each)
    return allowed


def _held(pairs: tuple[Ints, Ints], legs: Legs, usage: pa.RecordBatch, catalogue: Catalogue) -> dict[str, Ints]:
    """The pairs that have a holder, with it, its account and the period of the start."""
    leg, allowance = pairs
    account, pool = _accounts_and_pools(legs.account[leg], catalogue)
    shared = catalogue.allowances[allowance, layout.ALLOWANCE_POOL] == 1
    holder = np.where(shared, pool, account)
    start = tariff_starts(usage)[legs.row[leg]]
    period = np.full(len(leg), NONE, np.int64)
    for code in np.unique(allowance):
        at = allowance == code
        period[at] = np.searchsorted(_boundaries(catalogue, code)[:-1], start[at], "right") - 1
        period[at & (start >= _boundaries(catalogue, code)[-1])] = NONE
    found = {"leg": leg, "allowance": allowance, "holder": holder, "period": period, "start": start, "account": account}
    held = (holder != NONE) & (period != NONE)
    return {name: column[held] for name, column in found.items()}


def _accounts_and_pools(account: Codes, catalogue: Catalogue) -> tuple[Ints, Ints]:
    """Each account, and its pool, as holders; NONE where it has none."""
    pool = catalogue.account_pools[account].astype(np.int64)
    return account.astype(np.int64), np.where(pool == NONE, NONE, pool + len(catalogue.account_names))


def _boundaries(catalogue: Catalogue, allowance: Any) -> Ints:  # noqa: ANN401 (an integer of numpy)
    first, end = catalogue.allowances[allowance, [layout.ALLOWANCE_PERIODS, layout.ALLOWANCE_PERIODS_END]]
    return catalogue.allowance_periods[first:end]


def _lots(held: dict[str, Ints], catalogue: Catalogue) -> dict[str, list[Ints]]:
    """The columns of Candidates, and ``leg``, for lots of the start's period and for those that rolled over."""
    rolls = catalogue.allowances[held["allowance"], layout.ALLOWANCE_ROLLOVERS]
    parts: dict[str, list[Ints]] = {}
    for back in range(int(rolls.max(initial=0)) + 1):
        at = (rolls >= back) & (held["period"] >= back)
        every = {name: column[at] for name, column in held.items()}
        for name, column in _lots_of(every, back, catalogue).items():
            parts.setdefault(name, []).append(column)
    return parts


def _lots_of(held: dict[str, Ints], back: int, catalogue: Catalogue) -> dict[str, Ints]:
    """The lots granted ``back`` periods before the start's, as far as they are there at the start."""
    whose = held["holder"], held["allowance"], held["period"] - back
    counts = catalogue.allowances[held["allowance"], layout.ALLOWANCE_KIND] >= layout.COUNTS_UNITS
    key = lot_keys(*whose, np.where(counts, COUNT, ROLLED if back else OWN))
    lots = spans_of(key, catalogue)
    there = (lots.begin < lots.over) & (lots.begin <= held["start"]) & (held["start"] < lots.end)
    capped = (catalogue.allowances[held["allowance"], layout.ALLOWANCE_CAP] != NONE) & ~counts
    found = {
        "leg": held["leg"],
        "allowance": held["allowance"],
        "begin": np.where(counts, 0, lots.begin),  # accumulators follow each other by id alone
        "end": np.where(counts, 0, lots.end),
        "key": key,
        "source": lot_keys(*whose, OWN) if back else np.full(len(key), NONE),
        "cap": np.where(capped, lot_keys(held["account"], held["allowance"], held["period"], CAP), NONE),
    }
    return {name: column[there] for name, column in found.items()}


def _in_order(leg: Ints, legs: Legs, usage: pa.RecordBatch) -> Ints:
    """``leg`` in the order in which they draw: by start, event id and leg."""
    row = legs.row[leg]
    _, content = usage["event_id"].storage.buffers()
    words = np.frombuffer(content, ">u8").reshape(-1, 2)[usage["event_id"].offset :][row]
    return leg[np.lexsort((legs.leg[leg], words[:, 1], words[:, 0], tariff_starts(usage)[row]))]


def _by_name(names: pa.StringArray) -> Ints:
    """The rank of each name."""
    ranks = np.empty(len(names), np.int64)
    ranks[np.argsort(np.array(names.to_pylist(), np.str_), kind="stable")] = np.arange(len(names))
    return ranks
