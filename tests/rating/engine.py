"""The engine's answers in the oracle's words: the same charges, or the same reason code."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rating import hypothetical
from rating.guide import guide
from rating.price import price
from tariffs.catalogue import Catalogue
from tariffs.compile import compile_tariff
from tariffs.load import load
from tests.oracle.words import Charge, Event
from tests.rating.worlds import World

AMOUNTS = ("amount", "tax_amount", "converted_amount", "conversion_rate", "covered_amount")
FIELDS = [name for name in Charge.__dataclass_fields__ if name not in AMOUNTS]


def compiled(world: World, folder: Path) -> Catalogue:
    """The catalogue of ``world``, written to ``folder``; it has no problems but lint."""
    folder.mkdir()
    world.write(folder)
    tariff, problems = load(folder)
    assert [str(each) for each in problems if not each.lint] == []
    catalogue, found = compile_tariff(tariff)
    assert catalogue is not None, [str(each) for each in found if not each.lint]
    return catalogue


def answers(events: list[Event], catalogue: Catalogue) -> list[list[Charge] | str]:
    """What guide and price make of ``events``, one answer each, in their order."""
    usage = hypothetical.usage_batch([hypothetical.Event(id=None, **asdict(event)) for event in events])
    guided, unguided = guide(usage, catalogue)
    priced, unpriced = price(guided, catalogue)
    told: dict[int, list[Charge] | str] = {}
    for aside in (unguided, unpriced):
        for row in aside.select(["record_no", "reason"]).to_pylist():
            told[row["record_no"] - 1] = row["reason"]
    for row in priced.charges.select([*FIELDS, *AMOUNTS, "event_id"]).to_pylist():
        charges = told.setdefault(row.pop("event_id").int, [])
        assert isinstance(charges, list), "an event is charged or set aside, not both"
        charges.append(Charge(**row | {name: f"{row[name]:f}" for name in AMOUNTS}))
    assert len(told) == len(events)
    return [told[number] for number in range(len(events))]
