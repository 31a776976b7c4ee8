"""Deduplication against a dictionary: exact, whatever the order, the batches and the memory."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from mediation.dedup import SeenIds, deduplicate, version_ids
from mediation.fields import EVENT_ID, USAGE, schema
from mediation.id_table import DAY_US, keys_of

IDS = st.integers(1, 40)
EVENT = st.tuples(IDS, st.integers(0, 2), st.integers(0, 3))  # id, content, day


def usage(events: list[tuple[int, int, int]]) -> pa.RecordBatch:
    """A usage batch of (id, content, day): an id is of one day, as identities hold the start."""
    rows = len(events)
    columns: dict[str, pa.Array] = {}
    for field in USAGE:
        if field.nullable:
            columns[field.name] = pa.nulls(rows, field.type)
        elif pa.types.is_dictionary(field.type):
            columns[field.name] = pa.array(["x"] * rows, pa.string()).dictionary_encode().cast(field.type)
        elif pa.types.is_integer(field.type):
            columns[field.name] = pa.array([0] * rows, field.type)
        elif field.type in (pa.string(), pa.binary()):
            columns[field.name] = pa.array([b"r%d" % i for i in range(rows)], pa.binary()).cast(field.type)
    storage = pa.array([(i * 7919 + d).to_bytes(16, "big") for i, _, d in events], pa.binary(16))
    columns["event_id"] = pa.ExtensionArray.from_storage(EVENT_ID, storage)
    columns["content_hash"] = pa.array([c for _, c, _ in events], pa.int64())
    columns["start_utc"] = pa.array([d * DAY_US for _, _, d in events], pa.timestamp("us", "UTC"))
    return pa.RecordBatch.from_arrays([columns[f.name] for f in USAGE], schema=schema("usage"))


def keys(batch: pa.RecordBatch) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return keys_of(batch["event_id"], batch["content_hash"], batch["start_utc"])


@given(st.lists(st.lists(EVENT, max_size=30), max_size=8))
def test_equal_to_a_dictionary(batches: list[list[tuple[int, int, int]]]) -> None:
    seen, held = SeenIds(), {}
    seen.load(range(-1, 5), [])
    for events in batches:
        batch = usage(events)
        accepted, rejected = deduplicate(batch, seen)
        expected = []
        for event_id, content, day in events:
            known = held.get((event_id, day))
            expected.append("" if known is None else "duplicate" if known == content else "conflicting_duplicate")
            held.setdefault((event_id, day), content)
        assert accepted["raw"].to_pylist() == [b"r%d" % i for i, e in enumerate(expected) if not e]
        assert rejected["reason"].to_pylist() == [e for e in expected if e]
        seen.remember(keys(accepted))


def test_a_copy_of_a_correction_is_a_copy() -> None:
    seen, first, corrected = SeenIds(), usage([(1, 0, 0)]), usage([(1, 7, 0)])
    seen.load(range(-1, 2), [keys(first)])
    assert deduplicate(corrected, seen)[1]["reason"].to_pylist() == ["conflicting_duplicate"]
    version = corrected.set_column(0, "event_id", version_ids(corrected))
    seen.remember(keys(version))
    told = deduplicate(usage([(1, 7, 0), (1, 0, 0), (1, 8, 0)]), seen)[1]["reason"].to_pylist()
    assert told == ["duplicate", "duplicate", "conflicting_duplicate"]


def test_judging_changes_nothing() -> None:
    seen, batch = SeenIds(), usage([(1, 0, 0)])
    for _ in range(2):
        assert deduplicate(batch, seen)[0].num_rows == 1


def test_days_are_asked_for_once_and_with_their_neighbours() -> None:
    seen, batch = SeenIds(), usage([(1, 0, 10)])
    assert seen.missing_days(batch) == [9, 10, 11]
    seen.load([9, 10, 11], [keys(batch)])
    assert seen.missing_days(batch) == []
    assert deduplicate(batch, seen)[1]["reason"].to_pylist() == ["duplicate"]


def test_a_forgotten_day_counts_as_unknown() -> None:
    seen = SeenIds(most_keys=1)
    seen.load([1, 2, 3], [keys(usage([(1, 0, 2), (2, 0, 2)]))])
    assert seen.missing_days(usage([(3, 0, 9)])) == [8, 9, 10]
    seen.load([8, 9, 10], [keys(usage([(3, 0, 9), (4, 0, 9)]))])
    assert seen.missing_days(usage([(3, 0, 9)])) == []
    assert deduplicate(usage([(3, 0, 9)]), seen)[1]["reason"].to_pylist() == ["duplicate"]
    assert seen.missing_days(usage([(1, 0, 2)])) == [1, 2, 3]


def test_the_days_of_a_batch_are_never_forgotten_for_it() -> None:
    seen = SeenIds(most_keys=1)
    seen.load([1, 2, 3], [keys(usage([(1, 0, 2), (2, 0, 2)]))])
    assert seen.missing_days(usage([(1, 0, 2), (5, 0, 4)])) == [4, 5]
    seen.load([4, 5], [keys(usage([(5, 0, 4)]))])
    assert deduplicate(usage([(1, 0, 2), (5, 0, 4)]), seen)[0].num_rows == 0


def test_older_than_the_window_waits() -> None:
    accepted, rejected = deduplicate(usage([(1, 0, 1), (2, 0, 5)]), SeenIds(), oldest_us=3 * DAY_US)
    assert accepted.num_rows == 1
    assert rejected["reason"].to_pylist() == ["too_old"]


def test_days_that_the_lake_does_not_hold_are_not_asked_for() -> None:
    seen = SeenIds(range(5, 8))
    assert seen.missing_days(usage([(1, 0, 8)])) == [7]
    assert seen.missing_days(usage([(1, 0, 20)])) == []
    seen.remember(keys(usage([(1, 0, 20)])))
    assert seen.missing_days(usage([(1, 0, 20)])) == [19]
    assert deduplicate(usage([(1, 0, 20)]), seen)[1]["reason"].to_pylist() == ["duplicate"]


def test_a_remembered_day_that_was_forgotten_is_asked_for_again() -> None:
    seen = SeenIds(range(0), most_keys=1)
    seen.remember(keys(usage([(1, 0, 2), (2, 0, 2)])))
    assert seen.missing_days(usage([(3, 0, 9)])) == []
    assert seen.missing_days(usage([(1, 0, 2)])) == [2]
