"""Values as text: integers, BCD digits, addresses, times, octets.

Enters: the content of a primitive. Leaves: its text, as UTF-8, behind ``at`` in a buffer that has room for
``room_for(length)`` bytes. Always holds: any content gives a text, and texts of different contents of one
kind differ, but for filler; what is no value of its kind shows as hex.

Digits: 3GPP TS 29.002 (TBCD-STRING, AddressString), TS 24.008 10.5.1.3 (PLMN), TS 32.298 5.1.2.2 (TimeStamp);
GSMA TD.57 (BCDString); ITU-T X.690 8.3 (integers); RFC 5952 (IPv6).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mediation.ber.format import KINDS, Value
from mediation.jit import index, inlined, kernel

Bytes = npt.NDArray[np.uint8]

(
    _INTEGER,
    _BOOLEAN,
    _NULL,
    _TEXT,
    _OCTETS,
    _BITS,
    _TBCD,
    _BCD,
    _ISDN,
    _TIMESTAMP,
    _PLMN,
    _IP,
    _ANY,
) = range(len(KINDS))

_WORDS = np.frombuffer(b"falsetrue", np.uint8)
_FALSE_BYTES = 5
_FULL = 15
_INTERNATIONAL, _ALPHANUMERIC = 1, 5
_HEX, _TBCD_DIGITS = "0123456789abcdef", "0123456789*#abc"
_SIGNS = "+-"
_SHORTEST, _HIGHEST = 10, 10**18


def _octet_text(kind: int, octet: int) -> str:
    """The characters that one octet of ``kind`` stands for; 15 is filler in digits."""
    high, low = octet >> 4, octet & _FULL
    if kind in {_TBCD, _ISDN}:
        return "".join(_TBCD_DIGITS[nibble] for nibble in (low, high) if nibble != _FULL)
    if kind == _BCD:
        return "".join(_HEX[nibble] for nibble in (high, low) if nibble != _FULL)
    if kind == _TIMESTAMP and chr(octet) in _SIGNS:
        return chr(octet)
    return _HEX[high] + _HEX[low]


def _octet_texts() -> npt.NDArray[np.int32]:
    """What each octet becomes, by kind: its first character, its second << 8, how many << 16."""
    texts = [[_octet_text(kind, octet).encode() for octet in range(256)] for kind in range(len(KINDS))]
    return np.array([[int.from_bytes(t, "little") | len(t) << 16 for t in row] for row in texts], np.int32)


_OCTET_TEXTS = _octet_texts()


@inlined
def room_for(length: int) -> int:
    """The most bytes that a value of ``length`` octets becomes."""
    return 3 * length + 44


@inlined
def _hex_digit(nibble: int) -> int:
    return 48 + nibble if nibble < 10 else 87 + nibble


@inlined
def put_octets(kind: int, text: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    """Each octet as its one or two characters; returns the place behind them, as the others do."""
    for i in range(begin, end):
        characters = int(_OCTET_TEXTS[index(kind), text[index(i)]])
        out[index(at)], out[index(at + 1)] = characters & 0xFF, characters >> 8 & 0xFF
        at += characters >> 16
    return at


@inlined
def signed(text: Bytes, begin: int, end: int) -> int:
    """The two's complement number of at most eight octets."""
    number = -1 if begin < end and text[begin] & 0x80 else 0
    for i in range(begin, end):
        number = number << 8 | int(text[index(i)])
    return number


@inlined
def put_decimal(number: int, out: Bytes, at: int) -> int:
    """``number`` in decimal digits; no step leaves 64 bits."""
    if number < 0:
        out[at] = 45
        at, last = at + 1, (10 - number % 10) % 10
        rest = (number + last) // -10
    else:
        rest, last = number // 10, number % 10
    stop, bound = at, 1
    while bound <= rest:
        stop, bound = stop + 1, bound * 10
    out[index(stop)] = 48 + last
    for place in range(stop - 1, at - 1, -1):
        out[index(place)] = 48 + rest % 10
        rest //= 10
    return stop + 1


@inlined
def _put_integer(text: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    if begin == end:
        return at
    if end - begin > 8:
        out[at], out[at + 1] = 48, 120
        return put_octets(_OCTETS, text, begin, end, out, at + 2)
    return put_decimal(signed(text, begin, end), out, at)


@kernel
def _put_septets(text: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    """Characters of seven bits (TS 23.038 6.1.2.1), those that ASCII has too."""
    bits, held = 0, 0
    for i in range(begin, end):
        bits |= int(text[i]) << held
        held += 8
        while held >= 7:
            septet = bits & 0x7F
            bits, held = bits >> 7, held - 7
            if septet >= 32 or i + 1 < end:
                out[at] = septet if 32 <= septet < 127 else 63
                at += 1
    return at


@inlined
def _put_isdn(text: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    if begin == end:
        return at
    nature = int(text[begin]) >> 4 & 7
    begin += 1 if text[begin] & 0x80 else 2
    if nature == _ALPHANUMERIC:
        return _put_septets(text, begin, end, out, at)
    if nature == _INTERNATIONAL and begin < end:
        out[at] = 43
        at += 1
    return put_octets(_ISDN, text, begin, end, out, at)


@kernel
def _put_plmn(text: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    if end - begin != 3:
        return put_octets(_OCTETS, text, begin, end, out, at)
    first, middle, last = int(text[begin]), int(text[begin + 1]), int(text[begin + 2])
    out[at], out[at + 1], out[at + 2] = _hex_digit(first & 15), _hex_digit(first >> 4), _hex_digit(middle & 15)
    out[at + 3], out[at + 4], out[at + 5] = 45, _hex_digit(last & 15), _hex_digit(last >> 4)
    if middle >> 4 == _FULL:
        return at + 6
    out[at + 6] = _hex_digit(middle >> 4)
    return at + 7


@kernel
def _zero_groups(text: Bytes, begin: int) -> tuple[int, int]:
    """The longest run of two or more zero groups of an IPv6 address: (first group, groups)."""
    best, longest, run = -1, 1, 0
    for group in range(8):
        run = run + 1 if text[begin + 2 * group] == 0 and text[begin + 2 * group + 1] == 0 else 0
        if run > longest:
            best, longest = group - run + 1, run
    return best, longest if best >= 0 else 0


@kernel
def _put_ip(text: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    if end - begin == 4:
        for i in range(begin, end):
            if i > begin:
                out[at] = 46
                at += 1
            at = put_decimal(int(np.int64(text[i])), out, at)
        return at
    if end - begin != 16:
        return put_octets(_OCTETS, text, begin, end, out, at)
    gap, groups = _zero_groups(text, begin)
    group = 0
    while group < 8:
        if group == gap:
            out[at], out[at + 1] = 58, 58
            at, group = at + 2, group + groups
            continue
        if group > 0 and group != gap + groups:
            out[at] = 58
            at += 1
        number, started = int(text[begin + 2 * group]) << 8 | int(text[begin + 2 * group + 1]), False
        for shift in (12, 8, 4, 0):
            nibble = number >> shift & 15
            if nibble or started or shift == 0:
                out[at] = _hex_digit(nibble)
                at, started = at + 1, True
        group += 1
    return at


@kernel
def _is_utf8(text: Bytes, begin: int, end: int) -> bool:
    """Whether the octets are UTF-8: no overlong form, no surrogate, nothing above U+10FFFF."""
    i = begin
    while i < end:
        lead = int(text[i])
        following = 0 if lead < 0x80 else 1 if lead < 0xE0 else 2 if lead < 0xF0 else 3
        if 0x80 <= lead < 0xC2 or lead > 0xF4 or i + following >= end:
            return False
        point = lead if following == 0 else lead & (0x3F >> following)
        for j in range(i + 1, i + 1 + following):
            if text[j] & 0xC0 != 0x80:
                return False
            point = point << 6 | (int(text[j]) & 0x3F)
        if (following == 2 and point < 0x800) or 0xD800 <= point < 0xE000 or point > 0x10FFFF:
            return False
        if following == 3 and point < 0x10000:
            return False
        i += 1 + following
    return True


@kernel
def _put_beyond_ascii(text: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    """UTF-8 as it is, anything else as Latin-1."""
    if _is_utf8(text, begin, end):
        for i in range(begin, end):
            out[at] = text[i]
            at += 1
        return at
    for i in range(begin, end):
        octet = int(text[i])
        if octet < 0x80:
            out[at] = octet
            at += 1
        else:
            out[at], out[at + 1] = 0xC0 | octet >> 6, 0x80 | (octet & 0x3F)
            at += 2
    return at


@inlined
def put_text(text: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    """Characters without the blanks and NULs behind them."""
    while end > begin and (text[end - 1] == 32 or text[end - 1] == 0):
        end -= 1
    first = at
    for i in range(begin, end):
        if text[i] >= 0x80:
            return _put_beyond_ascii(text, begin, end, out, first)
        out[at] = text[i]
        at += 1
    return at


@kernel
def _put_rare(kind: int, text: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    if kind == _PLMN:
        return _put_plmn(text, begin, end, out, at)
    if kind == _IP:
        return _put_ip(text, begin, end, out, at)
    if kind == _BITS:
        return put_octets(kind, text, min(begin + 1, end), end, out, at)
    truth = kind == _NULL
    for i in range(begin, end):
        truth |= text[i] != 0
    for i in range(_FALSE_BYTES, len(_WORDS)) if truth else range(_FALSE_BYTES):
        out[at] = _WORDS[i]
        at += 1
    return at


@inlined
def put_value(kind: int, text: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    """The value of ``kind`` in ``begin:end`` as text at ``at``: the place behind it."""
    if kind == _TBCD or kind == _TIMESTAMP or kind == _OCTETS or kind == _BCD or kind == _ANY:  # noqa: PLR1714, SIM109 - as above
        return put_octets(kind, text, begin, end, out, at)
    if kind == _ISDN:
        return _put_isdn(text, begin, end, out, at)
    if kind == _INTEGER:
        return _put_integer(text, begin, end, out, at)
    if kind == _TEXT:
        return put_text(text, begin, end, out, at)
    return _put_rare(kind, text, begin, end, out, at)


@kernel
def put_one(kind: int, text: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    """As :func:`put_value`, for callers that are no kernels."""
    return put_value(kind, text, begin, end, out, at)


def shown(kind: Value, content: bytes) -> str:
    """One value as text."""
    out = np.empty(room_for(len(content)), np.uint8)
    text = np.frombuffer(bytearray(content), np.uint8)  # writable like every other text: one kernel for all
    end = put_one(KINDS.index(kind), text, 0, len(content), out, 0)
    return bytes(out[:end]).decode()
