"""What no event drew: grants, what rolled over, what expired; which of it a replay does anew, and what that changes.

Enters: the movements of households, those that a replay made. Leaves: the movements that a replay rests on; rows that
correct openings. Always holds: a lot that usage before the replay drew on stays as it was opened, and so does what
rolled over into it; one that nothing drew on is opened again by whoever meets it, so that it is granted what its tariff
then says; what a kept leg drew counts as drawn before. What expired never stands: it is the rest of what rolls over,
and who ends the lot anew takes both from what was not used.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rating.columns import integers
from rating.rerating.compare import Flags, numbered, words
from tariffs.catalogue import NONE, Ints

LOT: Final = ("holder", "shared", "allowance", "period_utc", "rolled")
_NEVER: Final = np.iinfo(np.int64).min + 1
_OPENING: Final = (*LOT, "kind", "leg", "account", "expires_utc", "start_utc", "unit")


def no_event(movements: pa.Table) -> Flags:
    """Which rows no event drew."""
    return np.asarray(movements["event_id"].combine_chunks().is_null().to_numpy(zero_copy_only=False))


def stays(movements: pa.Table, again: Flags, kept: Flags) -> Flags:
    """Which of ``movements`` a replay rests on; ``again``: those of what it replays, ``kept``: of legs kept.

    Not those that come to nothing: a lot with rows is one that has been opened.
    """
    if not movements.num_rows:
        return np.zeros(0, np.bool_)
    (lots,), count = numbered(words([movements], LOT))
    (pairs,), pair_count = numbered(words([movements], LOT[:-1]))
    opening, rolled = no_event(movements), movements["rolled"].to_numpy()
    rests = ~opening & (kept | ~again)
    drawn = _net(lots, np.where(rests, integers(movements["units"].combine_chunks()), 0), count) != 0
    into = _net(pairs, (drawn[lots] & rolled).astype(np.int64), pair_count) != 0
    moves, ends = _is(movements, "rollover"), _is(movements, "expire")
    stands = np.where(rolled | moves, into[pairs], drawn[lots] | into[pairs])
    return np.asarray(np.where(opening, stands & ~ends, rests & drawn[lots]), np.bool_)


def _net(numbers: Ints, units: Ints, count: int) -> Ints:
    sums = np.zeros(count, np.int64)
    np.add.at(sums, numbers, units)
    return sums


def _is(movements: pa.Table, kind: str) -> Flags:
    return np.asarray(pc.equal(movements["kind"].cast(pa.string()), kind).to_numpy())


def anew(movements: pa.Table, again: Flags, home: Ints) -> Flags:
    """Which of ``movements`` are of what is replayed (``again``), or of lots that nothing before that can have opened.

    These are the lots that begin after the last usage of their household ``home`` that is not replayed.
    """
    if not movements.num_rows:
        return np.zeros(0, np.bool_)
    starts = integers(movements["start_utc"].combine_chunks())
    last = np.full(int(home.max()) + 1, _NEVER)
    before = ~again & ~no_event(movements)
    np.maximum.at(last, home[before], starts[before])
    (lots,), count = numbered(words([movements], LOT))
    begin = np.full(count, -_NEVER)
    opening = no_event(movements)
    np.minimum.at(begin, lots[opening], starts[opening])
    return again | (begin[lots] > last[home])


def corrections(movements: pa.Table, rests: Flags, replayed: Flags, made: pa.Table) -> pa.Table:
    """What the openings that a replay ``made`` add to those of ``movements``, but for those on which it ``rests``.

    Of ``replayed`` ones, and of lots that are opened again, what is not made again is as if it had not been; others
    stay. What expired of a lot goes where anything else of it does. One row for each lot and kind: the difference.
    """
    old = no_event(movements) & ~rests
    sides = [movements.filter(pa.array(old)), made.filter(pa.array(no_event(made)))]
    numbers, count = numbered(words(sides, _OPENING))
    sums = [_net(at, integers(rows["units"].combine_chunks()), count) for at, rows in zip(numbers, sides, strict=True)]
    (was, now), _ = numbered(words([movements, made], LOT))
    ends, goes = _is(movements, "expire"), replayed | np.isin(was, now[no_event(made)])
    goes[ends] = np.isin(was[ends], np.concatenate([was[goes & ~ends], now]))
    goes = goes[old]
    settled = np.zeros(count, np.bool_)
    settled[numbers[0][goes]] = settled[numbers[1]] = True
    more = np.where(settled, sums[1] - sums[0], 0)
    whole = pa.concat_tables(sides[::-1])
    first = np.full(count, NONE)
    every = np.concatenate(numbers[::-1])
    first[every[::-1]] = np.arange(len(every))[::-1]
    changed = np.flatnonzero(more)
    rows = whole.take(pa.array(first[changed]))
    at = rows.schema.get_field_index("units")
    return rows.set_column(at, rows.schema.field(at), pa.array(more[changed]))
