"""The columns of a deck's file may have any name, also those that the loader itself uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tariffs.imports import Quote, compiled, differing

TARIFF = """
[deck.d]
file = "d.csv"
currency = "EUR"
columns = {{ prefix = "{0}", price = "{1}" }}
[plan.p]
currency = "EUR"
[[plan.p.rule]]
deck = "d"
"""


@pytest.mark.parametrize(
    ("prefix", "price", "other"),
    [
        ("prefix", "rate", "line"),
        ("zone", "price", "rate"),
        ("valid", "prefix", "valid_from"),
        ("local", "band", "zone"),
    ],
)
def test_names(tmp_path: Path, prefix: str, price: str, other: str) -> None:
    (tmp_path / "t.toml").write_text(TARIFF.format(prefix, price))
    (tmp_path / "d.csv").write_text(f"{prefix},{price},{other}\n44,0.60,x\n")
    card = [Quote("plan p", "+441", "2024-03-06T12:00:00", 10, "voice", "0.1")]
    assert differing(compiled(tmp_path), card) == []
