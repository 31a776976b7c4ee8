"""Date and time texts to instants, by declared formats.

Enters: spans of text and a pattern such as ``%Y-%m-%d %H:%M:%S%z``. Leaves: microseconds UTC and the
offset from UTC that the source's clock had. Always holds: a text that does not match whole is refused;
a local time that the clock change skipped is refused; one that it repeats is resolved as declared; an instant
that is not in the years 1 to 9999 of UTC, where calendars end, is refused.

Directives: ``%Y %y %m %d %H %M %S`` (four digits, else two), ``%b`` (English month), ``%a`` (any three
letters), ``%z`` (``Z``, ``+hh``, ``+hhmm``, ``+hh:mm``), ``%.f`` (an optional fraction of a second; below a
microsecond it is dropped); or one of ``epoch_s epoch_ms epoch_us`` alone. Any other character stands for
itself. ``%z`` and ``%.f`` vary in length, so at most ``%.f`` and ``%z`` in one run of their own: what
stands before them has fixed places from the text's begin, what stands behind them from its end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mediation.jit import allocating, inlined, kernel

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Spans = npt.NDArray[np.int32]

OK, BAD, NONEXISTENT = 0, 1, 2
NO_OFFSET = 1 << 40
NO_TIME = -1 << 62
FIRST_US, END_US = -62_135_596_800_000_000, 253_402_300_800_000_000
"""The years 1 to 9999 of UTC, half open: a zone may take the first or last hours of them beyond what calendars hold."""
ABSENT = 1 << 20
"""The place of a directive that a pattern does not have."""

_WIDTHS = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "b": 3, "a": 3, "z": 0, ".f": 0}
_PLACES = "YymdHMSb"
_YEAR, _YEAR2, _MONTH, _DAY, _HOUR, _MINUTE, _SECOND, _MONTH_NAME = range(8)
_EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}

_MONTHS = np.array(
    [
        int.from_bytes(month.encode(), "big")
        for month in ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
    ]
)
_MONTH_DAYS = np.array([31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@dataclass(slots=True, eq=False)
class Pattern:
    """A pattern as its kernel reads it; places from the end of the text are negative.

    ``places`` holds the place of each of ``YymdHMSb``; ``literals`` rows of (place, byte); ``width`` the bytes
    of all that is fixed; ``middle`` where the varying part begins, with the flags ``fraction`` and
    ``zone``; ``tick_us`` is not 0 for an epoch.
    """

    places: Ints = field(default_factory=lambda: np.full(len(_PLACES), ABSENT, np.int64))
    literals: Ints = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    width: int = 0
    middle: int = ABSENT
    fraction: bool = False
    zone: bool = False
    tick_us: int = 0
    problems: list[str] = field(default_factory=list)


def compile_pattern(text: str) -> Pattern:
    """Read a pattern; what is wrong with it is in its ``problems``."""
    pattern = Pattern(tick_us=_EPOCHS.get(text, 0))
    if pattern.tick_us:
        return pattern
    literals: list[tuple[int, int]] = []
    for part in _parts(text, pattern.problems):
        if part in ("%z", "%.f"):
            _vary(pattern, part)
            continue
        if part[0] != "%":
            literals.append((pattern.width, ord(part)))
        elif part[1:] in _PLACES:
            pattern.places[_PLACES.index(part[1:])] = pattern.width
        pattern.width += _WIDTHS[part[1:]] if part[0] == "%" else 1
    _count_from_the_end(pattern, literals)
    for needed in ("Yy", "mb", "d", "H", "M"):
        if all(pattern.places[_PLACES.index(n)] == ABSENT for n in needed):
            pattern.problems.append(f"a pattern that gives %{needed[0]}, or epoch_s, epoch_ms, epoch_us")
    return pattern


def _parts(text: str, problems: list[str]) -> list[str]:
    """The directives and single characters of a pattern."""
    parts, i = [], 0
    while i < len(text):
        if text[i] != "%":
            parts.append(text[i])
            i += 1
            continue
        name = text[i + 1 : i + 3] if text[i + 1 : i + 3] == ".f" else text[i + 1 : i + 2]
        if name in _WIDTHS:
            parts.append(f"%{name}")
        else:
            problems.append(f"directives among %{' %'.join(_WIDTHS)}, not %{name}")
        i += 1 + max(len(name), 1)
    return parts


def _vary(pattern: Pattern, part: str) -> None:
    """Take ``%.f`` or ``%z`` into the pattern's varying part."""
    if (pattern.middle not in (ABSENT, pattern.width)) or pattern.zone or (pattern.fraction and part == "%.f"):
        pattern.problems.append("%.f and %z once each and side by side, in this order")
    pattern.middle = pattern.width
    pattern.fraction |= part == "%.f"
    pattern.zone |= part == "%z"


def _count_from_the_end(pattern: Pattern, literals: list[tuple[int, int]]) -> None:
    """Give what stands behind the varying part its place from the end of the text."""
    shift = pattern.width
    behind = (pattern.places >= pattern.middle) & (pattern.places != ABSENT)
    pattern.places[behind] -= shift
    rows = [(place - shift if place >= pattern.middle else place, byte) for place, byte in literals]
    pattern.literals = np.array(rows, np.int64).reshape(-1, 2)


@kernel
def days_from_civil(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date of the proleptic Gregorian calendar."""
    y = year - 1 if month <= 2 else year
    era_days = 365 * y + y // 4 - y // 100 + y // 400
    return era_days + (153 * ((month + 9) % 12) + 2) // 5 + day - 719_469


@kernel
def _valid_date(year: int, month: int, day: int) -> bool:
    if month < 1 or month > 12 or day < 1 or day > _MONTH_DAYS[month - 1]:
        return False
    return month != 2 or day < 29 or (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0))


@kernel
def _digits(text: Bytes, at: int, end: int, most: int) -> tuple[int, int]:
    """Up to ``most`` digits at ``at``: their value, and where they end (``at`` if there are none)."""
    value = 0
    stop = min(end, at + most)
    while at < stop and 48 <= text[at] <= 57:
        value = value * 10 + (int(text[at]) - 48)
        at += 1
    return value, at


@kernel
def _two(tens: int, ones: int) -> int:
    """Two digits (as bytes) as a number; -1 if they are none."""
    if tens < 48 or tens > 57 or ones < 48 or ones > 57:
        return -1
    return (tens - 48) * 10 + ones - 48


@inlined
def _month_name(text: Bytes, at: int) -> int:
    word = ((int(text[at]) | 32) << 16) | ((int(text[at + 1]) | 32) << 8) | (int(text[at + 2]) | 32)
    for month in range(12):
        if _MONTHS[month] == word:
            return month + 1
    return 0


@inlined
def _offset_s(text: Bytes, at: int, end: int) -> tuple[int, int]:
    """A ``%z`` at ``at``: its seconds and where it ends (-1: it is none)."""
    if at < end and text[at] == 90:
        return 0, at + 1
    if at >= end or (text[at] != 43 and text[at] != 45):
        return 0, -1
    hours, after = _digits(text, at + 1, end, 2)
    if after != at + 3 or hours > 14:
        return 0, -1
    if after < end and text[after] == 58:
        after += 1
    minutes, stop = _digits(text, after, end, 2)
    if stop == after:
        minutes = 0
    elif stop != after + 2 or minutes > 59:
        return 0, -1
    seconds = hours * 3600 + minutes * 60
    return (-seconds if text[at] == 45 else seconds), stop


@inlined
def _fraction_us(text: Bytes, at: int, end: int) -> tuple[int, int]:
    """An optional fraction at ``at``: microseconds, and where it ends."""
    if at >= end or text[at] != 46:
        return 0, at
    value, after = _digits(text, at + 1, end, 6)
    for _ in range(7 - (after - at)):
        value *= 10
    while after < end and 48 <= text[after] <= 57:
        after += 1
    return value, after


@kernel
def _epoch(text: Bytes, at: int, end: int, tick_us: int) -> tuple[int, int, int]:
    value, after = _digits(text, at, end, 16)
    if after == at or value > 4_000_000_000_000_000 // tick_us:
        return BAD, 0, 0
    fraction = 0
    if tick_us == 1_000_000:
        fraction, after = _fraction_us(text, after, end)
    return (OK if after == end else BAD), value * tick_us + fraction, 0


@inlined
def _varying(text: Bytes, at: int, end: int, fraction: bool, zone: bool) -> tuple[bool, int, int]:
    """The part that varies in length: (whether it ends at ``end``, microseconds, offset in seconds)."""
    micros, offset = 0, NO_OFFSET
    if fraction:
        micros, at = _fraction_us(text, at, end)
    if zone:
        offset, at = _offset_s(text, at, end)
    return at == end, micros, offset


@kernel
def last_not_after(since: Ints, at: int) -> int:
    """Index of the last entry of ascending ``since`` that is <= ``at`` (0 if none is)."""
    low, high = 0, len(since)
    while high - low > 1:
        middle = (low + high) // 2
        if since[middle] <= at:
            low = middle
        else:
            high = middle
    return low


@kernel
def zone_offset(civil_s: int, since: Ints, offset: Ints, later: bool) -> int:
    """The offset in seconds of a civil time in a zone; ``NO_OFFSET`` where the clock change skipped it."""
    i = last_not_after(since, civil_s - 64_800)  # no zone is 18 hours from UTC
    found = NO_OFFSET
    while i < len(since) and since[i] <= civil_s + 64_800:
        instant = civil_s - offset[i]
        if (i == 0 or instant >= since[i]) and (i + 1 == len(since) or instant < since[i + 1]):
            found = offset[i]
            if not later:
                break
        i += 1
    return found


@inlined
def _literals_fit(text: Bytes, first: int, last: int, literals: Ints) -> bool:
    fits = True
    for k in range(len(literals)):
        place = literals[k, 0]
        fits &= text[first + place if place >= 0 else last + place] == literals[k, 1]
    return fits


@inlined
def _read_places(text: Bytes, first: int, last: int, places: Ints, found: Ints) -> bool:
    """Read each directive that has a place into ``found``; whether all are numbers."""
    fits = True
    for k in range(_MONTH_NAME):
        place = places[k]
        found[k] = 0
        if place != ABSENT:
            at = first + place if place >= 0 else last + place
            found[k] = _two(int(text[at]), int(text[at + 1]))
            if k == _YEAR:
                rest = _two(int(text[at + 2]), int(text[at + 3]))
                found[k] = found[k] * 100 + rest if found[k] >= 0 and rest >= 0 else -1
            fits &= found[k] >= 0
    if places[_YEAR2] != ABSENT:
        found[_YEAR] = found[_YEAR2] + (2000 if found[_YEAR2] < 69 else 1900)
    if places[_MONTH_NAME] != ABSENT:
        place = places[_MONTH_NAME]
        found[_MONTH] = _month_name(text, first + place if place >= 0 else last + place)
    return fits


@kernel
def _civil_us(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int:
    """Microseconds of a civil time since 1970; ``NO_TIME`` if there is none such."""
    if hour > 23 or minute > 59 or second > 59 or not _valid_date(year, month, day):
        return NO_TIME
    return (days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second) * 1_000_000


@inlined
def _parse(
    text: Bytes,
    first: int,
    last: int,
    places: Ints,
    literals: Ints,
    width: int,
    middle: int,
    fraction: bool,
    zone: bool,
    found: Ints,
) -> tuple[int, int, int]:
    """One text by its pattern: (OK or BAD, microseconds of the civil time, offset in seconds or NO_OFFSET)."""
    if last - first < width or (middle == ABSENT and last - first != width):
        return BAD, 0, 0
    fits = _literals_fit(text, first, last, literals) and _read_places(text, first, last, places, found)
    micros, offset = 0, NO_OFFSET
    if middle != ABSENT:
        ends, micros, offset = _varying(text, first + middle, last - (width - middle), fraction, zone)
        fits = fits and ends
    if not fits:
        return BAD, 0, 0
    civil_us = _civil_us(found[_YEAR], found[_MONTH], found[_DAY], found[_HOUR], found[_MINUTE], found[_SECOND])
    return (BAD, 0, 0) if civil_us == NO_TIME else (OK, civil_us + micros, offset)


@allocating
def parse_instants(
    text: Bytes,
    begin: Spans,
    end: Spans,
    places: Ints,
    literals: Ints,
    width: int,
    middle: int,
    fraction: bool,
    zone: bool,
    tick_us: int,
    since: Ints,
    offset: Ints,
    later: bool,
    instant_us: Ints,
    offset_min: npt.NDArray[np.int16],
    verdict: npt.NDArray[np.uint8],
) -> None:
    """Fill ``instant_us``, ``offset_min`` and ``verdict`` (OK, BAD, NONEXISTENT) for each span of ``text``.

    The arguments from ``places`` to ``tick_us`` are those of :class:`Pattern`.
    """
    found = np.zeros(8, np.int64)
    for i in range(len(begin)):
        first, last = int(begin[i]), int(end[i])
        if tick_us:
            status, civil_us, seconds = _epoch(text, first, last, tick_us)
        else:
            status, civil_us, seconds = _parse(
                text, first, last, places, literals, width, middle, fraction, zone, found
            )
        if status == OK and seconds == NO_OFFSET:
            seconds = zone_offset(civil_us // 1_000_000, since, offset, later)
            if seconds == NO_OFFSET:
                status, seconds = NONEXISTENT, 0
        instant = civil_us - seconds * 1_000_000
        if not FIRST_US <= instant < END_US:
            status, instant, seconds = BAD, 0, 0
        verdict[i] = status
        instant_us[i] = instant
        offset_min[i] = seconds // 60
