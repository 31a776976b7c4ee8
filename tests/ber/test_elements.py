"""Records in every container: where each begins, what stands between, and what damage takes with it."""

from __future__ import annotations

import pytest

from mediation.ber.containers import ContainerError
from tests.ber import small
from tests.ber.small import CALL, EVENT, SESSION, field
from tests.ber.writer import cdr, file_header, primitive, structure

A = structure(CALL, primitive(field(0), b"\x21\x43"))
B = structure(SESSION, primitive(field(6), b"\x05"), indefinite=True)
C = structure(EVENT, primitive(6 << 2 | 1, b"x" * 300))
D = structure(9 << 2 | 2, b"")
"""A record that the format does not know."""
PLAIN = [
    ("nothing", [], []),
    ("records end to end", [A, B, C], [""] * 3),
    ("unknown tags are records too", [A, D, C], [""] * 3),
    ("filler belongs to the record before it", [A + b"\xff" * 3, B + b"\0" * 70, C + b"\0\xff\0"], [""] * 3),
    ("filler before any record", [b"\0\0\xff", A], ["filler", ""]),
    ("the end is cut off", [A, C[:200]], ["", "truncated_record"]),
    ("the end of an indefinite length is cut off", [A, B[:-1]], ["", "truncated_record"]),
    ("the last head is cut off", [A, C[:2]], ["", "truncated_record"]),
    ("rubbish between", [A, b"\xbf\xff\xff\xff\xff\xff", C, A], ["", "no_element", "", ""]),
    ("a length that is too long", [A, b"\xa0\x50\x01", C, A], ["", "no_element", "", ""]),
    ("a length that never ends", [A, b"\xa0\x89", A, A], ["", "no_element", "", ""]),
    ("not closed", [A, B[:-2], A, A], ["", "no_element", "", ""]),
    ("longer than a record may be", [A, structure(CALL, bytes(5000)), A], ["", "record_too_long", ""]),
    ("much longer than a record may be", [A, b"\xa0\x83\x7f\xff\xff", A, A], ["", "no_element", "", ""]),
]


@pytest.mark.parametrize(("pieces", "reasons"), [p[1:] for p in PLAIN], ids=[p[0] for p in PLAIN])
def test_bare_records(pieces: list[bytes], reasons: list[str]) -> None:
    assert small.rows(b"".join(pieces), small.source()) == list(zip(pieces, reasons, strict=True))


@pytest.mark.parametrize(("pieces", "reasons"), [p[1:] for p in PLAIN], ids=[p[0] for p in PLAIN])
def test_records_in_a_list(pieces: list[bytes], reasons: list[str]) -> None:
    body = b"".join(pieces)
    whole = structure(16 << 2, body)
    head = (whole[: len(whole) - len(body)], "header")
    assert small.rows(whole, small.source("nested")) == [head, *zip(pieces, reasons, strict=True)]


OPEN = b"\x30\x80"


@pytest.mark.parametrize(
    ("pieces", "reasons"),
    [
        ([OPEN, A, B, b"\0\0"], ["header", "", "", "trailer"]),
        ([OPEN, A + b"\xff\xff", B, b"\0\0\0\0\0"], ["header", "", "", "trailer"]),
        ([OPEN, A, B], ["header", "", ""]),
        ([OPEN, A, C[:-1]], ["header", "", "truncated_record"]),
        ([OPEN, A, b"\0\x02ab", C, b"\0"], ["header", "", "", "", "trailer"]),
        ([OPEN, b"\0\0"], ["header", "trailer"]),
        ([OPEN], ["header"]),
    ],
)
def test_records_in_a_list_of_indefinite_length(pieces: list[bytes], reasons: list[str]) -> None:
    assert small.rows(b"".join(pieces), small.source("nested")) == list(zip(pieces, reasons, strict=True))


def test_a_list_that_is_deep_in_a_file() -> None:
    """The first element holds what the header says; what stands behind the list is the trailer."""
    before = primitive(6 << 2 | 1, b"head")
    inside = structure(7 << 2 | 1, A, B)
    whole = structure(EVENT, before, inside, primitive(5 << 2 | 1, b"\x02"))
    by = small.source("nested", 2, "event.detail")
    assert [r for _, r in small.rows(whole, by)] == ["header", "", "", "trailer"]
    assert small.decoded(whole, by, "@record", "duration") == [("call", ""), ("session", "5")]


def two(record: bytes) -> bytes:
    return len(record).to_bytes(2, "big") + record


PREFIXED = [
    ("records", [two(A), two(B), two(C)], [""] * 3),
    ("zeros between are no record", [two(A) + bytes(6), two(B)], ["", ""]),
    ("zeros before", [bytes(4), two(A)], ["filler", ""]),
    ("cut in the record", [two(A), two(C)[:-3]], ["", "truncated_record"]),
    ("cut in the length", [two(A), b"\x01"], ["", "truncated_record"]),
    ("a length that is too long", [two(A), b"\xff\x02" + A, two(C), two(A)], ["", "no_element", "", ""]),
    ("a length that spans a record", [two(A), b"\x00\x15" + A, two(C)], ["", "no_element", ""]),
    (
        "a length that is too short",
        [two(A), b"\x00\x02" + A[:2], A[2:], two(C), two(A)],
        ["", "", "no_element", "", ""],
    ),
    ("no element, but the length holds", [two(A), two(b"cv"), two(A)], [""] * 3),
    ("two elements in one", [two(A + C), two(A)], [""] * 2),
]


@pytest.mark.parametrize(("pieces", "reasons"), [p[1:] for p in PREFIXED], ids=[p[0] for p in PREFIXED])
def test_records_behind_their_length(pieces: list[bytes], reasons: list[str]) -> None:
    assert small.rows(b"".join(pieces), small.source("prefixed")) == list(zip(pieces, reasons, strict=True))


@pytest.mark.parametrize("octets", [1, 2, 4])
def test_lengths_of_other_sizes(octets: int) -> None:
    content = b"".join(len(r).to_bytes(octets, "big") + r for r in (A, B, A))
    by = small.source("prefixed", octets)
    assert small.decoded(content, by, "@record") == [("call",), ("session",), ("call",)]


def test_what_stands_behind_the_element_is_a_fault_unless_it_is_filler() -> None:
    content = two(A + b"\xff\0") + two(A + A)
    good, bad = small.decoded(content, small.source("prefixed"), "served")
    assert good == ("1234",)
    assert bad[0] == "bad_ber"
    assert "behind the element" in bad[1]


@pytest.mark.parametrize("extra", [b"", b"\0\0", b"\0\0\x02\x03", b"\0\x03abc"])
def test_file_headers_of_any_length(extra: bytes) -> None:
    body = cdr(A) + cdr(B, extended=True) + cdr(C)
    content = file_header(body, 3, extra) + body
    by = small.source("ts32297")
    assert [r for _, r in small.rows(content, by)] == ["header", "", "", ""]
    assert small.decoded(content, by, "@record") == [("call",), ("session",), ("event",)]


@pytest.mark.parametrize("size", [0, 3, 7, 8, 49])
def test_a_cut_file_header_is_an_error(size: int) -> None:
    content = file_header(b"", 0)[:size]
    with pytest.raises(ContainerError, match="byte 4: expected the length of a TS 32"):
        small.rows(content, small.source("ts32297"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\x30", "byte 0: runs beyond"),
        (b"\x1f\xff\xff\xff\xff\xff", "byte 0: a tag number"),
        (b"\x42\x01\x00", "byte 0: expected"),
        (b"\x30\x89", "byte 0: a length"),
    ],
)
def test_a_file_that_does_not_begin_with_a_list_is_an_error(content: bytes, problem: str) -> None:
    with pytest.raises(ContainerError, match=problem):
        small.rows(content, small.source("nested"))


def test_a_cut_record_stays_one_row() -> None:
    """Its fields look like records, but for one thing: records are structures."""
    record = structure(CALL, *[primitive(field(n % 2), b"\x11") for n in range(40)])
    content = A + record[:-5]
    assert small.rows(content, small.source()) == [(A, ""), (record[:-5], "truncated_record")]


def test_what_is_parted_finer_than_any_record_stays_together() -> None:
    content = structure(CALL) * 50_000
    found = small.rows(content, small.source())
    assert len(found) < len(content) // 40 + 1001
    assert found[-1][1] == "no_element"
