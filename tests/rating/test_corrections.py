"""Corrections of a random past: after a close the lake is that of the corrected usage alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mediation.dedup import version_ids
from mediation.fields import schema
from rating.lake import Delta, Lake, MemoryLake
from rating.rerating.conflicts import Conflicts
from rating.rerating.correct import _rated, _scope
from rating.rerating.corrections import Corrections
from rating.rerating.plan import make_plan
from rating.rerating.runs import Run, land_at_once, next_number
from rating.rerating.scope import CLOSE, Scope
from rating.stored import stored_usage
from rating.suspense import Recyclable
from tariffs.catalogue import Catalogue
from tests.rating.past import (
    again,
    charged,
    drawn_lots,
    faults,
    in_order,
    land_in_batches,
    priceable,
    world_and_usage,
)

AFTER_ALL = datetime(2050, 1, 1, tzinfo=UTC)
OWN = ("event_id", "start_utc", "session_start_utc")
"""What of a corrected event stays: the rest is that of another."""


def corrected(usage: pa.RecordBatch, rows: list[int], random: Random) -> pa.RecordBatch:
    """``usage`` in which ``rows`` are what another row is, at their own time, under ids of their own."""
    like = list(range(usage.num_rows))
    for row in rows:
        like[row] = random.randrange(usage.num_rows)
    mixed = usage.take(pa.array(like))
    contents = np.where(np.isin(np.arange(usage.num_rows), rows), 7, usage["content_hash"].to_numpy())
    columns = {name: usage[name] for name in OWN} | {"content_hash": pa.array(contents)}
    kinds = schema("usage")
    whole = pa.RecordBatch.from_arrays([columns.get(name, mixed[name]) for name in kinds.names], schema=kinds)
    ids = version_ids(whole).storage
    own = pc.if_else(pa.array(np.isin(np.arange(usage.num_rows), rows)), ids, usage["event_id"].storage)
    return whole.set_column(0, kinds.field("event_id"), pa.ExtensionArray.from_storage(pa.uuid(), own))


def correct(lake: Lake, catalogue: Catalogue, usage: pa.RecordBatch, before: pa.Array, folder: Path) -> None:
    """Let the events of ``usage`` replace the events ``before``, as one run."""
    folder.mkdir()
    versions = pa.array([catalogue.version] * usage.num_rows, pa.string())
    of = pa.RecordBatch.from_pydict(
        {"original": before, "replaces": before, "start_utc": usage["start_utc"], "tariff_version": versions}
    )
    new = Corrections(stored_usage(usage), of)
    found = Conflicts(Recyclable("", usage.slice(0, 0), 0), None, new, usage.slice(0, 0))  # type: ignore[arg-type]
    plan = make_plan(lake, _scope(found, None), None, folder, new)
    run = Run(next_number(lake), plan.scope, 1)
    refused, made = _rated(plan, run, found)
    assert refused.num_rows == 0
    delta = Delta.numbered("file:corrections", 0, usage=usage, charges=made.charges, movements=made.movements)
    land_at_once(lake, run, plan.seen, delta)


def closed(lake: Lake) -> tuple[object, object]:
    again(lake, Scope(CLOSE, end_utc=AFTER_ALL))
    assert faults(lake) == []
    return charged(lake), drawn_lots(lake)


@pytest.mark.parametrize("seed", range(501, 503))
@pytest.mark.parametrize("closing", [False, True])
def test_a_corrected_past_is_that_of_the_corrected_usage(seed: int, closing: bool, tmp_path: Path) -> None:
    random = Random(seed)
    _, catalogue, usage = world_and_usage(seed, 80, tmp_path / "t")
    usage = priceable(usage, catalogue)
    rows = sorted(random.sample(range(usage.num_rows), 10))
    right = corrected(usage, rows, random)
    known = priceable(right, catalogue)["event_id"].storage
    rows = [row for row in rows if right["event_id"][row].as_py() in set(_uuids(known))]
    other = [row for row in range(usage.num_rows) if row in rows or right["event_id"][row] == usage["event_id"][row]]
    usage, right = usage.take(pa.array(other)), right.take(pa.array(other))
    new = pa.array([other.index(row) for row in rows])
    with MemoryLake() as lake, MemoryLake() as fresh:
        land_in_batches(fresh, catalogue, right, in_order(right), [])
        land_in_batches(lake, catalogue, usage, in_order(usage), [40])
        if closing:
            again(lake, Scope(CLOSE, end_utc=_middle(usage)))
        correct(lake, catalogue, right.take(new), usage["event_id"].take(new), tmp_path / "plan")
        assert lake.query("FROM rerate_due").num_rows == 0
        assert faults(lake) == []
        assert closed(lake) == closed(fresh)


def _middle(usage: pa.RecordBatch) -> datetime:
    start: datetime = usage["start_utc"].take(pa.array(in_order(usage)))[usage.num_rows // 2].as_py()
    return start


def _uuids(storage: pa.Array) -> list[object]:
    return pa.ExtensionArray.from_storage(pa.uuid(), storage).to_pylist()
