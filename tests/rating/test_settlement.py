from __future__ import annotations

import dataclasses
import json

import pytest

from rating.lake import Lake
from rating.period import Period
from rating.settlement import settle
from tests.rating.deltas import charge_rows, delta, rows, usage_row

OCTOBER = Period.parse("2026-10")


@pytest.fixture(autouse=True)
def traffic(lake: Lake) -> None:
    """Two calls from carrier A to carrier B, one from B to A; what each leg costs, in GBP but for the last."""
    calls = [("A", "TGA", "B", "TGB", "GBP"), ("A", "TGA", "B", "TGB", "GBP"), ("B", "TGB", "A", "TGA", "XDR")]
    usage, charges = [], []
    for number, (sender, trunk_in, receiver, trunk_out, currency) in enumerate(calls, 1):
        event = usage_row("a", number, trunk_in=trunk_in, trunk_out=trunk_out)
        dear, cheap = charge_rows(event, currency=currency)
        usage.append(event)
        charges += [dear | {"leg": "wholesale_in", "account": sender}, cheap | {"account": receiver}]
    whole = delta("a", ["rated"] * 3)
    lake.commit(dataclasses.replace(whole, usage=rows("usage", usage), charges=rows("charge", charges)))


@pytest.mark.parametrize(
    ("carrier", "nets"),
    [
        (None, [("A", "GBP", "0.2", "0", "0.2"), ("A", "XDR", "0", "0.04", "-0.04"),
                ("B", "GBP", "0", "0.08", "-0.08"), ("B", "XDR", "0.1", "0", "0.1")]),
        ("B", [("B", "GBP", "0", "0.08", "-0.08"), ("B", "XDR", "0.1", "0", "0.1")]),
        ("nobody", []),
    ],
)  # fmt: skip
def test_nets(lake: Lake, carrier: str | None, nets: list[tuple[str, ...]]) -> None:
    found = settle(lake, carrier, OCTOBER).nets.to_pylist()
    plain = [
        (r["carrier"], r["currency"], *(f"{r[n].normalize():f}" for n in ("owes_us", "we_owe", "net"))) for r in found
    ]
    assert plain == nets


def test_lines_are_by_direction_trunk_and_zone(lake: Lake) -> None:
    lines = settle(lake, "A", OCTOBER).lines.select(["direction", "route", "zone", "currency", "events", "duration_s"])
    assert [tuple(line.values()) for line in lines.to_pylist()] == [
        ("owes us", "TGA", "uk", "GBP", 2, 120),
        ("we owe", "TGA", "uk", "XDR", 1, 60),
    ]


def test_another_month_is_empty(lake: Lake) -> None:
    assert settle(lake, None, Period.parse("2026-09")).lines.num_rows == 0


def test_a_settlement_is_json_and_text(lake: Lake) -> None:
    drawn = settle(lake, "A", OCTOBER)
    assert json.loads(json.dumps(drawn.to_json()))["nets"][0]["net"] == "0.200000000"
    assert [table.row_count for table in drawn.tables()] == [2, 2]
