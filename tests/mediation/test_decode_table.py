"""Tables of files: the paths that occur, the values of the trees, faults in their rows, whole files or none."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mediation.ber.named import Names
from mediation.ber.show import element_parts
from mediation.part import Kind
from mediation.pickup import blocks
from mediation.recognise import Choice, Recognised, recognise_file
from mediation.records import Chunk
from mediation.show import parts
from mediation.table import faulty, planned, some_rows, tables, write_parquet
from tests.mediation import gsma

ROOT = Path(__file__).parents[2]
CS = ROOT / "samples/3gpp/sigscale_cs_500.dat"


def known(path: Path) -> Recognised:
    return recognise_file(str(path), Choice())


def table_of(path: Path) -> pa.Table:
    return pa.concat_tables(tables(planned(known(path))))


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON is of many types
    """The values of a record's tree by path, as a layout sees them."""
    if isinstance(value, list):
        for one in value:
            yield from leaves(one, path)
    elif isinstance(value, dict) and value:
        for name, inside in value.items():
            yield from leaves(inside, f"{path}.{name}" if path else name)
    elif path:
        yield path, "true" if value == {} else str(value).lower() if isinstance(value, bool) else str(value)


def by_trees(path: Path) -> list[dict[str, str]]:
    """Each record's values joined by ``;``, by way of its tree."""
    rows = []
    for part in parts(known(path), code=lambda number, _: str(number)):
        if part.kind is Kind.RECORD:
            row: dict[str, list[str]] = {}
            for name, text in leaves(part.values):
                row.setdefault(name, []).append(text)
            rows.append({name: ";".join(texts) for name, texts in row.items() if any(texts)})
    return rows


@pytest.mark.parametrize(
    "name", [gsma.ASN1C, gsma.VALID, gsma.TIMES, gsma.NRTRDE, str(CS), "samples/3gpp/free5gc_chf_60.cdr"]
)
def test_a_table_has_what_the_trees_have(tmp_path: Path, name: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(CS.read_bytes() if name == str(CS) else gsma.content(name))
    own = {"record_no", "offset_bytes", "error", "record"}
    rows = [{k: v for k, v in row.items() if v is not None and k not in own} for row in table_of(path).to_pylist()]
    assert rows == by_trees(path)


def test_rows_say_where_their_records_stand() -> None:
    found = table_of(CS)
    records = [part for part in parts(known(CS)) if part.kind is Kind.RECORD]
    assert found["record_no"].to_pylist() == [part.record_no for part in records]
    assert found["offset_bytes"].to_pylist() == [part.offset_bytes for part in records]
    assert found["record"].to_pylist() == [part.record for part in records]


def test_unknown_tags_become_columns(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xa6\x09\x80\x01\x06\x9f\x63\x03abc\xa6\x0b\x80\x01\x06\xbf\x64\x05\x80\x03abc" * 3)
    plan = planned(recognise_file(str(path), Choice("3gpp_cs", "bare")))
    found = pa.concat_tables(tables(plan)).to_pylist()
    assert [row.get("99") for row in found[:2]] == ["616263", None]
    assert found[1]["100"] == "8003616263"


def test_tags_of_absurd_numbers_get_no_column(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xa6\x0b\x80\x01\x06\x9f\xff\xff\xff\x7f\x02ab")
    plan = planned(recognise_file(str(path), Choice("3gpp_cs", "bare")))
    assert plan.columns == ("@record", "recordType")


def test_faults_have_rows_of_their_own(tmp_path: Path) -> None:
    content, first = CS.read_bytes(), 54 + 5
    path = tmp_path / "file"
    path.write_bytes(content[:first] + b"\xa1\x5b\x80\x7f" + content[first + 4 : -10])
    found = table_of(path)
    assert (found.num_rows, faulty(found)) == (500, 2)
    assert found["error"][0].as_py().startswith("bad_ber: byte 7 of the record")
    assert found["error"][499].as_py() == "truncated_record"


BENT = [
    # file, bytes of it, the first byte that may be bent
    ("samples/3gpp/sigscale_cs_500.dat", 3000, 300),
    ("samples/3gpp/free5gc_chf_60.cdr", 2500, 300),
    (gsma.ASN1C, 372, 235),
]


@pytest.mark.parametrize(("name", "size", "first"), BENT)
@pytest.mark.parametrize("seed", range(8))
def test_tables_and_trees_agree_on_faults(tmp_path: Path, name: str, size: int, first: int, seed: int) -> None:
    rng = random.Random(seed)
    content = bytearray(gsma.content(name)[:size])
    for _ in range(12):
        content[rng.randrange(first, len(content))] = rng.choice([0, 0x30, 0x7F, 0x80, 0xA0, 0xFF])
    path = tmp_path / "file"
    path.write_bytes(content)
    rows = {row["record_no"]: row["error"] is not None for row in table_of(path).to_pylist()}
    shown = [part for part in parts(known(path)) if part.kind in {Kind.RECORD, Kind.UNDECODABLE}]
    assert rows == {part.record_no: part.fault is not None for part in shown}


def test_texts_become_tables() -> None:
    found = table_of(ROOT / "tests/data/generic_csv/cut.csv")
    assert found["switch"].to_pylist()[:3] == ["SW1"] * 3
    assert found["error"].to_pylist() == [None, None, None, "truncated_record"]


def test_wide_files_are_decoded_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = table_of(CS)
    monkeypatch.setattr("mediation.table._MOST_CELLS", 700)
    monkeypatch.setattr("mediation.table.BLOCK_BYTES", 8_000)
    assert table_of(CS).equals(whole)


def test_columns_beyond_the_limit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediation.ber.occurring.MOST_COLUMNS", 5)
    plan = planned(known(CS))
    assert (len(plan.columns), plan.left_out) == (6, 16)


SLICES = [
    # skip, count, rows
    (0, None, list(range(2, 502))),
    (3, 2, [5, 6]),
    (498, 9, [500, 501]),
    (900, 1, []),
    (0, 0, []),
]


@pytest.mark.parametrize(("skip", "count", "rows"), SLICES)
def test_some_rows(monkeypatch: pytest.MonkeyPatch, skip: int, count: int | None, rows: list[int]) -> None:
    monkeypatch.setattr("mediation.table.BLOCK_BYTES", 9_000)
    found = some_rows(tables(planned(known(CS))), skip, count)
    assert [number for table in found for number in table["record_no"].to_pylist()] == rows


def test_parquet_is_whole_or_not_there(tmp_path: Path) -> None:
    plan, out = planned(known(CS)), tmp_path / "out.parquet"

    def breaking() -> Iterator[pa.Table]:
        yield from tables(plan)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write_parquet(breaking(), plan.schema, out)
    assert list(tmp_path.iterdir()) == []
    assert write_parquet(tables(plan), plan.schema, out) == (500, 0)
    assert pq.read_table(out).equals(table_of(CS))
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]


def test_parts_of_blocks_are_parts_of_the_file() -> None:
    file = known(CS)
    source = file.layout.framing.ber
    assert source
    numbers, number = [], 1
    for block in blocks(file.file, file.layout.framing, 0, 4_000):
        chunk = Chunk(file.file.source, block.offset, number, block.bytes, block.last)
        found = list(element_parts(chunk, source, file.layout, Names(source.format)))
        number += len(found)
        numbers += [(part.record_no, part.offset_bytes) for part in found]
    assert numbers == [(part.record_no, part.offset_bytes) for part in parts(file)]
