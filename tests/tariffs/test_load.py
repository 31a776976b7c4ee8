"""What a tariff folder may not say: one text a row, the problem last."""

from __future__ import annotations

from pathlib import Path

import pytest

from tariffs.compile import compile_tariff
from tariffs.load import load
from tariffs.model import Problem

RATE = '[rate.r]\ncurrency = "GBP"\nprice = "1"\n'
PLAN = '[plan.p]\ncurrency = "GBP"\n'
ANY_RULE = '[[plan.p.rule]]\nrate = "r"\n'
DECK = (
    '[deck.d]\nfile = "d.csv"\ncurrency = "GBP"\n'
    '[deck.d.columns]\nprefix = "p"\nprice = "r"\nvalid_from = "f"\nvalid_to = "t"\n'
)
DECK_HEAD = "p,r,f,t\n"
SUBSCRIPTIONS = "kind,key,account,plan,valid_from,valid_to\n"
TRUNKS = "trunk,carrier,direction,plan_in,plan_out,valid_from,valid_to\n"


def _problems(folder: Path, files: dict[str, str]) -> list[Problem]:
    for name, text in files.items():
        (folder / name).write_text(text)
    tariff, problems = load(folder)
    return problems + compile_tariff(tariff)[1]  # a tariff with problems still compiles, or says why not


# the TOML text, the problem
TEXTS = [
    (
        '[rate.r]\ncurrency = "GBP"\nprice = 0.1',
        'a.toml:3: rate.r.price: expected money as a string such as "0.05", not 0.1',
    ),
    (
        '[rate.r]\ncurrency = "GBP"\nprice = 1',
        'a.toml:3: rate.r.price: expected money as a string such as "0.05", not 1',
    ),
    (
        '[rate.r]\ncurrency = "GBP"\nprice = "1e3"',
        "a.toml:3: rate.r.price: expected a decimal string with at most 9 places, not '1e3'",
    ),
    (
        '[rate.r]\ncurrency = "GBP"\nprice = "-1"',
        "a.toml:3: rate.r.price: expected a decimal string with at most 9 places, not '-1'",
    ),
    ('[rate.r]\nprice = "1"', "a.toml:1: rate.r.currency: is required"),
    ('[rate.r]\ncurrency = "GBP"', "a.toml:1: rate.r.price: is required"),
    (RATE + "per = 0", "a.toml:4: rate.r.per: expected a whole number from 1 to 2^53, not 0"),
    (RATE + "per = 1.5", "a.toml:4: rate.r.per: expected a whole number, not 1.5"),
    (RATE + 'boundary = "split"', "a.toml:4: rate.r.boundary: expected one of start, end, carry, cut, not 'split'"),
    (RATE + "rounding = { scale = 10 }", "a.toml:4: rate.r.rounding.scale: expected 0 to 9, not 10"),
    (
        RATE + 'setup_fee = "0.001"\nrounding = { scale = 2 }',
        "a.toml:4: rate.r.setup_fee: is not whole at the rounding scale 2",
    ),
    (RATE + 'min_charge = "2"\nmax_charge = "1"', "a.toml:4: rate.r.min_charge: is above max_charge"),
    (RATE + RATE.replace("rate.r", "rate.q") + "colour = 1", "a.toml:7: rate.q.colour: is unknown"),
    (
        '[rate.r]\ncurrency = "GBP"\nsteps = [{ from = 0, price = "1" }, { from = 0, price = "1" }]',
        "a.toml:3: rate.r.steps.1.from: expected more than 0, not 0",
    ),
    (
        '[rate.r]\ncurrency = "GBP"\nsteps = [{ from = 5, price = "1" }]',
        "a.toml:3: rate.r.steps.0.from: the first step starts at 0",
    ),
    ('[calendar.c]\nzone = "Mars/Base"', "a.toml:2: calendar.c.zone: expected an IANA time zone, not 'Mars/Base'"),
    ('[calendar.c]\n[calendar.c.bands]\npeak = ["mon-fry"]', "a.toml:3: calendar.c.bands.peak: expected days"),
    ('[calendar.c]\n[calendar.c.bands]\npeak = ["mon 8:00-9:00"]', "a.toml:3: calendar.c.bands.peak: expected a span"),
    (
        '[calendar.c]\n[calendar.c.bands]\nx = ["mon 22:00-06:00"]\ny = ["tue 05:00-07:00"]',
        "a.toml:2: calendar.c.bands: bands x and y both cover part of tue",
    ),
    ('[zone.z]\nprefixes = ["44x"]', "a.toml:2: zone.z.prefixes: expected up to 18 digits"),
    ('[zone.z]\nprefixes = ["44", "+44"]', "a.toml:2: zone.z.prefixes: 44 is there twice"),
    (RATE + PLAN, "a.toml:4: plan.p: expected either versions or rules"),
    (RATE + PLAN + 'calendar = "c"\n' + ANY_RULE, "a.toml:4: plan.p.calendar: there is no calendar c"),
    (RATE + PLAN + '[[plan.p.rule]]\nrate = "q"', "a.toml:6: plan.p.rule.rate: there is no rate q"),
    (RATE + PLAN + '[[plan.p.rule]]\nband = "x"\nrate = "r"', "a.toml:6: plan.p.rule.band: there is no band x"),
    (
        RATE + '[plan.p]\ncurrency = "EUR"\n' + ANY_RULE,
        "a.toml:6: plan.p.rule: r is in GBP, the plan in EUR",
    ),
    (RATE + PLAN + ANY_RULE + ANY_RULE, "a.toml:8: plan.p.rule: as specific as the rule in a.toml:6"),
    (
        RATE
        + '[zone.a]\nprefixes = ["4"]\n[zone.b]\nprefixes = ["+4"]\n'
        + PLAN
        + '[[plan.p.rule]]\nzone = ["a", "b"]\nrate = "r"',
        "a.toml:10: plan.p.rule: prefix 4 is in zone a and in zone b",
    ),
    # between two that name the same columns, also where a rule for everything would be beaten by both
    (
        RATE
        + '[calendar.c.bands]\nx = ["mon"]\n'
        + PLAN
        + 'calendar = "c"\n'
        + ANY_RULE
        + '[[plan.p.rule]]\nservice = ["voice", "sms"]\nrate = "r"\n[[plan.p.rule]]\nservice = "sms"\nrate = "r"',
        "a.toml:14: plan.p.rule: as specific as the rule in a.toml:11",
    ),
    (
        RATE + '[plan.p]\ncurrency = "GBP"\n[[plan.p.version]]\nvalid_to = "2024-02-01"\n'
        '[[plan.p.version.rule]]\nrate = "r"\n'
        '[[plan.p.version]]\nvalid_from = "2024-01-01"\n[[plan.p.version.rule]]\nrate = "r"',
        "a.toml:6: plan.p.version: lines 6 and 10 are in force at the same time",
    ),
    (
        '[rate.r]\ncurrency = "GBP"\nprice = "999999999.999999999"\nper = 9007199254740881\n',
        "a.toml:1: rate.r: 999999999999999999 nano per 9007199254740881 cannot be computed exactly",
    ),
    ("[rate.r", "a.toml:0: : cannot be read"),
    ('[rates.r]\nprice = "1"', "a.toml:1: rates: is unknown"),
]


@pytest.mark.parametrize(("text", "problem"), TEXTS)
def test_problem_of_a_text(tmp_path: Path, text: str, problem: str) -> None:
    found = [str(one) for one in _problems(tmp_path, {"a.toml": text})]
    assert [one for one in found if problem in one], found


# file, its content, the problem
SHEETS = [
    ("subscriptions.csv", SUBSCRIPTIONS + "number,+44,a,q,,", "subscriptions.csv:2: plan: expected one of p, not 'q'"),
    (
        "subscriptions.csv",
        SUBSCRIPTIONS + "number,44x,a,p,,",
        "subscriptions.csv:2: key: expected a key of kind number",
    ),
    ("subscriptions.csv", SUBSCRIPTIONS + "cell,1,a,p,,", "subscriptions.csv:2: kind: expected one of number, imsi"),
    (
        "subscriptions.csv",
        SUBSCRIPTIONS + "number,1,a,p,2024-01-01,2024-03-01\nnumber,2,a,p,,\nnumber,1,b,p,2024-02-29,",
        "subscriptions.csv:4: key: number 1 is already in force then by line 2",
    ),
    (
        "subscriptions.csv",
        SUBSCRIPTIONS + "number,1,a,p,2024-01-01,2023-03-01",
        "subscriptions.csv:2: valid_to: the period ends before it begins",
    ),
    ("subscriptions.csv", "kind,key\n", "subscriptions.csv:1: account: this column is missing"),
    ("trunks.csv", TRUNKS + "T,a,up,p,p,,", "trunks.csv:2: direction: expected one of in, out, both, not 'up'"),
    ("trunks.csv", TRUNKS + "T,a,in,p,,,\nT,b,both,p,p,,", "trunks.csv:3: trunk (in): T is already in force"),
    ("d.csv", DECK_HEAD + "44,0.1,,\n45,x,,", "d.csv:3: r: expected a decimal string"),
    ("d.csv", DECK_HEAD + "44,,,", "d.csv:2: r: expected a decimal string with at most 9 places, not ''"),
    ("d.csv", DECK_HEAD + "4O,1,,", "d.csv:2: p: expected up to 18 digits"),
    ("d.csv", DECK_HEAD + "44,1,soon,", "d.csv:2: f: expected a date"),
    ("d.csv", DECK_HEAD + "44,1,,2024-01-02\n+44,2,2024-01-01,", "d.csv:3: p: 44 is already in force then by line 2"),
    (
        "d.csv",
        DECK_HEAD + "44,1,,2024-09-01\n44,2,2024-02-01,2024-03-01\n44,3,2024-04-01,2024-05-01",
        "d.csv:4: p: 44 is already in force then by line 2",
    ),
    ("d.csv", DECK_HEAD + "44,1,2024-02-01,2024-02-01", "d.csv:2: t: the period ends before it begins"),
    ("d.csv", "p,f,t\n44,,", "d.csv:1: r: this column is missing"),
    ("d.csv", "", "d.csv:0: file: cannot be read"),
]


@pytest.mark.parametrize(("name", "content", "problem"), SHEETS)
def test_problem_of_a_sheet(tmp_path: Path, name: str, content: str, problem: str) -> None:
    files = {"a.toml": RATE + DECK + PLAN + ANY_RULE, "d.csv": DECK_HEAD, name: content}
    found = [str(one) for one in _problems(tmp_path, files)]
    assert [one for one in found if problem in one], found


# the bands of two decks that list +44, the problem
TWO_DECKS = [
    ("", "", "a.toml:24: plan.p.rule: prefix 44 is in deck d and in deck e"),
    ('band = "x"\n', 'band = ["x", "any"]\n', "a.toml:25: plan.p.rule: prefix 44 is in deck d and in deck e"),
    ('band = "x"\n', 'band = "any"\n', ""),
]


@pytest.mark.parametrize("rule", ["", '[[plan.p.rule]]\nrate = "r"\n'])
@pytest.mark.parametrize(("one", "other", "problem"), TWO_DECKS)
def test_a_prefix_in_two_decks(tmp_path: Path, one: str, other: str, problem: str, rule: str) -> None:
    decks = DECK + DECK.replace("deck.d", "deck.e")
    plan = PLAN + f'calendar = "c"\n[[plan.p.rule]]\ndeck = "d"\n{one}[[plan.p.rule]]\ndeck = "e"\n{other}'
    text = decks + '[calendar.c.bands]\nx = ["mon"]\n' + plan + rule + RATE
    found = [str(each) for each in _problems(tmp_path, {"a.toml": text, "d.csv": DECK_HEAD + "44,1,,"}) if each.fatal]
    assert found == ([problem] if problem else [])


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    found = _problems(tmp_path, {"a.toml": '[rate.r]\nprice = 0.1\nper = 0\nboundary = "x"'})
    assert [(one.place.line, one.key) for one in found] == [
        (1, "rate.r.currency"),
        (2, "rate.r.price"),
        (3, "rate.r.per"),
        (4, "rate.r.boundary"),
    ]


def test_no_folder(tmp_path: Path) -> None:
    (problem,) = load(tmp_path / "absent")[1]
    assert "expected a folder" in str(problem)
