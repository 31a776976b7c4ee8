"""The compiled form: the same bytes for the same tariff, calendars by the clock, prefixes and keys found again."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rating import guide_kernels
from rating.columns import text_buffers
from rating.find_kernels import BLOCK, find_prefixes, number_ranges
from rating.narrow import shared_sets
from tariffs.calendar import compile_calendar
from tariffs.catalogue import (
    KEY,
    KEY_ACCOUNT,
    KEY_COLUMNS,
    KEY_TO,
    NONE,
    Catalogue,
)
from tariffs.catalogue_file import load_catalogue, save
from tariffs.compile import compile_tariff
from tariffs.keys import key_table, number_keys
from tariffs.load import load
from tariffs.model import Calendar
from tariffs.prefixes import FIRST, SHORTER, PrefixSets, items_of
from tariffs.values import WEEK, span

FOLDER = Path(__file__).parent / "data" / "small"


def _compiled() -> Catalogue:
    catalogue, _ = compile_tariff(load(FOLDER)[0])
    assert catalogue is not None
    return catalogue


def test_saved_and_loaded(tmp_path: Path) -> None:
    catalogue = _compiled()
    save(catalogue, tmp_path / "one")
    save(_compiled(), tmp_path / "two")
    again = load_catalogue(tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert again.version == catalogue.version
    assert len(again.version) == 16
    assert np.array_equal(again.items, catalogue.items)
    assert again.account_names == catalogue.account_names
    assert {array.ctypes.data % 64 for array in (again.items, again.rates, again.keys, again.steps)} == {0}


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    catalogue = _compiled()
    save(catalogue, tmp_path / "one")
    content = bytearray((tmp_path / "one").read_bytes())
    at = content.index(catalogue.rates.tobytes())
    content[at] ^= 1
    (tmp_path / "one").write_bytes(content)
    with pytest.raises(ValueError, match="was changed"):
        load_catalogue(tmp_path / "one")
    (tmp_path / "one").write_bytes(b"no catalogue")
    with pytest.raises(ValueError, match="is no catalogue"):
        load_catalogue(tmp_path / "one")


@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
def test_band_is_that_of_the_civil_time(zone: str) -> None:
    peak, night = span("mon-fri 08:00-18:00", frozenset()), span("fri-sun 22:30-01:30", frozenset())
    calendar = Calendar("c", zone, "off", (("peak", (peak,)), ("night", (night,))))
    times, bands = compile_calendar(calendar)
    start = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
    instants = np.arange(start, start + 366 * 86_400, 1_800)
    found = bands[np.searchsorted(times, instants, side="right") - 1]
    for instant, band in zip(instants.tolist(), found.tolist(), strict=True):
        assert calendar.band_names[band] == _civil_band(instant, zone)


def _civil_band(instant: int, zone: str) -> str:
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=instant)).astimezone(ZoneInfo(zone))
    minute, weekday = local.hour * 60 + local.minute, local.weekday()
    if weekday < 5 and 480 <= minute < 1080:
        return "peak"
    late = weekday in {4, 5, 6} and minute >= 1350
    early = weekday in {5, 6, 0} and minute < 90
    return "night" if late or early else "off"


def test_special_days_stand_alone_and_run_over() -> None:
    special = frozenset({"xmas"})
    bands = (("night", (span("mon-sun 22:00-06:00", special),)), ("gift", (span("xmas 20:00-02:00", special),)))
    calendar = Calendar("c", "UTC", "off", bands, (("xmas", (datetime(2024, 12, 25, tzinfo=UTC).date(),)),))
    times, codes = compile_calendar(calendar)
    first = int(datetime(2024, 12, 24, 20, tzinfo=UTC).timestamp())
    shown = [
        (str(datetime.fromtimestamp(time, UTC))[5:16], calendar.band_names[code])
        for time, code in zip(times.tolist(), codes.tolist(), strict=True)
        if first <= time < first + 48 * 3600
    ]
    assert shown == [
        ("12-24 22:00", "night"),
        ("12-25 00:00", "off"),
        ("12-25 20:00", "gift"),
        ("12-26 02:00", "off"),
        ("12-26 22:00", "night"),
    ] or shown[:3] == [("12-24 22:00", "night"), ("12-25 00:00", "off"), ("12-25 20:00", "gift")]


def test_week_has_seven_days() -> None:
    assert span("fri-mon", frozenset()).days == ("fri", "sat", "sun", "mon")
    assert span("mon-sun", frozenset()).days == WEEK


@settings(max_examples=50, deadline=None)
@given(st.sets(st.text("0123456789", max_size=6), max_size=30), st.text("0123456789x", max_size=8))
def test_longest_prefix(prefixes: set[str], number: str) -> None:
    ordered = sorted(prefixes)
    sets, before = PrefixSets(), ["0", "7", "77"]
    sets.add(np.array(before, "S"), 0)
    cells = np.array([[0, sets.add(np.array(ordered, "S") if ordered else np.zeros(0, "S1"), len(before))]])
    made = sets.arrays()
    key, found, zero = np.zeros(1, np.int64), np.zeros(1, np.int32), np.zeros(1, np.int64)
    number_ranges(*text_buffers(pa.array([number])), 6, key)
    table = shared_sets(*(made[f"prefix_{name}"] for name in ("sets", "heads", "bounds", "longest")))
    find_prefixes(zero, zero.astype(np.int32), key, cells, *table, found, np.zeros((2, BLOCK), np.int32))
    chain, place = [], int(found[0])
    while place != NONE:
        chain.append(ordered[made["destinations"][place, FIRST] - len(before)])
        place = int(made["destinations"][place, SHORTER])
    assert chain == sorted((prefix for prefix in ordered if number.startswith(prefix)), key=len, reverse=True)
    assert items_of(made["prefix_sets"][2], made["destinations"]).tolist() == [
        ordered.index(prefix) + len(before) for prefix in sorted(ordered, key=lambda prefix: (len(prefix), prefix))
    ]


NUMBERS = ["+447700900001", "447700900001", "0", "00", "+0", "999999999999999999", "+999999999999999999"]


def test_keys_of_numbers_agree_and_differ() -> None:
    for imsi in (0, 1):
        made = number_keys(pl.Series(NUMBERS), pl.Series([bool(imsi)] * len(NUMBERS))).tolist()
        read, numbers = np.zeros(len(NUMBERS), np.int64), text_buffers(pa.array(NUMBERS))
        guide_kernels.number_keys(np.ones(len(NUMBERS), bool), *numbers, imsi, read)
        assert made == read.tolist()
        assert len(set(made)) == len(NUMBERS)


@settings(max_examples=300, deadline=None)
@given(
    st.from_regex(r"\A\+?[0-9]{0,18}[0-9+/:x\u0439]?[0-9]{0,3}\Z"), st.integers(1, 18), st.sampled_from(["", "9" * 16])
)
def test_numbers_are_read_alike_wherever_they_stand(number: str, most: int, beside: str) -> None:
    bare, plus = number.removeprefix("+"), number.startswith("+")
    column = text_buffers(pa.array([beside, number, beside]))
    keys, ranges = np.zeros((2, 3), np.int64)
    guide_kernels.number_keys(np.ones(3, bool), *column, 1, keys)
    number_ranges(*column, most, ranges)
    digits = re.match("[0-9]*", bare).group()[:most]  # type: ignore[union-attr] # it matches anything
    spelt = sum((int(digit) + 1) * 11 ** (17 - place) for place, digit in enumerate(digits))
    valid = re.fullmatch("[0-9]{1,18}", bare)
    assert keys[1] == (int("1" + bare) * 4 + 2 * plus + 1 if valid else guide_kernels.NO_KEY)
    assert ranges[1] == (spelt if plus else -1 - spelt)


def test_keys_are_found_in_their_buckets() -> None:
    numbers = pl.Series([f"+4477{n:08d}" for n in range(1_000)])
    keys = number_keys(numbers, pl.Series([False] * 1_000))
    table = key_table(keys)
    rows = np.zeros((1_000, KEY_COLUMNS), np.int64)
    rows[:, KEY], rows[:, KEY_TO], rows[:, KEY_ACCOUNT] = keys[table.order], 1, table.order
    wanted, start = np.append(keys, 12345), np.zeros(1_001, np.int64)
    account, plan = np.full((2, 1_001), NONE, np.int32)
    field = np.zeros(1_001, np.uint8)
    held = guide_kernels.subscriptions(rows, table.starts, np.array([table.shift]))
    guide_kernels.find_subscriptions(wanted, 0, start, *held, account, plan, field)
    assert account.tolist() == [*range(1_000), NONE]
    assert plan.tolist() == [0] * 1_000 + [NONE]


def test_a_table_of_one_empty_name_is_not_an_empty_table(tmp_path: Path) -> None:
    folder = tmp_path / "flat"
    folder.mkdir()
    (folder / "flat.toml").write_text(
        '[rate.flat]\ncurrency = "EUR"\nprice = "1"\n[plan.p]\ncurrency = "EUR"\n[[plan.p.rule]]\nrate = "flat"\n'
    )
    catalogue, _ = compile_tariff(load(folder)[0])
    assert catalogue is not None
    save(catalogue, tmp_path / "c.arrow")
    again = load_catalogue(tmp_path / "c.arrow")
    assert again.zone_names.to_pylist() == catalogue.zone_names.to_pylist() == [""]
    assert again.version == catalogue.version
