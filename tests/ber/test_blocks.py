"""Conservation: whatever bytes come, however they are cut into blocks, each is in one row; records are found."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediation.ber.columns import Source
from mediation.ber.containers import ContainerError, opened
from mediation.frame import frame
from mediation.layout import Framing, Kind, Layout
from mediation.layout_file import read_layout
from mediation.pickup import SourceFile, blocks, bound, pick_up
from mediation.records import Chunk
from tests.ber import small
from tests.ber.small import CALL, EVENT, SESSION, field
from tests.ber.writer import cdr, contained, prefixed, primitive, structure

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
REAL = [
    ("3gpp_cs_sigscale", SAMPLES / "3gpp" / "sigscale_cs_500.dat"),
    ("3gpp_chf_free5gc", SAMPLES / "3gpp" / "free5gc_chf_60.cdr"),
    ("gsma_tap", SAMPLES / "tap3" / "asn1c_5.ber"),
]
SOURCES = {
    "bare": small.source(),
    "list": small.source("nested"),
    "deep list": small.source("nested", 2, "event.detail"),
    "prefixed by 1": small.source("prefixed", 1),
    "prefixed by 2": small.source("prefixed", 2),
    "prefixed by 4": small.source("prefixed", 4),
    "ts32297": small.source("ts32297"),
}
RECORDS = [
    structure(CALL, primitive(field(0), b"\x21\x43"), primitive(field(300), bytes(range(60)))),
    structure(SESSION, primitive(field(6), b"\x05"), primitive(field(7), b"x" * 40), indefinite=True),
    structure(EVENT, primitive(6 << 2 | 1, b"y" * 200)),
    structure(CALL, structure(field(2), structure(16 << 2, primitive(field(1), b"part"), indefinite=True))),
]


def pieces(file: SourceFile, layout: Layout, chunk_bytes: int = 1 << 20) -> list[tuple[int, bytes, bool]]:
    """Every row of ``file``, read in blocks: its offset, its bytes, whether it goes on."""
    found, record_no = [], 1
    for block in blocks(file, layout.framing, 0, chunk_bytes):
        records, aside = frame(Chunk("here", block.offset, record_no, block.bytes, block.last), layout)
        record_no += len(records) + aside.num_rows
        found += [
            (offset, records.text[begin:stop].tobytes(), True)
            for offset, begin, stop in zip(records.offset, records.begin, records.stop, strict=True)
        ]
        found += [(row["offset_bytes"], row["raw"], False) for row in aside.to_pylist()]
    return sorted(found)


def small_layout(by: Source, content: bytes) -> Layout:
    by = replace(by, said=opened(by, content, len(content)))
    return replace(read_layout("3gpp_cs"), framing=Framing(Kind.BER, (), max_record_bytes=small.LIMIT, ber=by))


def small_file(path: Path, content: bytes) -> SourceFile:
    path.write_bytes(content)
    return SourceFile(str(path), "here", path.name, len(content), len(content), "", "")


def whole(found: list[tuple[int, bytes, bool]], content: bytes) -> bool:
    return b"".join(raw for _, raw, _ in found) == content


@pytest.mark.parametrize(("name", "path"), REAL, ids=[name for name, _ in REAL])
def test_the_cut_of_a_real_file_into_blocks_changes_no_row(name: str, path: Path) -> None:
    layout = read_layout(name)
    file = pick_up(str(path), layout)
    layout = bound(file, layout)
    expected = pieces(file, layout)
    assert whole(expected, path.read_bytes())
    for chunk_bytes in (1, 2, 60, 101, 1000, 4096, 20_000):
        assert pieces(file, layout, chunk_bytes) == expected


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("indefinite", [False, True])
def test_the_cut_of_a_well_formed_file_changes_no_row(name: str, indefinite: bool, tmp_path: Path) -> None:
    """Filler of many lengths between, and a file header that is longer than the first blocks."""
    by, rng = SOURCES[name], random.Random(3)
    filler = {"bare": 400, "list": 400, "deep list": 400}.get(name, 0) * (not indefinite)
    records = [prefixed(by, rng.choice(RECORDS)) + b"\xff" * (rng.randrange(5) == 0) * filler for _ in range(60)]
    content = contained(by, b"".join(records), indefinite=indefinite)
    layout, file = small_layout(by, content), small_file(tmp_path / "file", content)
    expected = pieces(file, layout)
    assert [raw for _, raw, good in expected if good] == records
    for chunk_bytes in (*range(1, 40), 100, 500, 2000):
        assert pieces(file, layout, chunk_bytes) == expected


def test_filler_without_end_does_not_hold_a_block_up(tmp_path: Path) -> None:
    content = RECORDS[0] + b"\xff" * 100_000 + RECORDS[2]
    layout, file = small_layout(SOURCES["bare"], content), small_file(tmp_path / "file", content)
    found = pieces(file, layout, 8192)
    assert whole(found, content)
    assert [raw.rstrip(b"\xff") for _, raw, good in found if good] == [RECORDS[0], RECORDS[2]]


def test_a_trailer_of_any_length_is_read_in_blocks(tmp_path: Path) -> None:
    content = structure(16 << 2, RECORDS[0]) + b"trailer" * 9000
    layout, file = small_layout(SOURCES["list"], content), small_file(tmp_path / "file", content)
    found = pieces(file, layout, 8192)
    assert whole(found, content)
    assert [raw for _, raw, good in found if good] == [RECORDS[0]]


HEADS = [b"\xa0\x80", b"\0\0", b"\xff\xff", b"\xa0\x00", b"\x80\x00", b"\x64\x82\x01", b"\xa1\x30", b"\x88"]
streams = st.lists(
    st.one_of(
        st.sampled_from([*RECORDS, *map(cdr, RECORDS)]),
        st.binary(max_size=20),
        st.sampled_from(HEADS),
    ),
    max_size=12,
).map(b"".join)


@pytest.mark.parametrize("name", SOURCES)
@settings(max_examples=150)
@given(content=streams, as_file=st.booleans(), indefinite=st.booleans())
def test_any_bytes_are_rows_end_to_end(name: str, content: bytes, as_file: bool, indefinite: bool) -> None:
    by = SOURCES[name]
    content = contained(by, content, indefinite=indefinite) if as_file else content
    with suppress(ContainerError):
        small.rows(content, by)
        small.decoded(content, by, "@record", "served", "parts.text")


@pytest.mark.parametrize("name", SOURCES)
@settings(max_examples=60)
@given(content=streams, chunk_bytes=st.integers(1, 300))
def test_any_bytes_in_any_blocks_are_rows_end_to_end(
    name: str, content: bytes, chunk_bytes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    by = SOURCES[name]
    content = contained(by, content * 3)
    layout, file = small_layout(by, content), small_file(tmp_path_factory.getbasetemp() / "any", content)
    assert whole(pieces(file, layout, chunk_bytes), content)


@pytest.mark.parametrize("name", ["bare", "list", "prefixed by 2", "prefixed by 4", "ts32297"])
def test_records_behind_a_damaged_one_are_found(name: str) -> None:
    """One byte of the second of five records becomes another, or is lost, or one more comes in.

    Where one is lost, the length takes in the first byte of the next record, which goes with it into suspense.
    """
    by, rng = SOURCES[name], random.Random(11)
    records = [prefixed(by, structure(CALL, primitive(field(0), rng.randbytes(8)), *inside)) for inside in PARTS]
    cases, lost = damages(records[1], rng), 0
    for damaged in cases:
        content = contained(by, b"".join([records[0], damaged, *records[2:]]))
        found = small.rows(content, by)
        good = [raw for raw, reason in found if not reason]
        assert records[0] in good
        assert records[4] in good
        lost += sum(record not in good for record in records[2:])
    assert lost < len(cases) // 8


PARTS = [
    [primitive(field(300), bytes([n]) * (30 + 5 * n)), structure(field(4), primitive(field(1), b"apn"))]
    for n in range(5)
]


def damages(record: bytes, rng: random.Random) -> list[bytes]:
    changed = [
        record[:at] + bytes([rng.randrange(256)]) + record[at + 1 :] for at in range(len(record)) for _ in range(9)
    ]
    removed = [record[:at] + record[at + 1 :] for at in range(len(record))]
    added = [record[:at] + bytes([rng.randrange(256)]) + record[at:] for at in range(1, len(record))]
    return changed + removed + added


@settings(max_examples=100)
@given(
    damage=st.binary(max_size=12),
    at=st.integers(0, 700),
    chunk_bytes=st.integers(1, 500),
    name=st.sampled_from(list(SOURCES)),
)
def test_damage_gives_the_same_records_in_any_blocks(
    damage: bytes, at: int, chunk_bytes: int, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    by = SOURCES[name]
    body = bytearray(b"".join(prefixed(by, record) for record in RECORDS * 8))
    body[at : at + len(damage)] = damage
    content = contained(by, bytes(body))
    layout, file = small_layout(by, content), small_file(tmp_path_factory.getbasetemp() / "any", content)
    one, many = pieces(file, layout), pieces(file, layout, chunk_bytes)
    assert [row for row in one if row[2]] == [row for row in many if row[2]]


def test_rows_of_a_buffer_are_not_copied() -> None:
    content = np.frombuffer(bytearray(RECORDS[0] * 3), np.uint8)
    records, _ = frame(Chunk("here", 0, 1, content, last=True), small_layout(SOURCES["bare"], content.tobytes()))
    assert records.text is content
