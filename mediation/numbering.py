"""Subscriber numbers to one form: ``+`` and E.164 digits, or bare digits of a local number.

Enters: spans of text and the layout's :class:`~mediation.layout.NumberRules`. Leaves: one text column
and a verdict per row. Always holds: a result is empty (absent or anonymous), ``+`` with 5 to 15 digits
not beginning with 0 (ITU-T E.164, 6.1), bare digits (short code, extension), or, where the layout
allows it, an alphanumeric sender as it came.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mediation.jit import kernel
from mediation.layout import NumberRules

Bytes = npt.NDArray[np.uint8]
Spans = npt.NDArray[np.int32]

OK, BAD = 0, 1
MOST_DIGITS = 15
ROOM = 32
"""Bytes that a result can take; a longer text is no number."""

_OTHER, _DIGIT, _IGNORED, _END = range(4)
_NATIONAL, _E164, _LOCAL = range(3)
_PLUS, _ZERO = 43, 48


@dataclass(frozen=True, slots=True, eq=False)
class NumberTables:
    """Number rules as the arrays that the kernel reads. Words and prefixes are rows padded with 0."""

    classes: Bytes
    international: Bytes
    trunk: Bytes
    country: Bytes
    anonymous: Bytes
    settings: npt.NDArray[np.int64]


def _rows(words: tuple[str, ...]) -> Bytes:
    width = max((len(w) for w in words), default=0) + 1
    rows = np.zeros((len(words), width), np.uint8)
    for i, word in enumerate(words):
        rows[i, : len(word)] = np.frombuffer(word.lower().encode("ascii", "replace"), np.uint8)
    return rows


def number_tables(rules: NumberRules) -> NumberTables:
    """The arrays of ``rules``."""
    classes = np.full(256, _OTHER, np.uint8)
    classes[48:58] = _DIGIT
    for character in rules.ignore:
        classes[ord(character) & 0xFF] = _IGNORED
    for character in "@;>":
        classes[ord(character)] = _END
    bare = {"national": _NATIONAL, "e164": _E164, "local": _LOCAL}[rules.bare]
    longest_first = tuple(sorted(rules.international, key=len, reverse=True))
    return NumberTables(
        classes=classes,
        international=_rows(longest_first),
        trunk=_rows((rules.trunk,) if rules.trunk else ()),
        country=_rows((rules.country,)),
        anonymous=_rows(rules.anonymous),
        settings=np.array([rules.local_digits, bare, *rules.national_digits, rules.alphanumeric], np.int64),
    )


@kernel
def _begins(text: Bytes, begin: int, end: int, word: Bytes) -> int:
    """Length of the 0-padded lower-case ``word`` if ``text`` begins with it in any case, else 0."""
    i = 0
    while word[i] != 0:
        if begin + i >= end:
            return 0
        c = int(text[begin + i])
        if 65 <= c <= 90:
            c += 32
        if c != word[i]:
            return 0
        i += 1
    return i


@kernel
def _after_scheme(text: Bytes, begin: int, end: int) -> int:
    """Where the user part begins: behind ``sip:``, ``sips:`` or ``tel:`` (RFC 3261, RFC 3966), and blanks."""
    while begin < end and (text[begin] == 32 or text[begin] == 60):
        begin += 1
    for i in range(begin + 3, min(begin + 5, end)):
        if text[i] == 58:
            return i + 1
    return begin


@kernel
def _is_word(text: Bytes, begin: int, end: int, words: Bytes) -> bool:
    """Whether the text is one of ``words``, in any case."""
    for w in range(words.shape[0]):  # noqa: SIM110 - numba compiles no generator expressions
        if begin < end and _begins(text, begin, end, words[w]) == end - begin:
            return True
    return False


@kernel
def _emit(out: Bytes, at: int, prefix: Bytes, skip: int, count: int) -> int:
    """Make ``+``, ``prefix`` and the digits behind ``skip`` one number at ``at``; its length, 0 if it is none."""
    width = 0
    while prefix[width] != 0:
        width += 1
    digits = width + count - skip
    first = prefix[0] if width else out[at + 1 + skip]
    if digits < 5 or digits > MOST_DIGITS or first == _ZERO:
        return 0
    if width < skip:
        for i in range(count - skip):
            out[at + 1 + width + i] = out[at + 1 + skip + i]
    else:
        for i in range(count - skip - 1, -1, -1):
            out[at + 1 + width + i] = out[at + 1 + skip + i]
    for i in range(width):
        out[at + 1 + i] = prefix[i]
    out[at] = _PLUS
    return digits + 1


@kernel
def _local(out: Bytes, at: int, count: int) -> int:
    for i in range(count):
        out[at + i] = out[at + 1 + i]
    return count


@kernel
def _as_it_came(text: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    length = end - begin
    if length > ROOM:
        return -1
    for i in range(length):
        out[at + i] = text[begin + i]
    return length


@kernel
def normalise_number(
    text: Bytes,
    begin: int,
    end: int,
    out: Bytes,
    at: int,
    classes: Bytes,
    international: Bytes,
    trunk: Bytes,
    country: Bytes,
    anonymous: Bytes,
    settings: npt.NDArray[np.int64],
) -> int:
    """Write the number ``text[begin:end]`` to ``out`` at ``at``; its length (0: absent), or -1 if it is none."""
    begin = _after_scheme(text, begin, end)
    count, plus, stop = 0, False, begin
    while stop < end:
        kind = classes[text[stop]]
        if kind == _DIGIT and count < ROOM - 12:
            count += 1
            out[at + count] = text[stop]
        elif kind == _END:
            break
        elif kind != _IGNORED:
            if text[stop] != _PLUS or plus or count:
                count = -1
                break
            plus = True
        stop += 1
    if count < 0:
        while stop < end and classes[text[stop]] != _END:
            stop += 1
        if _is_word(text, begin, stop, anonymous):
            return 0
        return _as_it_came(text, begin, stop, out, at) if settings[4] else -1
    if count == 0:
        return -1 if plus else 0
    length = _by_prefix(out, at, count, plus, international, trunk, country, settings)
    return length if length > 0 else -1


@kernel
def _by_prefix(
    out: Bytes,
    at: int,
    count: int,
    plus: bool,
    international: Bytes,
    trunk: Bytes,
    country: Bytes,
    settings: npt.NDArray[np.int64],
) -> int:
    none = country[0, -1:]
    if plus:
        return _emit(out, at, none, 0, count)
    for p in range(international.shape[0]):
        skip = _begins(out, at + 1, at + 1 + count, international[p])
        if skip and count - skip >= 5:
            return _emit(out, at, none, skip, count)
    if trunk.shape[0]:
        skip = _begins(out, at + 1, at + 1 + count, trunk[0])
        if skip and settings[2] <= count - skip <= settings[3]:
            return _emit(out, at, country[0], skip, count)
    if count <= settings[0] or settings[1] == _LOCAL:
        return _local(out, at, count)
    if settings[1] == _E164:
        return _emit(out, at, none, 0, count)
    return _emit(out, at, country[0], 0, count) if settings[2] <= count <= settings[3] else 0


@kernel
def normalise_numbers(
    text: Bytes,
    begin: Spans,
    end: Spans,
    classes: Bytes,
    international: Bytes,
    trunk: Bytes,
    country: Bytes,
    anonymous: Bytes,
    settings: npt.NDArray[np.int64],
    out: Bytes,
    offsets: npt.NDArray[np.int32],
    verdict: npt.NDArray[np.uint8],
) -> None:
    """Normalise each span: texts into ``out``, their bounds into ``offsets`` (n + 1), OK or BAD into ``verdict``.

    ``out`` has :data:`ROOM` bytes a row at least.
    """
    at = 0
    offsets[0] = 0
    for i in range(len(begin)):
        first, last = begin[i], end[i]
        length = last - first
        if 6 <= length <= MOST_DIGITS + 1 and text[first] == _PLUS and text[first + 1] != _ZERO:
            out[at] = _PLUS  # the usual form, without a call: copy while there are digits
            for j in range(1, length):
                byte = text[first + j]
                out[at + j] = byte
                if byte < 48 or byte > 57:
                    length = 0
                    break
        else:
            length = 0
        if length == 0:
            length = normalise_number(
                text, first, last, out, at, classes, international, trunk, country, anonymous, settings
            )
        verdict[i] = BAD if length < 0 else OK
        at += max(length, 0)
        offsets[i + 1] = at
