"""Origins, classes of calls, taxes, conversion and partials: one event a row, its charge worked out by hand last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rating.quote import quote_lines
from tariffs.catalogue import Catalogue
from tariffs.compile import compile_tariff
from tariffs.load import load
from tests.tariff_folder import compiled, written

TARIFF = """
[zone.eea]
prefixes = ["33", "49"]
[zone.paris]
prefixes = ["331"]
[zone.uk]
prefixes = ["44"]
local = ["112", "45"]
[class.emergency]
local = ["112"]
[class.short]
local = ["1", "45"]
[class.family]
members = "family.csv"
[class.group]
same_account = true
[class.on-net]
subscribed = true
prefixes = ["44755"]
[tax.vat]
percent = "20"
rounding = { mode = "half_up", scale = 2 }
[tax.low]
percent = "8.875"
[rate.free]
currency = "GBP"
price = "0"
[rate.one]
currency = "GBP"
price = "0.01"
[rate.two]
currency = "GBP"
price = "0.02"
[rate.three]
currency = "GBP"
price = "0.03"
[rate.session]
currency = "GBP"
steps = [{ from = 0, price = "0.01", increment = 10, minimum = 30 }, { from = 60, price = "0.005" }]
setup_fee = "0.10"
max_charge = "1"
[rate.thirds]
currency = "GBP"
price = "0.1"
per = 3
rounding = { mode = "half_up", scale = 2 }

[plan.classes]
currency = "GBP"
match = ["class"]
[[plan.classes.rule]]
rate = "three"
[[plan.classes.rule]]
class = "emergency"
rate = "free"
[[plan.classes.rule]]
class = ["short", "on-net"]
rate = "two"
[[plan.classes.rule]]
class = ["family", "group"]
rate = "one"
[plan.strict]
currency = "GBP"
[[plan.strict.rule]]
class = "other"
zone = "uk"
rate = "three"
[plan.origins]
currency = "GBP"
match = ["zone", "origin"]
[[plan.origins.rule]]
origin = "eea"
rate = "one"
[[plan.origins.rule]]
origin = "paris"
zone = "uk"
rate = "two"
[[plan.origins.rule]]
zone = "uk"
rate = "three"
[plan.forwarding]
currency = "GBP"
[[plan.forwarding.rule]]
direction = "forwarded"
rate = "two"
[[plan.forwarding.rule]]
rate = "one"
[plan.net]
currency = "GBP"
tax = "vat"
[[plan.net.rule]]
rate = "three"
[[plan.net.rule]]
service = "sms"
tax = "none"
rate = "three"
[[plan.net.rule]]
service = "mms"
tax = "low"
rate = "three"
[plan.gross]
currency = "GBP"
tax = "vat"
tax_mode = "inclusive"
[[plan.gross.rule]]
rate = "one"
[plan.abroad]
currency = "GBP"
bill_currency = "XDR"
bill_rounding = { mode = "half_even", scale = 3 }
[[plan.abroad.rule]]
rate = "one"
[plan.session]
currency = "GBP"
tax = "vat"
[[plan.session.rule]]
rate = "session"
[rate.dear]
currency = "GBP"
price = "999999999"
[plan.dear]
currency = "GBP"
tax = "vat"
tax_mode = "inclusive"
bill_currency = "XDR"
[[plan.dear.rule]]
rate = "dear"
[[plan.dear.rule]]
service = "sms"
tax = "steep"
rate = "dear"
[tax.steep]
percent = "999.9999"
[plan.dearer]
currency = "GBP"
tax = "steep"
[[plan.dearer.rule]]
rate = "dear"
[plan.converted]
currency = "GBP"
bill_currency = "IDR"
[[plan.converted.rule]]
rate = "dear"
[plan.thirds]
currency = "GBP"
[[plan.thirds.rule]]
rate = "thirds"
"""
FILES = {
    "tariff.toml": TARIFF,
    "family.csv": "account,number\nann,+44700\nben,112\n",
    "conversions.csv": "from,to,rate,date,source\nGBP,XDR,0.95,2024-03-31,IMF\nGBP,XDR,0.955,2024-04-01,IMF\n"
    "GBP,IDR,20123.5,2024-01-01,ECB\n",
    "subscriptions.csv": "kind,key,account,plan,valid_from,valid_to\n"
    + "".join(f"account,{plan},ann,{plan},,\n" for plan in ("classes", "strict", "origins", "forwarding", "abroad"))
    + "".join(
        f"account,{plan},ann,{plan},,\n"
        for plan in ("net", "gross", "session", "thirds", "dear", "dearer", "converted")
    )
    + "number,+44701,ann,classes,,\nnumber,+44702,bob,classes,2024-03-01,2024-04-01\n",
}
NOON = "2024-03-06T12:00:00"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return compiled(tmp_path_factory.mktemp("tariff"), FILES)


# plan, what the event says besides; usage 100; rate, amount, tax, converted
CALLS = [
    ("classes", {"b_number": "112"}, "free 0"),
    ("classes", {"b_number": "1123"}, "free 0"),
    ("classes", {"b_number": "118"}, "two 2"),
    ("classes", {"b_number": "45"}, "two 2"),
    ("classes", {"b_number": "+44700"}, "one 1"),
    ("classes", {"b_number": "+44701"}, "one 1"),
    ("classes", {"b_number": "+44702"}, "two 2"),
    ("classes", {"b_number": "+44702", "start": "2024-04-01T00:00:00"}, "three 3"),
    ("classes", {"b_number": "+447551"}, "two 2"),
    ("classes", {"b_number": "+44999"}, "three 3"),
    ("classes", {"b_number": ""}, "three 3"),
    ("classes", {"a_number": "+33", "b_number": "+44701", "keys": {"direction": "forwarded"}}, "one 1"),
    ("classes", {"a_number": "+44700", "b_number": "+33", "keys": {"direction": "terminated"}}, "one 1"),
    ("strict", {"b_number": "+44999"}, "three 3"),
    ("strict", {"b_number": "+44702"}, "no_rate"),
    ("origins", {"a_number": "+491", "b_number": "+1"}, "one 1"),
    ("origins", {"a_number": "+332", "b_number": "+441"}, "three 3"),
    ("origins", {"a_number": "+331", "b_number": "+441"}, "two 2"),
    ("origins", {"a_number": "+331", "b_number": "+1"}, "no_rate"),
    ("origins", {"a_number": "33", "b_number": "+1"}, "no_rate"),
    ("origins", {"a_number": "+1", "b_number": "+441"}, "three 3"),
    ("forwarding", {"keys": {"direction": "forwarded"}}, "two 2"),
    ("forwarding", {"keys": {"direction": "originated"}}, "one 1"),
    ("net", {}, "three 3 vat 0.6"),
    ("net", {"usage": 4}, "three 0.12 vat 0.02"),
    ("net", {"usage": 0}, "three 0 vat 0"),
    ("net", {"service": "sms"}, "three 3"),
    ("net", {"service": "mms"}, "three 3 low 0.26625"),
    ("gross", {"usage": 120}, "one 1 vat 0.2"),
    ("gross", {"usage": 100}, "one 0.83 vat 0.17"),
    ("gross", {"usage": 3}, "one 0.02 vat 0.01"),
    ("abroad", {"start": "2024-03-31T00:00:00"}, "one 1 0.95 XDR"),
    ("abroad", {"start": "2024-03-31T23:59:59"}, "one 1 0.95 XDR"),
    ("abroad", {"start": "2024-04-01T00:00:00"}, "one 1 0.955 XDR"),
    ("abroad", {"start": "2024-04-01T00:00:00", "usage": 10}, "one 0.1 0.096 XDR"),
    ("abroad", {"start": "2024-04-01T00:00:00", "usage": 30}, "one 0.3 0.286 XDR"),
    ("abroad", {"start": "2024-03-30T23:59:59"}, "no_conversion"),
    ("session", {}, "session 0.9 vat 0.18"),
    ("session", {"usage": 20}, "session 0.4 vat 0.08"),
    ("session", {"usage": 20, "usage_offset": 20}, "session 0.1 vat 0.02"),
    ("session", {"usage": 60, "usage_offset": 40}, "session 0.4 vat 0.08"),
    ("session", {"usage": 100, "usage_offset": 100}, "session 0.1 vat 0.02"),
    ("session", {"usage": 0, "usage_offset": 100}, "session 0 vat 0"),
    ("session", {"usage": 2**53 - 1, "usage_offset": 1}, "amount_overflow"),
    ("session", {"usage": 2**63 - 1, "usage_offset": 2**63 - 1}, "amount_overflow"),
    ("dear", {"usage": 1, "start": "2024-04-01T00:00:00"}, "dear 833333332.5 vat 166666666.5 795833332.5375 XDR"),
    ("dear", {"usage": 2, "start": "2024-04-01T00:00:00"}, "amount_overflow"),
    ("dearer", {"usage": 0}, "dear 0 steep 0"),
    ("dearer", {"usage": 1}, "amount_overflow"),
    ("converted", {"usage": 1}, "amount_overflow"),
    ("converted", {"usage": 0}, "dear 0 0 IDR"),
    ("thirds", {"usage": 1}, "thirds 0.03"),
    ("thirds", {"usage": 1, "usage_offset": 1}, "thirds 0.04"),
    ("thirds", {"usage": 1, "usage_offset": 2}, "thirds 0.03"),
]


def _told(answer: dict[str, object]) -> str:
    if answer["error"]:
        return str(answer["error"]).split(":")[0]
    (charge,) = answer["charges"]  # type: ignore[misc, attr-defined]  # a list, by the line's own form
    tax = [charge["tax_code"], charge["tax_amount"]] if charge["tax_code"] else []
    bill = [charge["converted_amount"], charge["converted_currency"]] if charge["converted_currency"] else []
    return " ".join([charge["rate"], charge["amount"], *tax, *bill])


@pytest.mark.parametrize("case", CALLS, ids=[f"{case[0]} {case[1]}" for case in CALLS])
def test_calls(catalogue: Catalogue, case: tuple[str, dict[str, object], str]) -> None:
    plan, said, expected = case
    keys = {"account": plan, **said.get("keys", {})}  # type: ignore[dict-item]  # keys are an object
    event = {"usage": 100, "start": NOON, "a_number": "+1", "b_number": "+441"} | said | {"keys": keys}
    event["service"] = said.get("service", "voice")
    (answer,) = quote_lines(catalogue, [json.dumps({"unit": "s"} | event)])
    assert _told(answer) == expected


# what is wrong: the tariff's text changed, the problem
WRONG = [
    ('percent = "20"', "percent = 20", 'a percentage as a string such as "20"'),
    ('percent = "20"', 'percent = "20.00001"', "at most 4 places"),
    ('tax = "vat"', 'tax = "gst"', "there is no tax gst"),
    ('bill_currency = "XDR"', 'bill_currency = "USD"', "no rate from GBP to USD"),
    ('class = "other"', 'class = "friends"', "there is no class friends"),
    ('origin = "eea"', 'origin = "asia"', "there is no origin asia"),
    ('prefixes = ["331"]', 'prefixes = ["33"]', "prefix 33 is in two origin zones"),
    ("[class.short]", "[class.other]", "is the class of events of no class"),
    ("same_account = true", "", "expected prefixes, local, subscribed, same_account or members"),
    ('match = ["class"]', 'match = ["class", "class"]', "names a column twice"),
]


@pytest.mark.parametrize(("text", "other", "problem"), WRONG)
def test_problems(tmp_path: Path, text: str, other: str, problem: str) -> None:
    files = {name: content.replace(text, other, 1) for name, content in FILES.items()}
    tariff, problems = load(written(tmp_path, files))
    _, more = compile_tariff(tariff)
    assert problem in " ".join(str(each) for each in (*problems, *more))
