"""What changes beside prices: one change of a folder a row, what is told of it last."""

from __future__ import annotations

from pathlib import Path

import pytest

from tariffs.catalogue import Catalogue
from tariffs.definitions import changed_definitions
from tests.tariff_folder import compiled

FILES = {
    "a.toml": """
[calendar.c]
zone = "UTC"
[calendar.c.bands]
peak = ["mon-fri 08:00-18:00"]
[class.kin]
subscribed = true
[tax.vat]
percent = "20"
[rate.r]
currency = "GBP"
price = "1"
[plan.p]
currency = "GBP"
calendar = "c"
tax = "vat"
bill_currency = "XDR"
[[plan.p.rule]]
class = "kin"
rate = "r"
""",
    "conversions.csv": "from,to,rate,date,source\nGBP,XDR,0.95,2024-03-31,IMF\n",
    "subscriptions.csv": "kind,key,account,plan\nnumber,+1,a,p\nnumber,+2,b,p\n",
}


def _catalogue(folder: Path, file: str = "", text: str = "", other: str = "") -> Catalogue:
    assert not file or text in FILES[file]
    return compiled(folder, FILES | ({file: FILES[file].replace(text, other, 1)} if file else {}))


# file, text, other text, the rows
CHANGES = [
    ("a.toml", "[tax.vat]", "# nothing\n[tax.vat]", []),
    ("a.toml", "08:00", "07:00", [("calendar.c", "changed", "bands.peak")]),
    ("a.toml", 'zone = "UTC"', 'zone = "Europe/Paris"', [("calendar.c", "changed", "zone")]),
    (
        "a.toml",
        'percent = "20"',
        'percent = "21"\nrounding = { scale = 2 }',
        [("tax.vat", "changed", "percent, rounding")],
    ),
    ("a.toml", "[tax.vat]", '[tax.low]\npercent = "5"\n[tax.vat]', [("tax.low", "new", "")]),
    ("a.toml", "[tax.vat]", '[tariff]\nzone = "Asia/Tokyo"\n[tax.vat]', [("tariff.zone", "new", "")]),
    ("a.toml", 'bill_currency = "XDR"\n', "", [("plan.p", "changed", "bill_currency")]),
    ("a.toml", 'rate = "r"', 'rate = "r"\nservice = "sms"', [("plan.p", "changed", "version")]),
    ("a.toml", "[class.kin]", '[class.near]\nprefixes = ["1"]\n[class.kin]', [("class.near", "new", "")]),
    ("conversions.csv", "0.95", "0.96", [("conversions.csv", "changed", "1 lines more, 1 less")]),
    ("subscriptions.csv", "number,+2,b,p\n", "", [("subscriptions.csv", "changed", "0 lines more, 1 less")]),
    (
        "subscriptions.csv",
        "number,+1,a,p\nnumber,+2,b,p\n",
        "",
        [("subscriptions.csv", "gone", "0 lines more, 2 less")],
    ),
]


@pytest.mark.parametrize(("file", "text", "other", "rows"), CHANGES)
def test_change(tmp_path: Path, file: str, text: str, other: str, rows: list[tuple[str, ...]]) -> None:
    old, new = _catalogue(tmp_path / "old"), _catalogue(tmp_path / "new", file, text, other)
    assert changed_definitions(old, new).rows() == rows
    assert changed_definitions(old, old).is_empty()
