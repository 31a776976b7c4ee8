from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from rating.billing.charges import bill
from rating.lake import Delta, Lake
from rating.period import Period, PeriodError
from tests.rating.deltas import charge_rows, delta, rows, usage_row


def charged(name: str, *charges: dict[str, object]) -> Delta:
    """One event of file ``name`` with a retail charge as each of ``charges`` says, and no other leg."""
    event = usage_row(name, 1)
    return dataclasses.replace(
        delta(name, ["rated"]), charges=rows("charge", [charge_rows(event, **given)[0] for given in charges])
    )


@pytest.mark.parametrize(
    ("charges", "events", "totals"),
    [
        ([{}], [1], {"GBP": "0.100000000"}),
        ([{"currency": "EUR"}], [1], {"EUR": "0.100000000"}),
        ([{"account": "bob"}], [], {}),
        ([{}, {"kind": "reversal", "amount": Decimal("-0.1"), "billed_usage": -60}], [0], {"GBP": "0.000000000"}),
        ([{}, {"kind": "adjustment", "amount": Decimal("-1e-9"), "billed_usage": 0}], [1], {"GBP": "0.099999999"}),
        (
            [
                {},
                {"kind": "reversal", "amount": Decimal("-0.1"), "billed_usage": -60, "rating_run": 1},
                {"amount": Decimal("0.07"), "rating_run": 1},
            ],
            [1],
            {"GBP": "0.070000000"},
        ),
    ],
)  # fmt: skip
def test_totals(lake: Lake, charges: list[dict[str, object]], events: list[int], totals: dict[str, str]) -> None:
    lake.commit(charged("a", *charges))
    drawn = bill(lake, "alice", Period.parse("2026-10"))
    assert drawn.totals["events"].to_pylist() == events
    assert {r["currency"]: f"{r['amount']:f}" for r in drawn.totals.to_pylist()} == totals
    assert drawn.items.num_rows == (len(charges) if totals else 0)
    assert sum(drawn.categories["amount"].to_pylist()) == sum(drawn.totals["amount"].to_pylist())


def test_a_bill_is_json_and_text(lake: Lake) -> None:
    lake.commit(delta("a", ["rated", "rated"]))
    drawn = bill(lake, "alice", Period.parse("2026-10-05"))
    told = json.loads(json.dumps(drawn.to_json()))
    assert told["totals"] == [{"currency": "GBP", "events": 2, "billed_usage": 120, "amount": "0.200000000"}]
    assert told["categories"][0]["zone"] == "uk"
    assert len(told["items"]) == drawn.tables()[0].row_count == 2


@pytest.mark.parametrize(
    ("text", "zone", "start", "end"),
    [
        ("2026-10", "UTC", (2026, 10, 1, 0), (2026, 11, 1, 0)),
        ("2026-12", "UTC", (2026, 12, 1, 0), (2027, 1, 1, 0)),
        ("2028-02", "UTC", (2028, 2, 1, 0), (2028, 3, 1, 0)),
        ("2026-10-05", "UTC", (2026, 10, 5, 0), (2026, 10, 6, 0)),
        ("2026-10-05/2026-10-11", "UTC", (2026, 10, 5, 0), (2026, 10, 12, 0)),
        ("2026-10-25", "Europe/London", (2026, 10, 24, 23), (2026, 10, 26, 0)),  # 25 hours
        ("2026-03-29", "Europe/London", (2026, 3, 29, 0), (2026, 3, 29, 23)),  # 23 hours
    ],
)
def test_periods(text: str, zone: str, start: tuple[int, ...], end: tuple[int, ...]) -> None:
    period = Period.parse(text, zone)
    assert period.start_utc == datetime(*start, tzinfo=UTC)
    assert period.end_utc == datetime(*end, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "told"),
    [
        ("2026", "UTC", "no period"),
        ("2026-13", "UTC", "no period"),
        ("2026-02-30", "UTC", "no period"),
        ("2026-10-05/2026-10-04", "UTC", "no period"),
        ("2026-10", "Mars/Olympus", "no time zone"),
    ],
)
def test_what_is_no_period(text: str, zone: str, told: str) -> None:
    with pytest.raises(PeriodError, match=told):
        Period.parse(text, zone)
