"""Movements: what a batch does to the lots, as rows of ``balance_movement``.

Enters: lots, units, and who moved them. Leaves: rows. Always holds: the units of all movements of a lot sum to what is
left of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from mediation.fields import EVENT_ID, INSTANT, schema
from mediation.stage import constant, empty
from rating.balances.spans import spans_of
from rating.columns import labelled, tariff_starts
from rating.guide import LEGS
from rating.legs import Legs
from tariffs import catalogue as layout
from tariffs.catalogue import Catalogue, Codes, Ints, names
from tariffs.model import UNITS

_UNIT_NAMES: Final = names([*UNITS])
_LEG_NAMES: Final = names([*LEGS, ""])


@dataclass(frozen=True)
class Drawn:
    """What a batch did: its movements, and each lot, cap and total that it touched as it then is."""

    movements: pa.Table = field(default_factory=lambda: pa.Table.from_batches([empty("balance_movement")]))
    keys: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    left: Ints = field(default_factory=lambda: np.zeros(0, np.int64))


NOTHING_DRAWN: Final = Drawn()


def together(parts: Sequence[Drawn]) -> Drawn:
    """What several walks did, none of which touched what another did."""
    if len(parts) == 1:
        return parts[0]
    keys, left = (
        np.concatenate([getattr(part, name) for part in (NOTHING_DRAWN, *parts)]) for name in ("keys", "left")
    )
    return Drawn(pa.concat_tables([NOTHING_DRAWN.movements, *(part.movements for part in parts)]), keys, left)


@dataclass(frozen=True)
class By:
    """What moved the units: events (or null), legs, accounts, and the instant for which it counts."""

    event: pa.Array
    leg: Codes
    account: Codes
    start: Ints


def by_nobody(start: Ints, catalogue: Catalogue) -> By:
    """Movements that no event drew."""
    count, nobody = len(start), len(catalogue.account_names) - 1
    return By(pa.nulls(count, EVENT_ID), np.full(count, len(LEGS), np.int32), np.full(count, nobody, np.int32), start)


def by_legs(leg: Ints, legs: Legs, usage: pa.RecordBatch) -> By:
    """Movements that the legs ``leg`` drew."""
    row = legs.row[leg]
    return By(usage["event_id"].take(pa.array(row)), legs.leg[leg], legs.account[leg], tariff_starts(usage)[row])


def movements(
    kind: str, keys: Ints, by: By, units: Ints, free: Ints, catalogue: Catalogue, total: Ints | None = None
) -> pa.RecordBatch:
    """Rows of ``kind`` for the lots ``keys``: ``units`` into them, for ``free`` units of usage, to a ``total``."""
    lots, count = spans_of(keys, catalogue), len(keys)
    shared = catalogue.allowances[lots.allowance, layout.ALLOWANCE_POOL] == 1
    unit = catalogue.allowances[lots.allowance, layout.ALLOWANCE_UNIT]
    columns = {
        "event_id": by.event,
        "leg": labelled(by.leg, _LEG_NAMES),
        "kind": constant(kind, count),
        "account": labelled(by.account, catalogue.account_names),
        "holder": labelled(lots.holder.astype(np.int32), holder_names(catalogue)),
        "shared": pa.array(shared),
        "allowance": labelled(lots.allowance.astype(np.int32), catalogue.allowance_names),
        "period_utc": _instants(lots.since),
        "rolled": pa.array(lots.rolled),
        "expires_utc": _instants(lots.end),
        "start_utc": _instants(by.start),
        "units": pa.array(units, pa.int64()),
        "unit": labelled(unit.astype(np.int32), pa.concat_arrays([_UNIT_NAMES, catalogue.currency_names])),
        "free_usage": pa.array(free, pa.int64()),
        "total": pa.array(np.zeros(count, np.int64) if total is None else total),
        "tariff_version": constant(catalogue.version, count),
        "rating_run": pa.array(np.zeros(count, np.int64)),
    }
    out = schema("balance_movement")
    return pa.RecordBatch.from_arrays([columns[name] for name in out.names], schema=out)


def holder_names(catalogue: Catalogue) -> pa.StringArray:
    """The names of holders: of accounts, then of pools."""
    if not len(catalogue.pool_names):
        return catalogue.account_names  # of millions, a copy a batch would cost more than rating it
    return pa.concat_arrays([catalogue.account_names, catalogue.pool_names])


def _instants(column: Ints) -> pa.Array:
    return pa.array(column, pa.int64()).cast(INSTANT)
