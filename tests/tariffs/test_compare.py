"""Two decks compared: one destination a row, what changed and by how much last."""

from __future__ import annotations

from pathlib import Path

import pytest

from tariffs.catalogue import Catalogue
from tariffs.compare import compare, percent_text
from tariffs.pricelist import cells, money, prices
from tests.tariff_folder import compiled

AT = 1_772_323_200_000_000  # 2026-03-01
HEAD = "prefix,zone,price,increment,valid_from,valid_to\n"
TOML = """
[calendar.w]
[calendar.w.bands]
peak = ["mon-fri"]
[deck.d]
file = "d.csv"
currency = "GBP"
[deck.d.columns]
prefix = "prefix"
zone = "zone"
price = "price"
increment = "increment"
valid_from = "valid_from"
valid_to = "valid_to"
[zone.mobile]
prefixes = ["447"]
[rate.peak]
currency = "GBP"
price = "0.2"
[rate.off]
currency = "GBP"
price = "0.1"
[plan.p]
currency = "GBP"
calendar = "w"
[[plan.p.rule]]
service = ["voice", "sms"]
direction = "originated"
deck = "d"
[[plan.p.rule]]
service = "voice"
direction = "originated"
zone = "mobile"
band = "peak"
rate = "peak"
[[plan.p.rule]]
service = "voice"
direction = "originated"
zone = "mobile"
band = "any"
rate = "off"
"""


def _catalogue(folder: Path, rows: str, toml: str = TOML) -> Catalogue:
    return compiled(folder, {"a.toml": toml, "d.csv": HEAD + rows})


OLD = "1,US,0.01,1,,\n44,UK,0.02,1,,\n4420,LONDON,0.03,1,,\n33,FR,0,1,,\n49,DE,0.05,1,,2026-02-01\n"
# the new deck, changes of voice (prefix, band, change, old, new, percent)
CASES = [
    (OLD, []),
    (OLD.replace("0.01", "0.0125"), [("+1", "up", "0.01 per 60, 1/1", "0.0125 per 60, 1/1", "+25")]),
    (OLD.replace("0.03", "0.02"), [("+4420", "down", "0.03 per 60, 1/1", "0.02 per 60, 1/1", "-33.3333")]),
    (OLD.replace("0.01,1", "0.01,60"), [("+1", "terms", "0.01 per 60, 1/1", "0.01 per 60, 60/60", "+0")]),
    (OLD.replace("FR,0", "FR,0.1"), [("+33", "up", "0 per 60, 1/1", "0.1 per 60, 1/1", "")]),
    (OLD + "34,ES,0.1,1,,\n", [("+34", "new", "", "0.1 per 60, 1/1", "")]),
    # a new code is compared with the shorter one that priced it, a lost one with the one that prices it now
    (OLD + "441,UK,0.03,1,,\n", [("+441", "new", "0.02 per 60, 1/1", "0.03 per 60, 1/1", "+50")]),
    (
        OLD.replace("4420,LONDON,0.03,1,,\n", ""),
        [("+4420", "gone", "0.03 per 60, 1/1", "0.02 per 60, 1/1", "-33.3333")],
    ),
    (OLD.replace("1,US,0.01,1,,\n", ""), [("+1", "gone", "0.01 per 60, 1/1", "", "")]),
    # what is not in force at the instant is not compared
    (OLD.replace("0.05", "0.5"), []),
    (OLD.replace(",,2026-02-01", ",2026-03-01,"), [("+49", "new", "", "0.05 per 60, 1/1", "")]),
]


@pytest.mark.parametrize(("rows", "expected"), CASES)
def test_changes_of_a_deck(tmp_path: Path, rows: str, expected: list[tuple[str, ...]]) -> None:
    found = compare(_catalogue(tmp_path / "old", OLD), _catalogue(tmp_path / "new", rows), AT).rows
    told = [
        (row["usage"], row["prefix"], row["change"], row["old"], row["new"], percent_text(row["percent"]))
        for row in found.iter_rows(named=True)
    ]
    per_usage = {"voice originated", "sms originated"}
    assert set(told) == {(usage, *change) for usage in per_usage for change in expected}
    assert len(told) == 2 * len(expected)


def test_bands_are_compared_one_by_one(tmp_path: Path) -> None:
    old = _catalogue(tmp_path / "old", OLD)
    new = _catalogue(tmp_path / "new", OLD, TOML.replace('price = "0.2"', 'price = "0.3"'))
    rows = compare(old, new, AT).rows
    assert rows.select("prefix", "band", "change").rows() == [("+447", "peak", "up")]


# the deck lists +447 too, behind a zone with a price in the peak alone: the new price, what changes
BESIDE = [("0.05", [("+447", "any", "up")]), ("0.04", [])]


@pytest.mark.parametrize(("price", "changes"), BESIDE)
def test_a_price_that_stands_in_some_bands_only(
    tmp_path: Path, price: str, changes: list[tuple[str, str, str]]
) -> None:
    peak_only = TOML[: TOML.rindex("[[plan.p.rule]]")].replace('service = ["voice", "sms"]', 'service = "voice"')
    old = _catalogue(tmp_path / "old", OLD + "447,M,0.04,1,,\n", peak_only)
    new = _catalogue(tmp_path / "new", OLD + f"447,M,{price},1,,\n", peak_only)
    assert compare(old, new, AT).rows.select("prefix", "band", "change").rows() == changes


def test_summary_and_largest(tmp_path: Path) -> None:
    old = _catalogue(tmp_path / "old", OLD)
    new = _catalogue(tmp_path / "new", OLD.replace("0.01", "0.02").replace("0.02,1", "0.01,1"))
    found = compare(old, new, AT)
    assert found.summary("plan", "usage").rows() == [
        ("p", "sms originated", 0, 1, 0, 0, 0, -500_000, -500_000),
        ("p", "voice originated", 0, 1, 0, 0, 0, -500_000, -500_000),
    ]
    assert found.largest(1)["percent"].to_list() == [-500_000]


def test_other_currencies_are_not_compared(tmp_path: Path) -> None:
    old = _catalogue(tmp_path / "old", OLD)
    new = _catalogue(tmp_path / "new", OLD, TOML.replace("GBP", "EUR"))
    rows = compare(old, new, AT).rows
    assert set(rows["change"]) == {"new", "gone"}
    assert rows["percent"].null_count() == rows.height


def test_price_list_has_every_row_with_the_zone_first(tmp_path: Path) -> None:
    made = _catalogue(tmp_path / "one", OLD + "447,MOBILE,1,1,,\n")
    voice = cells(made).row(0, named=True)
    assert (voice["plan"], voice["service"], voice["direction"], voice["currency"]) == (
        "p",
        "voice",
        "originated",
        "GBP",
    )
    rows = prices(made, [voice["cell"]]).select("prefix", "zone", "band")
    mobile = [row for row in rows.rows() if row[0] == "+447"]
    assert mobile == [("+447", "mobile", "any"), ("+447", "mobile", "peak"), ("+447", "MOBILE", "")]


@pytest.mark.parametrize(("nano", "text"), [(0, "0"), (12_500_000, "0.0125"), (3_000_000_000, "3"), (1, "0.000000001")])
def test_money(nano: int, text: str) -> None:
    assert money(nano) == text


def test_a_tax_is_among_the_terms(tmp_path: Path) -> None:
    old = _catalogue(tmp_path / "old", OLD)
    taxed = TOML.replace('calendar = "w"\n', 'calendar = "w"\ntax = "vat"\n') + '[tax.vat]\npercent = "20"\n'
    rows = compare(old, _catalogue(tmp_path / "new", OLD, taxed), AT).rows
    assert set(rows["change"]) == {"terms"}
    assert rows.filter(rows["prefix"] == "+1")["new"].to_list() == ["0.01 per 60, 1/1, tax vat exclusive"] * 2


VARIANTS = """
[zone.uk]
prefixes = ["44"]
[class.kin]
subscribed = true
[rate.r]
currency = "GBP"
price = "1"
[rate.low]
currency = "GBP"
price = "0.5"
[plan.p]
currency = "GBP"
[[plan.p.rule]]
rate = "r"
"""
KIN = '[[plan.p.rule]]\nclass = "kin"\nrate = "low"\n'
FROM_UK = '[[plan.p.rule]]\norigin = "uk"\nrate = "low"\n'
# the rules of the new tariff, what usage becomes cheaper
VARYING = [
    ("", []),
    (KIN, ["any class kin"]),
    (FROM_UK, ["any from uk class other+kin"]),
    (FROM_UK.replace("low", "r"), []),
]


@pytest.mark.parametrize(("rules", "usages"), VARYING)
def test_origins_and_classes_are_compared_one_by_one(tmp_path: Path, rules: str, usages: list[str]) -> None:
    old, new = (_catalogue(tmp_path / name, "", VARIANTS + more) for name, more in (("old", ""), ("new", rules)))
    assert [(row["usage"], row["change"]) for row in compare(old, new, AT).rows.iter_rows(named=True)] == [
        (usage, "down") for usage in usages
    ]
    assert compare(new, old, AT).rows["change"].to_list() == ["up" for _ in usages]
