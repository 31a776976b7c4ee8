"""Allowances and accumulators compiled: rows of integers, when their periods begin, and who holds them since when.

Enters: a ``Tariff`` without problems and the codes of its names. Leaves: the catalogue's allowance arrays, all empty
where the tariff has neither. Always holds: a holder is an account or, after the accounts, a pool.
"""

from __future__ import annotations

from typing import Final, TypedDict

import numpy as np
import polars as pl
import pyarrow as pa

from tariffs import catalogue as layout
from tariffs.allowances import boundaries, time_zone
from tariffs.catalogue import NONE, Codes, Ints, names, places
from tariffs.model import (
    DIRECTIONS,
    EVER_FROM,
    OTHER_CLASS,
    PRORATIONS,
    REMAINDERS,
    SERVICES,
    TIERS,
    UNITS,
    Accumulator,
    Allowance,
    Rate,
    Tariff,
)

Known = dict[str, dict[str, int]]
"""Codes by name, for ``plan``, ``zone``, ``class``, ``band`` and ``currency``."""
Made = Allowance | Accumulator

_LATE: Final = pl.col("valid_from") > EVER_FROM
_DAY_US: Final = 86_400_000_000


class AllowanceTables(TypedDict, total=False):
    """The allowance fields of a catalogue."""

    allowances: Ints
    allowance_lists: Codes
    allowance_periods: Ints
    plan_allowances: Codes
    account_pools: Codes
    holders: Ints
    rate_tiers: Ints
    allowance_names: pa.StringArray
    pool_names: pa.StringArray


def allowance_tables(tariff: Tariff, known: Known, account_names: pa.StringArray, rates: list[Rate]) -> AllowanceTables:
    """Compile the allowances and accumulators of ``tariff``; nothing where it has none."""
    every: dict[str, Made] = {**tariff.allowances, **tariff.accumulators}
    if not every:
        return {}
    lists, periods = _Lists(), _Periods()
    rows = [_row(made, lists, periods.of(tariff, made), known) for made in every.values()]
    granting = [[code for code, made in enumerate(every.values()) if plan in made.plans] for plan in known["plan"]]
    pools, account_pools = _pools(tariff.subscriptions, account_names)
    return {
        "allowances": np.array(rows, np.int64),
        "allowance_lists": np.array(lists.codes, np.int32),
        "allowance_periods": np.array(periods.instants, np.int64),
        "plan_allowances": _ragged(granting),
        "account_pools": account_pools,
        "holders": _holders(tariff, account_names, pools),
        "rate_tiers": _tiers(rates, list(every)),
        "allowance_names": names(list(every)),
        "pool_names": pools,
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

    def of(self, tariff: Tariff, made: Made) -> tuple[int, int]:
        found = boundaries(made.period, time_zone(tariff, made))
        if found not in self.known:
            self.known[found] = len(self.instants), len(self.instants) + len(found)
            self.instants += found
        return self.known[found]


def _row(made: Made, lists: _Lists, periods: tuple[int, int], known: Known) -> list[int]:
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
    terms, kind = (_granted(made), 0) if isinstance(made, Allowance) else (_counted(made), layout.COUNTS_UNITS)
    unit = len(UNITS) + known["currency"][made.currency] if made.currency else UNITS.index(made.unit)
    counted = [kind + int(bool(made.currency)), int(isinstance(made, Accumulator) and made.count_free)]
    return [unit, *terms, *periods, *spans, 0, *counted, 0, 0]


def _granted(made: Allowance) -> list[int]:
    """The columns from ALLOWANCE_AMOUNT to ALLOWANCE_FEE of an allowance."""
    return [
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
    ]


def _counted(made: Accumulator) -> list[int]:
    """The same columns of an accumulator, which grants nothing."""
    return [0, 0, 1, 0, 1, 1, int(made.pool), NONE if made.cap is None else made.cap, *[0] * 6]


def _tiers(rates: list[Rate], known: list[str]) -> Ints:
    """For each rate what its steps count over."""
    codes = {name: code for code, name in enumerate(known)}
    rows = [[codes.get(rate.accumulator, NONE), int(rate.tiers == TIERS[1])] for rate in rates]
    return np.array(rows if any(rate.accumulator for rate in rates) else [], np.int64).reshape(-1, layout.TIERS_COLUMNS)


def _codes(said: tuple[str, ...], known: dict[str, int]) -> list[int]:
    """The codes of ``said``; a name that no charge can have is NONE, so that a list of such is not empty."""
    return sorted({known.get(name, NONE) for name in said})


def _ragged(lists: list[list[int]]) -> Codes:
    """Lists as one array: where each begins, the end of the last, then all of them."""
    starts = np.cumsum([len(lists) + 1, *(len(each) for each in lists)])
    return np.concatenate([starts, [code for each in lists for code in each]]).astype(np.int32)


def _pools(subscriptions: pl.DataFrame, accounts: pa.StringArray) -> tuple[pa.StringArray, Codes]:
    """The pools' names, and the pool of each account."""
    rows = subscriptions.filter(pl.col("pool") != "").select("account", "pool").unique(maintain_order=True)
    pools = rows["pool"].unique(maintain_order=True).to_arrow().cast(pa.string())
    found = np.full(len(accounts), NONE, np.int32)
    found[places(rows["account"].to_arrow(), accounts)] = places(rows["pool"].to_arrow(), pools)
    return pools, found


def _holders(tariff: Tariff, accounts: pa.StringArray, pools: pa.StringArray) -> Ints:
    """(holder x allowance, since) in order, for each whose subscriptions to the granting plans have a beginning."""
    began: dict[tuple[tuple[str, ...], bool], tuple[Ints, Ints]] = {}
    parts = []
    made: list[Made] = [*tariff.allowances.values(), *tariff.accumulators.values()]
    for code, each in enumerate(made):
        who = each.plans, each.pool
        if who not in began:
            began[who] = _began(tariff.subscriptions, *who, pools if each.pool else accounts)
        holder, since = began[who]
        keys = (holder + (len(accounts) if each.pool else 0)) << layout.ALLOWANCE_BITS | code
        parts.append(np.column_stack([keys, since]))
    every = np.concatenate(parts).astype(np.int64).reshape(-1, 2)
    return every[np.argsort(every[:, 0], kind="stable")]


def _began(rows: pl.DataFrame, plans: tuple[str, ...], pool: bool, known: pa.StringArray) -> tuple[Ints, Ints]:
    """The holders without a subscription to ``plans`` that was ever there, and when their first one begins."""
    whose = "pool" if pool else "account"
    granting = rows.lazy().filter(pl.col("plan").is_in(list(plans)) & (pl.col(whose) != ""))
    late, ever = (granting.filter(which).select(whose, "valid_from") for which in (_LATE, ~_LATE))
    since = late.join(ever, on=whose, how="anti").group_by(whose, maintain_order=True).agg(pl.col("valid_from").min())
    found = since.collect()
    return places(found[whose].to_arrow(), known), found["valid_from"].to_numpy()
