from __future__ import annotations

import io
import json
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rating.answers import ExportError, cell, export, harmless, json_rows, rich_table, write_csv

TABLE = pa.table(
    {
        "amount": pa.array([Decimal("0E-9"), None], pa.decimal128(18, 9)),
        "b_number": ["+442079460000", "=cmd()"],
        "events": [1, 2],
    }
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (Decimal("0E-9"), "0.000000000"),
        (Decimal("-12345678901234567890.123456789"), "-12345678901234567890.123456789"),
        (datetime(2026, 10, 5, 8, 30, tzinfo=UTC), "2026-10-05T08:30:00+00:00"),
        (date(2026, 10, 5), "2026-10-05"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"a\xff\n", "a\\xff\n"),
        ([Decimal("1.5"), {"a": b"x"}], '["1.5", {"a": "x"}]'),
        (True, "True"),
    ],
)
def test_cells(value: object, shown: str) -> None:
    assert cell(value) == shown


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("+447700900123", "+447700900123"),
        ("-0.040000000", "-0.040000000"),
    ],
)
def test_no_cell_is_a_formula(text: str, written: str) -> None:
    assert harmless(text) == written


def test_csv() -> None:
    out = io.StringIO()
    write_csv(TABLE, out)
    assert out.getvalue() == "amount,b_number,events\n0.000000000,+442079460000,1\n,'=cmd(),2\n"
    again = io.StringIO()
    write_csv(TABLE.to_reader(1), again)
    assert again.getvalue() == out.getvalue()


def test_exports(tmp_path: Path) -> None:
    for suffix in ("csv", "parquet", "json"):
        export(TABLE, tmp_path / f"out.{suffix}")
    assert (tmp_path / "out.csv").read_text("utf-8").startswith("amount,")
    assert pq.read_table(tmp_path / "out.parquet").equals(TABLE)
    assert json.loads((tmp_path / "out.json").read_text("utf-8")) == json_rows(TABLE)
    with pytest.raises(ExportError, match="name it"):
        export(TABLE, tmp_path / "out.xls")
    with pytest.raises(ExportError, match="cannot be written"):
        export(TABLE, tmp_path / "nowhere" / "out.csv")


def test_a_table_for_a_terminal_takes_no_markup() -> None:
    shown = rich_table(pa.table({"value": ["[red]x"]}), "Title")
    assert shown.row_count == 1
    assert str(next(iter(shown.columns[0].cells))) == "[red]x"
