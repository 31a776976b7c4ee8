"""The engine equals the oracle: every field of every charge, and every reason, on random tariffs and events.

``TOLL_ORACLE_PAIRS`` sets how many (tariff, event) pairs are compared; a disagreement names its seed.
"""

from __future__ import annotations

import ast
import os
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tariffs.catalogue import Catalogue
from tests.oracle import folder
from tests.oracle.civil import Calendar, calendar
from tests.oracle.cost import Segment, laid, sum_up, total
from tests.oracle.folder import Rate, Tariff, rate
from tests.oracle.rating import charges
from tests.oracle.words import Event
from tests.rating.engine import answers, compiled
from tests.rating.traffic import event, events
from tests.rating.worlds import world

PAIRS = int(os.environ.get("TOLL_ORACLE_PAIRS", "20000"))
EVENTS = 250
WORLDS = 10
"""Tariffs compared by one test."""
ORACLE = Path(__file__).parent.parent / "oracle"


@pytest.mark.parametrize("lot", range(max(1, PAIRS // (EVENTS * WORLDS))))
def test_engine_equals_oracle(lot: int, tmp_path: Path) -> None:
    differ = []
    for seed in range(lot * WORLDS, (lot + 1) * WORLDS):
        random = Random(seed)
        made = world(random)
        catalogue = compiled(made, tmp_path / str(seed))
        tariff = folder.read(tmp_path / str(seed))
        asked = events(random, made, EVENTS)
        for case, told in zip(asked, answers(asked, catalogue), strict=True):
            expected = charges(tariff, case)
            differ += [(seed, case, told, expected)] if told != expected else []
    assert differ[:3] == []


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Catalogue, Tariff]]:
    """A few tariffs, compiled for the engine and read for the oracle."""
    folders = [tmp_path_factory.mktemp("worlds") / str(seed) for seed in range(8)]
    catalogues = [compiled(world(Random(int(each.name))), each) for each in folders]
    return list(zip(catalogues, map(folder.read, folders), strict=True))


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(number=st.integers(0, 7), random=st.randoms(use_true_random=False), usage=st.integers(0, 90_000))
def test_one_event(pairs: list[tuple[Catalogue, Tariff]], number: int, random: Random, usage: int) -> None:
    catalogue, tariff = pairs[number]
    drawn = event(random, world(Random(number)))
    case = Event(**{**vars(drawn), "usage": usage})
    assert answers([case], catalogue) == [charges(tariff, case)]


# The oracle itself: worked by hand, and by the increment

UK = calendar({"zone": "Europe/London", "default": "low", "bands": {"peak": ["mon-fri 08:00-18:00"]}})
BEFORE_SIX = 1_709_747_970  # Wednesday 2024-03-06 17:59:30


def flat(price: str, **more: object) -> Rate:
    return rate("flat", {"currency": "GBP", "price": price, "per": 60, "increment": 60, **more})


# terms of both rates, usage, billed, amount
CASES = [
    ({"boundary": "start"}, 60, 60, "0.1"),
    ({"boundary": "end"}, 60, 60, "0.05"),
    ({"boundary": "carry"}, 60, 60, "0.1"),
    ({"boundary": "cut"}, 60, 120, "0.15"),
    ({"boundary": "cut"}, 30, 60, "0.1"),
    ({"boundary": "carry", "increment": 6, "minimum": 30}, 32, 36, "0.055"),
    ({"boundary": "carry", "increment": 1, "setup_fee": "0.02"}, 60, 60, "0.095"),
    ({"boundary": "end", "free_under": 61}, 60, 0, "0"),
    ({"min_charge": "1"}, 0, 0, "0"),
    ({"min_charge": "1"}, 1, 60, "1"),
    ({"max_charge": "0.12"}, 61, 120, "0.12"),
]


@pytest.mark.parametrize(("terms", "usage", "billed", "amount"), CASES)
def test_worked_by_hand(terms: dict[str, object], usage: int, billed: int, amount: str) -> None:
    rates = {"peak": flat("0.10", **terms), "low": flat("0.05", **terms)}
    call = Event("voice", "originated", "s", usage, BEFORE_SIX * 1_000_000)
    assert sum_up(call, BEFORE_SIX, "peak", UK, lambda band: rates[str(band)])[:2] == (billed, Fraction(amount))


# instant, zone, spans, band
CLOCKS = [
    ("2024-03-31T01:00:00+00:00", "Europe/London", "sun 01:00-02:00", "any"),  # skipped: clocks show 02:00
    ("2024-10-27T00:30:00+00:00", "Europe/London", "sun 01:00-02:00", "peak"),  # the first 01:30
    ("2024-10-27T01:30:00+00:00", "Europe/London", "sun 01:00-02:00", "peak"),  # the second
    ("2024-04-06T15:15:00+00:00", "Australia/Lord_Howe", "sun 01:30-02:00", "peak"),  # the second 01:45
    ("2024-03-05T18:14:00+00:00", "Asia/Kathmandu", "wed", "any"),  # 23:59 of Tuesday
    ("2024-03-05T18:15:00+00:00", "Asia/Kathmandu", "wed", "peak"),
    ("2024-03-06T02:00:00+00:00", "UTC", "tue 22:00-03:00", "peak"),
    ("2024-03-06T03:00:00+00:00", "UTC", "tue 22:00-03:00", "any"),
]


@pytest.mark.parametrize(("when", "zone", "span", "band"), CLOCKS)
def test_clocks(when: str, zone: str, span: str, band: str) -> None:
    week: Calendar = calendar({"zone": zone, "bands": {"peak": [span]}})
    assert week.band(folder.instant(when, week.zone) // 1_000_000) == band


@pytest.mark.parametrize("seed", range(20))
def test_increments_leap_as_they_are_laid_one_by_one(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    world(random).write(tmp_path)
    rates = list(folder.read(tmp_path).rates.values())
    cuts = sorted({0, *random.sample(range(1, 9000), 3)})
    parts = [Segment(a, b, str(random.randrange(len(rates)))) for a, b in pairwise(cuts)]
    terms = rates[int(str(parts[0].band))]
    leaps, steps = (list(laid(terms, parts, lambda band: rates[int(str(band))], leap=leap)) for leap in (True, False))
    assert sum(run.length * run.count for run in leaps) == sum(run.length for run in steps)
    assert total(terms, leaps) == total(terms, steps)


@pytest.mark.parametrize("module", sorted(ORACLE.glob("*.py")), ids=lambda path: path.stem)
def test_the_oracle_is_a_program_of_its_own(module: Path) -> None:
    nodes = list(ast.walk(ast.parse(module.read_text())))
    named = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    assert not {name.split(".")[0] for name in named} & {"rating", "tariffs", "mediation", "numpy", "pyarrow", "polars"}
