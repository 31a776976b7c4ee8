"""What a file is, told by trying; and every real file in its parts, or refused by name."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediation.ber.columns import Source
from mediation.ber.format import FormatError, read_format, shipped
from mediation.ber.recognise import recognise
from mediation.layout_file import LayoutError
from mediation.part import Kind
from mediation.pickup import InputError
from mediation.recognise import Choice, UnrecognisedError, raw_source, recognise_file
from mediation.show import parts
from tests.mediation import gsma

ROOT = Path(__file__).parents[2]
CS = ROOT / "samples/3gpp/sigscale_cs_500.dat"
DATA = ROOT / "tests/data"

REAL = [
    # file, format, container; then how many headers, records, trailers and undecodable parts it has
    ("samples/3gpp/sigscale_cs_500.dat", "3gpp_cs", "ts32297", (1, 500, 0, 0)),
    ("samples/3gpp/free5gc_chf_60.cdr", "3gpp_chf", "ts32297", (1, 60, 0, 0)),
    (gsma.ASN1C, "gsma_tap", "nested", (1, 5, 1, 0)),
    (gsma.VALID, "gsma_tap", "nested", (1, 4, 1, 0)),
    (gsma.INDEFINITE, "gsma_tap", "nested", (1, 4, 1, 0)),
    (gsma.NEGATIVE, "gsma_tap", "nested", (1, 1, 1, 0)),
    (gsma.TIMES, "gsma_tap", "nested", (1, 5, 1, 0)),
    (gsma.NOTIFICATION, "gsma_tap", "nested", (1, 0, 0, 0)),
    (gsma.NRTRDE, "gsma_nrtrde", "nested", (1, 7, 1, 0)),
    (gsma.RAP_ACKNOWLEDGEMENT, "gsma_rap", "nested", (1, 0, 0, 0)),
    (gsma.RAP_MINI, "gsma_rap", "nested", (1, 0, 0, 0)),
]
REFUSED = [
    # file, what the message says of it
    ("3gpp/free5gc_unittest_vector0.ts32297", "a TS 32.297 file header of 63 bytes, but no known record behind it"),
    ("3gpp/free5gc_unittest_vector1.ts32297", "a TS 32.297 file header of 66 bytes, but no known record behind it"),
    ("ber_edge/libxfsx_block_test0.ber", "it begins with a0 80 a1 80"),
    ("ber_edge/libxfsx_length_overflow.ber", "it begins with 08 88 ff ff"),
    ("ber_edge/libxfsx_skip_test.ber", "it begins with a0 80 a1 80"),
    ("ber_edge/libxfsx_zero_test0.ber", "it begins with a0 80 a1 80"),
]
TEXTS = [
    # file, layout; then as above
    ("generic_csv/cdr_SW1_000001.csv", "generic_csv", (1, 10, 0, 0)),
    ("generic_csv/cut.csv", "generic_csv", (1, 3, 0, 1)),
    ("nodobo_calls/calls.csv", "nodobo_calls", (0, 15, 0, 0)),
    ("freeswitch_json_cdr/indented.cdr.json", "freeswitch_json_cdr", (0, 1, 0, 0)),
]


def counted(path: Path, choice: Choice | None = None) -> tuple[int, int, int, int]:
    found = Counter(part.kind for part in parts(recognise_file(str(path), choice or Choice())))
    return found[Kind.HEADER], found[Kind.RECORD], found[Kind.TRAILER], found[Kind.UNDECODABLE]


def written(folder: Path, content: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("name", "format_name", "container", "counts"), REAL)
def test_real_files(
    tmp_path: Path, name: str, format_name: str, container: str, counts: tuple[int, int, int, int]
) -> None:
    path = written(tmp_path, gsma.content(name))
    known = recognise_file(str(path), Choice())
    source = known.layout.framing.ber
    assert source
    assert (source.format.name, source.container) == (format_name, container)
    assert counted(path) == counts


@pytest.mark.parametrize(("name", "says"), REFUSED)
def test_real_files_of_no_format_are_refused_by_name(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(UnrecognisedError, match=says):
        recognise_file(str(written(tmp_path, gsma.content(name))), Choice())


@pytest.mark.parametrize("name", ["ber_edge/libxfsx_deep_invalid.ber", "ber_edge/libxfsx_two-root.ber"])
def test_malformed_files_of_a_format_are_shown_as_far_as_they_go(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, gsma.content(name))
    assert counted(path)[0] == 1
    faults = [part.fault for part in parts(recognise_file(str(path), Choice())) if part.fault]
    assert all(fault.error and 0 <= fault.offset_bytes <= path.stat().st_size for fault in faults)


@pytest.mark.parametrize(("name", "layout", "counts"), TEXTS)
def test_texts_by_the_layout_that_accepts_them(name: str, layout: str, counts: tuple[int, int, int, int]) -> None:
    known = recognise_file(str(DATA / name), Choice())
    assert known.layout.name == layout
    assert layout in known.layouts
    assert counted(DATA / name) == counts


def records(count: int) -> list[bytes]:
    """The first records of a real file, without what stands before them."""
    content, at, found = CS.read_bytes(), 54, []
    for _ in range(count):
        header = 5 if content[at + 2] >> 5 == 7 else 4
        end = at + header + int.from_bytes(content[at : at + 2], "big")
        found.append(content[at + header : end])
        at = end
    return found


def test_the_same_records_in_every_container(tmp_path: Path) -> None:
    bare = records(8)
    body = b"".join(bare)
    cases = {
        "bare": body,
        "bare with filler": b"\0\xff".join(bare),
        "prefixed by 2": b"".join(len(r).to_bytes(2, "big") + r for r in bare),
        "prefixed by 4": b"".join(len(r).to_bytes(4, "big") + r for r in bare),
        "nested": b"\x30\x82" + len(body).to_bytes(2, "big") + body,
        "nested, open": b"\x30\x80" + body + b"\0\0",
    }
    found = {}
    for name, content in cases.items():
        path = written(tmp_path, content)
        source = recognise_file(str(path), Choice()).layout.framing.ber
        assert source
        found[name] = (source.format.name, source.container, counted(path)[1])
    assert found == {name: ("3gpp_cs", name.replace(",", "").split()[0], 8) for name in cases}


def test_compressed_files_are_what_they_hold(tmp_path: Path) -> None:
    assert counted(written(tmp_path, gzip.compress(CS.read_bytes()))) == (1, 500, 0, 0)


@pytest.mark.parametrize("size", [240, 250, 300, 371])
def test_cut_files_are_recognised(tmp_path: Path, size: int) -> None:
    known = recognise_file(str(written(tmp_path, gsma.content(gsma.ASN1C)[:size])), Choice())
    assert known.layout.name == "gsma_tap"
    assert sum(part.kind is Kind.HEADER for part in parts(known)) == 1


def test_a_vendors_own_tags_do_not_hide_the_format(tmp_path: Path) -> None:
    own = b"\x9f\x81\x48\x03abc"
    bent = [r[:1] + b"\x81" + bytes([len(r) - 3 + len(own)]) + r[3:] + own for r in records(4) if r[1] == 0x81]
    bent += [r[:1] + b"\x81" + bytes([len(r) - 2 + len(own)]) + r[2:] + own for r in records(4) if r[1] != 0x81]
    known = recognise_file(str(written(tmp_path, b"".join(bent))), Choice())
    assert known.layout.name == "3gpp_cs"
    assert all(part.values["200"] == "616263" for part in parts(known))


CHOICES = [
    # what is given, what happens
    (Choice(format="3gpp_cs"), (1, 500, 0, 0)),
    (Choice(container="ts32297"), (1, 500, 0, 0)),
    (Choice("3gpp_cs", "ts32297"), (1, 500, 0, 0)),
    (Choice(layout="3gpp_cs_sigscale"), (1, 500, 0, 0)),
    (Choice(format="gsma_tap"), UnrecognisedError),
    (Choice("gsma_nrtrde", "ts32297"), (1, 0, 0, 500)),
    (Choice(layout="gsma_tap"), InputError),
    (Choice(layout="nobodys"), LayoutError),
    (Choice(format="nobodys"), FormatError),
]


@pytest.mark.parametrize(("choice", "expected"), CHOICES)
def test_what_is_given_is_not_questioned(choice: Choice, expected: tuple[int, ...] | type[Exception]) -> None:
    if isinstance(expected, tuple):
        assert counted(CS, choice) == expected
        return
    with pytest.raises(expected):
        counted(CS, choice)


@pytest.mark.parametrize("content", [b"", b"some words\nand more\n", b"\x00" * 300, b"\xff" * 300, b"\x30"])
def test_nothing_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnrecognisedError, match=r"has no bytes|none of the layouts|no file of any format"):
        recognise_file(str(written(tmp_path, content)), Choice())


def test_raw_elements_need_no_known_format(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xe0\x03\x80\x01\x07")
    _, source, why = raw_source(str(path), Choice())
    assert (source.container, why) == ("bare", "no known format: it begins with e0 03 80 01 07")


@given(st.binary(max_size=400))
@settings(max_examples=150)
def test_any_bytes_are_recognised_or_not(content: bytes) -> None:
    found = recognise(content, len(content))
    assert found is None or (isinstance(found.source, Source) and 60 <= found.percent <= 100)


@pytest.mark.parametrize("name", shipped())
def test_names_without_a_record_do_not_pass_for_a_format(name: str) -> None:
    assert recognise(b"\x04\x02ab" * 20, 80, read_format(name).name) is None
