"""What must not change a charge, or must change it just so: relations that need no expected amount."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from rating import hypothetical
from rating.explain_price import Node, explain_event
from tests.oracle.words import Charge
from tests.rating.engine import answers, compiled
from tests.rating.traffic import SECOND, events
from tests.rating.worlds import Kind, world

COUNT = 300
WEEK = 7 * 86_400 * SECOND
SUMMER = 19_849 * 86_400 * SECOND
"""Monday 2024-05-06, after which no zone of the worlds changes its clocks for 21 weeks."""
NANO = Decimal("1e-9")
SEEDS = range(100, 103)


@pytest.mark.parametrize("seed", SEEDS)
def test_order_of_rows_and_batches_changes_nothing(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    made = world(random)
    catalogue = compiled(made, tmp_path / "tariff")
    asked = events(random, made, COUNT)
    whole = answers(asked, catalogue)
    order = random.sample(range(COUNT), COUNT)
    assert answers([asked[row] for row in order], catalogue) == [whole[row] for row in order]
    cuts = [0, *sorted(random.sample(range(COUNT), 5)), COUNT]
    parts = [answers(asked[a:b], catalogue) for a, b in pairwise(cuts)]
    assert [answer for part in parts for answer in part] == whole


@pytest.mark.parametrize("seed", SEEDS)
def test_whole_weeks_change_nothing_while_clocks_run_on(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    made = world(random, Kind(dated=False))
    catalogue = compiled(made, tmp_path / "tariff")
    asked = [
        replace(each, start_us=SUMMER + random.randrange(WEEK), usage=min(each.usage, 7 * 86_400))
        for each in events(random, made, COUNT)
    ]
    later = [replace(each, start_us=each.start_us + random.randint(1, 18) * WEEK) for each in asked]
    assert answers(later, catalogue) == answers(asked, catalogue)


@pytest.mark.parametrize("seed", SEEDS)
def test_charges_scale_with_prices(seed: int, tmp_path: Path) -> None:
    factor = 7
    exact = Kind(limits=False, rounded=False)
    made = world(Random(seed), exact)
    asked = events(Random(seed), made, COUNT)
    once = answers(asked, compiled(made, tmp_path / "once"))
    more = answers(asked, compiled(world(Random(seed), replace(exact, factor=factor)), tmp_path / "more"))
    for case, one, seven in zip(asked, once, more, strict=True):
        if seven != "amount_overflow":
            assert _unpriced(one) == _unpriced(seven), case
            for low, high in zip(_amounts(one), _amounts(seven), strict=True):
                # a price and its tax are rounded, and a partial is a difference of two
                assert abs(high - factor * low) < 4 * (factor + 1) * NANO, case


@pytest.mark.parametrize("seed", SEEDS)
def test_the_story_ends_with_the_amount(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    made = world(random)
    catalogue = compiled(made, tmp_path / "tariff")
    asked = events(random, made, COUNT)
    for case, told in zip(asked, answers(asked, catalogue), strict=True):
        legs = [("retail", told)] if isinstance(told, str) else [(charge.leg, charge) for charge in told]
        for leg, charge in legs:
            story = explain_event(hypothetical.Event(id=None, **vars(case)), catalogue, leg)
            if isinstance(charge, Charge):
                assert story.value == f"{charge.amount} {charge.currency}", case
                assert case.usage_offset or _sum_told(story, charge), case


@pytest.mark.parametrize("seed", SEEDS)
def test_partials_sum_to_their_session_wherever_it_is_cut(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    made = world(random)
    catalogue = compiled(made, tmp_path / "tariff")
    whole = [replace(each, usage_offset=0) for each in events(random, made, COUNT)]
    for session, told in zip(whole, answers(whole, catalogue), strict=True):
        cuts = sorted({0, session.usage, *(random.randint(0, session.usage) for _ in range(3))})
        parts = [replace(session, usage_offset=a, usage=b - a) for a, b in pairwise(cuts)]
        found = answers(parts, catalogue)
        if isinstance(told, str) or any(isinstance(each, str) for each in found) or not parts:
            continue
        for leg, charge in enumerate(told):
            for column in ("amount", "tax_amount", "converted_amount", "billed_usage"):
                total = sum(Decimal(getattr(each[leg], column)) for each in found if not isinstance(each, str))
                assert total == Decimal(getattr(charge, column)), (session, column)


def _unpriced(answer: list[Charge] | str) -> list[Charge] | str:
    return (
        answer
        if isinstance(answer, str)
        else [replace(charge, amount="", tax_amount="", converted_amount="") for charge in answer]
    )


def _amounts(answer: list[Charge] | str) -> list[Decimal]:
    return [] if isinstance(answer, str) else [Decimal(charge.amount) for charge in answer]


def _sum_told(story: Node, charge: Charge) -> bool:
    """Whether the exact sum that the story tells rounds to the amount, where nothing else changed it."""
    told = {node.label: node.value for node in story.children[-1].children}
    unit = Fraction(told["rounding"].split(" ")[2])
    if charge.note or not told["rounding"].endswith("charge"):
        return told["note"] in (charge.note, "none")
    held = any(node.label == "tax" and "held in" in node.value for node in story.children)
    price = Fraction(charge.amount) + (Fraction(charge.tax_amount) if held else 0)
    return abs(Fraction(told["exact sum"].split(" ")[0]) - price) < unit
