"""Households: the accounts and pools whose balances hang together, so that they are replayed together.

Enters: accounts with the instant from which they are to be replayed, and what ties them. Leaves: every account and pool
of their households, with the household's name and first instant. Always holds: an account is in one household with its
pool (of every tariff at hand) and with those accounts that one event is moved between; names do not depend on order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mediation.fields import INSTANT
from tariffs.catalogue import NONE, Catalogue, Ints

HOLDERS: Final = pa.schema([
    ("holder", pa.string()), ("shared", pa.bool_()), ("household", pa.string()), ("since", INSTANT),
])  # fmt: skip


def ordered_plans(catalogue: Catalogue) -> list[str]:
    """The plans whose charges depend on what came before: those with allowances, accumulators or the like."""
    plans: list[str] = catalogue.plan_names.take(pa.array(ordered_plan_codes(catalogue))).to_pylist()
    return plans


def ordered_plan_codes(catalogue: Catalogue) -> Ints:
    """The codes of these plans."""
    return np.flatnonzero(np.diff(catalogue.plan_allowances[: len(catalogue.plan_names) + 1]))


def households(first: pa.Table, ties: pa.Table, catalogues: Iterable[Catalogue]) -> pa.Table:
    """The holders (:data:`HOLDERS`) of the households of the accounts in ``first`` (account, since).

    ``ties`` are pairs of accounts (one, other).
    """
    pooled = [each for each in catalogues if (each.account_pools != NONE).any()]
    members = [each.account_names.filter(pa.array(each.account_pools != NONE)) for each in pooled]
    pools = [each.pool_names for each in pooled]
    accounts = _distinct([first["account"], ties["one"], ties["other"], *members])
    shared = _distinct(pools)
    edges = [(_places(ties["one"], accounts), _places(ties["other"], accounts))]
    for each, names in zip(pooled, members, strict=True):
        own = each.pool_names.take(pa.array(each.account_pools[each.account_pools != NONE]))
        edges.append((_places(names, accounts), len(accounts) + _places(own, shared)))
    return _due(_components(len(accounts) + len(shared), edges), first, accounts, shared)


def _due(label: Ints, first: pa.Table, accounts: pa.Array, shared: pa.Array) -> pa.Table:
    """The nodes of the components that an account of ``first`` is in."""
    never = np.iinfo(np.int64).max
    since = np.full(len(label), never)
    starts = np.asarray(first["since"].cast(pa.int64()), np.int64)
    np.minimum.at(since, label[_places(first["account"], accounts)], starts)
    due = np.flatnonzero(since[label] != never)
    names = pa.concat_arrays([accounts, shared])
    columns = {
        "holder": names.take(pa.array(due)),
        "shared": pa.array(due >= len(accounts)),
        "household": names.take(pa.array(label[due])),
        "since": pa.array(since[label[due]]).cast(INSTANT),
    }
    return pa.table(columns, schema=HOLDERS)


def _components(count: int, edges: list[tuple[Ints, Ints]]) -> Ints:
    """The least node that each of ``count`` nodes is connected with."""
    label = np.arange(count)
    one, other = (np.concatenate(side) for side in zip(*edges, strict=True))
    while (label[one] != label[other]).any():
        least = np.minimum(label[one], label[other])
        np.minimum.at(label, one, least)
        np.minimum.at(label, other, least)
    return label


def _distinct(columns: list[pa.Array | pa.ChunkedArray]) -> pa.Array:
    """All names, once, in order."""
    parts = [
        chunk
        for each in columns
        for chunk in pa.chunked_array([each] if isinstance(each, pa.Array) else each.chunks, pa.string()).chunks
    ]
    names = pc.unique(pa.chunked_array(parts, pa.string()))
    return names.take(pc.array_sort_indices(names))


def _places(names: pa.Array | pa.ChunkedArray, known: pa.Array) -> Ints:
    return np.asarray(pc.index_in(names, known), np.int64)
