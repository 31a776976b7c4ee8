"""Every line of every sample file becomes what expected.json says."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mediation.correlate import correlate
from mediation.layout_file import read_layout
from mediation.pickup import blocks, bound, pick_up
from mediation.records import Chunk
from rating.pipeline import mediate

DATA = Path(__file__).parents[1] / "data"
Row = dict[str, Any]
EXPECTED: dict[str, dict[str, list[Row]]] = {
    folder.name: json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    for folder in sorted(DATA.iterdir())
    if folder.is_dir()
}
FILES = [pytest.param(layout, name, id=f"{layout}/{name}") for layout, files in EXPECTED.items() for name in files]


def became(layout_name: str, name: str) -> dict[int, Row]:
    """What each record of a file became, by its ordinal: a usage row, or the reason why it is none."""
    path = DATA / layout_name / name
    own = path.parent / f"{name.split('.', maxsplit=1)[0]}.toml"
    layout = read_layout(str(own) if own.exists() else layout_name)
    file = pick_up(str(path), layout)
    layout = bound(file, layout)
    (block,) = blocks(file, layout.framing, 0)
    mediated = mediate(Chunk(file.source, 0, 1, block.bytes, block.last), layout)
    usage, paired = correlate(mediated.usage, layout.pairing)
    found = {row["record_no"]: row for row in usage.to_pylist()}
    for rejected in (*mediated.rejected, paired):
        found |= {row["record_no"]: {"reason": row["reason"]} for row in rejected.to_pylist()}
    return found


def told(row: Row) -> Row:
    """An expected row in the terms of the usage table."""
    row = {key: value for key, value in row.items() if key not in {"line", "billable", "merged"}}
    if "start_utc" in row:
        row["start_utc"] = datetime.fromisoformat(row["start_utc"])
    return row


@pytest.mark.parametrize(("layout", "name"), FILES)
def test_each_line_becomes_what_is_expected(layout: str, name: str) -> None:
    expected = {row["line"]: told(row) for row in EXPECTED[layout][name]}
    found = became(layout, name)
    seen = {n: {key: row.get(key) for key in expected.get(n, row)} for n, row in found.items()}
    assert seen == expected
