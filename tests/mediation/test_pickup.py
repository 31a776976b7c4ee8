"""Picking files up: identity by content, blocks of whole records, and what is refused."""

import bz2
import gzip
from pathlib import Path

import pytest

from mediation import pickup
from mediation.layout_file import read_layout
from mediation.pickup import InputError, blocks, bound, input_files, pick_up

GENERIC = read_layout("generic_csv")
LINES = b"".join(b"line %d\n" % i for i in range(1000))


def written(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize(("name", "packed"), [("a.csv", bytes), ("a.csv.gz", gzip.compress), ("a.bz2", bz2.compress)])
@pytest.mark.parametrize("size", [16, 100, 1 << 20])
@pytest.mark.parametrize("offset", [0, 70])
def test_blocks_are_whole_records_end_to_end(tmp_path: Path, name: str, packed: type, size: int, offset: int) -> None:
    file = pick_up(written(tmp_path / name, packed(LINES)), GENERIC)
    assert file.content_bytes == len(LINES)
    parts = list(blocks(file, GENERIC.framing, offset, size))
    assert b"".join(p.bytes.tobytes() for p in parts) == LINES[offset:]
    assert [p.offset for p in parts] == [offset + sum(len(q.bytes) for q in parts[:i]) for i in range(len(parts))]
    assert all(p.bytes[-1] == 10 for p in parts)
    assert [p.last for p in parts] == [False] * (len(parts) - 1) + [True]


def test_a_line_longer_than_a_block_stays_whole(tmp_path: Path) -> None:
    content = b"x" * 5000 + b"\nshort\n"
    file = pick_up(written(tmp_path / "a", content), GENERIC)
    assert next(blocks(file, GENERIC.framing, 0, 64)).bytes[:5001].tobytes() == content[:5001]


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    one, two = (pick_up(written(tmp_path / n, LINES), GENERIC) for n in ("a", "b"))
    assert one.source == two.source
    assert one.source != pick_up(written(tmp_path / "c", LINES + b"\n"), GENERIC).source


@pytest.mark.parametrize(
    ("name", "stream", "number"),
    [("cdr_SW1_000042.csv", "cdr_SW1", 42), ("cdr_SW1_000042.csv.gz", "cdr_SW1", 42), ("notes.txt", "", None)],
)
def test_sequence_number(tmp_path: Path, name: str, stream: str, number: int | None) -> None:
    file = pick_up(written(tmp_path / name, LINES), GENERIC)
    assert (file.stream, file.sequence_no) == (stream, number)


def test_a_cut_gzip_is_refused_whole(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="broken gzip file, nothing of it was rated"):
        pick_up(written(tmp_path / "a.gz", gzip.compress(LINES * 50)[:-20]), GENERIC)


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickup, "_FREE_GROWTH", 1 << 20)
    with pytest.raises(InputError, match="as no CDR file does"):
        pick_up(written(tmp_path / "a.gz", gzip.compress(bytes(8 << 20))), GENERIC)


def test_a_chunk_without_line_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickup, "LONGEST_CHUNK", 1 << 12)
    file = pick_up(written(tmp_path / "a", b"x" * (1 << 14)), GENERIC)
    with pytest.raises(InputError, match="not this layout's file"):
        list(blocks(file, GENERIC.framing, 0, 64))


def test_inputs(tmp_path: Path) -> None:
    for name in ("b", "a", ".hidden"):
        written(tmp_path / name, b"")
    assert [Path(p).name for p in input_files([str(tmp_path)])] == ["a", "b"]
    with pytest.raises(InputError, match="no such file or folder"):
        input_files([str(tmp_path / "c")])


def test_header_names_the_columns(tmp_path: Path) -> None:
    names = list(GENERIC.framing.columns)[::-1]
    header = "\ufeff" + ",".join([*names, "more"]) + "\n"
    file = pick_up(written(tmp_path / "a", header.encode()), GENERIC)
    assert bound(file, GENERIC).framing.columns == (*names, "more")
    file = pick_up(written(tmp_path / "b", b"id,from,to\n"), GENERIC)
    with pytest.raises(InputError, match=r"the header line lacks .*call_id, .* it is: id,from,to"):
        bound(file, GENERIC)
