"""Records become columns: paths, lists, conditions, repeats, sums, depth, and what is wrong with a record."""

from __future__ import annotations

import pytest

from mediation.ber.plan import plan
from mediation.ber.texts import JOINED_BYTES
from tests.ber import small
from tests.ber.small import CALL, EVENT, SESSION, column, field
from tests.ber.writer import END, nested, primitive, structure

SEQUENCE = 16 << 2
A5, A6, A7 = 5 << 2 | 1, 6 << 2 | 1, 7 << 2 | 1


def call(*inside: bytes, indefinite: bool = False) -> bytes:
    return structure(CALL, *inside, indefinite=indefinite)


def part(kind: int, text: str, *more: bytes) -> bytes:
    return structure(SEQUENCE, primitive(field(0), bytes([kind])), primitive(field(1), text.encode()), *more)


def parts(*inside: bytes, indefinite: bool = False) -> bytes:
    return structure(field(2), *inside, indefinite=indefinite)


def volumes(*pairs: tuple[int, int]) -> bytes:
    inside = [
        structure(SEQUENCE, *(primitive(field(n), v.to_bytes(8, "big", signed=True)) for n, v in enumerate(pair)))
        for pair in pairs
    ]
    return structure(SESSION, structure(field(1), *inside))


SERVED = primitive(field(0), b"\x21\x43\xf5")
CODES = structure(field(3), *(primitive(2 << 2, bytes([n])) for n in (7, 8, 7)))
PARTS = parts(part(1, "a"), part(2, "b"), part(1, "c"))
INNER = structure(field(2), primitive(field(1), b"x"))
AB = (primitive(22 << 2, b"a"), primitive(22 << 2, b"b"))
UNKNOWN = structure(field(77), nested(2, 5), indefinite=True)
OPEN_PART = structure(17 << 2, primitive(field(1), b"z"), indefinite=True)
SEGMENT, HALVES = primitive(4 << 2, b"\x01\xff"), (primitive(4 << 2, b"\x21"), primitive(4 << 2, b"\x43\xf5"))
NO_SEGMENT = structure(field(7), SEGMENT, indefinite=True)
MOST = (1 << 63) - 1

PATHS = [
    ("a path with its record", "call.served", call(SERVED), "12345"),
    ("a path without its record", "served", call(SERVED), "12345"),
    ("of another record", "session.served", call(SERVED), ""),
    ("absent", "duration", call(SERVED), ""),
    ("the first of two", "served", call(SERVED, primitive(field(0), b"\x99")), "12345"),
    ("a long tag", "vendor", call(primitive(field(300), b"\x01\xff")), "01ff"),
    ("behind an unknown field", "served", call(primitive(field(77), b"\0"), SERVED), "12345"),
    ("behind an unknown structure", "served", call(structure(field(78), b"\xff\x1f"), SERVED), "12345"),
    ("behind an unknown of indefinite length", "served", call(UNKNOWN, SERVED), "12345"),
    ("a record of indefinite length", "served", call(SERVED, indefinite=True), "12345"),
    ("a list", "parts.text", call(PARTS), "a"),
    ("a list of indefinite length", "parts.text", call(parts(part(1, "a"), indefinite=True)), "a"),
    ("elements of indefinite length", "parts.text", call(parts(OPEN_PART)), "z"),
    ("a list of values", "codes", call(CODES), "7"),
    ("deeper in a list", "parts.inner.text", call(parts(part(1, "a"), part(2, "b", INNER))), "x"),
    ("a structure is there", "parts", call(PARTS), "true"),
    ("no structure is there", "parts", call(SERVED), ""),
    ("a choice", "address.v4", call(structure(field(4), primitive(field(0), b"\x7f\0\0\x01"))), "127.0.0.1"),
    ("the other of a choice", "address.name", call(structure(field(4), primitive(field(1), b"apn"))), "apn"),
    ("tags that mean the same everywhere", "event.amount", structure(EVENT, primitive(A5, b"\x05")), "5"),
    ("the same, deeper", "event.detail.code", structure(EVENT, structure(A7, primitive(A6, b"x"))), "x"),
    ("a value in a tag of its own", "duration", call(structure(field(6), primitive(2 << 2, b"\x09"))), "9"),
    ("a value in segments", "vendor", call(structure(field(300), SEGMENT, SEGMENT)), "01ff01ff"),
    (
        "segments of indefinite length",
        "vendor",
        call(structure(field(300), SEGMENT, SEGMENT, indefinite=True)),
        "01ff01ff",
    ),
    (
        "segments in segments",
        "vendor",
        call(structure(field(300), structure(4 << 2, SEGMENT, SEGMENT), SEGMENT)),
        "01ff" * 3,
    ),
    ("what is no segment", "vendor", call(structure(field(300), SEGMENT, SERVED, NO_SEGMENT, SEGMENT)), "01ff01ff"),
    ("segments of digits", "served", call(structure(field(0), *HALVES), primitive(field(6), b"\x01")), "12345"),
    ("behind segments", "duration", call(structure(field(0), *HALVES), primitive(field(6), b"\x01")), "1"),
    ("the record's name", "@record", volumes(), "session"),
    ("empty", "duration", call(primitive(field(6), b"")), ""),
]


@pytest.mark.parametrize(("path", "record", "expected"), [p[1:] for p in PATHS], ids=[p[0] for p in PATHS])
def test_a_path(path: str, record: bytes, expected: str) -> None:
    assert small.decoded(record, small.source(), path) == [(expected,)]


REPEATS = [
    ("first", "codes", call(CODES), "7"),
    ("last", "codes", call(CODES, structure(field(3), primitive(2 << 2, b"\x01"))), "1"),
    ("sum", "codes", call(CODES), "22"),
    ("sum", "codes", call(SERVED), ""),
    ("count", "codes", call(CODES), "3"),
    ("count", "parts", call(PARTS, PARTS), "6"),
    ("join", "codes", call(CODES), "7;8;7"),
    ("join", "parts.text", call(parts(part(1, ""), part(1, "x"), part(1, ""))), ";x;"),
    ("join", "parts.text", call(parts(*[part(1, "x" * 99)] * 9)), ";".join(["x" * 99] * 4)),
    ("join", "parts.text", call(parts(part(1, "x" * 999), part(1, "y"))), "x" * 999),
    ("same", "parts.text", call(PARTS), "a|b|c"),
    ("same", "parts.text", call(parts(part(1, "a"), part(2, "a"))), "a"),
    (
        "join",
        "vendor",
        call(structure(field(300), SEGMENT, SEGMENT), SEGMENT, primitive(field(300), b"\0")),
        "01ff01ff;00",
    ),
    ("sum", "duration", call(*[structure(field(6), *[primitive(2 << 2, b"\x01")] * 2)] * 2), "514"),
    ("sum", "volumes.up", volumes((1, 9), (-3, 9), (5, 9)), "3"),
    ("sum", "volumes.up", volumes((-5, 0), (MOST, 0)), str(MOST - 5)),
    ("sum", "volumes.up", volumes((5, 0), (-MOST, 0)), str(5 - MOST)),
    ("sum", "volumes.up", volumes((MOST, 0), (1, 0)), f"{MOST}+"),
    ("sum", "volumes.up", volumes((MOST, 0), (1, 0), (-MOST, 0)), f"{MOST}+"),
    ("sum", "volumes.up", volumes((-MOST, 0), (-5, 0)), f"{MOST}+"),
    ("sum", "volumes.up", volumes((-MOST, 0), (-1, 0)), f"{MOST}+"),
    ("sum", "duration", call(primitive(field(6), bytes(8) + b"\x01")), f"{MOST}+"),
]


@pytest.mark.parametrize(("repeat", "path", "record", "expected"), REPEATS)
def test_what_repeats(repeat: str, path: str, record: bytes, expected: str) -> None:
    by = small.source("bare", 2, "", column("it", path, repeat=repeat))
    assert small.decoded(record, by, "it") == [(expected,)]


GATES = [
    ("parts[kind=2].text", PARTS, "b"),
    ("parts[kind=1].text", PARTS, "a"),
    ("parts[kind=3].text", PARTS, ""),
    ("parts[text=ab].inner.text", parts(part(2, "", structure(field(1), *AB), INNER)), "x"),
    ("parts[text=b].kind", parts(part(1, "a"), part(2, "b")), ""),
    ("parts[kind=2].inner.text", parts(part(1, "a", INNER), part(2, "b", INNER)), "x"),
    ("parts[kind=3].inner.text", parts(part(1, "a", INNER)), ""),
    ("parts.inner[kind=3].text", parts(part(3, "a", INNER)), ""),
]


@pytest.mark.parametrize(("path", "inside", "expected"), GATES)
def test_a_condition_looks_at_what_stands_before(path: str, inside: bytes, expected: str) -> None:
    assert small.decoded(call(inside), small.source(), path) == [(expected,)]


def test_a_condition_counts_for_each_element_of_a_list() -> None:
    by = small.source("bare", 2, "", column("it", "parts[kind=1].text", repeat="join"))
    assert small.decoded(call(PARTS), by, "it") == [("a;c",)]


def test_the_better_path_wins_wherever_it_stands() -> None:
    by = small.source("bare", 2, "", column("it", "duration", "parts.kind", repeat="sum"))
    late, early = call(PARTS, primitive(field(6), b"\x09")), call(primitive(field(6), b"\x09"), PARTS)
    assert small.decoded(late + early + call(PARTS), by, "it") == [("9",), ("9",), ("4",)]


def test_joined_columns_grow_side_by_side() -> None:
    columns = [column(name, f"parts.{name}", repeat="join") for name in ("kind", "text")]
    by = small.source("bare", 2, "", *columns)
    kinds, texts = small.decoded(call(parts(*[part(1, "ab")] * 300)), by, "kind", "text")[0]
    assert kinds == ";".join("1" * (JOINED_BYTES // 2 + 1))[:JOINED_BYTES].rstrip(";")
    assert texts == ";".join(["ab"] * ((JOINED_BYTES + 1) // 3))


def test_a_sum_that_is_too_large_is_one_record_s_matter() -> None:
    by = small.source("bare", 2, "", column("it", "volumes.up", repeat="sum"))
    assert small.decoded(volumes((MOST, 0), (MOST, 0)) + volumes((1, 0)), by, "it") == [(f"{MOST}+",), ("1",)]


FAULTS = [
    ("a field runs beyond", call(b"\x80\x05\x21"), "bad_ber", "byte 2 of the record, 800521"),
    ("a list runs beyond its record", call(b"\xa2\x05\x30\x00"), "bad_ber", "byte 2"),
    ("inside a list", call(parts(b"\x30\x05\x80\x00")), "bad_ber", "byte 4"),
    ("an end where none is open", call(SERVED, END), "bad_ber", "byte 7"),
    ("a segment runs beyond", call(structure(field(0), b"\x04\x05\0")), "bad_ber", "byte 4"),
    ("an end among segments", call(structure(field(0), SEGMENT, END)), "bad_ber", "byte 8"),
    ("a bad tag", call(b"\x9f\xff\xff\xff\xff\x7f\0"), "bad_ber", "byte 2"),
    ("a bad length", call(b"\x80\x89" + bytes(9)), "bad_ber", "byte 2"),
    ("no such record", structure(9 << 2 | 2, SERVED), "unknown_record_type", "byte 0 of the record, a9058003"),
    ("a record that is no structure", primitive(CALL, b"\x80\0"), "unknown_record_type", "byte 0"),
]


@pytest.mark.parametrize(("record", "reason", "where"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_a_fault_is_named_with_its_place(record: bytes, reason: str, where: str) -> None:
    good = call(SERVED)
    found = small.decoded(good + record + good, small.source(), "served", "parts.text")
    assert found[0] == found[2] == ("12345", "")
    assert found[1][0] == reason
    assert found[1][1].startswith(where)


@pytest.mark.parametrize(("depth", "fine"), [(99, True), (100, False)])
def test_depth_has_a_limit(depth: int, fine: bool) -> None:
    unknown = (b"\xbf\x4d\x80" * depth) + END * depth
    (found,) = small.decoded(call(unknown, SERVED), small.source(), "served")
    assert (found == ("12345",)) == fine
    assert fine or found[0] == "bad_ber"


def test_room_grows_as_texts_need_it() -> None:
    """Many columns of one long field, in the last of many records."""
    names = [f"c{n}" for n in range(40)]
    by = small.source("bare", 2, "", *(column(n, "vendor") for n in names), column("g", "parts[kind=2].text"))
    record = call(primitive(field(300), bytes(range(250)) * 10), parts(part(2, "b")))
    found = small.decoded(call(SERVED) * 5 + record, by, *names, "g")
    assert found[:5] == [("",) * 41] * 5
    assert found[5] == ((bytes(range(250)) * 10).hex(),) * 40 + ("b",)


MISSING = ["call.nothing", "nothing", "nowhere.served", "parts[nothing=1].text", "parts[inner=1].text"]


@pytest.mark.parametrize("path", MISSING)
def test_a_path_that_the_format_lacks_is_an_error(path: str) -> None:
    with pytest.raises(ValueError, match=r"a path of format small|a value beside"):
        plan(small.FORMAT, [column("it", path)])
