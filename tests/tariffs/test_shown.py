"""What ``toll tariff show`` tells of a plan whose prices turn on origins, classes and bands: one question a row."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from tariffs import shown
from tariffs.catalogue import Catalogue
from tests.tariff_folder import compiled

AT = 1_772_323_200_000_000  # 2026-03-01, a Sunday
TARIFF = """
[calendar.w]
[calendar.w.bands]
peak = ["mon-fri"]
[zone.uk]
prefixes = ["44"]
[zone.fr]
prefixes = ["33"]
[class.kin]
subscribed = true
[rate.one]
currency = "GBP"
price = "1"
[rate.half]
currency = "GBP"
price = "0.5"
[rate.euro]
currency = "EUR"
price = "0.3"
[plan.a]
currency = "EUR"
bill_currency = "XDR"
[[plan.a.rule]]
rate = "euro"
[plan.p]
currency = "GBP"
calendar = "w"
[[plan.p.rule]]
service = "voice"
origin = "fr"
class = "kin"
zone = "uk"
rate = "half"
[[plan.p.rule]]
service = "voice"
origin = "fr"
zone = "uk"
band = "peak"
rate = "one"
[[plan.p.rule]]
service = "sms"
class = "kin"
rate = "half"
[[plan.p.rule]]
service = "sms"
origin = "uk"
rate = "one"
"""
ONE, HALF = "1 per 1, 1/1", "0.5 per 1, 1/1"
FR_KIN, FR = "voice from fr class kin", "voice from fr class other"
KIN, UK = "sms class kin", "sms from uk class other"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    conversions = "from,to,rate,date,source\nEUR,XDR,0.8,2024-01-01,IMF\n"
    return compiled(tmp_path_factory.mktemp("tariff"), {"a.toml": TARIFF, "conversions.csv": conversions})


# the question, the columns that matter, the rows
TABLES: list[tuple[str, Callable[[Catalogue], pl.DataFrame], list[str], set[tuple[object, ...]]]] = [
    ("plans", shown.plans, ["plan", "currency", "bill", "rules"], {("a", "EUR", "XDR", 1), ("p", "GBP", "", 4)}),
    (
        "rules",
        lambda made: shown.rules(made, "p"),
        ["usage", "rule", "bands", "prefixes"],
        {
            (FR_KIN, "service=voice origin=fr zone=uk class=kin -> rate half", "all", 1),
            (KIN, "service=sms class=kin -> rate half", "all", 1),
            (UK, "service=sms origin=uk -> rate one", "all", 1),
            (FR, "service=voice origin=fr zone=uk band=peak -> rate one", "peak", 1),
        },
    ),
    (
        "zones",
        lambda made: shown.zones(made, "p", AT),
        ["usage", "zone", "band", "terms"],
        {
            (FR_KIN, "uk", "", HALF),
            (FR, "uk", "peak", ONE),
        },
    ),
    (
        "sheet",
        lambda made: shown.sheet(made, "p", AT),
        ["usage", "prefix", "band", "terms", "currency"],
        {
            (FR_KIN, "+44", "", HALF, "GBP"),
            (KIN, "", "", HALF, "GBP"),
            (UK, "", "", ONE, "GBP"),
            (FR, "+44", "peak", ONE, "GBP"),
        },
    ),
    (
        "number on Sunday",
        lambda made: shown.met(made, "+4420", "voice", AT),
        ["plan", "usage", "band", "rate"],
        {("a", "voice", "any", "euro"), ("p", FR_KIN, "any", "half")},
    ),
    (
        "number on Monday",
        lambda made: shown.met(made, "+4420", "voice", AT + 86_400_000_000, "p"),
        ["usage", "band", "prefix", "rate"],
        {(FR_KIN, "peak", "+44", "half"), (FR, "peak", "+44", "one")},
    ),
]


@pytest.mark.parametrize(("ask", "columns", "rows"), [each[1:] for each in TABLES], ids=[each[0] for each in TABLES])
def test_shown(
    catalogue: Catalogue,
    ask: Callable[[Catalogue], pl.DataFrame],
    columns: list[str],
    rows: set[tuple[object, ...]],
) -> None:
    assert rows <= set(ask(catalogue).select(columns).rows())
