"""Nothing wraps: at the edges of int64 an event ends in ``amount_overflow`` or at the very amount of the oracle.

Tariffs of the greatest prices, fees, limits, increments, taxes and conversion rates that a folder can say, and usage
up to 2^63 - 1, as whole events and as partials.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tariffs.catalogue import Catalogue
from tests.oracle import folder
from tests.oracle.folder import Tariff
from tests.oracle.rating import charges
from tests.oracle.words import Event
from tests.rating.engine import answers, compiled
from tests.rating.worlds import World

TARIFFS = 24
MOST = 10**18 - 1
"""Nano-units of the greatest price that a folder can say."""
EXACT = 2**62 - 1
"""A price times its ``per`` is at most this."""
CONVERSIONS = (1, 10**9, 4_611_686_017, 999_999_999 * 10**9)
USAGES = (1, 59, 60, 2**31 - 1, 2**31, 2**32, 2**52, 2**53 - 2, 2**53 - 1, 2**53, 2**62, 2**63 - 1)
PLAN = """
[plan.edge]
currency = "EUR"
calendar = "week"
match = ["band"]
tax = "tax"
tax_mode = "{mode}"
bill_currency = "XDR"
bill_rounding = {{ mode = "up", scale = {scale} }}
[[plan.edge.rule]]
band = "peak"
rate = "peak"
[[plan.edge.rule]]
band = "low"
rate = "low"
[calendar.week]
default = "low"
[calendar.week.bands]
peak = ["mon-fri 08:00-18:00"]
[tax.tax]
percent = "{percent}"
rounding = {{ mode = "up", scale = {scale} }}
"""


def edge(random: Random) -> World:
    """A tariff of one plan, all of whose figures are as great, or as small, as they can be."""
    choose = random.choice
    text = PLAN.format(
        mode=choose(("inclusive", "exclusive")), scale=choose((0, 9)), percent=choose(("999.9999", "0.0001", "20"))
    )
    for band in ("peak", "low"):
        text += f'[rate.{band}]\ncurrency = "EUR"\nboundary = "{choose(("start", "end", "carry", "cut"))}"\n'
        text += f'step_counter = "{choose(("consecutive", "isolated"))}"\n'
        text += (
            f'rounding = {{ mode = "{choose(("half_even", "up", "down"))}", scale = 9, stage = "{_stage(random)}" }}\n'
        )
        text += f'setup_fee = "{_money(choose((0, 1, MOST)))}"\n' if random.random() < 0.3 else ""
        least, most = sorted(choose((0, 1, 10**9, MOST)) for _ in range(2))
        text += f'min_charge = "{_money(least)}"\n' if random.random() < 0.3 else ""
        text += f'max_charge = "{_money(most)}"\n' if random.random() < 0.4 else ""
        starts = sorted({0, *random.sample((1, 60, 2**31, 2**52), random.randint(0, 3))})
        text += f"steps = [{', '.join(_step(random, start) for start in starts)}]\n"
    converted = f"from,to,rate,date,source\nEUR,XDR,{_money(choose(CONVERSIONS))},1990-01-01,IMF\n"
    who = "kind,key,account,plan\nnumber,+4470,A1,edge\n"
    files = {"edge.toml": text, "conversions.csv": converted, "subscriptions.csv": who}
    return World({name: said.encode() for name, said in files.items()})


def _stage(random: Random) -> str:
    return random.choice(("charge", "charge", "step", "increment"))


def _step(random: Random, start: int) -> str:
    per = random.choice((1, 1, 7, 60, 1_048_576, 2**31 - 1))
    price = random.choice((0, 1, 10**6, 2**31 - 1, 2**31, MOST // 2, MOST))
    minimum = f", minimum = {random.choice(USAGES[:9])}" if not start and random.random() < 0.4 else ""
    increment = random.choice((1, 60, 2**31 - 1, 2**52, 2**53 - 1))
    said = f'price = "{_money(min(price, EXACT // per))}", per = {per}, increment = {increment}{minimum}'
    return f"{{ from = {start}, {said} }}"


def _money(nano: int) -> str:
    return f"{nano // 10**9}.{nano % 10**9:09}"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Catalogue, Tariff]]:
    folders = [tmp_path_factory.mktemp("edges") / str(seed) for seed in range(TARIFFS)]
    catalogues = [compiled(edge(Random(int(each.name))), each) for each in folders]
    return list(zip(catalogues, map(folder.read, folders), strict=True))


beyond = st.sampled_from((2**53, 2**62, 2**63 - 1))
seconds = st.integers(0, 100_000) | beyond  # the oracle looks at each minute of a call
volumes = st.sampled_from((0, *USAGES)) | st.integers(0, 10_000) | st.integers(0, 2**63 - 1)


def _calls(service: str, unit: str, usages: st.SearchStrategy[int]) -> st.SearchStrategy[Event]:
    starts = st.integers(1_700_000_000, 1_720_000_000).map(lambda second: second * 1_000_000)
    made = st.tuples(usages, starts, st.just(0) | usages)
    return made.map(
        lambda drawn: Event(service, "originated", unit, *drawn[:2], "+4470", "+331", usage_offset=drawn[2])
    )


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(number=st.integers(0, TARIFFS - 1), call=_calls("voice", "s", seconds) | _calls("data", "byte", volumes))
def test_exact_or_aside(pairs: list[tuple[Catalogue, Tariff]], number: int, call: Event) -> None:
    catalogue, tariff = pairs[number]
    assert answers([call], catalogue) == [charges(tariff, call)]


def test_both_ends_are_met(pairs: list[tuple[Catalogue, Tariff]]) -> None:
    told = []
    for catalogue, tariff in pairs:
        asked = [
            Event("data", "originated", "byte", usage, 1_710_000_000_000_000, "+4470", "+331", usage_offset=offset)
            for usage in USAGES
            for offset in (0, 1, 2**31, 2**53 - 2, 2**63 - 1)
        ]
        found = answers(asked, catalogue)
        assert found == [charges(tariff, call) for call in asked]
        told += found
    amounts = [abs(int(each[0].amount.replace(".", ""))) for each in told if not isinstance(each, str)]
    assert "amount_overflow" in told
    assert max(amounts) > 10**16
