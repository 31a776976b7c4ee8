from __future__ import annotations

import dataclasses
import json

import pyarrow as pa
import pytest
from rich.console import Console

from rating.audit import AuditReport, audit
from rating.lake import Delta, Lake, control_totals
from tests.rating.deltas import charge_rows, delta, rows, usage_row

ENDS = ["rated", "no_rate", "header", "rated", "duplicate", "not_billable", "merged", "rated"]


def faults(report: AuditReport) -> set[str]:
    return {check.name for check in report.checks if check.count}


def broken(lake: Lake, sql: str) -> AuditReport:
    """The audit of ``lake`` after somebody wrote past the commit protocol."""
    lake.query(sql)
    return audit(lake)


def test_an_empty_lake_is_balanced(lake: Lake) -> None:
    assert audit(lake).balanced


def test_whole_and_half_files_are_balanced(lake: Lake) -> None:
    lake.commit(delta("a", ENDS[:3], total=8))
    assert audit(lake).balanced
    lake.commit(delta("a", ENDS[3:], first=4, total=8))
    lake.commit(delta("b", ENDS))
    lake.commit(delta("empty", []))
    report = audit(lake)
    assert report.balanced, report.to_json()
    assert report.files["records"].to_pylist() == [8, 8, None]
    assert sum(report.stages["records"].to_pylist()) == sum(report.hours["records"].to_pylist()) == 16


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("DELETE FROM usage WHERE record_no = 1", {"control_totals", "sizes", "charged", "content"}),
        ("DELETE FROM rejected WHERE record_no = 2", {"control_totals", "sizes", "content"}),
        ("UPDATE usage SET duration_s = duration_s + 1 WHERE record_no = 1", {"control_totals"}),
        ("UPDATE usage SET raw = encode('A' || decode(raw)[2:]) WHERE record_no = 1", {"content"}),
        ("UPDATE usage SET raw = raw || raw WHERE record_no = 1", {"control_totals", "sizes", "content"}),
        ("UPDATE usage SET event_id = (SELECT max(event_id) FROM usage)", {"charged", "unique"}),
        ("DELETE FROM charge WHERE amount = 0.04 AND source = (SELECT min(source) FROM charge)", {"charge_totals"}),
        ("UPDATE charge SET amount = amount + 0.000000001 WHERE leg = 'retail'", {"charge_totals"}),
        ("UPDATE control_total SET records = records + 1 WHERE reason = 'no_rate'", {"control_totals", "entered"}),
        ("DELETE FROM batch WHERE first_offset > 0", {"batches", "entered", "content"}),
        ("UPDATE batch SET first_offset = first_offset + 1 WHERE first_offset > 0", {"batches", "content"}),
        ("UPDATE source_file SET sha256 = 'other'", {"content"}),
        ("UPDATE source_file SET content_bytes = content_bytes + 1", {"sizes", "content"}),
        ("INSERT INTO suspense_action SELECT 1, source, record_no, 'recycled', '' FROM suspense LIMIT 1",
         {"control_totals", "sizes", "content"}),
    ],
)  # fmt: skip
def test_every_difference_is_found(lake: Lake, sql: str, found: set[str]) -> None:
    lake.commit(delta("a", ENDS[:4], total=8))
    lake.commit(delta("a", ENDS[4:], first=5, total=8))
    assert faults(broken(lake, sql)) == found


def test_a_duplicate_that_was_rated_is_found(lake: Lake) -> None:
    twice = dataclasses.replace(delta("b", ["rated"]), **_copies())
    lake.commit(delta("a", ["rated"]))
    lake.commit(twice)
    assert faults(audit(lake)) == {"unique", "reversals"}


def _copies() -> dict[str, pa.Table]:
    event = usage_row("b", 1, event_id=usage_row("a", 1)["event_id"])
    return {"usage": rows("usage", [event]), "charges": rows("charge", charge_rows(event))}


def test_a_report_is_json_and_text(lake: Lake) -> None:
    lake.commit(delta("a", ENDS))
    good, bad = audit(lake), broken(lake, "DELETE FROM charge")
    assert json.loads(json.dumps(good.to_json()))["balanced"] is True
    told = json.loads(json.dumps(bad.to_json()))
    assert told["balanced"] is False
    assert [c["differences"] for c in told["checks"] if c["name"] == "charged"] == [3]
    console = Console(width=200, record=True, quiet=True)
    console.print(*bad.tables())
    assert "content" not in {check.name for check in audit(lake, content=False).checks}


def test_what_a_delta_says_is_what_its_rows_sum_to() -> None:
    control, charge = control_totals(delta("a", ENDS))
    assert sum(control["records"].to_pylist()) == len(ENDS)
    assert sum(control["raw_bytes"].to_pylist()) == 13 * len(ENDS)
    assert sum(charge["charges"].to_pylist()) == 6
    assert str(sum(charge["amount"].to_pylist())) == "0.420000000"
    part: Delta = dataclasses.replace(
        delta("a", ENDS), usage=pa.concat_tables([delta("a", ENDS).usage, delta("c", ENDS).usage])
    )
    assert sum(control_totals(part)[0]["records"].to_pylist()) == len(ENDS) + 3
