"""The table of ids against a dictionary: ids that share parts, neighbours that displace each other, growth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.id_table import IdTable, find, free_slots, row_of

UPPER = st.sampled_from([-(1 << 31), -1, 0, 1, (1 << 31) - 2, (1 << 31) - 1])  # the last belong into the last slots
ID = st.tuples(st.integers(-1, 1), UPPER, st.integers(0, 2))  # high half, upper and lower half of the low one
KEY = st.tuples(ID, st.integers(0, 5))  # and content

Keys = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def keys(rows: list[tuple[tuple[int, int, int], int]]) -> Keys:
    return np.array(
        [(high, upper << 32 | lower, told, 20_000) for (high, upper, lower), told in rows], np.int64
    ).reshape(-1, 4)


def content(table: IdTable, high: int, low: int) -> int | None:
    row = row_of(int(table.slots[find(table.slots, table.keys, np.int64(high), np.int64(low))]))
    return None if row < 0 else int(table.keys[row, 2])


@given(st.lists(st.lists(KEY, max_size=30), max_size=6))
def test_equal_to_a_dictionary(parts: list[list[tuple[tuple[int, int, int], int]]]) -> None:
    table, held = IdTable(), {}
    for part in parts:
        table.add(keys(part))
        for key, told in part:
            held.setdefault(key, told)
    assert len(table) == len(held)
    assert table.keys.tolist() == keys(list(held.items())).tolist()
    for high, upper, lower in {*held, (2, 0, 0)}:
        assert content(table, high, upper << 32 | lower) == held.get((high, upper, lower))


@pytest.mark.parametrize(("rows", "step"), [(2_500, 1 << 51), (1_100, 1)])  # far apart; all in one place
def test_growth_keeps_every_id(rows: int, step: int) -> None:
    added = np.zeros((rows, 4), np.int64)
    added[:, 1] = (np.arange(rows) - rows // 2) * step
    added[:, 2] = np.arange(rows)
    table = IdTable()
    for part in np.split(added, 5):
        table.add(part)
    assert [content(table, 0, int(low)) for low in added[::7, 1]] == list(range(0, rows, 7))
    assert content(table, 1, 0) is None


def test_more_ids_than_slots_can_tell_are_refused() -> None:
    with pytest.raises(MemoryError, match="window-days"):
        free_slots(1 << 30)
