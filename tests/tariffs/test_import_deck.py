"""A-Z sheets, CSV and XLSX: what a code costs after the import, and which rows are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from tariffs.importers.deck import codes, import_deck
from tariffs.importers.mapping import Mapping, mapping
from tests.tariffs.imports import HERE, Quote, compiled, differing, real
from tests.tariffs.workbook import Date, write_workbook

MARCH, JULY = "2024-03-06T12:00:00", "2024-07-03T12:00:00"

# name, B-number, start, usage, expected
CARD = [
    ("the country code alone", "+44161", MARCH, 61, "0.024"),
    ("30/6 and a fee", "+442071", MARCH, 32, "0.019"),  # 0.01 + 36 s x 0.015 / 60
    ("a second code of the cell", "+4479111", MARCH, 60, "0.025"),
    ("a range, by the second", "+447521", MARCH, 30, "0.0105"),
    ("the range ends there", "+447523", MARCH, 60, "0.012"),
    ("its period is over", "+447521", JULY, 60, "0.012"),
    ("dates are of the zone: still June in Berlin", "+447521", "2024-06-30T21:59:59", 60, "0.021"),
    ("and July", "+447521", "2024-06-30T22:00:00", 60, "0.012"),
    ("a short range", "+447532", MARCH, 60, "0.022"),
    ("before the increase", "+447530", MARCH, 60, "0.022"),
    ("after it", "+447530", JULY, 60, "0.033"),
    ("two prices from one day: the first", "+447531", MARCH, 60, "0.022"),
    ("a bad price prices nothing", "+331", MARCH, 60, "no_rate"),
    ("nor does no price", "+336", MARCH, 60, "no_rate"),
    ("a bad interval", "+39", MARCH, 60, "no_rate"),
    ("before all", "+44161", "2023-12-31T22:59:59", 60, "no_rate"),
]

# line, whether it is lost, part of the message
FINDINGS = [
    (0, False, "1 rows are left out: Status 'Closed'"),
    (7, False, "447530 replaces line 6"),
    (8, True, "447531 begins with line 6, which is kept"),
    (9, False, "447532 begins with line 6, which is kept"),
    (10, True, "price: expected a decimal number such as 0.15, not '015'"),
    (11, False, "6 has no price"),
    (12, True, "expected codes such as 4420-4429, 4477, not 'x'"),
    (13, True, "codes of one length"),
    (14, True, "expected a date"),
    (15, True, "the period ends"),
    (16, True, "increment: expected a whole number of at least 1, not '0'"),
]


def _quotes(plan: str) -> list[Quote]:
    return [Quote(f"plan {plan}", b, start, usage, "voice", cost) for _, b, start, usage, cost in CARD]


def test_sheet(tmp_path: Path) -> None:
    report = import_deck(HERE / "az_sheet.csv", tmp_path, mapping({"mapping": HERE / "az_mapping.toml"}))
    assert differing(compiled(tmp_path), _quotes("example")) == []
    assert [(each.place.line, each.lost) for each in report.sorted] == [row[:2] for row in FINDINGS]
    for finding, (_, _, part) in zip(report.sorted, FINDINGS, strict=True):
        assert part in finding.message


def test_workbook(tmp_path: Path) -> None:
    """Numbers of a workbook are cells of their own kind: 0.1 + 0.2 shows as 0.3 there, and is 0.3 here."""
    rows = [["Code", "Price", "Since"], [4420, 0.3, Date(45292)], [4477, 0.000012, Date(45292)], ["", "", ""]]
    write_workbook(tmp_path / "sheet.xlsx", rows)
    columns = {"prefix": "Code", "price": "Price", "valid_from": "Since"}
    report = import_deck(tmp_path / "sheet.xlsx", tmp_path / "out", Mapping("xlsx", "EUR", columns, per=1))
    assert report.sorted == []
    card = [
        Quote("plan xlsx", "+44201", "2024-01-01T00:00:00", 7, "voice", "2.1"),
        Quote("plan xlsx", "+4477", "2024-01-01T00:00:00", 7, "voice", "0.000084"),
        Quote("plan xlsx", "+44201", "2023-12-31T23:59:59", 7, "voice", "no_rate"),
    ]
    assert differing(compiled(tmp_path / "out"), card) == []


# cell, country, codes
CODES = [
    ("4420", "", ["4420"]),
    ("+4420", "", ["4420"]),
    ("4420-4422, 4477", "", ["4420", "4421", "4422", "4477"]),
    ("20-22;77", "44", ["4420", "4421", "4422", "4477"]),
    ("7530-32", "+44", ["447530", "447531", "447532"]),
    ("098-101", "1", ["1098", "1099", "1100", "1101"]),
    ("", "44", ["44"]),
    ("20, 20", "44", ["4420"]),
]


@pytest.mark.parametrize(("text", "country", "expected"), CODES)
def test_codes(text: str, country: str, expected: list[str]) -> None:
    assert codes(text, country) == expected


@pytest.mark.parametrize("text", ["", "mobile", "20-10", "1-99999", "1234567890123456789"])
def test_what_is_no_code(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        codes(text)


# settings, part of the message
WRONG = [
    ({"column": ["prefix=Codes"], "currency": "EUR"}, "which column is the price"),
    ({"column": ["prefix=Codes", "price=Price"]}, "currency: is required"),
    ({"column": ["prefix=Codes", "price=Price", "band=x"], "currency": "EUR"}, "band is unknown"),
    ({"column": ["prefix"], "currency": "EUR"}, "expected NAME=VALUE"),
    ({"column": ["prefix=Codes", "price=Price"], "currency": "EUR", "id": "../x"}, "id: expected letters"),
    ({"column": ["prefix=Codes", "price=Price"], "currency": "EUR", "per": 0}, "per: expected at least 1"),
    ({"column": ["prefix=Codes", "price=Cost"], "currency": "EUR", "separator": ";"}, "expected one column 'Cost'"),
    ({"column": ["prefix=Codes", "price=Price"], "currency": "EUR", "encoding": "x"}, "cannot be read"),
]


@pytest.mark.parametrize(("settings", "message"), WRONG)
def test_wrong_use(tmp_path: Path, settings: dict[str, object], message: str) -> None:
    sheet = HERE / "az_sheet.csv"
    with pytest.raises(ValueError, match=message):
        import_deck(sheet, tmp_path, mapping({"source": str(sheet), **settings}))
    assert not list(tmp_path.iterdir())


def test_real_sheet_with_two_prices_a_row(tmp_path: Path) -> None:
    """A price of the first interval and one of each further one: a bad one, and two that differ by the second."""
    names = ("prefix", "zone", "per", "price", "next_per", "next_price")
    columns = {name: str(number) for number, name in enumerate(names, 1)} | {"minimum": "3", "increment": "5"}
    sheet = real("sigscale_ocs_tariff-periods.csv")
    report = import_deck(sheet, tmp_path, Mapping("periods", "USD", columns, header=False))
    assert [(each.place.line, each.lost) for each in report.sorted] == [(5, True), (6, True)]
    assert "'015'" in report.sorted[0].message
    card = [
        Quote("plan periods", "+14161", MARCH, 61, "voice", "0.01353"),  # 0.0123 + 0.00123
        Quote("plan periods", "+441", MARCH, 61, "voice", "0.075"),  # 0.05 + 0.025
        Quote("plan periods", "+18001", MARCH, 61, "voice", "0"),
        Quote("plan periods", "+941", MARCH, 61, "voice", "no_rate"),
    ]
    assert differing(compiled(tmp_path), card) == []


def test_real_sheet_of_27523_codes(tmp_path: Path) -> None:
    columns = {"prefix": "Prefix", "zone": "Destination", "price": "Rate", "minimum": "First Interval"}
    columns |= {"increment": "Sub Interval", "valid_from": "Start Date", "valid_to": "End Date"}
    sheet = real("sdf_outbound_rates.csv")
    report = import_deck(sheet, tmp_path, Mapping("sdf", "USD", columns, where={"Status": ("Current",)}))
    assert report.written["prefixes"] == 27_523
    assert report.complete
    # line 2: AFGHANISTAN - CDMA, 30/6 at 0.2875 a minute: 36 s
    card = [Quote("plan sdf", "+93751", MARCH, 31, "voice", "0.1725")]
    assert differing(compiled(tmp_path), card) == []
