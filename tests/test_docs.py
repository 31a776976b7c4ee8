"""The generated pages are what the code says."""

import re
import tomllib
from pathlib import Path

import pytest

from mediation.ber.format import parse_format
from mediation.dictionary import PAGES

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_the_documented_field_table_is_one() -> None:
    page = (DOCS / "field-tables.md").read_text(encoding="utf-8")
    example = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0]
    format_ = parse_format(tomllib.loads(example), "example")
    assert {field.name for field in format_.types["Call"].values()} > {"legs", "gsmCause"}
