"""Rated pasts: random usage of a random world, landed in any order and any batches, and what a lake then says of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mediation.fields import schema
from mediation.stage import constant, empty
from rating import hypothetical
from rating.audit import _counted
from rating.balances.live import Outcome, price_drawing
from rating.balances.restore import live_balances, reach
from rating.columns import tariff_starts
from rating.guide import guide
from rating.lake import Delta, Lake, MemoryLake
from rating.rerating.rerate import rerate
from rating.rerating.runs import Run
from rating.rerating.scope import Scope
from rating.stored import tariff_version
from tariffs.catalogue import Catalogue
from tests.rating.engine import compiled
from tests.rating.plenty import plenty
from tests.rating.traffic import events
from tests.rating.worlds import World

RUN_COLUMNS = ("rating_run", "tariff_version")


def world_and_usage(seed: int | Random, count: int, folder: Path) -> tuple[World, Catalogue, pa.RecordBatch]:
    """A random tariff with allowances, and usage that it can price whatever the order; ``seed`` or what draws it."""
    random = seed if isinstance(seed, Random) else Random(seed)
    made = plenty(random)
    catalogue = compiled(made, folder)
    asked = events(random, made, count)
    usage = hypothetical.usage_batch([hypothetical.Event(id=None, **asdict(each)) for each in asked])
    return made, catalogue, usage


def priceable(usage: pa.RecordBatch, *catalogues: Catalogue) -> pa.RecordBatch:
    """The rows of ``usage`` that each of ``catalogues`` can price."""
    for catalogue in catalogues:
        with MemoryLake() as lake:
            land_in_batches(lake, catalogue, usage, in_order(usage), [])
            known = lake.query("SELECT event_id FROM usage")["event_id"].combine_chunks()
        usage = usage.filter(pc.is_in(usage["event_id"].storage, known.storage))
    return usage


def land(lake: Lake, catalogue: Catalogue, usage: pa.RecordBatch, name: str) -> None:
    """Rate ``usage`` as one batch, the file ``name``; what cannot be rated is left out."""
    guided, _ = guide(usage, catalogue)
    balances = live_balances(lake, catalogue)
    reach(balances, lake, catalogue, usage)
    outcome = price_drawing(guided, catalogue, balances, lambda priced: (priced, empty("rejected")))
    lake.commit(whole_file(outcome, catalogue, name))


def whole_file(outcome: Outcome, catalogue: Catalogue, name: str) -> Delta:
    """What was priced, as all that the file ``name`` holds."""
    rated, charges = outcome.priced.usage, outcome.priced.charges
    source = constant(f"file:{name}", rated.num_rows)
    return Delta(
        source=f"file:{name}",
        first_offset=0,
        next_offset=rated.num_rows,
        next_record_no=rated.num_rows + 1,
        complete=True,
        records=rated.num_rows,
        usage=_with(rated, source=source, offset_bytes=pa.array(np.arange(rated.num_rows))),
        charges=_with(charges, source=constant(f"file:{name}", charges.num_rows)),
        movements=outcome.drawn.movements,
        tariff=tariff_version(catalogue),
    )


def land_in_batches(lake: Lake, catalogue: Catalogue, usage: pa.RecordBatch, order: list[int], cuts: list[int]) -> None:
    """Rate the rows of ``usage`` in this ``order``, in batches that end at ``cuts``."""
    for number, rows in enumerate(np.split(np.array(order, np.int64), sorted(cuts))):
        if len(rows):
            land(lake, catalogue, usage.take(pa.array(rows)), f"{lake.next_batch_id()}-{number}")


def in_order(usage: pa.RecordBatch) -> list[int]:
    """The rows of ``usage`` by start and event id."""
    ids = [each.bytes for each in usage["event_id"].to_pylist()]
    return sorted(range(usage.num_rows), key=lambda row: (tariff_starts(usage)[row], ids[row]))


def again(lake: Lake, scope: Scope = Scope(), tariff: Catalogue | None = None) -> Run:  # noqa: B008 (frozen)
    """Rate again."""
    run, _ = rerate(lake, scope, tariff, lambda *_: None)
    return run


def charged(lake: Lake) -> list[dict[str, Any]]:
    """All live charges, but for who wrote them."""
    left_out = ", ".join((*RUN_COLUMNS, "source"))
    return lake.query(f"SELECT * EXCLUDE ({left_out}) FROM charge_now ORDER BY event_id, leg").to_pylist()  # noqa: S608


def sums(lake: Lake) -> list[dict[str, Any]]:
    """Plain sums of all charges by event and leg, without those that come to nothing."""
    return lake.query(
        "SELECT event_id, leg, account, plan, currency, sum(amount) AS amount, sum(tax_amount) AS tax, "
        "sum(converted_amount) AS converted, sum(billed_usage)::BIGINT AS billed, sum(free_usage)::BIGINT AS free "
        "FROM charge GROUP BY ALL HAVING (amount, tax, converted, billed, free) <> (0, 0, 0, 0, 0) ORDER BY ALL"
    ).to_pylist()


def lots(lake: Lake) -> list[dict[str, Any]]:
    """What each lot has left, and of what."""
    return lake.query(
        "SELECT holder, shared, allowance, period_utc, rolled, "
        "CASE kind WHEN 'return' THEN 'use' WHEN 'uncount' THEN 'count' ELSE kind END AS kind, "
        "sum(units)::BIGINT AS units FROM balance_movement GROUP BY ALL HAVING units <> 0 ORDER BY ALL"
    ).to_pylist()


def drawn_lots(lake: Lake) -> list[dict[str, Any]]:
    """The same of lots that something was drawn from: whether another was opened says nothing."""
    every = lots(lake)
    drawn = {_pair(row) for row in every if row["kind"] in {"use", "count"}}
    return [row for row in every if _pair(row) in drawn]


def _pair(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["holder"], row["shared"], row["allowance"], row["period_utc"]


def faults(lake: Lake) -> list[str]:
    """The checks of the audit that concern charges and balances and find a difference."""
    return [name for name in ("charge_totals", "charged", "balances", "reversals") if _counted(lake, name).count]


def _with(rows: pa.RecordBatch, **columns: pa.Array) -> pa.RecordBatch:
    kinds = schema("usage") if "raw" in rows.schema.names else schema("charge")
    return pa.RecordBatch.from_arrays([columns.get(name, rows[name]) for name in kinds.names], schema=kinds)
