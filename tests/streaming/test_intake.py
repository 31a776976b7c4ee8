"""Messages in, usage out: coordinates, bytes as they came, poison, whatever the packing and the batching."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediation.layout_file import read_layout
from rating.streaming.coordinates import Partition, offset_of, position_of
from rating.streaming.intake import Intake, take_in
from rating.streaming.source import Messages
from rating.streaming.unpack import Reading

CSV, JSON = read_layout("generic_csv"), read_layout("freeswitch_json_cdr")
READING = Reading({"generic_csv": CSV, "freeswitch_json_cdr": JSON}, "generic_csv")
PARTITION = Partition("raw", 3)
GOOD = b"c1,SW1,voice,O,+447700900123,+4915112345,,TO-ARDEN,2026-03-01 10:00:00+00:00,60,0,0,16"
BAD = b"c2,SW1"
ARROW = [("toll-packing", b"arrow")]


def block(*records: bytes, column: str = "record") -> bytes:
    batch = pa.record_batch({column: pa.array(records, pa.binary())})
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, batch.schema) as stream:
        stream.write_batch(batch)
    return out.getvalue().to_pybytes()


def messages(*given_: tuple[bytes, list[tuple[str, bytes]] | None], first: int = 100) -> Messages:
    columns = Messages()
    for offset, (value, headers) in enumerate(given_, first):
        columns.add(offset, value, headers, 1_000 + offset)
    return columns


def rows(intake: Intake) -> list[tuple[int, int, int, bytes, str]]:
    """(offset, position, byte, raw, end) of every record."""
    found = []
    for batch in (intake.mediated.usage, *intake.mediated.rejected):
        ends = batch["reason"].to_pylist() if "reason" in batch.schema.names else ["usage"] * batch.num_rows
        places = zip(batch["record_no"].to_pylist(), batch["offset_bytes"].to_pylist(), strict=True)
        for (number, at), raw, end in zip(places, batch["raw"].to_pylist(), ends, strict=True):
            found.append((offset_of(number), position_of(number), at, raw, end))
    return sorted(found)


def taken(*given_: tuple[bytes, list[tuple[str, bytes]] | None], reading: Reading = READING) -> Intake:
    return take_in(PARTITION, 100, messages(*given_), reading)[0]


LINES = GOOD + b"\n" + BAD + b"\n" + GOOD
CASES = [
    ("one record, no line end", [(GOOD, None)], [(100, 1, 0, GOOD, "usage")]),
    ("one record, line end", [(GOOD + b"\r\n", None)], [(100, 1, 0, GOOD + b"\r\n", "usage")]),
    (
        "many lines",
        [(LINES, None), (GOOD, None)],
        [
            (100, 1, 0, GOOD + b"\n", "usage"),
            (100, 2, len(GOOD) + 1, BAD + b"\n", "wrong_field_count"),
            (100, 3, len(GOOD) + len(BAD) + 2, GOOD, "usage"),
            (101, 1, 0, GOOD, "usage"),
        ],
    ),
    (
        "an Arrow block between single records",
        [(GOOD, None), (block(GOOD, BAD, GOOD + b"\n"), ARROW), (GOOD, None)],
        [
            (100, 1, 0, GOOD, "usage"),
            (101, 1, 0, GOOD, "usage"),
            (101, 2, len(GOOD), BAD, "wrong_field_count"),
            (101, 3, len(GOOD) + len(BAD), GOOD + b"\n", "usage"),
            (102, 1, 0, GOOD, "usage"),
        ],
    ),
    ("a block of one column of another name", [(block(GOOD, column="cdr"), ARROW)], [(100, 1, 0, GOOD, "usage")]),
    ("an empty message", [(b"", None)], [(100, 1, 0, b"", "blank")]),
    ("an empty block", [(block(), ARROW)], [(100, 0, 0, b"", "no_record")]),
    ("a broken block", [(b"junk", ARROW)], [(100, 0, 0, b"junk", "bad_packing")]),
    ("unknown packing", [(GOOD, [("toll-packing", b"zip")])], [(100, 0, 0, GOOD, "bad_packing")]),
    ("unknown layout", [(GOOD, [("toll-layout", b"../x")])], [(100, 0, 0, GOOD, "unknown_layout")]),
    ("a value that is no UTF-8", [(b"\xff\xfe\0", None)], [(100, 1, 0, b"\xff\xfe\0", "nul_byte")]),
    (
        "an open JSON document swallows no other message",
        [(b'{"a": {"b": 1', [("toll-layout", b"freeswitch_json_cdr")])] * 3,
        [(100 + n, 1, 0, b'{"a": {"b": 1', "truncated_record") for n in range(3)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given_", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_records_keep_their_bytes_and_coordinates(given_: list, expected: list) -> None:
    intake = taken(*given_)
    found = rows(intake)
    if "truncated" in expected[0][4]:
        found = [(*row[:4], expected[0][4]) for row in found]  # how JSON fails is the decoder's affair
    assert found == expected
    assert intake.record_bytes == sum(len(row[3]) for row in found)
    assert (intake.first, intake.next_offset, intake.messages) == (100, 100 + len(given_), len(given_))


def test_a_message_beyond_the_limit_waits_whole() -> None:
    small = replace(READING, most_bytes=len(GOOD))
    assert [row[4] for row in rows(taken((GOOD, None), (GOOD + b"\n", None), reading=small))] == [
        "usage",
        "message_too_long",
    ]
    many = b"\n" * (1 << 20)
    assert rows(taken((many, None))) == [(100, 0, 0, many, "message_too_long")]


VALUES = st.one_of(
    st.sampled_from([GOOD, GOOD + b"\n", BAD, b"", LINES]), st.binary(max_size=40), st.just(b'{"a":1}\n{')
)
HEADERS = st.sampled_from([None, [("toll-layout", b"freeswitch_json_cdr")], ARROW, [("toll-layout", b"nobody")]])
ONE = st.one_of(
    st.tuples(VALUES, HEADERS),
    st.tuples(st.lists(VALUES, max_size=4).map(lambda records: block(*records)), st.just(ARROW)),
)


@settings(max_examples=60)
@given(st.lists(ONE, min_size=2, max_size=8), st.data())
def test_batching_changes_nothing_and_no_byte_is_lost(given_: list, data: st.DataObject) -> None:
    whole = taken(*given_)
    cut = data.draw(st.integers(1, len(given_) - 1))
    one = take_in(PARTITION, 100, messages(*given_[:cut]), READING)[0]
    other = take_in(PARTITION, 100 + cut, messages(*given_[cut:], first=100 + cut), READING)[0]
    assert rows(whole) == rows(one) + rows(other)
    found = rows(whole)
    assert whole.record_bytes == sum(len(row[3]) for row in found) == one.record_bytes + other.record_bytes
    assert {row[0] for row in found} == set(range(100, 100 + len(given_)))
    for offset, (value, headers) in enumerate(given_, 100):
        mine = [row for row in found if row[0] == offset]
        assert [row[1] for row in mine] in ([0], list(range(1, len(mine) + 1)))
        if headers != ARROW:
            assert b"".join(row[3] for row in mine) == value


def test_a_record_whose_start_cannot_be_read_has_none() -> None:
    no_time = GOOD.replace(b"2026-03-01 10:00:00+00:00", b"yesterday")
    mediated = taken((no_time + b"\n" + GOOD, None)).mediated
    found = [(r["reason"], r["start_utc"]) for batch in mediated.rejected for r in batch.to_pylist()]
    assert found == [("bad_timestamp", None)]
    assert mediated.usage["start_utc"].null_count == 0


@pytest.mark.parametrize("stamp_ms", [-1, 1_790_000_000_000_000, 1_790_000_000_000_000_000, (1 << 63) - 1])
def test_a_stamp_of_a_producer_may_be_any_number(stamp_ms: int) -> None:
    """Micro- or nanoseconds, or none: the lake holds some time that can be told."""
    given = messages((GOOD, None), (GOOD, None))
    given.stamps_ms[1] = stamp_ms
    intake = take_in(PARTITION, 100, given, READING)[0]
    times = pa.array([1_000 * intake.first_ms, 1_000 * intake.last_ms], pa.timestamp("us", "UTC")).to_pylist()
    assert times[0].year == 1970
    assert times[1].year == (1970 if stamp_ms < 0 else 9999)
