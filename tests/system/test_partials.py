"""Partials of 3GPP records, by the command line: a file each, the last first."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.mediation import test_formats_3gpp_usage as records
from tests.mediation.test_formats_3gpp_usage import ALICE, MO, SESSION, Row, by_condition, time
from tests.rating.sessions import TARIFF
from tests.system.conftest import Toll, balanced, contents, tariff_folder

PIECES = [70, 0, 55, 3_000]


def call(number: int, usage: int) -> Row:
    """A part of a long call; number 0: all of another one."""
    parted = {"sequenceNumber": number} if number else {"callReference": b"\x09"}
    return MO | {"answerTime": time(f"2603021958{number:02}"), "callDuration": usage} | parted


def session(number: int, usage: int) -> Row:
    """A part of a data session; number 0: all of another one."""
    opened = SESSION | {"recordType": 85, "recordOpeningTime": time(f"2603021958{number:02}")}
    volumes = {"listOfTrafficVolumes": [by_condition(usage // 3, usage - usage // 3)]}
    parted = {"recordSequenceNumber": number} if number else {"chargingID": 4712}
    return {name: value for name, value in opened.items() if name != "recordSequenceNumber"} | volumes | parted


@pytest.mark.parametrize(
    ("layout", "name", "made"), [("3gpp_cs", "moCallRecord", call), ("3gpp_ps", "pGWRecord", session)]
)
def test_a_session_in_four_files_costs_what_it_costs_in_one(
    layout: str, name: str, made: Callable[[int, int], Row], toll: Toll, tmp_path: Path
) -> None:
    encoder, lake = records.encoder(layout), tmp_path / "lake"
    tariffs = tariff_folder(tmp_path / "tariffs", ALICE, plan=TARIFF)

    def rated(number: int, usage: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        encoder.set_val((name, made(number, usage)))
        file = records.written(folder, [encoder.to_ber()])
        ended = toll("rate", file, "--layout", layout, "--tariffs", tariffs, "--lake", lake, "--json")
        assert ended.code == 0, ended.err
        balanced(toll, lake)

    for number in range(len(PIECES), 0, -1):
        waiting = toll("suspense", "list", "--lake", lake, "--json").json() if number < len(PIECES) else []
        assert sum(row["records"] for row in waiting) == len(PIECES) - number
        rated(number, PIECES[number - 1])
    assert toll("suspense", "list", "--lake", lake, "--json").json() == []
    rated(0, sum(PIECES))
    amounts: dict[str, Decimal] = {}
    reference = {row["event_id"]: row["call_reference"] for row in contents(lake)["usage"]}
    for charge in contents(lake)["charge"]:
        key = reference[charge["event_id"]]
        amounts[key] = amounts.get(key, Decimal(0)) + charge["amount"]
    parted, whole = amounts.values()
    assert parted == whole > 0
    last = next(row for row in contents(lake)["usage"] if row["partial_no"] == len(PIECES))
    told = toll("explain", last["event_id"], "--lake", lake)
    assert (told.code, f"{sum(PIECES[:-1])}" in told.out) == (0, True), told.out
