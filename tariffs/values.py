"""The texts of a tariff as values: money, instants, prefixes, spans of the week.

Enters: text from TOML or CSV. Leaves: integers and tuples; ValueError says what was expected. Always
holds: no binary float on the way, naive instants belong to an explicit zone.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tariffs.model import NANO, Span

WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_MONEY: Final = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?")
_PREFIX: Final = re.compile(r"\d{0,18}")
_NUMBER: Final = re.compile(r"\+?\d{1,18}")
_SPAN: Final = re.compile(r"(\S+)(?:\s+(\d\d):(\d\d)-(\d\d):(\d\d))?")
_FRACTION: Final = re.compile(r"\.\d+$")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def money(text: str) -> int:
    """A decimal string as nano-units."""
    match = _MONEY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected a decimal string with at most 9 places, not {text!r}")
    return int(match[1]) * NANO + int((match[2] or "").ljust(9, "0"))


def percent(text: str) -> int:
    """A decimal string of at most 4 places, below 1000, in units of 10^-4."""
    nano = money(text)
    if nano % 10**5 or nano >= 1000 * NANO:
        raise ValueError(f"expected a percentage below 1000 with at most 4 places, not {text!r}")
    return nano // 10**5


def above_zero(text: str) -> int:
    """A decimal string above zero, in units of 10^-9."""
    nano = money(text)
    if not nano:
        raise ValueError(f"expected more than 0, not {text!r}")
    return nano


def zone_info(name: str) -> ZoneInfo:
    """The IANA zone of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise ValueError(f"expected an IANA time zone, not {name!r}") from error


def instant(text: str, zone: ZoneInfo, pattern: str = "") -> int:
    """A date, or a date and time, as UTC microseconds; without an offset it is civil time in ``zone``."""
    text = text.strip()
    try:
        moment = _by_pattern(text, pattern) if pattern else datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"expected a date {pattern or 'like 2024-03-01 18:00'}, not {text!r}") from error
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def _by_pattern(text: str, pattern: str) -> datetime:
    """``text`` as ``pattern`` has it, or with a fraction of a second behind it."""
    try:
        return datetime.strptime(text, pattern)  # noqa: DTZ007 (the caller gives the zone)
    except ValueError:
        fraction = _FRACTION.search(text)
        if fraction is None:
            raise
    micros = int(fraction[0][1:7].ljust(6, "0"))
    return datetime.strptime(text[: fraction.start()], pattern) + timedelta(microseconds=micros)  # noqa: DTZ007 (same)


def prefix(text: str) -> str:
    """A prefix as bare digits; ``*`` is the prefix of no digits."""
    text = text.strip()
    digits = text.removeprefix("+")
    if text == "*":
        return ""
    if not digits or not _PREFIX.fullmatch(digits):
        raise ValueError(f"expected up to 18 digits, with or without +, or *, not {text!r}")
    return digits


def number(text: str) -> str:
    """A subscriber number: digits, with a + if it is E.164."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"expected up to 18 digits, with or without +, not {text!r}")
    return text


def day(text: str) -> date:
    """A calendar date."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"expected a date like 2024-12-25, not {text!r}") from error


def span(text: str, special: frozenset[str]) -> Span:
    """A span such as ``mon-fri 08:00-18:00`` or ``sat,sun``; ``special`` are the names of special days."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected a span like 'mon-fri 08:00-18:00', not {text!r}")
    days = tuple(dict.fromkeys(d for part in match[1].split(",") for d in _days(part, special)))
    if match[2] is None:
        return Span(days, 0, 1440)
    start = int(match[2]) * 60 + int(match[3])
    end = int(match[4]) * 60 + int(match[5])
    if int(match[3]) > 59 or int(match[5]) > 59 or start >= 1440 or end > 1440:
        raise ValueError(f"expected times from 00:00 to 24:00, not {text!r}")
    return Span(days, start, end if end > start else end + 1440)


def _days(part: str, special: frozenset[str]) -> list[str]:
    if part in special or part in WEEK:
        return [part]
    first, _, last = part.partition("-")
    if first not in WEEK or last not in WEEK:
        raise ValueError(f"expected days such as mon, mon-fri or a special day, not {part!r}")
    length = (WEEK.index(last) - WEEK.index(first)) % 7 + 1
    return [WEEK[(WEEK.index(first) + i) % 7] for i in range(length)]
