"""UTC offsets of an IANA zone as sorted arrays, for kernels that turn civil time into instants.

Enters: a zone name. Leaves: the instants at which its offset changes, 1970 to 2050, and the offset
from each on. Always holds: the arrays agree with ``zoneinfo`` at every instant of that period; before it
the first offset holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt

FIRST_S = 0
_EVER_S = -(1 << 40)
LAST_S = 2_524_608_000  # 2050-01-01
_STRIDE_S = 5 * 86_400  # no zone has changed its offset twice within five days since 1970


@dataclass(frozen=True, slots=True, eq=False)
class UtcOffsets:
    """``offset_s[i]`` holds from ``since_s[i]`` (UTC) until ``since_s[i + 1]``."""

    zone: str
    since_s: npt.NDArray[np.int64]
    offset_s: npt.NDArray[np.int64]


def _offset(zone: ZoneInfo, at_s: int) -> int:
    delta = datetime.fromtimestamp(at_s, UTC).astimezone(zone).utcoffset()
    if delta is None:
        raise AssertionError(f"zone {zone} has no offset")
    return delta.days * 86_400 + delta.seconds


def _change(zone: ZoneInfo, low_s: int, high_s: int) -> int:
    """The instant in (low_s, high_s] from which the offset is that of ``high_s``."""
    after = _offset(zone, high_s)
    while high_s - low_s > 1:
        middle = (low_s + high_s) // 2
        if _offset(zone, middle) == after:
            high_s = middle
        else:
            low_s = middle
    return high_s


@cache
def utc_offsets(name: str) -> UtcOffsets:
    """The offsets of the IANA zone ``name``.

    Raises:
        ValueError: there is no such zone.

    """
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no IANA time zone named {name!r}") from None
    since, offsets = [_EVER_S], [_offset(zone, FIRST_S)]
    for low in range(FIRST_S, LAST_S, _STRIDE_S):
        high = min(low + _STRIDE_S, LAST_S)
        if _offset(zone, high) != offsets[-1]:
            since.append(_change(zone, low, high))
            offsets.append(_offset(zone, high))
    return UtcOffsets(name, np.array(since, np.int64), np.array(offsets, np.int64))
