"""Days of 23 and 25 hours, leap days, midnights, holidays: one call a row, its charge worked out by hand last.

A second of band ``day`` costs 10,000, of ``night`` 1, of the rest of the week 0.0001: the amount ``30_0020.0010`` is 30
seconds of day, 20 of night and 10 of the rest.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from tariffs.catalogue import Catalogue
from tests.rating.cards import quoted
from tests.tariff_folder import compiled

WORKDAY = 'day = ["mon-fri 08:00-18:00"]'
WRAPPED = WORKDAY + '\nnight = ["mon-sun 23:00-06:00"]'
# id, zone, bands, special days
CALENDARS = [
    ("london", "Europe/London", WORKDAY, ""),
    ("new-york", "America/New_York", WORKDAY, ""),
    ("kathmandu", "Asia/Kathmandu", WORKDAY, ""),
    ("london-sunday", "Europe/London", 'night = ["sun"]', ""),
    ("new-york-sunday", "America/New_York", 'night = ["sun"]', ""),
    ("lord-howe-sunday", "Australia/Lord_Howe", 'night = ["sun"]', ""),
    ("london-hours", "Europe/London", 'night = ["sun 01:00-02:00"]', ""),
    ("new-york-hours", "America/New_York", 'night = ["sun 01:00-02:00"]\nday = ["sun 02:00-03:00"]', ""),
    ("lord-howe-hours", "Australia/Lord_Howe", 'night = ["sun 01:30-02:00"]\nday = ["sun 02:00-02:30"]', ""),
    ("leap", "UTC", WORKDAY + '\nnight = ["leap"]', 'leap = ["2024-02-29"]'),
    ("leap-new-york", "America/New_York", WORKDAY + '\nnight = ["leap"]', 'leap = ["2024-02-29"]'),
    ("wrapped", "UTC", WRAPPED, ""),
    ("weekend", "UTC", 'night = ["fri 22:00-02:00", "sun 23:00-01:00"]', ""),
    ("xmas", "UTC", WRAPPED + '\nholiday = ["xmas 00:00-24:00"]', 'xmas = ["2024-12-25"]\nquiet = ["2024-05-06"]'),
    ("as-sunday", "Europe/London", WORKDAY + '\nnight = ["sun"]', 'sun = ["2024-05-06"]'),
    (
        "england",
        "Europe/London",
        WORKDAY + '\nnight = ["bank"]',
        'bank = { country = "GB", subdivision = "ENG", dates = ["2024-12-31"], except = ["2024-05-06"] }',
    ),
    (
        "scotland",
        "Europe/London",
        WORKDAY + '\nnight = ["bank"]',
        'bank = { country = "GB", subdivision = "SCT" }',
    ),
    ("states", "America/New_York", WORKDAY + '\nnight = ["bank"]', 'bank = { country = "US" }'),
    (
        "bavaria",
        "Europe/Berlin",
        WORKDAY + '\nnight = ["bank"]\nholiday = ["fair 10:00-22:00"]',
        'bank = { country = "DE", subdivision = "BY" }\nfair = ["2024-05-30"]',
    ),
]
PRICES = {"day": "10000", "night": "1", "holiday": "100", "rest": "0.0001"}
CUT, END, START, CARRY = (f'boundary = "{name}"' for name in ("cut", "end", "start", "carry"))
MINUTES = "\nincrement = 60"

# calendar, what else the rates say, start, usage, billed usage, amount; above it what happens
ROWS = [
    # -- the offset of the day decides: 08:00 is 08:00 in London in winter, 07:00 UTC in summer
    ("london", "", "2024-01-03T07:59:30Z", 60, 60, "30_0000.0030"),
    ("london", "", "2024-07-03T06:59:30Z", 60, 60, "30_0000.0030"),
    # the first workday after the change: Monday 08:00 BST is 07:00 UTC, on Friday before it was 08:00 UTC
    ("london", "", "2024-04-01T06:59:30Z", 60, 60, "30_0000.0030"),
    ("london", "", "2024-03-29T07:59:30Z", 60, 60, "30_0000.0030"),
    # New York: 13:00 UTC in winter, 12:00 in summer; Kathmandu is 5:45 ahead: 08:00 is 02:15 UTC
    ("new-york", "", "2024-01-03T12:59:30Z", 60, 60, "30_0000.0030"),
    ("new-york", "", "2024-07-03T11:59:30Z", 60, 60, "30_0000.0030"),
    ("kathmandu", "", "2024-01-03T02:14:30Z", 60, 60, "30_0000.0030"),
    # an offset in the start changes nothing but its writing
    ("london", "", "2024-07-03T08:59:30+02:00", 60, 60, "30_0000.0030"),
    # -- days of 23 hours: Sunday 00:00 GMT to Monday 00:00 BST is 82,800 s, with 30 s of the days beside it
    ("london-sunday", "", "2024-03-30T23:59:30Z", 82_860, 82_860, "8_2800.0060"),
    # New York, 2024-03-10 05:00 UTC (EST) to 03-11 04:00 UTC (EDT)
    ("new-york-sunday", "", "2024-03-10T04:59:30Z", 82_860, 82_860, "8_2800.0060"),
    # -- days of 25 hours are 90,000 s: London 2024-10-26 23:00 to 10-28 00:00 UTC, New York 11-03 04:00 to 11-04 05:00
    ("london-sunday", "", "2024-10-26T22:59:30Z", 90_060, 90_060, "9_0000.0060"),
    ("new-york-sunday", "", "2024-11-03T03:59:30Z", 90_060, 90_060, "9_0000.0060"),
    # -- Lord Howe shifts by half an hour: 24.5 hours are 88,200 s from 04-06 13:00 UTC (+11) to 04-07 13:30 (+10:30)
    ("lord-howe-sunday", "", "2024-04-06T12:59:30Z", 88_260, 88_260, "8_8200.0060"),
    # 23.5 hours are 84,600 s, from 10-05 13:30 UTC (+10:30) to 10-06 13:00 (+11)
    ("lord-howe-sunday", "", "2024-10-05T13:29:30Z", 84_660, 84_660, "8_4600.0060"),
    # -- the skipped hour: at 01:00 UTC London goes from 01:00 to 02:00, the band 01:00-02:00 does not occur
    ("london-hours", "", "2024-03-31T00:59:30Z", 60, 60, "0.0060"),
    ("london-hours", CUT + MINUTES, "2024-03-31T00:59:30Z", 60, 60, "0.0060"),
    # New York at 07:00 UTC from 02:00 to 03:00: 01:00-02:00 as ever (06:00-07:00 UTC), 02:00-03:00 does not occur
    ("new-york-hours", "", "2024-03-10T05:59:30Z", 3660, 3660, "3600.0060"),
    ("new-york-hours", "", "2024-03-10T06:59:30Z", 60, 60, "30.0030"),
    # a week before, both occur: 06:00-07:00 and 07:00-08:00 UTC
    ("new-york-hours", "", "2024-03-03T05:59:30Z", 7260, 7260, "3600_3600.0060"),
    # Lord Howe at 15:30 UTC from 02:00 to 02:30: 01:30-02:00 is 15:00-15:30 UTC, 02:00-02:30 does not occur
    ("lord-howe-hours", "", "2024-10-05T14:59:30Z", 1860, 1860, "1800.0060"),
    # -- the repeated hour: London 01:00-02:00 is 00:00-01:00 UTC (BST) and again 01:00-02:00 UTC (GMT)
    ("london-hours", "", "2024-10-26T23:59:30Z", 7260, 7260, "7200.0060"),
    # over the change itself: no change of band
    ("london-hours", "", "2024-10-27T00:59:30Z", 60, 60, "60"),
    ("london-hours", CUT + MINUTES, "2024-10-27T00:59:30Z", 60, 60, "60"),
    # out of the second 01:00-02:00, at 02:00 UTC
    ("london-hours", "", "2024-10-27T01:59:30Z", 60, 60, "30.0030"),
    ("london-hours", START, "2024-10-27T01:59:30Z", 60, 60, "60"),
    ("london-hours", END, "2024-10-27T01:59:30Z", 60, 60, "0.0060"),
    # an increment of a minute that began at night is night; cut: a minute of night and a minute of the rest
    ("london-hours", CARRY + MINUTES, "2024-10-27T01:59:30Z", 60, 60, "60"),
    ("london-hours", CUT + MINUTES, "2024-10-27T01:59:30Z", 60, 120, "60.0060"),
    # New York: 01:00-02:00 is 05:00-07:00 UTC, 02:00-03:00 is 07:00-08:00 UTC
    ("new-york-hours", "", "2024-11-03T04:59:30Z", 10_860, 10_860, "3600_7200.0060"),
    # from within the first 01:30 (EDT, 05:30 UTC) one hour: still 01:30, all night
    ("new-york-hours", "", "2024-11-03T05:30:00Z", 3600, 3600, "3600"),
    # Lord Howe: 01:30-02:00 is 14:30-15:00 UTC and again 15:00-15:30 UTC, 02:00-02:30 then 15:30-16:00 UTC
    ("lord-howe-hours", "", "2024-04-06T14:29:30Z", 5460, 5460, "1800_3600.0060"),
    ("lord-howe-hours", "", "2024-04-06T14:59:30Z", 60, 60, "60"),
    ("lord-howe-hours", END, "2024-04-06T15:29:30Z", 60, 60, "60_0000"),
    # -- leap days: 29 February 2024 is a Thursday of its own kind
    ("leap", "", "2024-02-28T23:59:30Z", 60, 60, "30.0030"),
    ("leap", "", "2024-02-29T23:59:30Z", 60, 60, "30.0030"),
    ("leap", "", "2024-02-29T12:00:00Z", 60, 60, "60"),
    ("leap", "", "2024-02-28T12:00:00Z", 60, 60, "60_0000"),
    # 28 February 2023 is followed by 1 March, both Tuesday and Wednesday outside working hours
    ("leap", "", "2023-02-28T23:59:30Z", 60, 60, "0.0060"),
    # 29 February 2028, a Tuesday, is not listed
    ("leap", "", "2028-02-29T12:00:00Z", 60, 60, "60_0000"),
    # 48 hours from Wednesday noon: 6 h of day, 6 h of rest, 24 h of night, 8 h of rest, 4 h of day:
    # 36,000 s of day, 86,400 s of night, 50,400 s of rest (5.04)
    ("leap", "", "2024-02-28T12:00:00Z", 172_800, 172_800, "3_6008_6405.04"),
    # in New York the leap day begins at 05:00 UTC
    ("leap-new-york", "", "2024-02-29T04:59:30Z", 60, 60, "30.0030"),
    ("leap-new-york", "", "2024-03-01T04:59:30Z", 60, 60, "30.0030"),
    # -- midnights: a band that wraps goes on over midnight, over the end of a month and of a year
    ("wrapped", "", "2024-03-05T23:59:30Z", 60, 60, "60"),
    ("wrapped", "", "2024-01-31T23:59:30Z", 60, 60, "60"),
    ("wrapped", "", "2023-12-31T23:59:30Z", 60, 60, "60"),
    ("wrapped", "", "2024-03-05T22:59:30Z", 60, 60, "30.0030"),
    ("wrapped", "", "2024-03-06T05:59:30Z", 60, 60, "30.0030"),
    # a whole night is 7 hours, 25,200 s
    ("wrapped", "", "2024-03-05T22:59:30Z", 25_260, 25_260, "2_5200.0060"),
    # without a wrapping band midnight between two workdays changes nothing, midnight before Saturday neither
    ("london", CUT + MINUTES, "2024-03-05T23:59:30Z", 60, 60, "0.0060"),
    ("london", CUT + MINUTES, "2024-03-01T23:59:30Z", 60, 60, "0.0060"),
    # Friday's late band runs into Saturday, Sunday's into Monday, Thursday's and Saturday's do not exist
    ("weekend", "", "2024-03-01T23:59:30Z", 60, 60, "60"),
    ("weekend", "", "2024-03-02T01:59:30Z", 60, 60, "30.0030"),
    ("weekend", "", "2024-03-04T00:59:30Z", 60, 60, "30.0030"),
    ("weekend", "", "2024-03-01T00:30:00Z", 60, 60, "0.0060"),
    ("weekend", "", "2024-03-02T23:59:30Z", 60, 60, "0.0060"),
    # -- a call over midnight into a holiday: Tuesday's night ends there
    ("xmas", "", "2024-12-24T23:59:30Z", 60, 60, "3030"),
    ("xmas", START, "2024-12-24T23:59:30Z", 60, 60, "60"),
    ("xmas", END, "2024-12-24T23:59:30Z", 60, 60, "6000"),
    ("xmas", CUT + MINUTES, "2024-12-24T23:59:30Z", 60, 120, "6060"),
    # out of it: no night ran on the holiday that could run on, so the rest begins at midnight
    ("xmas", "", "2024-12-25T23:59:30Z", 60, 60, "3000.0030"),
    # working hours do not hold on a holiday that is a Wednesday; the next day they do
    ("xmas", "", "2024-12-25T12:00:00Z", 60, 60, "6000"),
    ("xmas", "", "2024-12-26T12:00:00Z", 60, 60, "60_0000"),
    # a special day without spans has the default band alone, and ends the night that would run into it
    ("xmas", "", "2024-05-05T23:59:30Z", 60, 60, "30.0030"),
    ("xmas", "", "2024-05-06T12:00:00Z", 60, 60, "0.0060"),
    # a Monday that is treated as a Sunday: from its midnight (23:00 UTC) to the next, then Tuesday's rest
    ("as-sunday", "", "2024-05-06T11:00:00Z", 60, 60, "60"),
    ("as-sunday", "", "2024-05-05T22:59:30Z", 60, 60, "60"),
    ("as-sunday", "", "2024-05-06T22:59:30Z", 60, 60, "30.0030"),
    # -- public holidays of England: Good Friday, Easter Monday, the substitute for Saturday 1 January 2022
    ("england", "", "2024-03-29T12:00:00Z", 60, 60, "60"),
    ("england", "", "2024-03-28T12:00:00Z", 60, 60, "60_0000"),
    ("england", "", "2024-04-01T12:00:00Z", 60, 60, "60"),
    ("england", "", "2022-01-03T12:00:00Z", 60, 60, "60"),
    # a date added, and one taken out
    ("england", "", "2024-12-31T12:00:00Z", 60, 60, "60"),
    ("england", "", "2024-05-06T12:00:00Z", 60, 60, "60_0000"),
    # into Christmas, over the midnight between its two days, out of them
    ("england", "", "2024-12-24T23:59:30Z", 60, 60, "30.0030"),
    ("england", CUT + MINUTES, "2024-12-25T23:59:30Z", 60, 60, "60"),
    ("england", "", "2024-12-26T23:59:30Z", 60, 60, "30.0030"),
    # Good Friday ends at midnight GMT, Easter Monday at midnight BST (23:00 UTC)
    ("england", "", "2024-03-29T23:59:30Z", 60, 60, "30.0030"),
    ("england", "", "2024-04-01T22:59:30Z", 60, 60, "30.0030"),
    # Scotland has 2 January and no Easter Monday, England the other way round
    ("scotland", "", "2024-01-02T12:00:00Z", 60, 60, "60"),
    ("england", "", "2024-01-02T12:00:00Z", 60, 60, "60_0000"),
    ("scotland", "", "2024-04-01T12:00:00Z", 60, 60, "60_0000"),
    # the United States: Independence Day, in 2026 kept on Friday the 3rd for Saturday; Thanksgiving, not the day after
    ("states", "", "2024-07-04T16:00:00Z", 60, 60, "60"),
    ("states", "", "2026-07-03T16:00:00Z", 60, 60, "60"),
    ("states", "", "2024-11-28T17:00:00Z", 60, 60, "60"),
    ("states", "", "2024-11-29T17:00:00Z", 60, 60, "60_0000"),
    # it begins at New York's midnight, 04:00 UTC
    ("states", "", "2024-07-04T03:59:30Z", 60, 60, "30.0030"),
    # Corpus Christi in Bavaria is listed under another name, which stands before it: a fair from 10:00 (08:00 UTC)
    ("bavaria", "", "2024-05-30T07:59:30Z", 60, 60, "3000.0030"),
    # All Saints' Day, Friday 1 November, is one in Bavaria; Reformation Day, the day before, is none there
    ("bavaria", "", "2024-11-01T12:00:00Z", 60, 60, "60"),
    ("bavaria", "", "2024-10-31T12:00:00Z", 60, 60, "60_0000"),
]


def _calendar(name: str, zone: str, bands: str, special: str) -> str:
    text = f'[calendar.{name}]\nzone = "{zone}"\ndefault = "rest"\n[calendar.{name}.bands]\n{bands}\n'
    return text + (f"[calendar.{name}.special]\n{special}\n" if special else "")


def _plan(calendar: str, terms: str, number: int) -> str:
    """A plan that prices every band of ``calendar``."""
    bands = next(each[2] for each in CALENDARS if each[0] == calendar)
    plan = f'[plan.p{number}]\ncurrency = "GBP"\ncalendar = "{calendar}"\n'
    for band, price in PRICES.items():
        if f"{band} =" in bands or band == "rest":
            plan += f'[[plan.p{number}.rule]]\nband = "{band}"\nrate = "{band}-{number}"\n'
            plan += f'[rate.{band}-{number}]\ncurrency = "GBP"\nprice = "{price}"\n{terms}\n'
    return plan


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    texts = [_calendar(*each) for each in CALENDARS]
    texts += [_plan(calendar, terms, number) for number, (calendar, terms, *_) in enumerate(ROWS)]
    return compiled(tmp_path_factory.mktemp("tariff"), {"a.toml": "".join(texts)})


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[f"{row[0]} {row[2]} {row[3]}" for row in ROWS])
def test_charge(catalogue: Catalogue, number: int) -> None:
    _, _, start, usage, billed, amount = ROWS[number]
    charge = quoted(catalogue, {"usage": usage, "start": start, "b_number": "+44", "keys": {"plan": f"p{number}"}})
    assert (charge["billed_usage"], Decimal(charge["amount"])) == (billed, Decimal(amount))


# -- versions of a plan that change on leap days and with the clocks: start, what a call of 60 s costs
VERSIONS = [
    # the version at the start prices the whole call, also over the midnight to 29 February
    ("2024-02-28T23:59:59Z", "60"),
    ("2024-02-29T00:00:00Z", "120"),
    # the last microsecond of the leap day is of the leap day; 1 March has a version of its own
    ("2024-02-29T23:59:59.999999Z", "120"),
    ("2024-03-01T00:00:00Z", "180"),
    # 31 March begins at 00:00 GMT, 1 April at 00:00 BST: 23:00 UTC on 31 March
    ("2024-03-31T22:59:59Z", "180"),
    ("2024-03-31T23:00:00Z", "240"),
    # half open: nothing is in force from the end of the last version on
    ("2024-10-27T00:30:00Z", "240"),
    ("2024-10-28T00:00:00Z", "no_plan"),
]


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    ends = ["", "2024-02-29", "2024-03-01", "2024-04-01", "2024-10-28"]
    text = '[tariff]\nzone = "Europe/London"\n[plan.p]\ncurrency = "GBP"\n'
    for price, (since, until) in enumerate(pairwise(ends), 1):
        begins = f'valid_from = "{since}"\n' if since else ""
        text += f'[[plan.p.version]]\n{begins}valid_to = "{until}"\n[[plan.p.version.rule]]\nrate = "r{price}"\n'
        text += f'[rate.r{price}]\ncurrency = "GBP"\nprice = "{price}"\n'
    return compiled(tmp_path_factory.mktemp("tariff"), {"a.toml": text})


@pytest.mark.parametrize(("start", "amount"), VERSIONS)
def test_version(dated: Catalogue, start: str, amount: str) -> None:
    charge = quoted(dated, {"usage": 60, "start": start, "b_number": "+44", "keys": {"plan": "p"}})
    assert charge.get("amount", charge.get("error")) == amount


# -- a deck's row that exists on one leap day only: start, the prefix that prices +4420
ROW_DATES = [
    ("2024-02-28T23:59:59Z", "+44"),
    ("2024-02-29T00:00:00Z", "+4420"),
    ("2024-02-29T23:59:59Z", "+4420"),
    ("2024-03-01T00:00:00Z", "+44"),
    ("2025-02-28T12:00:00Z", "+44"),
]


@pytest.mark.parametrize(("start", "prefix"), ROW_DATES)
def test_deck_row_of_a_leap_day(tmp_path: Path, start: str, prefix: str) -> None:
    text = (
        '[deck.d]\nfile = "d.csv"\ncurrency = "GBP"\n[deck.d.columns]\nprefix = "p"\nprice = "r"\n'
        'valid_from = "f"\nvalid_to = "t"\n[plan.p]\ncurrency = "GBP"\n[[plan.p.rule]]\ndeck = "d"\n'
    )
    made = compiled(tmp_path, {"a.toml": text, "d.csv": "p,r,f,t\n44,1,,\n4420,2,2024-02-29,2024-03-01\n"})
    charge = quoted(made, {"usage": 60, "start": start, "b_number": "+4420", "keys": {"plan": "p"}})
    assert charge["prefix"] == prefix
