"""CGRateS folders of ours, construct by construct: what they cost after the import, and what is reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rating.quote import quote_lines
from tariffs.importers.cgrates import import_cgrates
from tariffs.importers.report import Report
from tests.tariffs.imports import HERE, Quote, amount, compiled, differing

WED, SAT = "2024-03-06", "2024-03-09"
JUNE = "2024-06-05T12:00:00"

# Folder cgrates_bands, imported in London time. To 15 (DST_1), a minute costs: night 0.02, from 08:00 on weekdays 0.10,
# from 19:00 0.05; 12:00-13:00 0.30; Christmas 0.01 by the second; leap days from 06:00 0.50; Sunday evenings 0.01.
BANDS = [
    ("a weekday's night", "15", f"{WED}T07:59:00", 60, "0.02"),
    ("peak begins", "15", f"{WED}T08:00:00", 60, "0.1"),
    ("peak ends where the evening begins", "15", f"{WED}T19:00:00", 60, "0.05"),
    ("night begins at midnight", "15", "2024-03-07T00:00:00", 60, "0.02"),
    ("night, then peak", "15", f"{WED}T07:59:00", 120, "0.12"),
    ("an open minute is paid as it began", "15", f"{WED}T18:59:30", 60, "0.1"),
    ("the next one as it begins", "15", f"{WED}T18:59:30", 61, "0.15"),
    ("Saturday has no peak", "15", f"{SAT}T10:00:00", 60, "0.02"),
    ("an end time holds: lunch", "15", f"{WED}T12:59:00", 60, "0.3"),
    ("an end time holds: lunch is over", "15", f"{WED}T13:00:00", 60, "0.1"),
    ("lunch on a Saturday", "15", f"{SAT}T12:30:00", 60, "0.3"),
    ("a heavier day beats later starts", "15", "2024-12-25T09:00:00", 90, "0.015"),
    ("also at lunch", "15", "2024-12-25T12:30:00", 60, "0.01"),
    ("the evening runs into it", "15", "2024-12-24T23:59:30", 61, "0.0502"),
    ("it ends at midnight", "15", "2024-12-26T00:00:00", 60, "0.02"),
    ("a leap day, before it begins", "15", "2024-02-29T05:59:00", 60, "0.02"),
    ("a leap day", "15", "2024-02-29T06:00:00", 60, "0.5"),
    ("no leap day of that list", "15", "2032-02-29T06:00:00", 60, "0.02"),
    ("summer time: 07:30 UTC is 08:30", "15", "2024-07-03T07:30:00", 60, "0.1"),
    ("two sets of one prefix: the heavier", "15", "2024-03-10T20:00:00", 60, "0.01"),
    ("only while it is in force", "15", "2024-03-10T19:59:00", 60, "0.02"),
    ("the longer prefix", "1005", f"{WED}T20:00:00", 60, "0.3"),
    ("a shorter one where the longer has no timing", "1005", f"{WED}T07:00:00", 60, "0.02"),
    ("from the longer to the shorter at midnight", "1005", f"{WED}T23:59:30", 61, "0.32"),
    ("a prefix without + is one of E.164 too", "+15551234567", f"{WED}T09:00:00", 60, "0.1"),
    ("a prefix with +", "+44161", f"{WED}T09:00:00", 60, "0.1"),
    ("a longer one with +, in the evening", "+442071234567", f"{WED}T19:00:00", 60, "0.02"),
    ("and where it has no timing", "+442071234567", f"{WED}T18:00:00", 60, "0.1"),
    ("a prefix with + is no local one", "4420", f"{WED}T19:00:00", 60, "0.5"),
    ("any destination", "99", f"{WED}T19:00:00", 60, "0.5"),
]

# Folder cgrates_rates: each subject has the plan of one rate and one set of terms.
RATES = [
    ("steps", 0, "voice", "0"),  # no fee for usage 0
    ("steps", 1, "voice", "0.3"),  # 0.2 + 60 s x 0.1 / 60
    ("steps", 61, "voice", "0.3009"),  # + 1 s x 0.05 / 60 = 0.00083..., up at 4 decimals
    ("steps", 120, "voice", "0.35"),
    ("up", 1, "voice", "0.0334"),  # 0.1 / 3
    ("up", 3, "voice", "0.1"),  # exact: no drift from increments of 0.0333...
    ("middle", 1, "voice", "0.0333"),
    ("middle", 2, "voice", "0.0667"),
    ("down", 2, "voice", "0.06"),
    ("whole", 16, "voice", "1"),  # 0.533..., half up at 0 decimals
    ("unrounded", 1, "voice", "0.033333333"),
    ("many", 1, "voice", "0.033333334"),  # 12 decimals asked, up at 9
    ("ceiling", 11, "voice", "0.11"),
    ("ceiling", 60, "voice", "0.12"),
    ("disconnect", 60, "voice", "0.6"),
    ("no_strategy", 60, "voice", "0.6"),
    ("milli", 3, "voice", "0.06"),  # 0.01 per half a second
    ("minutes", 91, "voice", "0.18"),  # two increments of 90 s
    ("nothing", 5, "voice", "0.15"),  # unit and increment of 0 are a second
    ("tiers", 10241, "data", "10.5"),  # 10 x 1, then one more 1,024 bytes at 0.5
    ("tiers", 1, "data", "1"),
    ("tiers", 60, "voice", "no_rate"),  # bytes price no seconds
    ("event", 3, "sms", "0.03"),
    ("event", 1, "mms", "0.01"),
    ("event", 60, "voice", "no_rate"),
    ("fee", 600, "voice", "0.1"),
    ("fee", 1, "sms", "0.1"),  # a fee alone counts no units
    ("up", 1, "sms", "no_rate"),  # seconds price no messages
    ("tiny", 2, "voice", "0.000000001"),  # 0.0000000005 a second
]

# Folder cgrates_subjects, prices of a second: P_ANY to 1 and 2 0.01, P_A to 1 0.02, P_B to 12 and 2 0.03, P_C to all
# 0.04, P_NEW to 1 0.05.
SUBJECTS = [
    ("its own plan", "t call own", "1", JUNE, "0.02"),
    ("its own plan lacks 2: it gets no *any", "t call own", "2", JUNE, "no_rate"),
    ("no profile: *any", "t call stranger", "2", JUNE, "0.01"),
    ("no category: nobody", "t data stranger", "2", JUNE, "no_account"),
    ("no tenant: nobody", "v call own", "1", JUNE, "no_account"),
    ("*any of a tenant is not that of another", "u call stranger", "1", JUNE, "no_account"),
    ("fallback subject: its own first", "t call one", "1", JUNE, "0.02"),
    ("fallback subject: what it lacks", "t call one", "2", JUNE, "0.03"),
    ("its own shorter prefix before a longer one of the fallback", "t call one", "12", JUNE, "0.02"),
    ("nobody in the chain has it", "t call one", "3", JUNE, "no_rate"),
    ("the fallback itself", "t call b", "12", JUNE, "0.03"),
    ("and its own fallback", "t call b", "1", JUNE, "0.01"),
    ("fallbacks in order, one without a profile", "t call ordered", "2", JUNE, "0.04"),
    ("three levels", "t call d1", "2", JUNE, "0.03"),
    ("the fourth is not asked", "t call d1", "3", JUNE, "no_rate"),
    ("from one level on it is", "t call d2", "3", JUNE, "0.04"),
    ("a circle ends", "t call loop", "2", JUNE, "0.03"),
    ("before the first activation: *any", "t call dated", "2", "2020-12-31T23:59:59", "0.01"),
    ("an activation as seconds of 1970", "t call dated", "1", "2021-01-01T00:00:00", "0.02"),
    ("a second activation", "t call dated", "1", "2022-01-01T00:00:00", "0.05"),
    ("it keeps the plan of its start", "t call dated", "1", "2021-12-31T23:59:59", "0.02"),
    ("before everything", "t call dated", "1", "2019-12-31T23:59:59", "no_plan"),
    ("no activation time: always", "u call always", "1", "1999-01-01T00:00:00", "0.02"),
]

# Folder cgrates_broken: file, line, whether it is lost, part of the message.
FINDINGS = [
    ("Actions.csv", 2, False, "done to no account"),
    ("DestinationRates.csv", 3, True, "slots must begin at 0"),
    ("DestinationRates.csv", 5, True, "'-0.01'"),
    ("DestinationRates.csv", 6, True, "1500ms"),
    ("DestinationRates.csv", 7, True, "'one minute'"),
    ("DestinationRates.csv", 8, True, "rounds to 5 decimals, not 4"),
    ("DestinationRates.csv", 9, True, "no rate R_NONE: plan P leaves DST_1 out"),
    ("DestinationRates.csv", 9, True, "no rate R_NONE: plan P_EMPTY leaves DST_1 out"),
    ("DestinationRates.csv", 10, True, "no destination DST_NONE"),
    ("DestinationRates.csv", 12, False, "rounding '*nearest' '4' is none"),
    ("DestinationRates.csv", 13, True, "each at its own start"),
    ("DestinationRates.csv", 14, False, "D_UNUSED is used by no rating plan"),
    ("Destinations.csv", 3, True, "prefix 'info' of DST_INFO is no number"),
    ("Destinations.csv", 4, False, "DST_UNUSED is used by no rating plan"),
    ("Destinations.csv", 5, True, "has 1 columns"),
    ("Rates.csv", 0, False, "no currency"),
    ("Rates.csv", 5, True, "connect fee of a later slot"),
    ("Rates.csv", 10, False, "R_UNUSED is used by no rating plan"),
    ("RatingPlans.csv", 8, False, "the first is taken: that of line 2"),
    ("RatingPlans.csv", 11, True, "no destination rate D_NONE"),
    ("RatingPlans.csv", 13, True, "timing SECONDS"),
    ("RatingPlans.csv", 14, True, "timing WRAPS"),
    ("RatingPlans.csv", 15, True, "timing MONDAY"),
    ("RatingPlans.csv", 17, True, "timing NONE"),
    ("RatingPlans.csv", 18, True, "'heavy'"),
    ("RatingProfiles.csv", 2, False, "line 3 replaces it"),
    ("RatingProfiles.csv", 4, True, "'soon'"),
    ("RatingProfiles.csv", 5, True, "no rating plan P_NONE"),
    ("RatingProfiles.csv", 6, True, "no rating plan P_EMPTY"),
    ("RatingProfiles.csv", 7, False, "nobody has no profile"),
    ("RatingProfiles.csv", 8, True, "has 2 columns"),
    ("Timings.csv", 0, False, "no time zone"),
    ("Timings.csv", 2, False, "begin at whole minutes"),
    ("Timings.csv", 3, False, "end after they begin"),
    ("Timings.csv", 4, False, "'mon'"),
    ("Timings.csv", 6, True, "defined already in line 5"),
]


def _imported(name: str, folder: Path) -> Report:
    return import_cgrates(HERE / f"cgrates_{name}", folder / name, currency="EUR", zone="Europe/London")


def test_bands(tmp_path: Path) -> None:
    assert _imported("bands", tmp_path).complete
    card = [Quote("t call *any", b, start, usage, "voice", cost) for _, b, start, usage, cost in BANDS]
    assert differing(compiled(tmp_path / "bands"), card) == []


def test_rates(tmp_path: Path) -> None:
    assert _imported("rates", tmp_path).complete
    card = [Quote(f"t call {name}", "5", JUNE, usage, service, cost) for name, usage, service, cost in RATES]
    assert differing(compiled(tmp_path / "rates"), card) == []


def test_subjects(tmp_path: Path) -> None:
    assert _imported("subjects", tmp_path).complete
    card = [Quote(keys, b, start, 1, "voice", cost) for _, keys, b, start, cost in SUBJECTS]
    assert differing(compiled(tmp_path / "subjects"), card) == []


# keys of an event to 1, expected
KEYS = [
    ({"tenant": "t", "category": "call", "subject": "own"}, "0.02"),
    ({"tenant": "t", "category": "call", "account": "own"}, "0.02"),
    ({"tenant": "t", "category": "call", "account": "own", "subject": "d1"}, "0.05"),
    ({"tenant": "t", "category": "call"}, "0.01"),
    ({"account": "t/call/own"}, "0.02"),
    ({"account": "own"}, "no_account"),
    ({"subject": "own"}, "no_account"),
    ({"tenant": 1, "category": "call", "subject": "own"}, "bad_event"),
]


def test_guiding_keys(tmp_path: Path) -> None:
    _imported("subjects", tmp_path)
    event = {"usage": 1, "start": JUNE, "b_number": "1"}
    lines = [json.dumps(event | {"keys": keys}) for keys, _ in KEYS]
    found = map(amount, quote_lines(compiled(tmp_path / "subjects"), lines))
    assert list(found) == [expected for _, expected in KEYS]


def test_every_loss_and_decision_is_reported(tmp_path: Path) -> None:
    report = _imported("broken", tmp_path)
    found = [(each.place.file, each.place.line, each.lost, each.message) for each in report.sorted]
    assert [row[:3] for row in found] == sorted(row[:3] for row in FINDINGS)
    for expected in FINDINGS:
        assert any(row[:3] == expected[:3] and expected[3] in row[3] for row in found), expected
    compiled(tmp_path / "broken")


def test_prices_of_shorter_prefixes_are_reported(tmp_path: Path) -> None:
    told = [str(each) for each in _imported("bands", tmp_path).sorted]
    written = "RatingPlans.csv:8: decided: DST_100 (100) has no timing in force in NIGHT, "
    assert any(line.startswith(written) and line.endswith("of plan P: DST_1 of P prices it there") for line in told)


@pytest.mark.parametrize(
    ("zone", "source", "message"),
    [
        ("Mars/Olympus", "cgrates_bands", "IANA time zone"),
        ("UTC", "nowhere", "no RatingPlans.csv"),
    ],
)
def test_wrong_use(tmp_path: Path, zone: str, source: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        import_cgrates(HERE / source, tmp_path, zone=zone)
    assert not list(tmp_path.iterdir())


def test_a_tariff_is_not_written_over(tmp_path: Path) -> None:
    _imported("rates", tmp_path)
    with pytest.raises(FileExistsError, match="is there already"):
        _imported("rates", tmp_path)
