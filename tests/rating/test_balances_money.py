"""Tiers, caps, money, expiry by hand: a row is what a plan says and what calls then cost, the outcome last."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from mediation.stage import empty
from rating import hypothetical
from rating.balances.live import Balances, Outcome, no_balances, price_drawing
from rating.guide import guide
from tariffs.catalogue import Catalogue
from tests.rating.test_balances_cards import ANN, APRIL, BEN, LAST, MARCH, micros
from tests.tariff_folder import compiled

PLAN = """
[tax.vat]
percent = "25"
rounding = { scale = 2 }
[rate.r]
currency = "GBP"
accumulator = "t"
steps = [{ price = "0.10", per = 60, increment = 60 }, { from = 300, price = "0.04", per = 60, increment = 60 }]
[rate.v]
currency = "GBP"
accumulator = "t"
tiers = "volume"
steps = [{ price = "0.10", per = 60 }, { from = 300, price = "0.04", per = 60 }]
[rate.data]
currency = "GBP"
price = "0.01"
boundary = "end"
setup_fee = "0.10"
[calendar.london]
zone = "Europe/London"
default = "day"
bands = { night = ["mon-sun 11:00-12:00"] }
[plan.p]
currency = "GBP"
tax = "vat"
calendar = "london"
[[plan.p.rule]]
service = "voice"
rate = "r"
[[plan.p.rule]]
service = "sms"
rate = "v"
[[plan.p.rule]]
service = "data"
rate = "data"
[[plan.p.rule]]
service = "data"
band = "night"
rate = "night"
[rate.night]
currency = "GBP"
price = "0.001"
"""
COUNTS = '[accumulator.t]\nplan = "p"\nunit = "s"\n'
PEOPLE = """kind,key,account,plan,valid_from,pool
number,+441,ann,p,2024-03-01,fam
number,+442,ben,p,2024-03-01,fam
"""
Call = tuple[str, str, str, int, int]
"""Who calls, the service, when, how long, and the session's usage before it."""


def voice(who: str, start: str, usage: int, offset: int = 0) -> Call:
    return who, "voice", start, usage, offset


def sms(start: str, usage: int) -> Call:
    return ANN, "sms", start, usage, 0


def data(start: str, usage: int, offset: int = 0) -> Call:
    return ANN, "data", start, usage, offset


def drawn(catalogue: Catalogue, balances: Balances, calls: Sequence[Call]) -> Outcome:
    """What a batch came to, which has then landed."""
    events = [
        hypothetical.Event(None, service, "s", usage, micros(start), who, "+4479", usage_offset=offset)
        for who, service, start, usage, offset in calls
    ]
    guided, _ = guide(hypothetical.usage_batch(events), catalogue)
    outcome = price_drawing(guided, catalogue, balances, lambda priced: (priced, empty("rejected")))
    balances.landed(outcome.drawn)
    return outcome


def told(outcome: Outcome) -> list[str]:
    """Amount, tax, what money paid and the note of each charge."""
    rows = outcome.priced.charges.select(["amount", "tax_amount", "covered_amount", "note"]).to_pylist()
    return [" ".join(f"{v.normalize():f}" if n != "note" else v for n, v in row.items()).strip() for row in rows]


def made(folder: Path, *tables: str) -> Catalogue:
    return compiled(folder, {"plan.toml": PLAN, "more.toml": "\n".join([COUNTS, *tables]), "subscriptions.csv": PEOPLE})


def money(amount: str, *more: str) -> str:
    return "\n".join(['[allowance.m]\nplan = "p"\ncurrency = "GBP"', f'amount = "{amount}"', *more])


def cap(amount: str, *more: str) -> str:
    return "\n".join(['[accumulator.c]\nplan = "p"\ncurrency = "GBP"', f'cap = "{amount}"', *more])


UNITS = '[allowance.u]\nplan = "p"\nunit = "s"\namount = {}'
# tables beside the tiers, calls of a batch, (amount, tax, paid by money, note) of each
CARDS = [
    # graduated: 300 s at 0.10 a minute, then 0.04; a call across the edge is split there
    ([], [voice(ANN, MARCH, 240), voice(ANN, LAST, 120)], ["0.4 0.1 0", "0.14 0.04 0"]),
    # 290 s counted: an increment that begins below the edge has the price of the tier in which it begins
    ([], [voice(ANN, MARCH, 290), voice(ANN, LAST, 70)], ["0.5 0.13 0", "0.14 0.04 0"]),
    ([], [voice(ANN, LAST, 300), voice(ANN, APRIL, 60)], ["0.5 0.13 0", "0.1 0.03 0"]),
    ([], [voice(ANN, MARCH, 300), voice(BEN, LAST, 60)], ["0.5 0.13 0", "0.1 0.03 0"]),
    # a later partial counts from its own beginning, at the total then
    ([], [voice(ANN, MARCH, 240), voice(ANN, MARCH, 120, 240)], ["0.4 0.1 0", "0.14 0.04 0"]),
    # volume: the tier of the last unit prices all of the event, and of that event alone
    ([], [sms(MARCH, 240), sms(LAST, 60)], ["0.4 0.1 0", "0.1 0.03 0"]),
    ([], [sms(MARCH, 240), sms(LAST, 61)], ["0.4 0.1 0", "0.040666667 0.01 0"]),
    # free usage counts, so 60 of these 120 s are of the second tier; or it does not
    ([UNITS.format(240)], [voice(ANN, MARCH, 240), voice(ANN, LAST, 120)], ["0 0 0 allowance", "0.14 0.04 0"]),
    # money pays amount and tax while it lasts; the charge keeps both
    ([money("0.60")], [voice(ANN, MARCH, 240), voice(ANN, LAST, 60)], ["0.4 0.1 0.5", "0.1 0.03 0.1"]),
    ([money("1"), UNITS.format(60)], [voice(ANN, MARCH, 120)], ["0.1 0.03 0.13"]),
    ([money("0.6", "pool = true")], [voice(ANN, MARCH, 240), voice(BEN, LAST, 60)], ["0.4 0.1 0.5", "0.1 0.03 0.1"]),
    ([money("0.6", "pool = true", 'member_cap = "0.3"')], [voice(ANN, MARCH, 240)], ["0.4 0.1 0.3"]),
    # what is left of money rolls over, and expires: 0.10 of the 0.20 that ann did not use in March
    (
        [money("0.70", 'rollover = { limit = "0.10" }')],
        [voice(ANN, MARCH, 240), voice(ANN, APRIL, 480)],
        ["0.4 0.1 0.5", "0.62 0.16 0.78"],
    ),
    # a cap: what goes beyond is not charged, and the tax is cut with the amount: 0.03 x 2/10 = 0.006
    ([cap("0.42")], [voice(ANN, MARCH, 240), voice(ANN, LAST, 60)], ["0.4 0.1 0", "0.02 0.01 0 spend_cap"]),
    ([cap("0.4")], [voice(ANN, MARCH, 240), voice(ANN, LAST, 60)], ["0.4 0.1 0", "0 0 0 spend_cap"]),
    ([cap("0.4", "pool = true")], [voice(ANN, MARCH, 240), voice(BEN, LAST, 60)], ["0.4 0.1 0", "0 0 0 spend_cap"]),
    # reached inside a session: 0.10 + 3 x 0.01, of which the cap lets 0.115 pass; money pays for no more than that
    (
        [cap("0.115"), money("0.14")],
        [data(MARCH, 1), data(MARCH, 2, 1), data(MARCH, 5, 3)],
        ["0.11 0.03 0.14", "0.005 0 0 spend_cap", "0 0 0 spend_cap"],
    ),
    # a session that ends in a cheaper band: its second part costs 0.061 - 0.70, so that in all it costs 0.061
    (
        [cap("0.5")],
        [data("2024-03-10T10:59", 60), data("2024-03-10T10:59", 1, 60)],
        ["0.5 0.13 0 spend_cap", "-0.439 -0.11 0 spend_cap"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("tables", "calls", "expected"), CARDS)
def test_card(tables: list[str], calls: list[Call], expected: list[str], tmp_path: Path) -> None:
    catalogue = made(tmp_path, *tables)
    assert told(drawn(catalogue, no_balances(catalogue), calls)) == expected


NIGHT = "2024-03-10T10:59"
SESSION = [data(NIGHT, 60), data(NIGHT, 1, 60), data(MARCH, 9), data(MARCH, 2, 9), data(LAST, 40), data(LAST, 1, 40)]


def charged(catalogue: Catalogue, batches: list[list[Call]]) -> Decimal:
    balances = no_balances(catalogue)
    outcomes = [drawn(catalogue, balances, calls) for calls in batches]
    return sum((each for one in outcomes for each in one.priced.charges["amount"].to_pylist()), Decimal(0))


@pytest.mark.parametrize("seed", range(12))
def test_a_period_charges_the_smaller_of_cap_and_total(seed: int, tmp_path: Path) -> None:
    """In whatever order and batches calls and parts of sessions come."""
    dice = Random(seed)
    limit = dice.choice(("0.05", "0.2", "0.37", "1"))
    calls = dice.sample(SESSION, len(SESSION))
    place = dice.randrange(1, len(calls))
    expected = min(Decimal(limit), charged(made(tmp_path, cap("1000")), [SESSION]))
    assert charged(made(tmp_path, cap(limit)), [calls[:place], calls[place:]]) == expected


def test_volume_tiers_look_at_the_final_total_where_it_is_known(tmp_path: Path) -> None:
    catalogue = made(tmp_path)
    balances, calls = no_balances(catalogue), [sms(MARCH, 240), sms(LAST, 61)]
    drawn(catalogue, balances, calls)
    guided, _ = guide(drawn(catalogue, no_balances(catalogue), calls).priced.usage, catalogue)
    fresh = no_balances(catalogue)
    settled = price_drawing(guided, catalogue, fresh, lambda each: (each, empty("rejected")), balances.lots)
    assert told(settled) == ["0.16 0.04 0", "0.040666667 0.01 0"]


def moves(outcome: Outcome) -> list[str]:
    rows = outcome.drawn.movements.filter(pa.compute.not_equal(outcome.drawn.movements["kind"], "count")).to_pylist()
    return [f"{row['kind']} {row['units']} {row['period_utc']:%m-%d}{' rolled' * row['rolled']}" for row in rows]


def test_a_late_call_takes_back_what_expired(tmp_path: Path) -> None:
    catalogue = made(tmp_path, UNITS.format(300))
    balances = no_balances(catalogue)
    assert moves(drawn(catalogue, balances, [voice(ANN, MARCH, 240)])) == ["grant 300 03-01", "use -240 03-01"]
    april = ["grant 300 03-31", "expire -60 03-01", "use -60 03-31"]
    assert moves(drawn(catalogue, balances, [voice(ANN, APRIL, 60)])) == april
    late = drawn(catalogue, balances, [voice(ANN, MARCH, 90)])
    assert moves(late) == ["expire 60 03-01", "use -60 03-01"]
    assert told(late) == ["0.04 0.01 0"]
    assert moves(drawn(catalogue, balances, [voice(ANN, LAST, 60)])) == []


def test_what_does_not_roll_over_expires(tmp_path: Path) -> None:
    catalogue = made(tmp_path, UNITS.format(300) + "\nrollover = { limit = 100 }")
    balances = no_balances(catalogue)
    drawn(catalogue, balances, [voice(ANN, MARCH, 60)])
    assert moves(drawn(catalogue, balances, [voice(ANN, APRIL, 60)])) == [
        *("grant 300 03-31", "rollover -100 03-01", "rollover 100 03-01 rolled"),
        *("expire -140 03-01", "use -60 03-01 rolled"),
    ]
    assert moves(drawn(catalogue, balances, [voice(ANN, "2024-05-10T10:00", 60)])) == [
        *("grant 300 04-30", "rollover -100 03-31", "rollover 100 03-31 rolled"),
        *("expire -40 03-01 rolled", "expire -200 03-31", "use -60 03-31 rolled"),
    ]
