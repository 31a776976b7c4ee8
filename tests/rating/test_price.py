"""Rate cards: one row a case, the expected billed usage, amount and note last; all worked out by hand."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from rating.explain_price import explain_event
from rating.hypothetical import parse_event
from rating.quote import quote_lines
from tariffs.catalogue import Catalogue
from tariffs.compile import compile_tariff
from tariffs.load import load

CALENDAR = """
[calendar.uk]
zone = "Europe/London"
default = "offpeak"
[calendar.uk.bands]
peak = ["mon-fri 08:00-18:00"]
small = ["sun 01:00-02:00"]
late = ["sat 23:30-24:00"]
holiday = ["xmas 00:00-24:00"]
[calendar.uk.special]
xmas = ["2024-12-25"]
"""

PEAK, OFFPEAK = "2024-03-06T12:00:00", "2024-03-06T20:00:00"
MINUTE = 'price = "0.10"\nper = 60\nincrement = 60'
MINUTE_LOW = 'price = "0.05"\nper = 60\nincrement = 60'
SECOND = 'price = "0.60"\nper = 60'
SECOND_LOW = 'price = "0.30"\nper = 60'
STEPS = (
    'steps = [{ from = 0, price = "0.10", per = 60, increment = 60, minimum = 60 },'
    ' { from = 120, price = "0.06", per = 60, increment = 30 }, { from = 200, price = "0.60", per = 60 }]'
)


def rounding(mode: str, scale: int, stage: str = "charge") -> str:
    return f'rounding = {{ mode = "{mode}", scale = {scale}, stage = "{stage}" }}'


# name, rate in peak, rate elsewhere, start (UTC), usage, billed, amount, note
CASES = [
    ("30/6 bills 32 s as 36 s", 'price = "0.60"\nper = 60\nminimum = 30\nincrement = 6', "", PEAK, 32, 36, "0.36", ""),
    ("30/6 bills 1 s as 30 s", 'price = "0.60"\nper = 60\nminimum = 30\nincrement = 6', "", PEAK, 1, 30, "0.3", ""),
    ("30/6 bills 30 s as 30 s", 'price = "0.60"\nper = 60\nminimum = 30\nincrement = 6', "", PEAK, 30, 30, "0.3", ""),
    ("60/1 bills 61 s as 61 s", 'price = "0.60"\nper = 60\nminimum = 60', "", PEAK, 61, 61, "0.61", ""),
    ("30/60 bills 45 s as 90 s", 'price = "0.60"\nper = 60\nminimum = 30\nincrement = 60', "", PEAK, 45, 90, "0.9", ""),
    ("boundary start", MINUTE + '\nboundary = "start"', MINUTE_LOW, "2024-03-06T17:59:30", 60, 60, "0.1", ""),
    ("boundary end", MINUTE + '\nboundary = "end"', MINUTE_LOW, "2024-03-06T17:59:30", 60, 60, "0.05", ""),
    ("boundary carry", MINUTE + '\nboundary = "carry"', MINUTE_LOW, "2024-03-06T17:59:30", 60, 60, "0.1", ""),
    ("boundary cut", MINUTE + '\nboundary = "cut"', MINUTE_LOW, "2024-03-06T17:59:30", 60, 120, "0.15", ""),
    ("a fraction of a second of the start is dropped", SECOND, SECOND_LOW, "2024-03-06T17:59:59.9", 2, 2, "0.015", ""),
    ("ends as the band does", MINUTE + '\nboundary = "end"', MINUTE_LOW, "2024-03-06T17:59:30", 30, 60, "0.1", ""),
    ("carry by the second", SECOND, SECOND_LOW, "2024-03-06T17:59:30", 60, 60, "0.45", ""),
    ("carry over two bands and a night", SECOND, SECOND_LOW, "2024-03-06T17:59:00", 50_520, 50_520, "253.2", ""),
    ("steps", STEPS, "", PEAK, 200, 210, "0.29", ""),
    ("steps, the last", STEPS, "", PEAK, 215, 215, "0.34", ""),
    ("steps carry over the boundary, counting on", STEPS, STEPS, "2024-03-06T17:58:30", 180, 180, "0.26", ""),
    (
        "steps carry over the boundary, counting from 0",
        STEPS + '\nstep_counter = "isolated"',
        STEPS,
        "2024-03-06T17:58:30",
        180,
        180,
        "0.3",
        "",
    ),
    (
        "cut, counting on: 90 -> 120, then 90 from 90 on",
        STEPS + '\nboundary = "cut"',
        STEPS,
        "2024-03-06T17:58:30",
        180,
        210,
        "0.33",
        "",
    ),
    (
        "cut, counting from 0: 90 -> 120, then 90 -> 120",
        STEPS + '\nboundary = "cut"\nstep_counter = "isolated"',
        STEPS,
        "2024-03-06T17:58:30",
        180,
        240,
        "0.4",
        "",
    ),
    ("setup fee", SECOND + '\nsetup_fee = "0.02"', "", PEAK, 1, 1, "0.03", ""),
    (
        "zero usage: no fee, no minimum",
        SECOND + '\nsetup_fee = "0.02"\nmin_charge = "1"',
        "",
        PEAK,
        0,
        0,
        "0",
        "zero_usage",
    ),
    ("free under 10", SECOND + '\nsetup_fee = "0.02"\nfree_under = 10', "", PEAK, 9, 0, "0", "free_under"),
    ("10 is not under 10", SECOND + '\nsetup_fee = "0.02"\nfree_under = 10', "", PEAK, 10, 10, "0.12", ""),
    ("min charge", SECOND + '\nmin_charge = "0.05"', "", PEAK, 1, 1, "0.05", "min_charge"),
    ("max charge", SECOND + '\nmax_charge = "0.05"', "", PEAK, 6, 6, "0.05", "max_charge"),
    ("just the max charge", SECOND + '\nmax_charge = "0.05"', "", PEAK, 5, 5, "0.05", ""),
    (
        "the fee counts to the max",
        SECOND + '\nsetup_fee = "0.04"\nmax_charge = "0.05"',
        "",
        PEAK,
        2,
        2,
        "0.05",
        "max_charge",
    ),
    ("free", 'price = "0"', "", PEAK, 3600, 3600, "0", ""),
    ("half up", 'price = "0.005"\n' + rounding("half_up", 2), "", PEAK, 1, 1, "0.01", ""),
    ("half even to 0", 'price = "0.005"\n' + rounding("half_even", 2), "", PEAK, 1, 1, "0", ""),
    ("half even to 2", 'price = "0.005"\n' + rounding("half_even", 2), "", PEAK, 3, 3, "0.02", ""),
    ("up", 'price = "0.001"\n' + rounding("up", 2), "", PEAK, 1, 1, "0.01", ""),
    ("up leaves whole cents", 'price = "0.01"\n' + rounding("up", 2), "", PEAK, 1, 1, "0.01", ""),
    ("down", 'price = "0.009"\n' + rounding("down", 2), "", PEAK, 1, 1, "0", ""),
    ("a third, down", 'price = "0.1"\nper = 3', "", PEAK, 1, 1, "0.033333333", ""),
    ("two thirds, half up", 'price = "0.1"\nper = 3', "", PEAK, 2, 2, "0.066666667", ""),
    ("thirds sum before rounding", 'price = "0.1"\nper = 3', "", PEAK, 3, 3, "0.1", ""),
    ("half a nano, half even", 'price = "0.000000001"\nper = 2\n' + rounding("half_even", 9), "", PEAK, 1, 1, "0", ""),
    ("half a nano, half up", 'price = "0.000000001"\nper = 2', "", PEAK, 1, 1, "0.000000001", ""),
    ("scale 0", 'price = "0.5"\n' + rounding("half_even", 0), "", PEAK, 3, 3, "2", ""),
    ("rounded by increment", 'price = "0.004"\n' + rounding("up", 2, "increment"), "", PEAK, 3, 3, "0.03", ""),
    ("rounded by step", 'price = "0.004"\n' + rounding("up", 2, "step"), "", PEAK, 3, 3, "0.02", ""),
    ("rounded by charge", 'price = "0.004"\n' + rounding("up", 2), "", PEAK, 3, 3, "0.02", ""),
    (
        "minimum is a run of its own",
        'price = "0.004"\nminimum = 2\n' + rounding("up", 2, "step"),
        "",
        PEAK,
        3,
        3,
        "0.02",
        "",
    ),
    (
        "thirds of two bands meet",
        'price = "0.1"\nper = 3',
        'price = "0.2"\nper = 7',
        "2024-03-06T17:59:58",
        3,
        3,
        "0.095238095",
        "",
    ),
    ("clocks go forward: Sunday is over at 23:00 UTC", SECOND, SECOND_LOW, "2024-03-31T22:59:30", 60, 60, "0.3", ""),
    ("forward: 01:00-02:00 does not occur", SECOND, SECOND_LOW, "2024-03-31T00:59:30", 60, 60, "0.3", ""),
    ("holiday on a Wednesday", SECOND, SECOND_LOW, "2024-12-25T12:00:00", 60, 60, "0.3", ""),
    ("summer: peak begins at 07:00 UTC", SECOND, SECOND_LOW, "2024-07-03T06:59:30", 60, 60, "0.45", ""),
    ("leap day", SECOND, SECOND_LOW, "2024-02-29T17:59:30", 60, 60, "0.45", ""),
    ("largest amount", 'price = "999999999.999999999"', "", PEAK, 1, 1, "999999999.999999999", ""),
]


def _event(plan: str, start: str, usage: int, **more: object) -> str:
    keys = {"plan": plan}
    return json.dumps({"usage": usage, "start": start, "b_number": "447700900001", "keys": keys, **more})


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    texts = [CALENDAR]
    for number, (_, peak, elsewhere, *_rest) in enumerate(CASES):
        texts.append(f'[rate.peak-{number}]\ncurrency = "GBP"\n{peak}')
        texts.append(f'[rate.low-{number}]\ncurrency = "GBP"\n{elsewhere or peak}')
        texts.append(f'[plan.case-{number}]\ncurrency = "GBP"\ncalendar = "uk"')
        texts.append(f'[[plan.case-{number}.rule]]\nband = "peak"\nrate = "peak-{number}"')
        texts.append(f'[[plan.case-{number}.rule]]\nrate = "low-{number}"')
    folder: Path = tmp_path_factory.mktemp("tariff")
    (folder / "cases.toml").write_text("\n".join(texts))
    numbers = "".join(f"account,case-{number},payer,case-{number}\n" for number in range(len(CASES)))
    (folder / "subscriptions.csv").write_text("kind,key,account,plan\n" + numbers)
    tariff, problems = load(folder)
    assert not problems
    compiled, problems = compile_tariff(tariff)
    assert not problems
    assert compiled is not None
    return compiled


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case[0] for case in CASES])
def test_rate_card(catalogue: Catalogue, number: int) -> None:
    _, _, _, start, usage, billed, amount, note = CASES[number]
    (answer,) = quote_lines(catalogue, [_event(f"case-{number}", start, usage)])
    assert answer["error"] is None
    (charge,) = answer["charges"]
    assert (charge["billed_usage"], charge["amount"], charge["note"]) == (billed, amount, note)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case[0] for case in CASES])
def test_explain_tells_the_amount_that_is_charged(catalogue: Catalogue, number: int) -> None:
    _, _, _, start, usage, billed, amount, _ = CASES[number]
    event = parse_event(json.loads(_event("", start, usage, keys={"account": f"case-{number}"})))
    story = explain_event(event, catalogue, "retail")
    assert Decimal(story.value.removesuffix(" GBP")) == Decimal(amount)
    quantity = next(node for node in story.children if node.label == "quantity")
    assert f"billed {billed}" in quantity.value


# what goes wrong: name, rate, start, usage, error
FAILURES = [
    ("overflow of a product", 'price = "999999999.999999999"', PEAK, 2, "amount_overflow"),
    ("overflow of a sum", 'price = "1"\nsetup_fee = "999999999"', PEAK, 1, "amount_overflow"),
    ("usage beyond 2^53", 'price = "0"', PEAK, 2**53, "amount_overflow"),
    ("usage of 2^63 - 1", 'price = "0.000000001"', PEAK, 2**63 - 1, "amount_overflow"),
    ("starts before the calendar", 'price = "1"', "1989-12-31T23:59:59", 1, "no_band"),
    ("starts after the calendar", 'price = "1"', "2060-01-01T00:00:00", 1, "no_band"),
    ("runs out of the calendar", 'price = "1"\nper = 3600', "2059-12-31T23:59:59", 2, "no_band"),
]


@pytest.mark.parametrize(
    ("rate", "start", "usage", "error"), [case[1:] for case in FAILURES], ids=[c[0] for c in FAILURES]
)
def test_failures(tmp_path: Path, rate: str, start: str, usage: int, error: str) -> None:
    calendar = '[calendar.c]\n[calendar.c.bands]\npeak = ["mon-fri 08:00-18:00"]\n'
    plan = (
        f'[rate.r]\ncurrency = "GBP"\n{rate}\n[plan.p]\ncurrency = "GBP"\ncalendar = "c"\n[[plan.p.rule]]\nrate = "r"\n'
    )
    (tmp_path / "t.toml").write_text(calendar + plan)
    compiled, problems = compile_tariff(load(tmp_path)[0])
    assert not problems
    assert compiled is not None
    (answer,) = quote_lines(compiled, [_event("p", start, usage)])
    assert answer["charges"] == []
    assert str(answer["error"]).startswith(f"{error}: ")
