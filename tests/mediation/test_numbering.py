"""Subscriber numbers: one row a number as a switch writes it, the stored form last (None: refused)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.layout import NumberRules
from mediation.numbering import BAD, ROOM, normalise_numbers, number_tables

UK = NumberRules(country="44", international=("00", "011"), trunk="0", bare="national", national_digits=(7, 10))
PBX = NumberRules(country="44", international=("00",), trunk="0", bare="local", local_digits=15)
NONE = NumberRules()


def normalised(text: str, rules: NumberRules) -> str | None:
    tables = number_tables(rules)
    octets = np.frombuffer(text.encode("latin-1") + b"?", np.uint8).copy()
    out, offsets, verdict = np.zeros(2 * ROOM, np.uint8), np.zeros(2, np.int32), np.zeros(1, np.uint8)
    normalise_numbers(
        octets, np.array([0], np.int32), np.array([len(text)], np.int32), tables.classes, tables.international,
        tables.trunk, tables.country, tables.anonymous, tables.settings, out, offsets, verdict,
    )  # fmt: skip
    return None if verdict[0] == BAD else out[: offsets[1]].tobytes().decode()


@pytest.mark.parametrize(
    ("text", "rules", "expected"),
    [
        ("07700900123", UK, "+447700900123"),
        ("+447700900123", UK, "+447700900123"),
        ("00447700900123", UK, "+447700900123"),
        ("01133123456789", UK, "+33123456789"),
        ("7700900123", UK, "+447700900123"),
        ("+44 (0)20 7946-0018", NONE, "+4402079460018"),
        ("tel:+1-201-555-0123", UK, "+12015550123"),
        ("sip:+447700900123@example.net;user=phone", UK, "+447700900123"),
        ("sips:1001@10.0.0.1", UK, "1001"),
        ("<sip:1002@10.0.0.1>", PBX, "1002"),
        ("112", UK, "112"),
        ("044", UK, "044"),
        ("9", UK, "9"),
        ("2079460018", PBX, "2079460018"),
        ("447700900123", NONE, "+447700900123"),
        ("", UK, ""),
        ("Anonymous", UK, ""),
        ("anonymous@anonymous.invalid", UK, ""),
        ("+", UK, None),
        ("+0123456789", UK, None),
        ("+1234567890123456", UK, None),
        ("48772130600436761996023412922286", PBX, None),
        ("INFO", UK, None),
        ("INFO", NumberRules(alphanumeric=True), "INFO"),
        ("*97", PBX, None),
        ("07700900\xe9", UK, None),
        ("++447700900123", UK, None),
    ],
)
def test_numbers(text: str, rules: NumberRules, expected: str | None) -> None:
    assert normalised(text, rules) == expected


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40), st.sampled_from([UK, PBX, NONE]))
def test_whatever_comes_the_result_is_in_form(text: str, rules: NumberRules) -> None:
    found = normalised(text, rules)
    if found:
        digits = found.removeprefix("+")
        assert digits.isdecimal()
        assert digits.isascii()
        assert not found.startswith("+") or (5 <= len(digits) <= 15 and digits[0] != "0")


@given(st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True))
def test_e164_is_a_fixed_point(digits: str) -> None:
    assert normalised(f"+{digits}", UK) == f"+{digits}"
