"""Layouts as files: the shipped ones are whole, and every mistake is named with its key."""

from pathlib import Path

import pytest

from mediation.layout_file import LayoutError, layout_from_text, read_layout, shipped

GOOD = """
name = "mine"
[framing]
columns = ["id", "a", "b", "t", "d"]
[fields]
service = { value = "voice" }
a_number = { column = "a" }
b_number = { column = "b" }
start_utc = { column = "t", format = "%Y-%m-%d %H:%M:%S" }
duration_s = { column = "d" }
[identity]
columns = ["id", "t"]
"""


def written(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", shipped())
def test_shipped_layouts_are_whole(name: str) -> None:
    layout = read_layout(name)
    assert layout.name == name
    assert layout_from_text(layout.text) == layout


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('name = "mine"', "", "name: expected a string, which is missing"),
        ('name = "mine"', 'name = "mine"\nnmae = 1', "nmae: no such key"),
        ("[framing]", '[framing]\nencoding = "utf-99"', "framing.encoding: expected an encoding known to Python"),
        ("[framing]", '[framing]\nencoding = "utf-16"', "framing.encoding: expected an encoding known to Python"),
        ("[framing]", '[framing]\nseparator = ";;"', "framing.separator: expected one ASCII character"),
        ("[framing]", '[framing]\nkind = "xml"', "framing.kind: expected one of delimited, fixed, json"),
        ('column = "a"', 'column = "aa"', "framing.columns: expected 'aa'"),
        ("a_number", "a_nummer", "fields.a_nummer: no such field"),
        ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %Q", "fields.start_utc.format: expected directives among"),
        ('format = "%Y', 'zone = "Mars", format = "%Y', "fields.start_utc.zone: expected an IANA time zone"),
        ('["id", "t"]', '["id"]', "identity.columns: expected the columns of start_utc among them"),
        ('service = { value = "voice" }\n', "", "fields.service: expected a mapping"),
        (
            "[framing]",
            '[partials]\nsession = "a"\n[framing]',
            "fields.partial_no: expected the column of the partial's",
        ),
        (
            "[framing]",
            '[fields.partial_no]\ncolumn = "a"\n[partials]\nsession = "b"\n[framing]',
            "identity.columns: exp",
        ),
        (
            "[framing]",
            '[fields.usage_offset]\ncolumn = "a"\n[partials]\nsession = "b"\n[framing]',
            "fields.usage_offset",
        ),
        ("[identity]", '[numbers]\ntrunk = "0"\n[identity]', "numbers.country: expected the country code"),
        ("[identity]", '[limits]\nearliest = "yesterday"\n[identity]', "limits.earliest: expected a date like"),
        (
            'name = "mine"',
            'name = "mine"\nfile_name = "(\\\\d+)"',
            "file_name: expected a regular expression with a group",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, problem: str) -> None:
    with pytest.raises(LayoutError) as fault:
        read_layout(written(tmp_path, GOOD.replace(old, new, 1)))
    assert problem in str(fault.value)
    assert "mine.toml" in str(fault.value)


def test_all_mistakes_are_listed(tmp_path: Path) -> None:
    text = (
        GOOD.replace("a_number", "a_nummer").replace('["id", "t"]', '["id"]').replace("[framing]", "[framing]\nx = 1")
    )
    with pytest.raises(LayoutError) as fault:
        read_layout(written(tmp_path, text))
    assert len(str(fault.value).splitlines()) == 3


def test_a_layout_can_change_single_keys_of_another(tmp_path: Path) -> None:
    layout = read_layout(written(tmp_path, 'extends = "asterisk_cdr_csv"\nname = "ours"\n[numbers]\ncountry = "33"'))
    assert (layout.name, layout.numbers.country, layout.numbers.trunk) == ("ours", "33", "0")
    assert layout.version != read_layout("asterisk_cdr_csv").version


@pytest.mark.parametrize("name", ["nowhere", "nowhere.toml"])
def test_a_missing_layout_names_the_shipped_ones(name: str) -> None:
    with pytest.raises(LayoutError, match="generic_csv"):
        read_layout(name)


def test_no_toml(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="not TOML"):
        read_layout(written(tmp_path, "name ="))
