"""The seen ids of a run, kept in step with its lake.

Enters: a lake, and batches before and after their commit. Leaves: :class:`mediation.dedup.SeenIds` that hold the
days at hand. Always holds: the ids are a cache of the lake, loaded by day when a batch needs them; a batch's own
are added only after its commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from mediation.dedup import SeenIds
from mediation.id_table import Ints, keys_of
from mediation.reasons import WAITING
from rating.lake import Lake
from rating.pipeline import Rated

_KEYS: Final = ("event_id", "content_hash", "start_utc")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).date()


def seen_ids(lake: Lake) -> SeenIds:
    """No ids yet, and the days on which ``lake`` has any; from here on :meth:`Lake.disturbed` tells of others."""
    lake.disturbed()
    span = lake.event_span()
    return SeenIds(range(0) if span is None else range((span[0] - _EPOCH).days, (span[1] - _EPOCH).days + 1))


def load_days(lake: Lake, seen: SeenIds, usage: pa.RecordBatch) -> None:
    """Load the ids that ``lake`` holds of the days around ``usage``."""
    for first, last in _runs(seen.missing_days(usage)):
        keys = lake.event_keys(_EPOCH + timedelta(days=first), _EPOCH + timedelta(days=last))
        seen.load(range(first, last + 1), map(_keys_of, keys.to_batches()), keys.num_rows)


def _keys_of(rows: pa.RecordBatch) -> Ints:
    return keys_of(*(rows[name] for name in _KEYS))


def _runs(days: list[int]) -> Iterator[tuple[int, int]]:
    """Consecutive ``days`` as (first, last)."""
    first = 0
    for i in range(1, len(days) + 1):
        if i == len(days) or days[i] != days[i - 1] + 1:
            yield days[first], days[i - 1]
            first = i


def remember(seen: SeenIds, rated: Rated) -> None:
    """Add the ids of a committed batch: rated events, merged halves, records that wait for others."""
    aside = rated.rejected.select(["reason", *_KEYS])
    held = pc.is_in(aside["reason"].cast(pa.string()), pa.array(["merged", *WAITING]))
    aside = aside.filter(pc.and_(held, pc.is_valid(aside["event_id"])))
    for part in (rated.usage, *aside.to_batches()):
        if part.num_rows:
            seen.remember(_keys_of(part))


def oldest_us(lake: Lake, window_days: int | None) -> int | None:
    """The start of the deduplication window (microseconds UTC): so many days before the newest committed event."""
    if window_days is None:
        return None
    newest = lake.query("SELECT max(start_utc) AS newest FROM usage")["newest"][0].as_py()
    if newest is None:
        return None
    return int((newest - timedelta(days=window_days)).timestamp()) * 1_000_000
