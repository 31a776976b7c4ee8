"""The two tutorial folders of CGRateS: imported, and quotes of them computed by hand from their CSV files."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tariffs.importers.cgrates import import_cgrates
from tests.tariffs.imports import Quote, compiled, differing, real

NOON = "2024-03-06T12:00:00"  # a Wednesday

# keys, B-number, start, usage, service, expected
TUTORIAL = [
    # 1001 since 2014: 1002 at 0.4 + 0.2 for the first minute, then 0.1 / 60 a second, up at 4 decimals
    Quote("cgrates.org call 1001", "1002", NOON, 0, "voice", "0"),
    Quote("cgrates.org call 1001", "1002", NOON, 1, "voice", "0.6"),
    Quote("cgrates.org call 1001", "1002", NOON, 60, "voice", "0.6"),
    Quote("cgrates.org call 1001", "1002", NOON, 61, "voice", "0.6017"),  # 0.6 + 0.0016666...
    Quote("cgrates.org call 1001", "1002", NOON, 120, "voice", "0.7"),
    Quote("cgrates.org call 1001", "+1002", NOON, 60, "voice", "0.6"),
    Quote("cgrates.org call 1001", "10021234567", NOON, 60, "voice", "0.6"),
    # 1003 at 0.01 a second; the ceiling of 0.12 ends calls, it lowers no price
    Quote("cgrates.org call 1001", "1003", NOON, 12, "voice", "0.12"),
    Quote("cgrates.org call 1001", "1003", NOON, 60, "voice", "0.6"),
    Quote("cgrates.org call 1001", "1001", NOON, 60, "voice", "no_rate"),
    # until 2014 it had the plan that has 1001 only
    Quote("cgrates.org call 1001", "1001", "2014-01-13T23:59:59", 60, "voice", "0.6"),
    Quote("cgrates.org call 1001", "1002", "2014-01-13T23:59:59", 60, "voice", "no_rate"),
    Quote("cgrates.org call 1001", "1002", "2014-01-14T00:00:00", 60, "voice", "0.6"),
    Quote("cgrates.org call 1001", "1001", "2010-01-13T23:59:59", 60, "voice", "no_plan"),
    Quote("cgrates.org call 1002", "1001", NOON, 61, "voice", "0.6017"),
    Quote("cgrates.org call 1002", "1001", "2013-06-01T00:00:00", 61, "voice", "no_plan"),
    # 1003 calls 1001 at 0.2 + 0.1 for the first minute, then 0.05 / 60 a second
    Quote("cgrates.org call 1003", "1001", NOON, 1, "voice", "0.3"),
    Quote("cgrates.org call 1003", "1001", NOON, 90, "voice", "0.325"),
    Quote("cgrates.org call 1003", "1001", NOON, 61, "voice", "0.3009"),  # 0.3 + 0.00083...
    # nobody else calls in cgrates.org, everybody does in cgrates.com
    Quote("cgrates.org call 1004", "1001", NOON, 60, "voice", "no_account"),
    Quote("cgrates.com call 1004", "1002", NOON, 60, "voice", "0.6"),
    Quote("cgrates.com custom_charger 1004", "1003", NOON, 60, "voice", "0.6"),
    Quote("cgrates.org sms 1001", "4477", NOON, 3, "sms", "0.03"),
    Quote("cgrates.org mms 1001", "4477", NOON, 1, "mms", "0.01"),
    # a plan that no profile has
    Quote("plan RP_1002_LOW", "1001", NOON, 60, "voice", "0.3"),
]

TUTORIAL2 = [
    # prefix 10, peak (Mon-Fri 08:00-19:00): 0.2 + 1.2 for the first minute, then 0.02 a second
    Quote("cgrates.org call 1007", "1003", NOON, 0, "voice", "0"),
    Quote("cgrates.org call 1007", "1003", NOON, 1, "voice", "1.4"),
    Quote("cgrates.org call 1007", "1003", NOON, 61, "voice", "1.42"),
    # off-peak: 0.1 + 0.01 a second
    Quote("cgrates.org call 1007", "1003", "2024-03-06T20:00:00", 60, "voice", "0.7"),
    Quote("cgrates.org call 1007", "1003", "2024-03-09T12:00:00", 61, "voice", "0.71"),
    # off-peak into peak: 0.1 + 30 x 0.01, then the peak's first minute is begun at second 30 and paid whole: 1.2
    Quote("cgrates.org call 1007", "1003", "2024-03-06T07:59:30", 60, "voice", "1.6"),
    # peak into off-peak: 0.2 + 1.2 for the minute that began in peak, then 30 x 0.01
    Quote("cgrates.org call 1007", "1003", "2024-03-06T18:59:30", 60, "voice", "1.4"),
    Quote("cgrates.org call 1007", "1003", "2024-03-06T18:59:30", 90, "voice", "1.7"),
    # evening, midnight, morning: one price
    Quote("cgrates.org call 1007", "1003", "2024-03-06T23:59:30", 60, "voice", "0.7"),
    # New Year changes nothing for prefix 10: Wednesday noon is peak, Saturday is not
    Quote("cgrates.org call 1007", "1003", "2025-01-01T12:00:00", 60, "voice", "1.4"),
    Quote("cgrates.org call 1007", "1003", "2028-01-01T12:00:00", 60, "voice", "0.7"),
    # prefix 20 is in two sets: the heavier one holds on New Year only
    Quote("cgrates.org call 1007", "2001", NOON, 60, "voice", "1.4"),
    Quote("cgrates.org call 1007", "2001", "2024-01-01T12:00:00", 60, "voice", "0.7"),
    Quote("cgrates.org call 1007", "3001", "2024-01-01T12:00:00", 60, "voice", "1.4"),
    Quote("cgrates.org call 1007", "2001", "2023-12-31T23:59:30", 60, "voice", "1.4"),
    Quote("cgrates.org call 1007", "2001", "2023-12-31T23:59:30", 61, "voice", "1.41"),
    Quote("cgrates.org call 1007", "5001", NOON, 60, "voice", "no_rate"),
    Quote("cgrates.org call 1007", "voicemail", NOON, 60, "voice", "no_rate"),
    # 1001: its own plan has 1002 only, for the rest it falls back to *any
    Quote("cgrates.org call 1001", "1002", NOON, 60, "voice", "0.7"),
    Quote("cgrates.org call 1001", "1003", NOON, 60, "voice", "1.4"),
    Quote("cgrates.org call 1001", "2001", "2024-01-01T12:00:00", 60, "voice", "0.7"),
    Quote("cgrates.org call 1001", "1002", "2019-02-28T23:59:59", 60, "voice", "no_plan"),
    # a fee only
    Quote("cgrates.org call RPF_SPECIAL_BLC", "4001", NOON, 600, "voice", "0.1"),
    Quote("cgrates.org reseller1 1007", "4001", NOON, 3600, "voice", "0.1"),
    Quote("cgrates.org reseller1 1007", "4001", NOON, 0, "voice", "0"),
    # 1 per started 1,024 bytes
    Quote("cgrates.org data 1007", "", NOON, 1, "data", "1"),
    Quote("cgrates.org data 1007", "", NOON, 1025, "data", "2"),
    # messages: 1002 at 0.1, other numbers in 10 at 0.2
    Quote("cgrates.org sms 1007", "1002", NOON, 1, "sms", "0.1"),
    Quote("cgrates.org sms 1007", "1003", NOON, 3, "sms", "0.6"),
    Quote("cgrates.org sms 1007", "2001", NOON, 1, "sms", "no_rate"),
    Quote("plan RP_1CNT", "4001", NOON, 60, "voice", "0.6"),
]


@pytest.mark.parametrize(("name", "card"), [("tutorial", TUTORIAL), ("tutorial2", TUTORIAL2)])
def test_quotes_by_hand(tmp_path: Path, name: str, card: list[Quote]) -> None:
    import_cgrates(real("cgrates", name), tmp_path / name)
    assert differing(compiled(tmp_path / name), card) == []


# file, line, part of the message
REPORTED = {
    "tutorial": [
        ("DestinationRates.csv", 4, "max cost 0.12 *disconnect limits no charge"),
        ("Destinations.csv", 4, "used by no rating plan"),
        ("RatingProfiles.csv", 2, "keeps the plan of its start"),
        ("ActionTriggers.csv", 2, "ACT_LOG_WARNING moves no balance"),
    ],
    "tutorial2": [
        ("Destinations.csv", 6, "'voicemail' of DST_VOICEMAIL is no number"),
        ("RatingProfiles.csv", 3, "fallback subject *any is written out"),
        ("Timings.csv", 7, "TM_NOON is used by no rating plan"),
        ("ActionPlans.csv", 7, "TM_NOON begins at no midnight"),
        ("Actions.csv", 7, "at the prices of RPF_SPECIAL_BLC"),
        ("ActionTriggers.csv", 4, "never does TOPUP_BONUS_10SMS"),
    ],
}


@pytest.mark.parametrize("name", REPORTED)
def test_what_is_reported(tmp_path: Path, name: str) -> None:
    found = import_cgrates(real("cgrates", name), tmp_path / name).sorted
    for file, line, part in REPORTED[name]:
        assert any((each.place.file, each.place.line) == (file, line) and part in each.message for each in found)


# file and line of what is lost
LOST = {"tutorial": [], "tutorial2": [("ActionPlans.csv", 7), ("ActionTriggers.csv", 4), ("Actions.csv", 7)]}
# allowance: its amount and in what
GRANTED = {
    "tutorial": {"ACT_TOPUP_RST_10": ("10", "EUR")},
    "tutorial2": {
        "TOPUP_RST_MONETARY_10": ("10", "EUR"),
        "TOPUP_RST_5M_VOICE": (300, "s"),
        "TOPUP_RST_100_SMS": (100, "event"),
        "TOPUP_RST_1024_DATA": (1024, "byte"),
    },
}


@pytest.mark.parametrize("name", LOST)
def test_what_is_granted_and_what_is_lost(tmp_path: Path, name: str) -> None:
    found = import_cgrates(real("cgrates", name), tmp_path / name, currency="EUR").sorted
    assert [(each.place.file, each.place.line) for each in found if each.lost] == LOST[name]
    made = tomllib.loads((tmp_path / name / "allowances.toml").read_text("utf-8"))["allowance"]
    assert {key: (said["amount"], said.get("unit", said.get("currency"))) for key, said in made.items()} == GRANTED[
        name
    ]
