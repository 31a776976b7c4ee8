"""Date and time texts to instants, by declared formats.

Enters: spans of text and a pattern such as ``%Y-%m-%d %H:%M:%S%z``. Leaves: microseconds UTC and the
offset from UTC that the source's clock had. Always holds: a text that does not match whole is refused;
a local time that the clock change skipped is refused; one that it repeats is resolved as declared.

Directives: ``%Y %y %m %d %H %M %S`` (four digits, else two), ``%b`` (English month), ``%a`` (any three letters), ``%z``
(``Z``, ``+hh``, ``+hhmm``, ``+hh:mm``), ``%.f`` (an optional fraction of a second; below a microsecond
it is dropped); or one of ``epoch_s epoch_ms epoch_us`` alone. Any other character stands for itself.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mediation.jit import inlined, kernel

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Spans = npt.NDArray[np.int32]

OK, BAD, NONEXISTENT = 0, 1, 2
NO_OFFSET = 1 << 40

_DIRECTIVES = {"Y": 1, "y": 2, "m": 3, "d": 4, "H": 5, "M": 6, "S": 7, "b": 8, "a": 9, "z": 10, ".f": 11}
_YEAR, _YEAR2, _MONTH, _DAY, _HOUR, _MINUTE, _SECOND, _MONTH_NAME, _DAY_NAME, _ZONE, _FRACTION = range(1, 12)
_EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_LITERAL = 256
"""Operations from here on stand for the byte (operation - _LITERAL)."""
_EPOCH = 1024
"""Operations from here on: a count of (operation - _EPOCH) microseconds."""

_MONTHS = np.array(
    [
        int.from_bytes(m.encode(), "big")
        for m in ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    ]
)
_MONTH_DAYS = np.array([31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def check_pattern(pattern: str) -> list[str]:
    """What is wrong with ``pattern``: empty if nothing is."""
    operations, problems = _operations(pattern)
    if not operations.max(initial=0) >= _EPOCH:
        for needed in ("Y", "m", "d", "H", "M"):
            alternatives = {"Y": "Yy", "m": "mb"}.get(needed, needed)
            if not any(_DIRECTIVES[a] in operations for a in alternatives):
                problems.append(f"a pattern that gives %{needed}, or epoch_s, epoch_ms, epoch_us")
    return problems


def compile_pattern(pattern: str) -> Ints:
    """The operations of a checked ``pattern``, for :func:`parse_instants`."""
    return _operations(pattern)[0]


def _operations(pattern: str) -> tuple[Ints, list[str]]:
    if pattern in _EPOCHS:
        return np.array([_EPOCH + _EPOCHS[pattern]]), []
    operations, problems, i = [], [], 0
    while i < len(pattern):
        if pattern[i] != "%":
            operations += [_LITERAL + b for b in pattern[i].encode()]
            i += 1
            continue
        name = pattern[i + 1 : i + 3] if pattern[i + 1 : i + 3] == ".f" else pattern[i + 1 : i + 2]
        if name not in _DIRECTIVES:
            problems.append(f"directives among %{' %'.join(_DIRECTIVES)}, not %{name}")
        operations.append(_DIRECTIVES.get(name, 0))
        i += 1 + max(len(name), 1)
    return np.array(operations, np.int64), problems


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


@kernel
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
def _number(text: Bytes, at: int, end: int, digits: int) -> int:
    """Two or four digits at ``at``; -1 if they are not all there."""
    if at + digits > end:
        return -1
    value = _two(int(text[at]), int(text[at + 1]))
    if digits == 2 or value < 0:
        return value
    rest = _two(int(text[at + 2]), int(text[at + 3]))
    return value * 100 + rest if rest >= 0 else -1


@inlined
def _read(text: Bytes, at: int, end: int, operation: int, civil: Ints) -> int:
    """Do one directive: its value goes to ``civil[operation]``; returns where it ends, -1 if it is not there."""
    if operation == _ZONE:
        civil[_ZONE], at = _offset_s(text, at, end)
        return at
    if operation == _FRACTION:
        civil[_FRACTION], at = _fraction_us(text, at, end)
        return at
    if operation >= _MONTH_NAME:
        if at + 3 > end:
            return -1
        if operation == _MONTH_NAME:
            civil[_MONTH] = _month_name(text, at)
        return at + 3
    digits = 4 if operation == _YEAR else 2
    value = _number(text, at, end, digits)
    if value < 0:
        return -1
    if operation == _YEAR2:
        civil[_YEAR] = value + (2000 if value < 69 else 1900)
    else:
        civil[operation] = value
    return at + digits


@inlined
def parse_civil(text: Bytes, begin: int, end: int, operations: Ints, civil: Ints) -> tuple[int, int, int]:
    """One text by its operations: (OK or BAD, microseconds of the civil time since 1970, offset in seconds).

    The offset is ``NO_OFFSET`` where the text carries none. ``civil`` is scratch space for 12 numbers.
    """
    if operations[0] >= _EPOCH:
        return _epoch(text, begin, end, operations[0] - _EPOCH)
    civil[:] = 0
    civil[_ZONE] = NO_OFFSET
    at = begin
    for operation in operations:
        if operation < _LITERAL:
            at = _read(text, at, end, operation, civil)
            if at < 0:
                return BAD, 0, 0
        elif at < end and int(text[at]) + _LITERAL == operation:
            at += 1
        else:
            return BAD, 0, 0
    hour, minute, second = civil[_HOUR], civil[_MINUTE], civil[_SECOND]
    if (
        at != end
        or hour > 23
        or minute > 59
        or second > 59
        or not _valid_date(civil[_YEAR], civil[_MONTH], civil[_DAY])
    ):
        return BAD, 0, 0
    days = days_from_civil(civil[_YEAR], civil[_MONTH], civil[_DAY])
    seconds = days * 86_400 + hour * 3600 + minute * 60 + second
    return OK, seconds * 1_000_000 + civil[_FRACTION], civil[_ZONE]


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


@kernel
def parse_instants(
    text: Bytes,
    begin: Spans,
    end: Spans,
    operations: Ints,
    since: Ints,
    offset: Ints,
    later: bool,
    instant_us: Ints,
    offset_min: npt.NDArray[np.int16],
    verdict: npt.NDArray[np.uint8],
) -> None:
    """Fill ``instant_us``, ``offset_min`` and ``verdict`` (OK, BAD, NONEXISTENT) for each span of ``text``."""
    civil = np.zeros(12, np.int64)
    for i in range(len(begin)):
        status, civil_us, seconds = parse_civil(text, begin[i], end[i], operations, civil)
        if status == OK and seconds == NO_OFFSET:
            seconds = zone_offset(civil_us // 1_000_000, since, offset, later)
            if seconds == NO_OFFSET:
                status, seconds = NONEXISTENT, 0
        verdict[i] = status
        instant_us[i] = civil_us - seconds * 1_000_000
        offset_min[i] = seconds // 60
