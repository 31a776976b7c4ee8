"""Raw elements: every byte once, names where they are known, and the named fault that ends them."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediation.ber.columns import Source
from mediation.ber.format import NO_FORMAT, Format, read_format
from mediation.ber.raw import Element, Fault, Head, Piece, pieces
from mediation.ber.recognise import recognise
from mediation.ber.tlv import INDEFINITE
from tests.mediation import gsma

UNKNOWN = Source(NO_FORMAT, "bare")
CS = "samples/3gpp/sigscale_cs_500.dat"


def found(content: bytes, source: Source = UNKNOWN) -> list[Piece]:
    return list(pieces(BytesIO(content), len(content), source))


def line(piece: Piece) -> str:
    if isinstance(piece, Element):
        name = piece.field.name if piece.field else "?"
        return f"{piece.place} {piece.depth} {name} {piece.length} {piece.octets.hex()}".rstrip()
    return f"{piece.place} {piece.name if isinstance(piece, Head) else piece.why} {piece.octets.hex()}".rstrip()


CUT, AROUND = "the file ends inside the element", "runs beyond the bytes around it"
CASES = [
    # bytes, pieces
    ("", []),
    ("0401aa", ["0 0 ? 1 aa"]),
    ("a003800107", ["0 0 ? 3", "2 1 ? 1 07"]),
    ("a0808001070000", ["0 0 ? -1", "2 1 ? 1 07", "5 1 ? 0"]),
    ("ff00ff0401aa00ff", ["0 filler ff00ff", "3 0 ? 1 aa", "6 filler 00ff"]),
    ("9f81480161", ["0 0 ? 1 61"]),
    ("04", [f"0 {CUT} 04"]),
    ("0405aa", [f"0 {CUT} 0405aa"]),
    ("0888ffffffffffffffff00", [f"0 {CUT} 0888ffffffffffffffff00"]),
    ("0480aa", ["0 a length that is none: over eight octets, or indefinite on a primitive 0480aa"]),
    ("1fffffffffff0100", ["0 a tag number of more than four octets 1fffffffffff0100"]),
    ("a003800207", ["0 0 ? 3", f"2 {AROUND} 800207"]),
    ("a080800107", ["0 0 ? -1", "2 1 ? 1 07", "5 the file ends inside the structures that are open"]),
    ("a0098001073003", ["0 0 ? 9", "2 1 ? 1 07", "5 1 ? 3", "7 the file ends inside the structures that are open"]),
    ("a00980010780", ["0 0 ? 9", "2 1 ? 1 07", f"5 {CUT} 80"]),
    ("a0028003070707", ["0 0 ? 2", f"2 {AROUND} 8003070707"]),
    ("a0020000", ["0 0 ? 2", "2 an end-of-contents where no indefinite length is open 0000"]),
]


@pytest.mark.parametrize(("content", "expected"), CASES)
def test_elements_without_a_format(content: str, expected: list[str]) -> None:
    assert [line(piece) for piece in found(bytes.fromhex(content))] == expected


def test_nesting_has_an_end() -> None:
    last = found(b"\xa0\x80" * 200)[-1]
    assert isinstance(last, Fault)
    assert (last.place, last.why) == (200, "nested more than 100 deep")


def cs() -> Format:
    return read_format("3gpp_cs")


NAMED = [
    # container, bytes, pieces
    ("bare", "a603800106", ["0 0 moSMSRecord 3", "2 1 recordType 1 06"]),
    ("bare", "a609b1073005800121c000", ["0 0 moSMSRecord 9", "2 1 ? 7", "4 2 ? 5", "6 3 ? 1 21", "9 3 ? 0"]),
    ("nested", "3005a603800106", ["0 0 ? 5", "2 1 moSMSRecord 3", "4 2 recordType 1 06"]),
    ("prefixed", "0005a603800106", ["0 length 0005", "2 1 moSMSRecord 3", "4 2 recordType 1 06"]),
    (
        "prefixed",
        "0003a603800005a603800106",
        ["0 length 0003", "2 runs beyond the bytes around it a603800005a603800106", "5 length 0005"],
    ),
    ("prefixed", "0009a603800106", ["0 a length that runs beyond the file 0009a603800106"]),
    ("ts32297", "00000009a603800106", ["0 no TS 32.297 file header: it says 2785247233 bytes 00000009a6038001"]),
]


@pytest.mark.parametrize(("container", "content", "expected"), NAMED)
def test_elements_of_a_format(container: str, content: str, expected: list[str]) -> None:
    assert [line(piece) for piece in found(bytes.fromhex(content), Source(cs(), container))][
        : len(expected)
    ] == expected


def test_elements_of_a_list_are_what_the_list_holds() -> None:
    names = [
        p.field.name if p.field else "?"
        for p in found(gsma.content("samples/3gpp/free5gc_chf_60.cdr"), Source(read_format("3gpp_chf"), "ts32297"))
        if isinstance(p, Element)
    ]
    assert names.count("chargingFunctionRecord") == 60
    assert "dataVolumeUplink" in names
    assert "?" not in names


@pytest.mark.parametrize("name", [*gsma.FILES, CS, "samples/3gpp/free5gc_chf_60.cdr"])
def test_real_files_are_whole_and_every_byte_is_in_one_piece(name: str) -> None:
    content = gsma.content(name)
    known = recognise(content[: 64 << 10], len(content))
    assert known
    assert_end_to_end(content, known.source)
    assert not any(isinstance(piece, Fault) for piece in found(content, known.source))


def assert_end_to_end(content: bytes, source: Source) -> None:
    """Heads and contents of all pieces, laid end to end, are ``content`` up to the fault that ends it."""
    shown = found(content, source)
    ends = [piece_end(piece) for piece in shown]
    for (_, end), (place, _) in pairwise(zip([p.place for p in shown], ends, strict=True)):
        assert end == place
    if shown and not isinstance(shown[-1], Fault):
        assert ends[-1] == len(content)


def piece_end(piece: Piece) -> int:
    if isinstance(piece, Element):
        return piece.begin if piece.constructed or piece.length == INDEFINITE else piece.begin + piece.length
    return piece.place + len(piece.octets) if isinstance(piece, Head) else piece.place


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_any_bytes_end(content: bytes) -> None:
    assert_end_to_end(content, UNKNOWN)
    for container in ("nested", "prefixed", "ts32297"):
        assert len(found(content, Source(cs(), container))) <= len(content) + 1


def test_a_long_primitive_is_passed_without_being_held() -> None:
    content = b"\x04\x83\x10\x00\x00" + bytes(1 << 20) + b"\x04\x01\x07"
    first, last = found(content)
    assert isinstance(first, Element)
    assert (first.length, len(first.octets) < 5000) == (1 << 20, True)
    assert line(last) == f"{5 + (1 << 20)} 0 ? 1 07"
