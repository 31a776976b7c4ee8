"""Dates and times: one row a text, the instant last; and every instant of every zone against zoneinfo."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.timestamps import BAD, NONEXISTENT, OK, compile_pattern, parse_instants
from mediation.zones import utc_offsets

ISO = "%Y-%m-%d %H:%M:%S"
LONDON = "Europe/London"


def parsed(text: str, pattern: str, zone: str = "UTC", *, later: bool = False) -> tuple[int, datetime, int]:
    """Status, instant and offset in minutes of one text."""
    octets = np.frombuffer(text.encode() + b"?", np.uint8).copy()
    instant, offset, verdict = np.zeros(1, np.int64), np.zeros(1, np.int16), np.zeros(1, np.uint8)
    bounds = np.array([0], np.int32), np.array([len(text)], np.int32)
    table, p = utc_offsets(zone), compile_pattern(pattern)
    read = (p.places, p.literals, p.width, p.middle, p.fraction, p.zone, p.tick_us)
    parse_instants(octets, *bounds, *read, table.since_s, table.offset_s, later, instant, offset, verdict)
    return int(verdict[0]), datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(instant[0])), int(offset[0])


@pytest.mark.parametrize(
    ("text", "pattern", "zone", "expected", "offset_min"),
    [
        ("2026-03-01 12:34:56+00:00", f"{ISO}%z", "UTC", "2026-03-01T12:34:56", 0),
        ("2026-03-01 12:34:56.5+05:45", f"{ISO}%.f%z", "UTC", "2026-03-01T06:49:56.500000", 345),
        ("2026-03-01 12:34:56Z", f"{ISO}%z", LONDON, "2026-03-01T12:34:56", 0),
        ("Wed Sep 15 19:17:44 +0100 2010", "%a %b %d %H:%M:%S %z %Y", "UTC", "2010-09-15T18:17:44", 60),
        ("2013-11-07 08:42:25 +0000 UTC", f"{ISO} %z UTC", "UTC", "2013-11-07T08:42:25", 0),
        ("04.07.2016 18:58:55", "%d.%m.%Y %H:%M:%S", LONDON, "2016-07-04T17:58:55", 60),
        ("240229235959", "%y%m%d%H%M%S", "UTC", "2024-02-29T23:59:59", 0),
        ("690101000000", "%y%m%d%H%M%S", "UTC", "1969-01-01T00:00:00", 0),
        ("1436454408", "epoch_s", LONDON, "2015-07-09T15:06:48", 0),
        ("1436454408.25", "epoch_s", "UTC", "2015-07-09T15:06:48.250000", 0),
        ("1515666344534355", "epoch_us", "UTC", "2018-01-11T10:25:44.534355", 0),
        ("1510225513055", "epoch_ms", "UTC", "2017-11-09T11:05:13.055000", 0),
        ("2026-10-25 00:59:59", ISO, LONDON, "2026-10-24T23:59:59", 60),
        ("2026-10-25 01:30:00", ISO, LONDON, "2026-10-25T00:30:00", 60),
        ("2026-10-25 02:00:00", ISO, LONDON, "2026-10-25T02:00:00", 0),
        ("2026-03-29 02:00:00", ISO, LONDON, "2026-03-29T01:00:00", 60),
        ("2026-04-05 01:45:00", ISO, "Australia/Lord_Howe", "2026-04-04T14:45:00", 660),
    ],
)
def test_instants(text: str, pattern: str, zone: str, expected: str, offset_min: int) -> None:
    assert parsed(text, pattern, zone) == (OK, datetime.fromisoformat(expected).replace(tzinfo=UTC), offset_min)


def test_the_repeated_hour_is_resolved_as_declared() -> None:
    assert parsed("2026-10-25 01:30:00", ISO, LONDON, later=True)[1] == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_the_skipped_hour_is_refused() -> None:
    assert parsed("2026-03-29 01:30:00", ISO, LONDON)[0] == NONEXISTENT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-02-29 00:00:00",
        "2026-13-01 00:00:00",
        "2026-00-01 00:00:00",
        "2026-01-00 00:00:00",
        "2026-01-01 24:00:00",
        "2026-01-01 00:60:00",
        "2026-01-01 00:00:60",
        "2026-01-01 00:00:0",
        "2026-01-01 00:00:00 ",
        "2026-1-01 00:00:00",
        "2026-01-01T00:00:00",
        "20x6-01-01 00:00:00",
        "2026-01-01",
    ],
)
def test_anything_else_is_bad(text: str) -> None:
    assert parsed(text, ISO)[0] == BAD


@pytest.mark.parametrize(
    ("text", "zone", "status"),
    [
        ("0001-01-01 00:00:00+00:00", "UTC", OK),
        ("0001-01-01 00:00:00+01:00", "UTC", BAD),
        ("0001-01-01 00:00:00", "Europe/Berlin", BAD),
        ("0000-06-01 00:00:00", "UTC", BAD),
        ("9999-12-31 23:59:59+00:00", "UTC", OK),
        ("9999-12-31 23:59:59-00:01", "UTC", BAD),
        ("9999-12-31 23:59:59", "America/New_York", BAD),
    ],
)
def test_an_instant_is_one_that_calendars_hold(text: str, zone: str, status: int) -> None:
    """A switch that writes the lowest date there is for none must not end the run."""
    assert parsed(text, ISO + "%z" * (len(text) > 19), zone)[0] == status


@given(
    st.sampled_from([LONDON, "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]),
    st.datetimes(datetime.fromisoformat("1971-01-01"), datetime.fromisoformat("2049-01-01")),
    st.booleans(),
)
def test_zones_agree_with_zoneinfo(zone: str, civil: datetime, later: bool) -> None:
    civil = civil.replace(microsecond=0)
    local = civil.replace(tzinfo=ZoneInfo(zone), fold=int(later))
    instant = local.astimezone(UTC)
    exists = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == civil
    status, found, offset_min = parsed(f"{civil:%Y-%m-%d %H:%M:%S}", ISO, zone, later=later)
    assert status == (OK if exists else NONEXISTENT)
    if exists:
        assert found == instant
        assert offset_min == local.utcoffset() // timedelta(minutes=1)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("pattern", "problems"), [(ISO, 0), ("epoch_ms", 0), ("%Y-%m-%d", 2), ("%Q", 6), ("", 5), (f"%z {ISO}%.f", 1)]
)
def test_patterns_are_checked(pattern: str, problems: int) -> None:
    assert len(compile_pattern(pattern).problems) == problems


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="Europe/Lundon"):
        utc_offsets("Europe/Lundon")
