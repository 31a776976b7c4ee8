"""Values as text: a row a case, and each kind against another program's reading."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.ber.format import Value
from mediation.ber.values import room_for, shown

CASES = [
    (Value.INTEGER, "", ""),
    (Value.INTEGER, "00", "0"),
    (Value.INTEGER, "ff", "-1"),
    (Value.INTEGER, "0080", "128"),
    (Value.INTEGER, "7fffffffffffffff", "9223372036854775807"),
    (Value.INTEGER, "8000000000000000", "-9223372036854775808"),
    (Value.INTEGER, "00ffffffffffffffff", "0x00ffffffffffffffff"),
    (Value.BOOLEAN, "", "false"),
    (Value.BOOLEAN, "00", "false"),
    (Value.BOOLEAN, "01", "true"),
    (Value.BOOLEAN, "0001", "true"),
    (Value.NULL, "", "true"),
    (Value.NULL, "00", "true"),
    (Value.TEXT, "", ""),
    (Value.TEXT, "5745524644", "WERFD"),
    (Value.TEXT, "4120422020", "A B"),
    (Value.TEXT, "410000", "A"),
    (Value.TEXT, "c3a9", "é"),
    (Value.TEXT, "e9", "é"),
    (Value.TEXT, "41c3", "AÃ"),
    (Value.TEXT, "c080", "À\x80"),
    (Value.TEXT, "eda080", "í\xa0\x80"),
    (Value.TEXT, "f0808080", "ð\x80\x80\x80"),
    (Value.TEXT, "f48fbfbf", "\U0010ffff"),
    (Value.TEXT, "f4908080", "ô\x90\x80\x80"),
    (Value.OCTETS, "00ff", "00ff"),
    (Value.BITS, "", ""),
    (Value.BITS, "0580", "80"),
    (Value.TBCD, "2143f5", "12345"),
    (Value.TBCD, "0a0b0c0d0e", "*0#0a0b0c0"),
    (Value.TBCD, "f1", "1"),
    (Value.TBCD, "ff", ""),
    (Value.BCD, "12345f", "12345"),
    (Value.BCD, "1a", "1a"),
    (Value.ISDN, "", ""),
    (Value.ISDN, "91", ""),
    (Value.ISDN, "914497", "+4479"),
    (Value.ISDN, "8110f2", "012"),
    (Value.ISDN, "a17005", "0750"),
    (Value.ISDN, "11804497", "+4479"),
    (Value.ISDN, "01", ""),
    (Value.ISDN, "d0f4f29c0e", "test"),
    (Value.ISDN, "d0cf76", "Om"),
    (Value.TIMESTAMP, "2611220430152b0100", "261122043015+0100"),
    (Value.TIMESTAMP, "2611220430152d0530", "261122043015-0530"),
    (Value.TIMESTAMP, "261122", "261122"),
    (Value.PLMN, "62f210", "262-01"),
    (Value.PLMN, "130014", "310-410"),
    (Value.PLMN, "62f2", "62f2"),
    (Value.IP, "c0a80001", "192.168.0.1"),
    (Value.IP, "00" * 16, "::"),
    (Value.IP, "00" * 15 + "01", "::1"),
    (Value.IP, "20010db8" + "00" * 11 + "01", "2001:db8::1"),
    (Value.IP, "20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"),
    (Value.IP, "20010db8000000000001000000000001", "2001:db8::1:0:0:1"),
    (Value.IP, "000100020003000400050006" + "00" * 4, "1:2:3:4:5:6::"),
    (Value.IP, "c0a800", "c0a800"),
    (Value.ANY, "800100", "800100"),
]


@pytest.mark.parametrize(("kind", "content", "expected"), CASES, ids=lambda v: str(v) or "empty")
def test_a_value(kind: Value, content: str, expected: str) -> None:
    assert shown(kind, bytes.fromhex(content)) == expected


@given(st.binary(min_size=1, max_size=8))
def test_integers_are_those_of_python(content: bytes) -> None:
    assert shown(Value.INTEGER, content) == str(int.from_bytes(content, "big", signed=True))


@given(st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16)))
def test_addresses_are_those_of_ipaddress(content: bytes) -> None:
    assert shown(Value.IP, content) == str(ipaddress.ip_address(content))


@given(st.lists(st.sampled_from([0, 0, 0, 1, 0xDB8, 0xFFFF]), min_size=8, max_size=8))
def test_runs_of_zeros_are_those_of_ipaddress(groups: list[int]) -> None:
    content = b"".join(group.to_bytes(2, "big") for group in groups)
    assert shown(Value.IP, content) == str(ipaddress.ip_address(content))


@given(st.one_of(st.binary(max_size=12), st.text(max_size=6).map(str.encode)))
def test_texts_are_utf8_or_latin1(content: bytes) -> None:
    content = content.rstrip(b" \0")
    try:
        expected = content.decode()
    except UnicodeDecodeError:
        expected = content.decode("latin-1")
    assert shown(Value.TEXT, content) == expected


@given(st.text("0123456789*#abc", max_size=20))
def test_digits_come_low_nibble_first(digits: str) -> None:
    nibbles = ["0123456789*#abc".index(d) for d in digits] + [15] * (len(digits) % 2)
    content = bytes(high << 4 | low for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
    assert shown(Value.TBCD, content) == digits


@pytest.mark.parametrize("kind", list(Value))
@given(content=st.binary(max_size=40))
def test_any_content_has_a_text_within_its_room(kind: Value, content: bytes) -> None:
    assert len(shown(kind, content).encode()) <= room_for(len(content))
