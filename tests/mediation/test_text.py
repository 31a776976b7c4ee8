"""Spans of text: durations, whole numbers, separated fields, hashes; each against a plain second way."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.hashing import hash_spans
from mediation.spans import Column, distinct
from mediation.text_kernels import CLOCK, NUMBER, SUFFIXED, durations_s, whole_numbers


def column(texts: list[str]) -> Column:
    parts = [t.encode() for t in texts]
    ends = np.cumsum([len(p) for p in parts]).astype(np.int32)
    begins = ends - np.array([len(p) for p in parts], np.int32)
    return Column(np.frombuffer(b"".join(parts) + b"?", np.uint8).copy(), begins, ends)


@pytest.mark.parametrize(
    ("text", "form", "ticks", "up", "expected"),
    [
        ("62", NUMBER, 1, True, 62),
        ("", NUMBER, 1, True, 0),
        ("0", NUMBER, 1, True, 0),
        ("61.000", NUMBER, 1, True, 61),
        ("61.001", NUMBER, 1, True, 62),
        ("61.999", NUMBER, 1, False, 61),
        ("1500", NUMBER, 1000, True, 2),
        ("1500", NUMBER, 1000, False, 1),
        ("120000000", NUMBER, 1_000_000, True, 120),
        ("-5", NUMBER, 1, True, -1),
        ("5s", NUMBER, 1, True, -1),
        ("1:02:03", CLOCK, 1, True, 3723),
        ("02:03", CLOCK, 1, True, 123),
        ("100:00:00", CLOCK, 1, True, 360_000),
        ("1:60", CLOCK, 1, True, -1),
        ("62", CLOCK, 1, True, -1),
        ("1h5m10s", SUFFIXED, 1, True, 3910),
        ("5m", SUFFIXED, 1, True, 300),
        ("5", SUFFIXED, 1, True, -1),
        ("9999999999999999999", NUMBER, 1, True, -1),
    ],
)
def test_durations(text: str, form: int, ticks: int, up: bool, expected: int) -> None:
    one, out = column([text]), np.zeros(1, np.int64)
    durations_s(one.text, one.begin, one.end, form, ticks, up, out)
    assert out[0] == expected


@given(st.lists(st.one_of(st.integers(0, 10**18 - 1).map(str), st.text("0123456789-+ x", max_size=20))))
def test_whole_numbers(texts: list[str]) -> None:
    one, out = column(texts), np.zeros(len(texts), np.int64)
    whole_numbers(one.text, one.begin, one.end, 0, out)
    expected = [0 if not t else int(t) if t.isdecimal() and int(t) < 9 * 10**17 else -1 for t in texts]
    assert [o for o, t in zip(out.tolist(), texts, strict=True) if len(t) < 18] == [
        e for e, t in zip(expected, texts, strict=True) if len(t) < 18
    ]


@given(st.lists(st.text("a\0", max_size=2) | st.text("a\0", min_size=6, max_size=18)))
def test_distinct_texts_are_numbered_as_they_appear(texts: list[str]) -> None:
    codes, found = distinct(column(texts))
    assert found == list(dict.fromkeys(texts))
    assert [found[c] for c in codes] == texts


@pytest.mark.parametrize("count", [4096, 4097])
def test_as_many_distinct_texts_as_kernels_number_and_one_more(count: int) -> None:
    texts = [f"TRUNK{i:05}" for i in range(count)] * 2
    codes, found = distinct(column(texts))
    assert (codes.tolist(), found) == ([*range(count)] * 2, texts[:count])


def hashed(parts: list[bytes], prefix: bytes = b"", split: int = 1, spare: bytes = b"?") -> tuple[bytes, bytes]:
    text = np.frombuffer(b"".join(parts) + spare, np.uint8).copy()
    ends = np.cumsum([len(p) for p in parts]).astype(np.int32).reshape(-1, 1)
    begins = ends - np.array([[len(p)] for p in parts], np.int32)
    numbers = list(range(len(parts)))
    identity, content = hash_spans(text, begins, ends, numbers[:split], numbers[split:], prefix)
    return identity.tobytes(), content.tobytes()


def whole(data: bytes) -> bytes:
    """Filled up with zeros to blocks of 16 bytes."""
    return data + bytes(-len(data) % 16)


def group(parts: list[bytes]) -> bytes:
    return whole(b"".join(struct.pack("<I", len(p)) for p in parts)) + b"".join(map(whole, parts))


def reference(data: bytes) -> bytes:
    """MurmurHash3_x86_128, seed 0, from its published description: big numbers, one step a line."""
    mask, c = 0xFFFFFFFF, [0x239B961B, 0xAB0E9789, 0x38B34AE5, 0xA1E38B93]
    turn_k, turn_h, add = [15, 16, 17, 18], [19, 17, 15, 13], [0x561CCD1B, 0x0BCAA747, 0x96CD1C35, 0x32AC3B17]

    def turn(a: int, by: int) -> int:
        return (a << by | a >> (32 - by)) & mask

    h = [0, 0, 0, 0]
    padded = data + bytes(-len(data) % 16)
    for at in range(0, len(padded), 16):
        for i, k in enumerate(struct.unpack_from("<4I", padded, at)):
            h[i] ^= turn(k * c[i] & mask, turn_k[i]) * c[(i + 1) % 4] & mask
            if at + 16 <= len(data):
                h[i] = ((turn(h[i], turn_h[i]) + h[(i + 1) % 4]) * 5 + add[i]) & mask
    h = [x ^ len(data) for x in h]
    h[0] = sum(h) & mask
    h[1:] = [(x + h[0]) & mask for x in h[1:]]
    for i in range(4):
        h[i] = (h[i] ^ h[i] >> 16) * 0x85EBCA6B & mask
        h[i] = (h[i] ^ h[i] >> 13) * 0xC2B2AE35 & mask
        h[i] ^= h[i] >> 16
    h[0] = sum(h) & mask
    h[1:] = [(x + h[0]) & mask for x in h[1:]]
    return struct.pack("<4I", *h)


@given(st.lists(st.binary(max_size=40), max_size=9), st.binary(max_size=20), st.integers(0, 9), st.binary(max_size=40))
def test_hashes_are_murmur3_of_the_counted_fields(parts: list[bytes], prefix: bytes, split: int, spare: bytes) -> None:
    parts = parts or [b""]
    identity = whole(prefix) + group(parts[:split])
    assert hashed(parts, prefix, split, spare) == (reference(identity), reference(identity + group(parts[split:])))


def test_every_span_of_a_text_is_hashed_as_the_reference_says() -> None:
    text = np.arange(7, 7 + 5 * 35, 5, dtype=np.uint8)
    begin, last = (places.astype(np.int32) for places in np.triu_indices(len(text) + 1))
    identity, _ = hash_spans(text, begin.reshape(1, -1), last.reshape(1, -1), [0], [], b"")
    spans = zip(begin.tolist(), last.tolist(), strict=True)
    assert identity.tobytes() == b"".join(reference(group([text[b:e].tobytes()])) for b, e in spans)


def test_reference_gives_the_known_answer() -> None:
    known = struct.pack("<4I", 0x2F1583C3, 0xECEE2C67, 0x5D7BF66C, 0xE5E91D2C)
    assert reference(b"The quick brown fox jumps over the lazy dog") == known


def test_fields_do_not_run_together() -> None:
    assert hashed([b"ab", b"c"])[1] != hashed([b"a", b"bc"])[1]
