"""Several sources in one commit, the epoch, and the lake's turn: on disk and in memory."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from rating.audit import audit
from rating.lake import Delta, Extent, Lake, LakeUnavailable, StaleOffset, StaleState, disk, open_lake
from tests.rating.deltas import LAYOUT, delta, source_of

PARTITIONS = ("kafka:raw/0", "kafka:raw/1", "kafka:raw/2")


def extent(source: str, first: int, end: int, **given: object) -> Extent:
    return Extent(**{"source": source, "first_offset": first, "next_offset": end, "next_record_no": end + 1,
                     "complete": False, "records": 0} | given)  # type: ignore[arg-type]  # fmt: skip


def gathered(*extents: Extent) -> Delta:
    return Delta.over(extents)


def at(lake: Lake) -> list[int]:
    return [lake.offset(source).next_offset for source in PARTITIONS]


def test_sources_land_together(lake: Lake) -> None:
    lake.commit(gathered(extent(PARTITIONS[0], 0, 4, layout=LAYOUT), extent(PARTITIONS[2], 0, 9)))
    lake.commit(gathered(*(extent(source, first, 10) for source, first in zip(PARTITIONS, (4, 0, 9), strict=True))))
    assert at(lake) == [10, 10, 10]
    rows = lake.query("SELECT batch_id, source, layout FROM batch ORDER BY ALL").to_pylist()
    assert [(r["batch_id"], r["source"]) for r in rows] == [
        *((1, PARTITIONS[n]) for n in (0, 2)), *((2, PARTITIONS[n]) for n in (0, 1, 2)),
    ]  # fmt: skip
    assert [r["layout"] for r in rows] == ["csv", "", "", "", ""]


@pytest.mark.parametrize(
    ("begins", "stale"),
    [
        ((5, 3, 0), []),
        ((4, 3, 0), [0]),
        ((5, 9, 0), [1]),
        ((0, 3, 2), [0, 2]),
    ],
)
def test_where_one_source_is_stale_nothing_lands_and_the_fault_names_it(
    lake: Lake, begins: tuple[int, int, int], stale: list[int]
) -> None:
    lake.commit(gathered(extent(PARTITIONS[0], 0, 5), extent(PARTITIONS[1], 0, 3)))
    taken = gathered(*(extent(source, first, 9) for source, first in zip(PARTITIONS, begins, strict=True)))
    if not stale:
        lake.commit(taken)
        assert at(lake) == [9, 9, 9]
        return
    with pytest.raises(StaleOffset) as refused:
        lake.commit(taken)
    assert refused.value.sources == tuple(PARTITIONS[n] for n in stale)
    assert at(lake) == [5, 3, 0]


def test_a_source_stands_once_in_a_delta() -> None:
    with pytest.raises(ValueError, match="twice"):
        gathered(extent("kafka:raw/0", 0, 1), extent("kafka:raw/0", 1, 2))


def test_who_entered_an_epoch_lands_nothing_once_it_has_turned(lake: Lake) -> None:
    lake.commit(delta("a", ["rated", "rated"], total=9))
    lake.enter_epoch()
    turning = dataclasses.replace(delta("a", ["rated"], first=3, total=9), turns_epoch=True)
    lake.commit(turning)  # by oneself: one knows what one has changed
    lake.commit(delta("a", ["rated"], first=4, total=9))
    assert lake.offset("state").next_offset == 1
    assert audit(lake).balanced


def test_an_epoch_that_another_turned_is_entered_again(tmp_path: Path) -> None:
    with open_lake(tmp_path / "lake", create=True) as one, open_lake(tmp_path / "lake") as other:
        one.enter_epoch()
        other.commit(dataclasses.replace(delta("a", ["rated"]), turns_epoch=True))
        with pytest.raises(StaleState):
            one.commit(delta("b", ["rated"]))
        assert one.offset(source_of("b")).next_offset == 0
        one.enter_epoch()
        one.commit(delta("b", ["rated"]))
        other.commit(delta("c", ["rated"]))  # it entered none: nothing of its own rests on one


def test_who_is_alone_lands_and_others_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_LONGEST_TURN_S", 0.2)
    with open_lake(tmp_path / "lake", create=True) as one, open_lake(tmp_path / "lake") as other:
        with one.alone():
            with pytest.raises(LakeUnavailable):
                other.commit(delta("b", ["rated"]))
            one.commit(delta("a", ["rated"]))
        other.commit(delta("b", ["rated"]))
