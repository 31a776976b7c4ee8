"""Mistakes in a layout of the kind ber are named where they are, before a file is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediation.layout_file import LayoutError, read_layout

MINE = """
name = "mine"
[framing]
kind = "ber"
format = "gsma_tap"
list = "transferBatch.callEventDetailList"
[tables.offset]
path = "transferBatch.networkInfo.utcTimeOffsetInfoList.utcTimeOffsetInfo"
key = "utcTimeOffsetCode"
value = "utcTimeOffset"
[columns]
imsi = { path = "gprsCall.gprsBasicCallInformation.gprsChargeableSubscriber.homeBid" }
up = { path = "gprsCall.gprsServiceUsed.dataVolumeOutgoing", repeat = "sum" }
start = { path = "gprsCall.gprsBasicCallInformation.callEventStartTimeStamp.localTimeStamp" }
ahead = { path = "gprsCall.gprsBasicCallInformation.callEventStartTimeStamp.utcTimeOffsetCode", table = "offset" }
[fields]
service = { value = "data" }
b_number = { value = "internet" }
imsi = { column = "imsi" }
start_utc = { column = ["start", "ahead"], format = "%Y%m%d%H%M%S %z" }
volume_up_bytes = { column = "up" }
[identity]
columns = ["imsi", "start", "ahead"]
"""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("gsma_tap", "gsma_top", "framing.format: expected one of"),
        ("dataVolumeOutgoing", "dataVolumeOut", "columns.up.path: expected a path of format gsma_tap"),
        ("callEventDetailList", "..", "framing.list: expected a path like"),
        ('repeat = "sum"', 'repeat = "total"', "columns.up.repeat: expected one of first, last, sum"),
        (
            "gprsServiceUsed.",
            "gprsServiceUsed[nothing=1].",
            "columns.up.path: expected a value beside the path's fields, not 'nothing'",
        ),
        (
            'localTimeStamp" }',
            'localTimeStamp", repeat = "sum" }',
            "columns.start.repeat: expected something else than sum",
        ),
        ('table = "offset"', 'table = "offsets"', "columns.ahead.table: expected one of offset"),
        ('key = "utcTimeOffsetCode"', 'key = "code"', "tables.offset.key: expected a field of utcTimeOffsetInfo"),
        ('{ column = "imsi" }', '{ column = "imsy" }', "columns: expected 'imsy'"),
        ("imsi = { path", "imsi = { like", "columns.imsi.like: expected the name of a column that has paths"),
        (
            "[tables.offset]",
            '[tags.GprsCall]\n4 = "lacks a colon"\n[tables.offset]',
            "tags.GprsCall.4: expected a tag like 4",
        ),
        (
            "[tables.offset]",
            '[controls]\nsequence = "transferBatch.nothing"\n[tables.offset]',
            "controls.sequence: expected a path of gsma_tap",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, problem: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE, encoding="utf-8")
    assert read_layout(str(path)).name == "mine"
    assert old in MINE
    path.write_text(MINE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(LayoutError) as refused:
        read_layout(str(path))
    assert problem in str(refused.value)
