"""What is drawn equals the oracle's book: random tariffs with allowances, in batches that arrive in any order."""

from __future__ import annotations

import os
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from mediation.fields import EVENT_ID
from mediation.stage import empty
from rating import hypothetical
from rating.balances.live import Balances, Outcome, no_balances, price_drawing
from rating.guide import guide
from tariffs.catalogue import Catalogue
from tariffs.model import NANO
from tests.oracle import folder
from tests.oracle.allowances import Book, Lot, midnight, zone
from tests.oracle.rating import charges
from tests.oracle.words import Charge, Event
from tests.rating.engine import AMOUNTS, FIELDS, compiled
from tests.rating.plenty import plenty
from tests.rating.traffic import events

WORLDS = int(os.environ.get("TOLL_BALANCE_WORLDS", "36"))
LOTS = 6
"""Tests that these are parted into."""


def usage_of(asked: list[Event], first: int = 0) -> pa.RecordBatch:
    """``asked`` as usage, whose ids are numbers from ``first`` on."""
    usage = hypothetical.usage_batch([hypothetical.Event(id=None, **asdict(event)) for event in asked])
    ids = pa.array([(first + number).to_bytes(16) for number in range(len(asked))], pa.binary(16))
    place = usage.schema.get_field_index("event_id")
    return usage.set_column(place, usage.schema[place], pa.ExtensionArray.from_storage(EVENT_ID, ids))


def rated(
    asked: list[Event], catalogue: Catalogue, balances: Balances, first: int = 0
) -> tuple[list[list[Charge] | str], Outcome]:
    """The engine's answers to a batch, and what it drew; it has landed."""
    usage = usage_of(asked, first)
    guided, unguided = guide(usage, catalogue)
    outcome = price_drawing(guided, catalogue, balances, lambda priced: (priced, empty("rejected")))
    balances.landed(outcome.drawn)
    told: dict[int, list[Charge] | str] = {}
    for aside in (unguided, outcome.rejected):
        told |= {row["record_no"] - 1: row["reason"] for row in aside.select(["record_no", "reason"]).to_pylist()}
    for row in outcome.priced.charges.select([*FIELDS, *AMOUNTS, "event_id"]).to_pylist():
        made = told.setdefault(row.pop("event_id").int - first, [])
        assert isinstance(made, list)
        made.append(Charge(**row | {name: f"{row[name]:f}" for name in AMOUNTS}))
    return [told[number] for number in range(len(asked))], outcome


def left_by(movements: list[pa.Table]) -> dict[tuple[str, str, int, bool], int]:
    """What the movements of each lot sum to, and of each total."""
    left: dict[tuple[str, str, int, bool], int] = {}
    for row in pa.concat_tables(movements).to_pylist():
        lot = (row["holder"], row["allowance"], int(row["period_utc"].timestamp()), row["rolled"])
        left[lot] = left.get(lot, 0) + row["units"]
    return {lot: units for lot, units in left.items() if units}


def told_by(book: Book) -> dict[tuple[str, str, int, bool], int]:
    """The same of the oracle's book: what is left of a lot that is over has expired."""
    left: dict[Lot, Fraction | int] = {lot: units for lot, units in book.left.items() if lot not in book.over}
    for (holder, name, first), total in book.totals.items():
        nano = NANO if "currency" in book.tariff.accumulators[name] else 1
        left[holder, name, first, False] = total * nano
    begins = {lot: midnight(zone(book.tariff, lot[1]), lot[2]) // 10**6 for lot in left}
    return {(lot[0], lot[1], begins[lot], lot[3]): int(units) for lot, units in left.items() if units}


@pytest.mark.parametrize("part", range(LOTS))
def test_engine_equals_oracle(part: int, tmp_path: Path) -> None:
    for seed in range(part * WORLDS // LOTS, (part + 1) * WORLDS // LOTS):
        random = Random(seed)
        made = plenty(random)
        catalogue = compiled(made, tmp_path / str(seed))
        tariff = folder.read(tmp_path / str(seed))
        balances, book, moved = no_balances(catalogue), Book(tariff), []
        for _ in range(4):
            asked = events(random, made, 60)
            told, outcome = rated(asked, catalogue, balances)
            moved.append(outcome.drawn.movements)
            expected: dict[int, list[Charge] | str] = {}
            for number in sorted(range(len(asked)), key=lambda at: (asked[at].start_us, at)):
                expected[number] = charges(tariff, asked[number], book)
            for number, case in enumerate(asked):
                assert told[number] == expected[number], (seed, case)
        assert left_by(moved) == told_by(book), seed
