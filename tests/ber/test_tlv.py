"""Tags and lengths: every form, cut at every byte, and the limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.ber.format import tag_key
from mediation.ber.tlv import (
    BAD_END,
    BAD_LENGTH,
    BAD_TAG,
    CUT,
    DEEPEST,
    FINE,
    INDEFINITE,
    TOO_DEEP,
    element_end,
    read_head,
)
from tests.ber import writer

HEADS = [
    ("an empty primitive", "8000", (0 << 2 | 2, False, 2, 2)),
    ("a primitive", "1e03010203", (30 << 2, False, 2, 5)),
    ("an application tag", "7f810100", (129 << 2 | 1, True, 4, 4)),
    ("a private tag in two octets", "ff1f00", (31 << 2 | 3, True, 3, 3)),
    ("a low number in the long form", "9f0100", (1 << 2 | 2, False, 3, 3)),
    ("the largest tag of four octets", "bfffffff7f00", (0xFFFFFFF << 2 | 2, True, 6, 6)),
    ("a tag of five octets", "bfffffffff7f00", (-BAD_TAG, True)),
    ("a tag without end", "bf" + "ff" * 20, (-BAD_TAG, True)),
    ("a length of two octets", "a0820001" + "00", (2, True, 4, 5)),
    ("a length of eight octets", "a0880000000000000001" + "00", (2, True, 10, 11)),
    ("a length of nine octets", "a089000000000000000001" + "00", (-BAD_LENGTH, False)),
    ("the length that is reserved", "a0ff" + "00" * 200, (-BAD_LENGTH, False)),
    ("an indefinite length", "a080", (2, True, 2, INDEFINITE)),
    ("an indefinite length of a primitive", "80800000", (-BAD_LENGTH, False)),
    ("one byte too few", "a00400ffff", (-CUT, True, 2, 6)),
    ("a length of 64 ones", "a088ffffffffffffffff", (-CUT, True)),
    ("a length of 63 ones", "a0887fffffffffffffff", (-CUT, True)),
    ("nothing", "", (-CUT, False, 0, 0)),
]


def octets(hexadecimal: str) -> np.ndarray:
    return np.frombuffer(bytearray.fromhex(hexadecimal), np.uint8)


@pytest.mark.parametrize(("octets_", "expected"), [h[1:] for h in HEADS], ids=[h[0] for h in HEADS])
def test_a_head(octets_: str, expected: tuple[int, ...]) -> None:
    text = octets(octets_)
    assert read_head(text, 0, len(text))[: len(expected)] == expected


@pytest.mark.parametrize("head", ["9f8101820003", "bf1f88000000000000000180", "a080", "1f7f00"])
def test_a_head_cut_anywhere_wants_more(head: str) -> None:
    text = octets(head)
    begin = read_head(text, 0, len(text))[2]
    for end in range(begin):
        assert read_head(text, 0, end)[0] == -CUT


@given(st.integers(0, 3), st.integers(0, (1 << 28) - 1), st.booleans(), st.integers(0, 300), st.integers(0, 8))
def test_a_head_reads_as_it_was_written(class_: int, number: int, constructed: bool, count: int, size: int) -> None:
    key, size = tag_key(class_, number), size if count < 1 << 8 * size else 0
    head = writer.tag(key, constructed=constructed) + writer.length(count, size)
    text = np.frombuffer(bytearray(head + bytes(count)), np.uint8)
    assert read_head(text, 0, len(text)) == (key, constructed, len(head), len(head) + count)


ELEMENTS = [
    ("definite", "a0028000", (4, FINE)),
    ("indefinite", "a0800000", (4, FINE)),
    ("indefinite in indefinite", "a080a080000080000000", (10, FINE)),
    ("definite in indefinite", "a080a00280000000" + "ff", (8, FINE)),
    ("its insides are nobody's business", "a0021fff", (4, FINE)),
    ("an end where none can be", "0000", (0, BAD_END)),
    ("never closed", "a0808000", (4, CUT)),
    ("half an end", "a08000", (2, CUT)),
    ("inside it runs beyond", "a080800a0000", (2, CUT)),
    ("a wrong length inside", "a08080800000", (2, BAD_LENGTH)),
]


@pytest.mark.parametrize(("octets_", "expected"), [e[1:] for e in ELEMENTS], ids=[e[0] for e in ELEMENTS])
def test_the_end_of_an_element(octets_: str, expected: tuple[int, int]) -> None:
    text = octets(octets_)
    assert element_end(text, 0, len(text)) == expected


@pytest.mark.parametrize(
    ("depth", "expected"), [(DEEPEST, (4 * DEEPEST, FINE)), (DEEPEST + 1, (2 * DEEPEST, TOO_DEEP))]
)
def test_depth_has_a_limit(depth: int, expected: tuple[int, int]) -> None:
    text = octets("a080" * depth + "0000" * depth)
    assert element_end(text, 0, len(text)) == expected


@given(st.binary(max_size=60), st.integers(0, 60))
def test_any_bytes_have_an_end(content: bytes, end: int) -> None:
    text, end = np.frombuffer(bytearray(content + b"\0"), np.uint8), min(end, len(content))
    key, _, begin, stop = read_head(text, 0, end)
    assert key < 0 or (2 <= begin <= end and (stop == INDEFINITE or begin <= stop <= end))
    place, fault = element_end(text, 0, end)
    assert 0 <= place <= end
    assert fault or place >= 2
