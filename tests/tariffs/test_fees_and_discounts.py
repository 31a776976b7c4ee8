"""Fees and discounts as text: what is refused, and where; what a tariff without them is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tariffs.compile import compile_tariff
from tariffs.definitions import changed_definitions
from tariffs.lints.rules import unused
from tariffs.load import load
from tariffs.shown import said
from tests.tariff_folder import compiled, loaded, wrong

TARIFF = """
[calendar.uk]
zone = "Europe/London"
[rate.r]
currency = "XDR"
price = "1"
[plan.p]
currency = "XDR"
bill_currency = "GBP"
calendar = "uk"
[[plan.p.rule]]
rate = "r"
[plan.q]
currency = "XDR"
bill_currency = "GBP"
[[plan.q.rule]]
rate = "r"
""".lstrip()
FEE = '[fee.f]\nplan = "p"\namount = "5.50"\ncurrency = "GBP"\n'
TENTH = '[discount.d]\nplan = "p"\npercent = "10"\n'

# text (from line 17 on), line, key, part of the message
WRONG = [
    ('[fee.f]\nplan = "p"\ncurrency = "GBP"', 17, "fee.f.amount", "is required"),
    (FEE.replace('"5.50"', "5.5"), 19, "fee.f.amount", "money as a string"),
    (FEE.replace('"5.50"', '"0"'), 19, "fee.f.amount", "more than 0"),
    (FEE + 'period = "year"', 21, "fee.f.period", "a number of days"),
    (FEE + 'period = "30 days"', 17, "fee.f.anchor", "a day on which a period begins"),
    (FEE + 'due = "later"', 21, "fee.f.due", "advance, arrears"),
    (FEE + 'per = "sim"', 21, "fee.f.per", "account, number, imsi, trunk"),
    (FEE.replace("5.50", "1.25") + 'proration = "up"\nscale = 1', 19, "fee.f.amount", "not whole at the scale 1"),
    (FEE + 'proration = "up"\nscale = 10', 22, "fee.f.scale", "0 to 9"),
    (FEE + "scale = 2", 21, "fee.f.scale", "with a proration"),
    (FEE + 'period = "once"\nproration = "up"', 22, "fee.f.proration", "of periods"),
    (FEE + 'period = "once"\ndue = "arrears"', 22, "fee.f.due", "of periods"),
    (FEE + "colour = 1", 21, "fee.f.colour", "is unknown"),
    (FEE.replace('"p"', '"x"') + 'time_zone = "UTC"', 17, "fee.f.plan", "there is no plan x"),
    (FEE.replace("GBP", "XDR"), 17, "fee.f.currency", "the bill of plan p is in GBP"),
    (FEE + 'tax = "vat"', 17, "fee.f.tax", "there is no tax vat"),
    (FEE.replace('"p"', '["p", "q"]'), 17, "fee.f.time_zone", "several zones"),
    ('[discount.d]\npercent = "10"', 17, "discount.d.plan", "is required"),
    ('[discount.d]\nplan = "p"', 17, "discount.d.percent", "either a percentage or an amount"),
    (TENTH + 'amount = "5"\ncurrency = "GBP"', 19, "discount.d.percent", "either a percentage or an amount"),
    (TENTH.replace('"10"', '"100.1"'), 19, "discount.d.percent", "at most 100"),
    (TENTH + 'cap = "5"', 17, "discount.d.currency", "is required by cap"),
    (TENTH + 'when = { above = "5" }', 17, "discount.d.currency", "is required by when.above"),
    (TENTH + 'on = "all"', 20, "discount.d.on", "with above"),
    (TENTH + 'service = "fax"', 20, "discount.d.service", "expected one of voice"),
    (TENTH + 'service = "sms"\nlines = "fees"', 20, "discount.d.service", "a fee has none"),
    (TENTH + 'fee = "f"\nlines = "usage"', 20, "discount.d.fee", "usage is no fee"),
    (TENTH + "order = -1", 20, "discount.d.order", "from 0"),
    (TENTH + 'cap = "0.001"\ncurrency = "GBP"\nrounding = { scale = 2 }', 20, "discount.d.cap", "not whole"),
    (TENTH + 'when = { limit = "5" }', 20, "discount.d.when.limit", "is unknown"),
    (TENTH.replace('"p"', '"x"'), 17, "discount.d.plan", "there is no plan x"),
    (TENTH + 'zone = "moon"', 17, "discount.d.zone", "there is no zone moon"),
    (TENTH + 'band = "peak"', 17, "discount.d.band", "there is no band peak"),
    (TENTH + 'rate = "cheap"', 17, "discount.d.rate", "there is no rate cheap"),
    (TENTH + 'fee = "f"', 17, "discount.d.fee", "there is no fee f"),
    (TENTH + 'when = { fee = "f" }', 17, "discount.d.when.fee", "there is no fee f"),
    (FEE.replace('"p"', '"q"') + TENTH + 'fee = "f"', 21, "discount.d.fee", "f is a fee of q, of none of its plans"),
]  # fmt: skip


def files(text: str) -> dict[str, str]:
    return {"t.toml": TARIFF + text, "conversions.csv": "from,to,rate,date,source\nXDR,GBP,0.9,2026-01-01,IMF\n"}


@pytest.mark.parametrize(("text", "line", "key", "message"), WRONG)
def test_wrong(text: str, line: int, key: str, message: str, tmp_path: Path) -> None:
    found = wrong(tmp_path, files(text))
    assert [(each.place.line, each.key) for each in found if message in each.message] == [(line, key)], found


def test_every_place_of_a_difference_is_told(tmp_path: Path) -> None:
    texts = ("", FEE + TENTH, FEE.replace("5.50", "6") + TENTH + 'text = "Ten off"')
    none, old, new = (compiled(tmp_path / str(n), files(text)) for n, text in enumerate(texts))
    assert len({none.version, old.version, new.version}) == 3
    told = changed_definitions(none, old).rows(), changed_definitions(old, new).rows()
    assert told == (
        [("fee.f", "new", ""), ("discount.d", "new", "")],
        [("fee.f", "changed", "amount"), ("discount.d", "changed", "text")],
    )


DOCS = Path(__file__).parents[2] / "docs" / "fees-and-discounts.md"
PLANS = """
[rate.r]
currency = "EUR"
price = "1"
"""


def test_the_page_has_a_tariff_that_compiles(tmp_path: Path) -> None:
    examples = re.findall(r"```toml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    plan = '[plan.{0}]\ncurrency = "EUR"\n[[plan.{0}.rule]]\nrate = "r"\n'
    plans = [plan.format(name) for name in ("mobile", "mobile-xl", "broadband")]
    line = '[fee.line]\nplan = "broadband"\namount = "30"\ncurrency = "EUR"\n'
    (tmp_path / "t.toml").write_text(PLANS + "".join([*plans, line, *examples]))
    tariff, problems = load(tmp_path)
    assert [*problems, *compile_tariff(tariff)[1]] == []
    assert (list(tariff.fees), list(tariff.discounts)) == (["line", "rental", "welcome"], ["loyal", "bundle"])
    assert tariff.allowances["first-message"].period.kind == "day"


def test_they_are_shown(tmp_path: Path) -> None:
    text = FEE + TENTH + 'currency = "GBP"\nwhen = { plan = ["p", "q"], above = "5" }\n'
    made = compiled(tmp_path, files(text))
    assert said(made, "fee").rows(named=True) == [{"fee": "f", "plan": "p", "amount": "5.5", "currency": "GBP"}]
    assert said(made, "discount", "p")["when"].to_list() == ["plan p q, above 5"]
    assert said(made, "discount", "q").is_empty()
    assert said(made, "allowance").is_empty()


def test_a_class_that_an_allowance_names_is_used(tmp_path: Path) -> None:
    minutes = '[allowance.a]\nplan = "p"\nunit = "s"\namount = 1\nclass = "used"\n'
    classes = "[class.used]\nsubscribed = true\n[class.idle]\nsubscribed = true\n"
    tariff = loaded(tmp_path, files(classes + minutes))
    assert [each.key for each in unused(tariff)] == ["class.idle"]


def test_a_tariff_without_them_has_no_trace_of_them(tmp_path: Path) -> None:
    made = compiled(tmp_path, files(""))
    assert not [text for text in made.folder_text().values() if b"[fee" in text or b"[discount" in text]
