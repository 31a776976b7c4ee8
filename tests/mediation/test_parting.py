"""Text parted into lines and fields, each against a plain second way."""

import csv
import io
from itertools import accumulate
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.parting import BEYOND_ASCII, HAS_NUL, Bytes, Spans, count_byte, find_lines, mark_lines, split_delimited
from mediation.spans import Column
from mediation.words import eightfold, next_byte, words_of
from tests.mediation.test_text import column

Quoting = Literal[0, 1]


@given(st.binary(max_size=60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 255))
def test_the_next_byte_is_where_bytes_find_it(text: bytes, at: int, end: int, byte: int) -> None:
    at, end = sorted((min(at, len(text)), min(end, len(text))))
    array = np.frombuffer(text, np.uint8)
    found = text.find(bytes([byte]), at, end)
    assert next_byte(array, words_of(array), at, end, byte, eightfold(byte)) == (end if found < 0 else found)


@given(st.lists(st.binary(max_size=40) | st.text("ab\r", max_size=40).map(str.encode), max_size=8), st.booleans())
def test_lines_are_those_of_a_file(lines: list[bytes], ended: bool) -> None:
    text = np.frombuffer(b"\n".join(lines) + (b"\n" if ended else b""), np.uint8)
    expected = list(io.BytesIO(text.tobytes()))
    end, stop, marks = (np.zeros(count_byte(text, 10) + 1, kind) for kind in (np.int32, np.int32, np.uint8))
    found = find_lines(text, words_of(text), 10, eightfold(10), end, stop)
    mark_lines(text, stop[:found], marks)
    assert stop[:found].tolist() == list(accumulate(map(len, expected)))
    begins = np.append(0, stop[:found])[:found]
    assert (end[:found] - begins).tolist() == [len(line.rstrip(b"\r\n")) for line in expected]
    has = [(HAS_NUL if 0 in line else 0) | (0 if line.isascii() else BEYOND_ASCII) for line in expected]
    assert marks[:found].tolist() == has


@pytest.mark.parametrize("first", range(9))
def test_words_are_aligned_wherever_a_text_begins(first: int) -> None:
    text = np.arange(40, dtype=np.uint8)[first:]
    words = words_of(text)
    assert words.flags.aligned
    assert words.tobytes() == text[: len(text) // 8 * 8].tobytes()


@pytest.mark.parametrize("at", [0, 1023, 1024, 2047, 2999])
@pytest.mark.parametrize(("byte", "mark"), [(0, HAS_NUL), (1, 0), (127, 0), (128, BEYOND_ASCII), (255, BEYOND_ASCII)])
def test_odd_bytes_mark_the_line_that_they_are_in(at: int, byte: int, mark: int) -> None:
    text = np.full(3000, 65, np.uint8)
    text[at] = byte
    stop, marks = np.arange(1, 3001, dtype=np.int32), np.zeros(3000, np.uint8)
    mark_lines(text, stop, marks)
    assert [(i, m) for i, m in enumerate(marks.tolist()) if m] == [(at, mark)] * (mark > 0)


def split(lines: Column, begin: Spans, end: Spans, verdict: Bytes) -> None:
    """Part ``lines`` at commas into three fields each."""
    text, slots = lines.text, np.arange(3)
    split_delimited(
        text, words_of(text), lines.begin, lines.end, 44, eightfold(44), 34, -1, slots, 3, 3, begin, end, verdict
    )


CELLS = st.lists(st.text('ab," ;|\\1', max_size=40), min_size=3, max_size=3)


@given(st.lists(CELLS, min_size=1, max_size=20), st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
def test_separated_fields_are_those_of_the_csv_module(rows: list[list[str]], quoting: Quoting) -> None:
    written = io.StringIO()
    csv.writer(written, quoting=quoting, lineterminator="\n").writerows(rows)
    lines = written.getvalue().splitlines()
    text = column(lines)
    begin, end = np.zeros((3, len(rows)), np.int32), np.zeros((3, len(rows)), np.int32)
    verdict = np.zeros(len(rows), np.uint8)
    split(text, begin, end, verdict)
    for i, row in enumerate(rows):
        if any('"' in cell for cell in row):
            assert verdict[i] == 1  # escapes are for the reader
        else:
            assert verdict[i] == 0
            cells = [text.text[b:e].tobytes().decode() for b, e in zip(begin[:, i], end[:, i], strict=True)]
            assert cells == [cell.strip(" ") for cell in row]


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("a,b,c", 0),
        ("a,b", 2),
        ("a,b,c,d", 2),
        ('a,"b,c', 3),
        ('a,"b"x,c', 3),
        ("a,,", 0),
        ('a, "b" ,c', 3),
        ('a, "b",c', 0),
    ],
)
def test_lines_that_do_not_fit(line: str, verdict: int) -> None:
    one = column([line])
    begin, end, found = np.zeros((3, 1), np.int32), np.zeros((3, 1), np.int32), np.zeros(1, np.uint8)
    split(one, begin, end, found)
    assert found[0] == verdict
