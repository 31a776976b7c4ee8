"""Bad input, a bad set-up, a bad disk: one clear message or suspense rows, the right exit code, nothing lost."""

from __future__ import annotations

import gzip
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import DATA, Ended, Toll, balanced, contents, spawned, tariff_folder

LINES = (DATA / "generic_csv" / "cdr_SW1_000001.csv").read_bytes().splitlines(keepends=True)
GOOD = b"".join(LINES)
ROOT_USER = os.geteuid() == 0
Rate = Callable[..., Ended]
Mounted = Callable[[str], Path]
"""Mounts a small file system in memory with the given options."""
HEAD = """
extends = "generic_csv"
name = "mine"
"""


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def rate(toll: Toll, lake: Path, tariffs: Path) -> Rate:
    def run(*inputs: object, layout: object = "generic_csv", more: tuple[object, ...] = ()) -> Ended:
        return toll("rate", *inputs, "--layout", layout, "--tariffs", tariffs, "--lake", lake, *more)

    return run


def file(folder: Path, content: bytes, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def reasons(ended: Ended) -> dict[str, int]:
    return ended.json()["total"]["reasons"]


# --- files whose records wait in suspense: the run ends well, the bytes are kept

AS_SUSPENSE = [
    ("a line of 10 MB", GOOD + b"x" * 10_000_000 + b"\n", {"record_too_long": 1}),
    ("NUL bytes", GOOD + LINES[1].replace(b"SW1", b"S\0\0") + LINES[2], {"nul_byte": 1}),
    ("cut in mid-record", GOOD + LINES[1][:40], {"truncated_record": 1}),
    ("cut between CR and LF", GOOD.replace(b"\n", b"\r\n")[:-1], {"truncated_record": 1}),
    ("Latin-1 where UTF-8 is declared", GOOD + LINES[1].replace(b",SW1,", b",K\xf6ln,"), {"bad_encoding": 1}),
    ("random bytes after the header", LINES[0] + bytes(range(256)) + b"\n", {}),
    ("an open quote", GOOD + b'"' + LINES[1], {"unbalanced_quote": 1}),
    ("only a header", LINES[0], {}),
    ("huge numbers", GOOD + LINES[1].replace(b",125,", b"," + b"9" * 60 + b","), {"bad_duration": 1}),
]


@pytest.mark.parametrize(("content", "expected"), [c[1:] for c in AS_SUSPENSE], ids=[c[0] for c in AS_SUSPENSE])
def test_bad_records_wait_in_suspense(
    rate: Rate, toll: Toll, lake: Path, tmp_path: Path, content: bytes, expected: dict[str, int]
) -> None:
    ended = rate(file(tmp_path, content), more=("--json",))
    assert (ended.code, ended.err) == (0, "")
    assert reasons(ended).items() >= expected.items()
    assert all(row["duration_s"] >= 0 for row in contents(lake)["control_total"])
    balanced(toll, lake)
    toll("suspense", "export", "--lake", lake, "--to", tmp_path / "out", "--reason", *(list(expected) or ["none"]))
    exported = (tmp_path / "out").read_bytes()
    assert exported in content
    assert bool(exported) == bool(expected)


# --- inputs that are refused: one message, nothing landed, the other files go on


REFUSED = [
    (
        "a gzip file that is cut",
        "x.csv.gz",
        gzip.compress(GOOD * 50)[:-30],
        "broken gzip file, nothing of it was rated",
    ),
    ("a gzip file that is garbage", "x.csv.gz", b"\x1f\x8b" + b"garbage" * 9, "broken gzip file"),
    ("a zstd file that is garbage", "x.csv.zst", b"\x28\xb5\x2f\xfd" + b"garbage" * 9, "broken zstd file"),
    ("a gzip bomb", "x.csv.gz", gzip.compress(bytes(100 << 20)), "as no CDR file does"),
    ("another kind of file", "x.csv", (DATA / "sip_acc" / "acc_1.log").read_bytes(), "the header line lacks a_number"),
    ("no header at all", "x.csv", b"\n", "the header line lacks a_number"),
]


@pytest.mark.parametrize(("name", "content", "says"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_a_file_that_is_refused_does_not_stop_the_others(
    rate: Rate, toll: Toll, lake: Path, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    good = file(tmp_path, GOOD, "good_1.csv")
    ended = rate(file(tmp_path, content, name), good)
    assert ended.code == 1
    assert ended.err.count("\n") == 1
    assert says in ended.err
    assert name in ended.err
    assert [row["name"] for row in contents(lake)["source_file"]] == ["good_1.csv"]
    balanced(toll, lake)


def test_the_wrong_layout_is_refused_and_lands_nothing(rate: Rate, toll: Toll, lake: Path, tmp_path: Path) -> None:
    calls = file(tmp_path, (DATA / "nodobo_calls" / "calls.csv").read_bytes() * 5)
    ended = rate(calls, layout="sip_acc")
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "fits layout sip_acc" in ended.err
    assert contents(lake)["source_file"] == []
    assert rate(calls, layout="sip_acc", more=("--force",)).code == 0
    balanced(toll, lake)


def test_a_file_of_no_bytes_is_noted_once(rate: Rate, toll: Toll, lake: Path, tmp_path: Path) -> None:
    empty = file(tmp_path, b"")
    for _ in range(2):
        assert rate(empty).code == 0
    assert [row["finding"] for row in contents(lake)["finding"]] == ["empty"]
    balanced(toll, lake)


def test_a_folder_stands_for_its_files(rate: Rate, toll: Toll, lake: Path, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    (spool / "below").mkdir(parents=True)
    nothing = rate(spool)
    assert nothing.code == 0
    assert "there are no files" in nothing.err
    file(spool, GOOD, "a_1.csv")
    file(spool, b"half-written", ".a_2.csv.part")
    assert rate(spool).code == 0
    assert [row["name"] for row in contents(lake)["source_file"]] == ["a_1.csv"]
    balanced(toll, lake)


def test_a_name_that_is_no_utf8_is_kept_readable(rate: Rate, toll: Toll, lake: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"K\xf6ln_1.csv")
    file(tmp_path, GOOD, name)
    ended = rate(tmp_path / name)
    assert ended.code == 0
    assert [row["name"] for row in contents(lake)["source_file"]] == ["K\\xf6ln_1.csv"]
    balanced(toll, lake)


def test_a_number_in_a_name_that_is_too_long_is_no_sequence_number(
    rate: Rate, toll: Toll, lake: Path, tmp_path: Path
) -> None:
    assert rate(file(tmp_path, GOOD, f"cdr_{'9' * 40}.csv")).code == 0
    assert contents(lake)["source_file"][0]["sequence_no"] is None
    balanced(toll, lake)


@pytest.mark.skipif(ROOT_USER, reason="root reads everything")
def test_a_file_without_leave_to_read_is_refused(rate: Rate, tmp_path: Path) -> None:
    path = file(tmp_path, GOOD)
    path.chmod(0)
    ended = rate(path)
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "cannot be read" in ended.err


@pytest.mark.parametrize(
    ("layout", "content"),
    [
        ("generic_csv/bare_cr.toml", (DATA / "generic_csv" / "bare_cr.csv").read_bytes()),
        ("generic_csv/semicolon.toml", (DATA / "generic_csv" / "semicolon.csv").read_bytes()),
        ("asterisk_cdr_csv/latin1.toml", (DATA / "asterisk_cdr_csv" / "latin1.csv").read_bytes()),
    ],
)
def test_odd_files_are_read_by_their_layout(
    rate: Rate, toll: Toll, lake: Path, tmp_path: Path, layout: str, content: bytes
) -> None:
    ended = rate(file(tmp_path, content), layout=DATA / layout, more=("--json",))
    assert ended.code == 0
    assert not reasons(ended).keys() & {"bad_encoding", "record_too_long", "wrong_field_count"}
    balanced(toll, lake)


def test_a_file_of_bare_cr_by_the_wrong_layout_is_refused(rate: Rate, tmp_path: Path) -> None:
    ended = rate(file(tmp_path, GOOD.replace(b"\n", b"\r")))
    assert (ended.code, ended.err.count("\n")) == (1, 1)


# --- wrong use: layouts, tariffs, arguments

WRONG_LAYOUTS = [
    ("an unknown encoding", '[framing]\nencoding = "klingon"', ["framing.encoding: expected an encoding"]),
    ("an encoding of no text", '[framing]\nencoding = "base64"', ["framing.encoding"]),
    ("an encoding that refuses ASCII", '[framing]\nencoding = "idna"', ["framing.encoding"]),
    ("an encoding with a NUL", '[framing]\nencoding = "utf\\u0000"', ["framing.encoding"]),
    ("a cut at two characters", '[fields.a_number]\nafter = "ab"', ["fields.a_number.after"]),
    ("no separator", '[framing]\nseparator = ""', ["framing.separator"]),
    ("a separator that is the quote", "[framing]\nseparator = '\"'", ["framing.separator"]),
    ("country that is no number", '[numbers]\ncountry = "GB"', ["numbers.country"]),
    ("no TOML", "[framing", ["not TOML"]),
    (
        "five mistakes",
        (
            'typo = 1\nfile_name = "("\n[framing]\nencoding = "x"\n[fields.nobody]\ncolumn = "x"\n'
            '[limits]\nearliest = "soon"'
        ),
        ["typo: no such key", "file_name: ", "framing.encoding: ", "fields.nobody: no such field", "limits.earliest: "],
    ),
]


@pytest.mark.parametrize(("text", "says"), [c[1:] for c in WRONG_LAYOUTS], ids=[c[0] for c in WRONG_LAYOUTS])
def test_every_mistake_of_a_layout_is_listed(
    rate: Rate, toll: Toll, lake: Path, tmp_path: Path, text: str, says: list[str]
) -> None:
    layout = tmp_path / "mine.toml"
    layout.write_text(HEAD + text)
    ended = rate(file(tmp_path, GOOD), layout=layout)
    assert ended.code == 1
    assert [part for part in says if part not in ended.err] == []
    assert not lake.exists()
    assert toll("layout", "check", layout).code == 1


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"layout": "nothing"}, 1, "expected a .toml file or one of"),
        ({"layout": "gone.toml"}, 1, "no layout 'gone.toml'"),
        ({"layout": "/"}, 1, "no layout '/'"),
        ({"tariffs": "gone"}, 2, "no such tariff folder"),
        ({"inputs": ["gone.csv"]}, 1, "gone.csv: no such file or folder"),
        ({"inputs": ["x" * 300]}, 1, "cannot be read: File name too long"),
        ({"more": ["--chunk-mib", "0"]}, 2, "--chunk-mib"),
        ({"more": ["--chunk-mib", "-1"]}, 2, "--chunk-mib"),
        ({"more": ["--chunk-mib", "9999"]}, 2, "--chunk-mib"),
        ({"more": ["--window-days", "-1"]}, 2, "--window-days"),
    ],
)
def test_wrong_use_is_told_and_makes_no_lake(
    toll: Toll, lake: Path, tariffs: Path, tmp_path: Path, change: dict[str, Any], code: int, says: str
) -> None:
    given = {"inputs": [file(tmp_path, GOOD)], "layout": "generic_csv", "tariffs": tariffs, "more": []} | change
    ended = toll(
        "rate", *given["inputs"], "--layout", given["layout"], "--tariffs", given["tariffs"], "--lake", lake,
        *given["more"],
    )  # fmt: skip
    assert ended.code == code
    assert says in ended.err
    assert not lake.exists()


def test_all_errors_of_a_tariff_folder_are_told(rate: Rate, tariffs: Path, lake: Path, tmp_path: Path) -> None:
    tariff_folder(tariffs, plan='[tariff]\nzone = "Mars/Base"\n[rate.flat]\nprice = "dear"\ncurrency = "GBP"\n')
    ended = rate(file(tmp_path, GOOD))
    assert ended.code == 1
    assert "Mars/Base" in ended.err
    assert "dear" in ended.err
    assert not lake.exists()


def test_a_tariff_folder_without_a_file_is_told(rate: Rate, tariffs: Path, tmp_path: Path) -> None:
    (tariffs / "retail.toml").unlink()
    ended = rate(file(tmp_path, GOOD))
    assert ended.code == 1
    assert "expected a folder with at least one readable .toml file" in ended.err


# --- the lake's place


def test_a_lake_that_is_a_file_is_told(rate: Rate, toll: Toll, lake: Path, tmp_path: Path) -> None:
    lake.write_text("precious")
    ended = rate(file(tmp_path, GOOD))
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "check that it is a folder" in ended.err
    assert lake.read_text() == "precious"
    for command in ("audit", "suspense list"):
        assert toll(*command.split(), "--lake", lake).code == 1


def test_a_catalogue_that_is_garbage_is_told(rate: Rate, lake: Path, tmp_path: Path) -> None:
    lake.mkdir()
    file(lake, b"garbage" * 1000, "catalog.sqlite")
    ended = rate(file(tmp_path, GOOD))
    assert ended.code == 1
    assert str(lake) in ended.err


@pytest.mark.skipif(ROOT_USER, reason="root writes everywhere")
def test_an_unwritable_lake_is_told(rate: Rate, lake: Path, tmp_path: Path) -> None:
    lake.mkdir(mode=0o500)
    ended = rate(file(tmp_path, GOOD))
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "cannot be written" in ended.err


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounted]:
    """Small file systems in memory, with given mount options."""
    places: list[Path] = []

    def mount(options: str) -> Path:
        place = tmp_path / "disk"
        place.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if not ROOT_USER or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("a small disk needs leave to mount one")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", str(place)], check=True)


def test_a_disk_without_leave_to_write_is_told(mounted: Mounted, toll: Toll, tariffs: Path, tmp_path: Path) -> None:
    place = mounted("size=1m,ro")
    ended = toll(
        "rate", file(tmp_path, GOOD), "--layout", "generic_csv", "--tariffs", tariffs, "--lake", place / "lake"
    )
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "cannot be written" in ended.err


@pytest.mark.parametrize("free_kib", [4, 300, 700, 900, 1200, 1500])
def test_a_full_disk_loses_nothing(mounted: Mounted, toll: Toll, operator: Path, tmp_path: Path, free_kib: int) -> None:
    disk = mounted("size=16m")
    ballast, lake = disk / "ballast", disk / "lake"
    ballast.write_bytes(bytes((16 << 20) - (free_kib << 10)))
    inputs = sorted(operator.glob("*.csv"))
    command = ["rate", *inputs, "--layout", "generic_csv", "--tariffs", operator / "tariffs"]
    full = spawned(*command, "--lake", lake)
    assert full.code == 1
    assert full.err.count("\n") == 1, full.err
    assert "is full" in full.err, full.err
    ballast.unlink()
    if (lake / "catalog.sqlite").exists() and (lake / "catalog.sqlite").stat().st_size:
        assert spawned("audit", "--lake", lake).code in {0, 1}
    assert toll(*command, "--lake", lake).code == 0
    balanced(toll, lake)
    assert toll(*command, "--lake", tmp_path / "roomy").code == 0
    assert contents(lake) == contents(tmp_path / "roomy")
