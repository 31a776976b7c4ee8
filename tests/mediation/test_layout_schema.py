"""The published JSON Schema of layouts: it knows the keys that the reader knows, takes ours and refuses bad ones."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mediation.field_keys import TARGETS
from mediation.layout_file import LayoutError, parse_layout

ROOT = Path(__file__).parents[2]
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "schema" / "layout.schema.json").read_text("utf-8"))
VALID = Draft202012Validator(SCHEMA)
SHIPPED = sorted((ROOT / "mediation" / "layouts").glob("*.toml"))
LAYOUTS = [*SHIPPED, *sorted((ROOT / "samples").rglob("*layout*.toml"))]
LEAST = """
name = "least"
[framing]
columns = ["start", "other"]
[fields]
start_utc = { column = "start", format = "%Y-%m-%d %H:%M:%S" }
service = { value = "voice" }
b_number = { column = "other" }
[identity]
columns = ["start"]
"""
SECTIONS = ["framing", "numbers", "identity", "limits", "controls", "pairing", "partials", "given", "tap"]

WRONG = [
    ("a key that nobody reads", "zzz = 1"),
    ("a field that nobody maps", "[fields.usage]\ncolumn = 'start'"),
    ("a derived field", "[fields.event_id]\ncolumn = 'start'"),
    ("a negative number", "[limits]\nduration_s = -1"),
    ("a number as text", "[limits]\nvolume_bytes = '1'"),
    ("no such unit", "[fields.duration_s]\ncolumn = 'other'\nunit = 'h'"),
    ("a unit of something else", "[fields.a_number]\ncolumn = 'other'\nunit = 's'"),
    ("letters in a country code", "[numbers]\ncountry = 'uk'"),
    ("no day", "[limits]\nearliest = 'soon'"),
    ("a position of one number", "[controls]\nrecords = [1]"),
    ("pairing without an end", "[pairing]\nbegin = ['INVITE']\nanswered = ['200']"),
    ("a condition of nothing", "[billable]\nother = {}"),
    ("no such severity", "[tap.severity]\ntap_future = 'mild'"),
]


def faults(text: str) -> list[str]:
    return [error.message for error in VALID.iter_errors(tomllib.loads(text))]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", LAYOUTS, ids=lambda path: path.stem)
def test_layouts_of_ours_are_valid(path: Path) -> None:
    assert faults(path.read_text("utf-8")) == []


def test_it_maps_what_the_reader_maps() -> None:
    assert set(SCHEMA["properties"]["fields"]["properties"]) == TARGETS


@pytest.mark.parametrize("section", SECTIONS)
def test_it_knows_the_keys_of_the_reader(section: str) -> None:
    """The reader names every key of a section that it does not know: whatever the kind, none of the schema's."""
    keys = dict.fromkeys(SCHEMA["properties"][section]["properties"], "x")
    unknown = set(keys)
    for kind, container in (("delimited", ""), ("fixed", ""), ("ber", "prefixed"), ("ber", "nested")):
        framing = {"kind": kind, "format": "gsma_tap", "container": container}
        table = {**tomllib.loads(LEAST), "framing": framing, "zzz": 1}
        table[section] = {**keys, **(framing if section == "framing" else {})}
        problems = problems_of(table)
        unknown &= {key for key in keys if f"t: {section}.{key}: no such key" in problems}
    assert unknown == set()


def problems_of(table: dict[str, Any]) -> str:
    with pytest.raises(LayoutError) as told:
        parse_layout(table, "t")
    return str(told.value)


@pytest.mark.parametrize("wrong", [w[1] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_is_wrong_is_wrong_for_both(wrong: str) -> None:
    text = LEAST if wrong.startswith("[") else wrong + LEAST
    text = text + wrong if wrong.startswith("[") else text
    assert faults(LEAST) == []
    assert faults(text)
    assert problems_of(tomllib.loads(text))
