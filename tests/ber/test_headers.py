"""What a file's header says: TS 32.297 headers octet by octet, and codes that a header gives a meaning."""

from __future__ import annotations

from typing import Any

import pytest

from mediation.ber.columns import HeaderTable, Source, SourceColumn, parse_path
from mediation.ber.containers import opened
from mediation.ber.ts32297 import read_cdr_header, read_file_header
from tests.ber import small
from tests.ber.small import EVENT
from tests.ber.writer import cdr, file_header, primitive, structure

# The header vectors of free5GC's own tests (Apache-2.0).
FILTERED = (
    "000000470000003fe4e54e452a00110c499e000000010000000b040a0b0a0b0a0b0a0b0a0b0a0b0a0b0a0b0a0b0a0b040004"
    "6162636400056667686a6b02030003e35304616263"
)
THREE_RECORDS = (
    "0000005c00000042e5e6112f89de418811000000000300000041020c0d0c0d0c0d0c0d0c0d0c0d0c0d0c0d0c0d0c0d040005"
    "676664737300076162636465666701020003e353046162630006e2620267686a6b6c6d0002e364016376"
)
CASES: list[tuple[str, dict[str, Any]]] = [
    (FILTERED, {"fileLength": "71", "headerLength": "63", "numberOfCdrs": "1", "fileSequenceNumber": "11"}),
    (FILTERED, {"highRelease": "12.4", "lowRelease": "13.5", "closureReason": "4", "closure": "closed by hand"}),
    (FILTERED, {"routeingFilter": "61626364", "privateExtension": "6667686a6b", "nodeAddress": "0a0b" * 10}),
    (FILTERED, {"lostCdrs": "at least 4"}),
    (THREE_RECORDS, {"fileLength": "92", "headerLength": "66", "numberOfCdrs": "3", "fileSequenceNumber": "65"}),
    (THREE_RECORDS, {"highRelease": "11.5", "lowRelease": "12.6", "closure": "file open-time limit"}),
]


@pytest.mark.parametrize(("octets", "expected"), CASES)
def test_a_file_header(octets: str, expected: dict[str, str]) -> None:
    header = read_file_header(bytes.fromhex(octets))
    assert {name: header[name] for name in expected} == {name: [text] for name, text in expected.items()}


@pytest.mark.parametrize(("octets", "records"), [(FILTERED, [8]), (THREE_RECORDS, [8, 11, 7])])
def test_records_that_are_no_ber_keep_their_lengths(octets: str, records: list[int]) -> None:
    """Each goes into suspense by itself, since its header says how long it is."""
    content = bytes.fromhex(octets)
    by = small.source("ts32297")
    assert [len(raw) for raw, reason in small.rows(content, by) if not reason] == records
    assert {found[0] for found in small.decoded(content, by, "@record")} == {"bad_ber"}


@pytest.mark.parametrize(
    ("at", "octet", "name", "expected"),
    [
        (8, 0x06, "highRelease", "R99.6"),
        (8, 0xC1, "highRelease", "9.1"),
        (26, 0, "closure", "normal closure"),
        (26, 130, "closure", "file system exhausted"),
        (26, 99, "closure", "reserved"),
        (47, 0x00, "lostCdrs", "0"),
        (47, 0x80, "lostCdrs", "some"),
        (47, 0x85, "lostCdrs", "5"),
        (47, 0xFF, "lostCdrs", "at least 127"),
    ],
)
def test_an_octet_of_a_file_header(at: int, octet: int, name: str, expected: str) -> None:
    header = bytearray(file_header(b"", 0))
    header[at] = octet
    assert read_file_header(bytes(header))[name] == [expected]


@pytest.mark.parametrize("size", [50, 51, 52, 53, 60])
def test_a_header_of_any_length_and_content_is_read(size: int) -> None:
    for octet in (0x00, 0x7F, 0xFF):
        assert "fileLength" in read_file_header(bytes([octet]) * size)


def test_cdr_headers_of_both_lengths() -> None:
    assert read_cdr_header(cdr(b"abc")[:4]) == {
        "cdrLength": "3",
        "release": "6.0",
        "dataRecordFormat": "BER",
        "standard": "TS 32.005",
    }
    assert read_cdr_header(cdr(b"abc", extended=True)[:5])["release"] == "14.3"


A5, A6, A7 = 5 << 2 | 1, 6 << 2 | 1, 7 << 2 | 1


def by_header() -> Source:
    """Codes of records, and the currency of their file."""
    columns = (
        SourceColumn("zone", (parse_path("event.code"),), table="zones"),
        SourceColumn("sender", header=parse_path("event.code")),
        SourceColumn("none", header=parse_path("event.amount")),
    )
    tables = (HeaderTable("zones", parse_path("event.detail"), "amount", "code"),)
    return Source(small.FORMAT, "nested", parse_path("event.event"), columns=columns, tables=tables)


def row(number: int, text: str) -> bytes:
    return structure(A7, primitive(A5, bytes([number])), primitive(A6, text.encode()))


@pytest.mark.parametrize(
    ("rows", "code", "expected"),
    [
        ([row(1, "+0100"), row(2, "+0200")], "1", "+0100"),
        ([row(1, "+0100"), row(2, "+0200")], "2", "+0200"),
        ([row(1, "first"), row(1, "second")], "1", "first"),
        ([row(1, "+0100")], "3", "?3"),
        ([row(1, "+0100")], "", ""),
        ([], "1", "?1"),
    ],
)
def test_a_code_means_what_the_header_says(rows: list[bytes], code: str, expected: str) -> None:
    records = structure(EVENT, structure(EVENT, primitive(A6, code.encode())) * 2)
    content = structure(EVENT, primitive(A6, b"WERFD"), *rows, records)
    assert small.decoded(content, by_header(), "zone", "sender", "none") == [(expected, "WERFD", "")] * 2


def test_a_header_is_read_as_far_as_the_first_record() -> None:
    content = structure(EVENT, primitive(A6, b"x"), structure(EVENT), primitive(A5, b"\1"))
    said = opened(by_header(), content, len(content))
    assert "amount" not in said.header["event"][0]
    assert (said.body.begin, said.body.end, said.cut) == (7, 7, False)
