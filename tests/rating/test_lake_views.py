# ruff: noqa: S608  (queries of the tests' own)
from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from rating.lake import Lake
from rating.lake.views import VIEWS
from tests.rating.deltas import delta


@pytest.mark.parametrize(
    ("view", "rows"),
    [
        ("rated_usage", 4),
        ("usage_now", 2),
        ("charge_now", 4),
        ("rating_runs", 0),
        ("rerate_due", 0),
        ("traffic_daily", 1),
        ("revenue_daily", 2),
        ("margin_per_call", 2),
        ("roaming_difference", 0),
        ("tap_unsent", 0),
        ("set_aside", 3),
        ("suspense_history", 0),
        ("suspense", 1),
        ("duplicate", 1),
        ("filtered", 1),
        ("file_status", 1),
        ("stream_status", 0),
        ("bill_span", 0),
        ("bill_frontier", 0),
        ("charge_unbilled", 2),
        ("bill_run_state", 0),
        ("bill_document", 0),
    ],
)
def test_views(lake: Lake, view: str, rows: int) -> None:
    lake.commit(delta("a", ["rated", "no_rate", "rated", "duplicate", "not_billable"]))
    assert lake.query(f"SELECT * FROM {view}").num_rows == rows


def test_every_view_is_tested() -> None:
    tested = next(m.args[1] for m in test_views.pytestmark if m.name == "parametrize")
    assert {row[0] for row in tested} == set(VIEWS)


def test_no_view_makes_a_float(lake: Lake) -> None:
    lake.commit(delta("a", ["rated", "no_rate"]))
    for view in VIEWS:
        assert not [f for f in lake.query(f"SELECT * FROM {view}").schema if pa.types.is_floating(f.type)]


def test_margin_is_revenue_minus_cost(lake: Lake) -> None:
    lake.commit(delta("a", ["rated"]))
    row = lake.query("SELECT revenue, cost, margin, currency FROM margin_per_call").to_pylist()[0]
    assert row == {"revenue": Decimal("0.1"), "cost": Decimal("0.04"), "margin": Decimal("0.06"), "currency": "GBP"}


def test_a_file_tells_where_its_records_went(lake: Lake) -> None:
    lake.commit(delta("a", ["rated", "no_rate", "header", "duplicate"], total=9))
    row = lake.query("SELECT * EXCLUDE (source, stream, sequence_no, layout) FROM file_status").to_pylist()[0]
    assert row == {
        "name": "a",
        "size_bytes": 117,
        "content_bytes": 117,
        "next_offset": 52,
        "complete": False,
        "records": 4,
        "rated": 1,
        "suspended": 1,
        "duplicate": 1,
        "filtered": 0,
        "merged": 0,
        "control": 1,
    }
