"""Which rule wins, and what stands beside its amount: one event a row, worked out by hand last."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from rating.explain_price import explain_event
from rating.hypothetical import parse_event
from tariffs.catalogue import Catalogue
from tests.rating.cards import quoted
from tests.tariff_folder import compiled

NAMES = ("a", "b", "c", "d", "e")
RATES = "".join(f'[rate.{name}]\ncurrency = "GBP"\nprice = "0.0{place}"\n' for place, name in enumerate(NAMES, 1))
HEAD = """
[calendar.c]
[calendar.c.bands]
peak = ["mon-fri 08:00-18:00"]
night = ["mon-sun 23:00-06:00"]
[zone.uk]
prefixes = ["44"]
local = ["112"]
[zone.mobile]
prefixes = ["447", "4475"]
[zone.london]
prefixes = ["4420"]
[zone.fr]
prefixes = ["33"]
[zone.world]
prefixes = ["*"]
[class.kin]
prefixes = ["447"]
[deck.old]
file = "old.csv"
currency = "GBP"
per = 1
[deck.old.columns]
prefix = "p"
price = "r"
zone = "z"
[deck.new]
file = "new.csv"
currency = "GBP"
per = 1
[deck.new.columns]
prefix = "p"
price = "r"
zone = "z"
valid_from = "f"
"""
DECKS = {
    "old.csv": "p,z,r\n1,US,0.2\n44,UK,0.3\n4477,UK M,0.4\n",
    "new.csv": "p,z,r,f\n1,US,0.5,\n44,UK,0.6,\n4477,UK M,0.7,2024-06-01\n",
}
# plan, match, rules: each the columns it names, then its rate or deck
PLANS: list[tuple[str, list[str], list[tuple[dict[str, object], str]]]] = [
    # -- specificity by the default order: service, direction, origin, zone, class, band
    ("default", [], [
        ({}, "a"), ({"band": "peak"}, "b"), ({"class": "kin"}, "c"), ({"zone": "uk"}, "d"), ({"service": "sms"}, "e"),
    ]),
    ("band-first", ["band"], [({}, "a"), ({"band": "peak"}, "b"), ({"class": "kin"}, "c"), ({"zone": "uk"}, "d")]),
    ("class-first", ["class", "band"], [
        ({}, "a"), ({"band": "peak"}, "b"), ({"class": "kin"}, "c"), ({"zone": "uk"}, "d"),
    ]),
    # an earlier column beats any number of later ones
    ("one-beats-many", [], [({"service": "voice"}, "a"), ({"zone": "uk", "class": "kin", "band": "peak"}, "b")]),
    ("many-beat-one", ["zone"], [({"service": "voice"}, "a"), ({"zone": "uk", "class": "kin", "band": "peak"}, "b")]),
    # -- directions
    ("directions", [], [
        ({"direction": "originated"}, "a"), ({"direction": ["terminated", "forwarded"]}, "b"),
        ({"direction": "forwarded", "zone": "uk"}, "c"),
    ]),
    # -- destinations: the longest prefix of all that rules name, whatever the band
    ("longest", [], [({"zone": "uk"}, "a"), ({"zone": "mobile", "band": "peak"}, "b"), ({"zone": "world"}, "c")]),
    ("listed", [], [({"zone": ["uk", "fr"]}, "a"), ({}, "b")]),
    # a zone stands before a deck with the same prefix, in the bands in which a rule matches the zone
    ("zone-and-deck", [], [({"zone": "uk", "band": "peak"}, "a"), ({}, "deck old")]),
    # two decks of which each has its hours, and a rule for everything
    ("split-decks", [], [({"band": "peak"}, "deck old"), ({"band": "night"}, "deck new"), ({}, "e")]),
    ("split-zones", [], [({"zone": "uk", "band": "peak"}, "a"), ({"zone": "twin", "band": "night"}, "b"), ({}, "e")]),
]  # fmt: skip
PEAK, NIGHT, EVENING = "2024-07-03T12:00:00Z", "2024-07-03T23:30:00Z", "2024-07-03T20:00:00Z"
MOBILE, LONDON, PARIS, US = "+447700900123", "+442079460000", "+33140000000", "+12125550100"

# plan, event, rate and prefix (and the deck's zone) of the charge
CHOICES = [
    # default: zone before class before band
    ("default", {"b_number": US, "start": EVENING}, "a"),
    ("default", {"b_number": US, "start": PEAK}, "b"),
    ("default", {"b_number": MOBILE, "start": PEAK}, "d +44"),
    ("default", {"b_number": LONDON, "start": EVENING}, "d +44"),
    ("default", {"b_number": LONDON, "service": "sms", "unit": "event", "start": PEAK}, "e +44"),
    ("band-first", {"b_number": MOBILE, "start": PEAK}, "b +44"),
    ("band-first", {"b_number": MOBILE, "start": EVENING}, "d +44"),
    ("class-first", {"b_number": MOBILE, "start": PEAK}, "c +44"),
    ("class-first", {"b_number": LONDON, "start": PEAK}, "b +44"),
    ("class-first", {"b_number": LONDON, "start": EVENING}, "d +44"),
    ("one-beats-many", {"b_number": MOBILE, "start": PEAK}, "a +44"),
    ("many-beat-one", {"b_number": MOBILE, "start": PEAK}, "b +44"),
    ("many-beat-one", {"b_number": MOBILE, "start": EVENING}, "a +44"),
    ("directions", {"b_number": LONDON, "start": PEAK}, "a"),
    ("directions", {"b_number": LONDON, "start": PEAK, "keys": {"direction": "terminated"}}, "b"),
    ("directions", {"b_number": LONDON, "start": PEAK, "keys": {"direction": "forwarded"}}, "c +44"),
    ("directions", {"b_number": PARIS, "start": PEAK, "keys": {"direction": "forwarded"}}, "b"),
    ("directions", {"b_number": LONDON, "start": PEAK, "keys": {"direction": "transit"}}, "no_rate"),
    ("longest", {"b_number": LONDON, "start": PEAK}, "a +44"),
    ("longest", {"b_number": MOBILE, "start": PEAK}, "b +447"),
    ("longest", {"b_number": "+447512345678", "start": PEAK}, "b +4475"),
    # never a shorter prefix for want of a band
    ("longest", {"b_number": MOBILE, "start": EVENING}, "no_rate"),
    ("longest", {"b_number": US, "start": EVENING}, "c +"),
    # a local number meets local prefixes alone, no star of the E.164 ones
    ("longest", {"b_number": "112", "start": EVENING}, "a 112"),
    ("longest", {"b_number": "118", "start": EVENING}, "no_rate"),
    ("longest", {"b_number": "", "start": EVENING}, "no_rate"),
    ("listed", {"b_number": PARIS, "start": EVENING}, "a +33"),
    ("listed", {"b_number": US, "start": EVENING}, "b"),
    ("zone-and-deck", {"b_number": LONDON, "start": PEAK}, "a +44"),
    ("zone-and-deck", {"b_number": LONDON, "start": EVENING}, "old +44 UK"),
    ("zone-and-deck", {"b_number": MOBILE, "start": PEAK}, "old +4477 UK M"),
    ("split-decks", {"b_number": LONDON, "start": PEAK}, "old +44 UK"),
    ("split-decks", {"b_number": LONDON, "start": NIGHT}, "new +44 UK"),
    ("split-decks", {"b_number": LONDON, "start": EVENING}, "e +44 UK"),
    ("split-decks", {"b_number": PARIS, "start": NIGHT}, "e"),
    # from June on +4477 is the longest in both; before, in the old deck alone, which has no night
    ("split-decks", {"b_number": MOBILE, "start": NIGHT}, "new +4477 UK M"),
    ("split-decks", {"b_number": MOBILE, "start": "2024-05-03T23:30:00Z"}, "e +4477 UK M"),
    ("split-zones", {"b_number": LONDON, "start": PEAK}, "a +44 uk"),
    ("split-zones", {"b_number": LONDON, "start": NIGHT}, "b +44 twin"),
    ("split-zones", {"b_number": LONDON, "start": EVENING}, "e +44 uk"),
]


def _columns(named: Mapping[str, object]) -> str:
    return "".join(f"{column} = {value!r}\n" for column, value in named.items())


def _plan(name: str, match: list[str], rules: list[tuple[dict[str, object], str]]) -> str:
    text = f'[plan.{name}]\ncurrency = "GBP"\ncalendar = "c"\nmatch = {match}\n'
    for columns, target in rules:
        kind, _, deck = target.partition(" ")
        priced = f'deck = "{deck}"' if deck else f'rate = "{kind}"'
        text += f"[[plan.{name}.rule]]\n{_columns(columns)}{priced}\n"
    return text


@pytest.fixture(scope="module")
def choices(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    twin = '[zone.twin]\nprefixes = ["44"]\n'
    text = HEAD + twin + RATES + "".join(_plan(*each) for each in PLANS)
    return compiled(tmp_path_factory.mktemp("tariff"), {"a.toml": text, **DECKS})


@pytest.mark.parametrize("case", CHOICES, ids=[f"{row[0]} {row[1].get('b_number')}" for row in CHOICES])
def test_choice(choices: Catalogue, case: tuple[str, dict[str, object], str]) -> None:
    plan, said, expected = case
    keys = said.get("keys", {})
    assert isinstance(keys, dict)
    charge = quoted(choices, {"usage": 10} | said | {"keys": {"plan": plan} | keys})
    told = [charge.get(key, "") for key in ("error", "rate", "prefix", "zone")]
    assert " ".join(filter(None, told)).startswith(expected)


# -- tax, conversion and partials
TERMS = """
[tax.vat]
percent = "20"
rounding = { mode = "half_up", scale = 2 }
[tax.thirds]
percent = "33.3333"
rounding = { mode = "half_even", scale = 2 }
[tax.whole]
percent = "100"
rounding = { mode = "down", scale = 0 }
[tax.fine]
percent = "8.875"
"""
BESIDE: list[tuple[str, str, str, str]] = [
    # plan, tax, tax mode, currency of the bill and its rounding
    ("net", "vat", "exclusive", ""),
    ("net-thirds", "thirds", "exclusive", ""),
    ("net-whole", "whole", "exclusive", ""),
    ("net-fine", "fine", "exclusive", ""),
    ("gross", "vat", "inclusive", ""),
    ("gross-thirds", "thirds", "inclusive", ""),
    ("gross-whole", "whole", "inclusive", ""),
    ("gross-fine", "fine", "inclusive", ""),
    ("xdr", "vat", "exclusive", 'bill_currency = "XDR"\nbill_rounding = { mode = "half_even", scale = 2 }\n'),
    ("xdr-up", "vat", "inclusive", 'bill_currency = "XDR"\nbill_rounding = { mode = "up", scale = 3 }\n'),
    ("yen", "none", "exclusive", 'bill_currency = "JPY"\nbill_rounding = { mode = "down", scale = 0 }\n'),
]
RULE_RATES = """
[rate.cent]
currency = "GBP"
price = "0.01"
[rate.minute]
currency = "GBP"
price = "0.01"
increment = 60
setup_fee = "0.05"
[rate.limited]
currency = "GBP"
price = "0.01"
min_charge = "0.30"
max_charge = "0.50"
[rate.banded]
currency = "GBP"
price = "0.01"
boundary = "cut"
increment = 60
[rate.ended]
currency = "GBP"
price = "0.01"
boundary = "end"
[rate.low]
currency = "GBP"
price = "0.005"
[rate.third]
currency = "GBP"
price = "0.1"
per = 3
rounding = { mode = "half_up", scale = 2 }
"""
CONVERSIONS = (
    "from,to,rate,date,source\nGBP,XDR,0.9625,2024-02-29,IMF\nGBP,XDR,0.9475,2024-03-31,IMF\n"
    "GBP,JPY,190.1234,2024-01-01,BOJ\n"
)
MARCH, APRIL = "2024-03-06T12:00:00Z", "2024-04-03T12:00:00Z"
DUSK = "2024-03-06T17:59:30Z"

# plan, start, usage before, usage, amount, tax, converted
AMOUNTS = [
    # -- exclusive: 20 % of 0.12 is 0.024, of 0.13 0.026, of 0.125 nothing that a cent could be
    ("net", MARCH, 0, 12, "0.12", "0.02", "0"),
    ("net", MARCH, 0, 13, "0.13", "0.03", "0"),
    ("net", MARCH, 0, 0, "0", "0", "0"),
    # a third of 0.03 is 0.00999999; half a cent of 0.015 would be even
    ("net-thirds", MARCH, 0, 3, "0.03", "0.01", "0"),
    # all of 1.99 is 1.99, down to 1
    ("net-whole", MARCH, 0, 199, "1.99", "1", "0"),
    ("net-whole", MARCH, 0, 99, "0.99", "0", "0"),
    # 8.875 % of 0.07 is 0.0062125
    ("net-fine", MARCH, 0, 7, "0.07", "0.0062125", "0"),
    # -- inclusive: a sixth of the price, rounded; the amount is what is left, so that both sum to the price
    ("gross", MARCH, 0, 12, "0.1", "0.02", "0"),
    ("gross", MARCH, 0, 13, "0.11", "0.02", "0"),
    ("gross", MARCH, 0, 15, "0.12", "0.03", "0"),
    ("gross", MARCH, 0, 1, "0.01", "0", "0"),
    # a quarter of 0.06 is 0.015, half even 0.02 (33.3333 / 133.3333 is a hair below a quarter: 0.01)
    ("gross-thirds", MARCH, 0, 6, "0.05", "0.01", "0"),
    # half of 3.99 is 1.995, down to 1
    ("gross-whole", MARCH, 0, 399, "2.99", "1", "0"),
    # 8.875 / 108.875 of 0.07 is 0.005706084...
    ("gross-fine", MARCH, 0, 7, "0.064293915", "0.005706085", "0"),
    # -- conversion: 0.12 x 0.9625 = 0.1155, half even 0.12; from 31 March on x 0.9475 = 0.1137
    ("xdr", MARCH, 0, 12, "0.12", "0.02", "0.12"),
    ("xdr", APRIL, 0, 12, "0.12", "0.02", "0.11"),
    # 0.04 x 0.9625 = 0.0385; 0.4 x 0.9625 = 0.385, half even 0.38; 1.2 x 0.9625 = 1.155, half even 1.16
    ("xdr", MARCH, 0, 4, "0.04", "0.01", "0.04"),
    ("xdr", MARCH, 0, 40, "0.4", "0.08", "0.38"),
    ("xdr", MARCH, 0, 120, "1.2", "0.24", "1.16"),
    # the amount without the tax it held is converted: 0.10 x 0.9625 = 0.09625 up to 0.097
    ("xdr-up", MARCH, 0, 12, "0.1", "0.02", "0.097"),
    # before the first date there is no rate
    ("xdr", "2024-02-28T23:59:59Z", 0, 12, "no_conversion", "", ""),
    ("xdr", "2024-02-29T00:00:00Z", 0, 12, "0.12", "0.02", "0.12"),
    # 1.2 x 190.1234 = 228.14808, down to 228; 0.01 x 190 = 1.9, down to 1
    ("yen", MARCH, 0, 120, "1.2", "0", "228"),
    ("yen", MARCH, 0, 1, "0.01", "0", "1"),
    # -- partials: the session up to here less the session up to there, tax and conversion too
    # 25 s are 0.25 + 0.05 tax, 12 s are 0.12 + 0.02: the last 13 s are 0.13 + 0.03
    ("net", MARCH, 12, 13, "0.13", "0.03", "0"),
    # 0.40 is 0.38 XDR, 0.12 is 0.12: 0.26
    ("xdr", MARCH, 12, 28, "0.28", "0.06", "0.26"),
    # a minute begun costs at once, and then nothing until the next; the fee is in the first partial
    ("minute", MARCH, 0, 10, "0.65", "0", "0"),
    ("minute", MARCH, 10, 50, "0", "0", "0"),
    ("minute", MARCH, 60, 1, "0.6", "0", "0"),
    # the least charge is the first partial's; the most is reached at 50 s
    ("limited", MARCH, 0, 10, "0.3", "0", "0"),
    ("limited", MARCH, 10, 30, "0.1", "0", "0"),
    ("limited", MARCH, 40, 30, "0.1", "0", "0"),
    ("limited", MARCH, 70, 30, "0", "0", "0"),
    # cut at 18:00, 30 s after the session's start: a minute of day from its start, a minute of rest from 18:00
    ("banded", DUSK, 0, 30, "0.6", "0", "0"),
    ("banded", DUSK, 30, 30, "0.15", "0", "0"),
    # the band of the session's end prices all of it: 30 s were 0.30, 60 s are 0.30 too, 40 s are 0.20
    ("ended", DUSK, 0, 30, "0.3", "0", "0"),
    ("ended", DUSK, 30, 30, "0", "0", "0"),
    ("ended", DUSK, 30, 10, "-0.1", "0", "0"),
    # thirds of 0.1 rounded to cents: 0.03, 0.07, 0.10
    ("third", MARCH, 0, 1, "0.03", "0", "0"),
    ("third", MARCH, 1, 1, "0.04", "0", "0"),
    ("third", MARCH, 2, 1, "0.03", "0", "0"),
]


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    text = TERMS + RULE_RATES + '[calendar.c]\n[calendar.c.bands]\npeak = ["mon-fri 08:00-18:00"]\n'
    for name, tax, mode, bill in BESIDE:
        text += f'[plan.{name}]\ncurrency = "GBP"\ntax = "{tax}"\ntax_mode = "{mode}"\n{bill}'
        text += f'[[plan.{name}.rule]]\nrate = "cent"\n'
    for name in ("minute", "limited", "third"):
        text += f'[plan.{name}]\ncurrency = "GBP"\n[[plan.{name}.rule]]\nrate = "{name}"\n'
    for name in ("banded", "ended"):
        text += f'[plan.{name}]\ncurrency = "GBP"\ncalendar = "c"\n[[plan.{name}.rule]]\nband = "peak"\n'
        text += f'rate = "{name}"\n[[plan.{name}.rule]]\nrate = "low"\n'
    return compiled(tmp_path_factory.mktemp("tariff"), {"a.toml": text, "conversions.csv": CONVERSIONS})


@pytest.mark.parametrize("case", AMOUNTS, ids=[f"{row[0]} {row[2]}+{row[3]}" for row in AMOUNTS])
def test_amount(beside: Catalogue, case: tuple[str, str, int, int, str, str, str]) -> None:
    plan, start, offset, usage, *expected = case
    event = {"usage": usage, "usage_offset": offset, "start": start, "b_number": "+44", "keys": {"plan": plan}}
    charge = quoted(beside, event)
    told = [charge.get(key, "") for key in ("amount", "tax_amount", "converted_amount")]
    assert ([charge["error"], "", ""] if "error" in charge else told) == expected


# -- account keys tenant/category/subject: who pays at noon on 3 July 2024
SUBJECTS = (
    "kind,key,account,plan,valid_from,valid_to\naccount,t/c/*any,strangers,a,,\naccount,t/c/ann,ann,b,,\n"
    "account,t/c/ben,ben,b,,2024-01-01\naccount,t/d/cid,cid,b,,\ntrunk,T-1,trunk,b,,\n"
)
PAYERS = [
    ({"account": "t/c/ann"}, "ann b"),
    ({"account": "t/c/zoe"}, "strangers a"),
    ({"tenant": "t", "category": "c", "subject": "zoe"}, "strangers a"),
    # one that was a subscriber does not become a stranger
    ({"account": "t/c/ben"}, "no_plan"),
    # another category has its own strangers, or none
    ({"account": "t/d/zoe"}, "no_account"),
    ({"account": "zoe"}, "no_account"),
    ({"account": "", "trunk_in": "T-1"}, "trunk b"),
    ({"account": "t/c/zoe", "trunk_in": "T-1"}, "strangers a"),
]


@pytest.mark.parametrize(("keys", "expected"), PAYERS)
def test_payer(tmp_path: Path, keys: dict[str, str], expected: str) -> None:
    plans = "".join(f'[plan.{name}]\ncurrency = "GBP"\n[[plan.{name}.rule]]\nrate = "{name}"\n' for name in "ab")
    made = compiled(tmp_path, {"a.toml": RATES + plans, "subscriptions.csv": SUBJECTS})
    event = {"usage": 1, "start": PEAK, "a_number": "+1", "b_number": LONDON, "keys": keys}
    charge = quoted(made, event)
    assert " ".join(str(charge[key]) for key in ("error", "account", "rate") if key in charge) == expected
    told = " ".join(explain_event(parse_event(dict(event)), made, "retail").lines())
    assert f"account {expected.split(maxsplit=1)[0]}" in told or expected not in {"strangers a", "ann b"}
