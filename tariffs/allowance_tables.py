"""Allowances compiled: rows of integers, when their periods begin, and who holds them since when.

Enters: a ``Tariff`` without problems and the codes of its names. Leaves: the catalogue's allowance arrays, all empty
where the tariff has no allowance. Always holds: a holder is an account or, after the accounts, a pool.
"""

from __future__ import annotations

from typing import Final, TypedDict

import numpy as np
import polars as pl
import pyarrow as pa

from tariffs import catalogue as layout
from tariffs.allowances import boundaries, time_zone
from tariffs.catalogue import NONE, Codes, Ints, names
from tariffs.model import (
    DIRECTIONS,
    EVER_FROM,
    OTHER_CLASS,
    PRORATIONS,
    REMAINDERS,
    SERVICES,
    UNITS,
    Allowance,
    Tariff,
)

Known = dict[str, dict[str, int]]
"""Codes by name, for ``plan``, ``zone``, ``class`` and ``band``."""

_DAY_US: Final = 86_400_000_000


class AllowanceTables(TypedDict, total=False):
    """The allowance fields of a catalogue."""

    allowances: Ints
    allowance_lists: Codes
    allowance_periods: Ints
    plan_allowances: Codes
    account_pools: Codes
    holders: Ints
    allowance_names: pa.StringArray
    pool_names: pa.StringArray


def allowance_tables(tariff: Tariff, known: Known, account_names: pa.StringArray) -> AllowanceTables:
    """Compile the allowances of ``tariff``; nothing where it has none."""
    if not tariff.allowances:
        return {}
    lists, periods = _Lists(), _Periods()
    rows = [_row(made, lists, periods.of(tariff, made), known) for made in tariff.allowances.values()]
    granting = [
        [code for code, made in enumerate(tariff.allowances.values()) if plan in made.plans] for plan in known["plan"]
    ]
    accounts = pl.Series(account_names)
    pools, account_pools = _pools(tariff.subscriptions, accounts)
    return {
        "allowances": np.array(rows, np.int64),
        "allowance_lists": np.array(lists.codes, np.int32),
        "allowance_periods": np.array(periods.instants, np.int64),
        "plan_allowances": _ragged(granting),
        "account_pools": account_pools,
        "holders": _holders(tariff, accounts, pools),
        "allowance_names": names(list(tariff.allowances)),
        "pool_names": names(pools.to_list()),
    }


class _Lists:
    """Codes that stand one list behind the other."""

    def __init__(self) -> None:
        self.codes: list[int] = []

    def add(self, codes: list[int]) -> tuple[int, int]:
        first = len(self.codes)
        self.codes += codes
        return first, len(self.codes)


class _Periods:
    """The boundaries of periods, each sequence once."""

    def __init__(self) -> None:
        self.instants: list[int] = []
        self.known: dict[tuple[int, ...], tuple[int, int]] = {}

    def of(self, tariff: Tariff, made: Allowance) -> tuple[int, int]:
        found = boundaries(made.period, time_zone(tariff, made))
        if found not in self.known:
            self.known[found] = len(self.instants), len(self.instants) + len(found)
            self.instants += found
        return self.known[found]


def _row(made: Allowance, lists: _Lists, periods: tuple[int, int], known: Known) -> list[int]:
    """One row of ALLOWANCE_COLUMNS."""
    classes = {OTHER_CLASS: 0} | {name: code + 1 for name, code in known["class"].items()}
    columns = (
        _codes(made.service, {name: code for code, name in enumerate(SERVICES)}),
        _codes(made.direction, {name: code for code, name in enumerate(DIRECTIONS)}),
        _codes(made.zone, known["zone"]),
        _codes(made.call_class, classes),
        _codes(made.band, known["band"]),
    )
    spans = [place for codes in columns for place in lists.add(codes)]
    row = [
        UNITS.index(made.unit),
        made.amount,
        made.priority,
        made.increment,
        int(made.split),
        *made.factor,
        int(made.pool),
        NONE if made.member_cap is None else made.member_cap,
        made.rollover_limit,
        made.rollover_periods,
        made.valid_days * _DAY_US,
        PRORATIONS.index(made.proration),
        REMAINDERS.index(made.remainder),
        int(made.setup_fee_on_free),
        *periods,
        *spans,
    ]
    return row + [0] * (layout.ALLOWANCE_COLUMNS - len(row))


def _codes(said: tuple[str, ...], known: dict[str, int]) -> list[int]:
    """The codes of ``said``; a name that no charge can have is NONE, so that a list of such is not empty."""
    return sorted({known.get(name, NONE) for name in said})


def _ragged(lists: list[list[int]]) -> Codes:
    """Lists as one array: where each begins, the end of the last, then all of them."""
    starts = np.cumsum([len(lists) + 1, *(len(each) for each in lists)])
    return np.concatenate([starts, [code for each in lists for code in each]]).astype(np.int32)


def _pools(subscriptions: pl.DataFrame, accounts: pl.Series) -> tuple[pl.Series, Codes]:
    """The pools' names, and the pool of each account."""
    rows = subscriptions.filter(pl.col("pool") != "").select("account", "pool").unique(maintain_order=True)
    pools = rows["pool"].unique(maintain_order=True)
    found = np.full(len(accounts), NONE, np.int32)
    found[_coded(rows["account"], accounts)] = _coded(rows["pool"], pools)
    return pools, found


def _holders(tariff: Tariff, accounts: pl.Series, pools: pl.Series) -> Ints:
    """(holder x allowance, since) in order, for each whose subscriptions to the granting plans have a beginning."""
    parts = []
    for code, made in enumerate(tariff.allowances.values()):
        whose, known = ("pool", pools) if made.pool else ("account", accounts)
        rows = tariff.subscriptions.filter(pl.col("plan").is_in(list(made.plans)) & (pl.col(whose) != ""))
        since = rows.group_by(whose, maintain_order=True).agg(pl.col("valid_from").min())
        since = since.filter(pl.col("valid_from") > EVER_FROM)
        holder = _coded(since[whose], known) + (len(accounts) if made.pool else 0)
        keys = holder << layout.ALLOWANCE_BITS | code
        parts.append(np.column_stack([keys, since["valid_from"].to_numpy()]))
    every = np.concatenate(parts).astype(np.int64).reshape(-1, 2)
    return every[np.argsort(every[:, 0], kind="stable")]


def _coded(texts: pl.Series, known: pl.Series) -> Ints:
    """The place of each text in ``known``."""
    if texts.is_empty():
        return np.zeros(0, np.int64)
    return texts.replace_strict(known, range(len(known)), return_dtype=pl.Int64).to_numpy()
