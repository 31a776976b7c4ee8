"""Restored by a snapshot and what landed after it = restored by all movements = live, whatever happened meanwhile."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from types import MappingProxyType

import pyarrow as pa
import pytest

from mediation.stage import empty
from rating.after import Rows
from rating.balances.proof import snapshot_faults
from rating.balances.restore import live_balances
from rating.balances.snapshot_keeper import Snapshots, snapshots_ended
from rating.balances.snapshots import FOLDER, Snapshot, Stopped, register, snapshots, write
from rating.cli.main import main
from rating.lake import Delta, Lake, Upkeep, open_lake
from rating.lake.disk import _attached
from rating.lake.landed import landed
from rating.pipeline import Rated
from rating.rerating.scope import CLOSE, Scope
from rating.story import EPOCH
from tariffs.catalogue import Catalogue
from tests.rating.engine import compiled
from tests.rating.past import again, in_order, land_in_batches, world_and_usage
from tests.rating.plenty import plenty
from tests.rating.test_balances_oracle import rated
from tests.rating.traffic import events

AT_ONCE = Upkeep(every=1_000, snapshots=timedelta(0), files=timedelta(0))


def taken(lake: Lake, catalogue: Catalogue) -> Snapshot:
    """A snapshot by a reader of its own, registered."""
    assert lake.folder
    with open_lake(lake.folder, read_only=True) as reader:
        snapshot = write(reader, catalogue)
    register(lake, snapshot)
    return snapshot


def digests(lake: Lake, catalogue: Catalogue) -> tuple[str, str]:
    """Of the balances by the newest snapshot, and by all movements."""
    found = live_balances(lake, catalogue), live_balances(lake, catalogue, by_snapshot=False)
    assert found[0] is not None
    assert found[1] is not None
    return found[0].lots.digest(), found[1].lots.digest()


def land(lake: Lake, movements: pa.Table, small: Rows = MappingProxyType({})) -> None:
    at = lake.offset("file:x").next_offset
    place = {"first_offset": at, "next_offset": at + 1, "next_record_no": at + 2, "complete": False, "records": 1}
    lake.commit(Delta(source="file:x", movements=movements, small=small, **place))  # type: ignore[arg-type]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with open_lake(tmp_path / "lake", create=True, upkeep=AT_ONCE) as opened:
        yield opened


@pytest.mark.parametrize("seed", [301, 333])
def test_by_snapshot_as_by_all_movements_as_live(
    seed: int, lake: Lake, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Random batches, with snapshots in between, and once merging and expiry of the lake's versions."""
    random = Random(seed)
    made = plenty(random)
    catalogue = compiled(made, tmp_path / "t")
    live = live_balances(lake, catalogue)
    assert live is not None
    merged = random.randint(1, 4)
    for number in range(5):
        _, outcome = rated(events(random, made, 60), catalogue, live)
        land(lake, outcome.drawn.movements)
        if random.random() < 0.7:
            taken(lake, catalogue)
        if number == merged:
            lake.maintain()
        assert digests(lake, catalogue) == (live.lots.digest(), live.lots.digest())
    assert not caplog.records


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Catalogue]:
    """A lake with rated usage, some of it after a snapshot."""
    home = tmp_path_factory.mktemp("made")
    _, catalogue, usage = world_and_usage(301, 80, home / "t")
    order = in_order(usage)
    with open_lake(home / "lake", create=True, upkeep=AT_ONCE) as lake:
        land_in_batches(lake, catalogue, usage, order[:60], [30])
        taken(lake, catalogue)
        land_in_batches(lake, catalogue, usage, order[60:], [])
    return home / "lake", catalogue


@pytest.fixture
def world(made_once: tuple[Path, Catalogue]) -> Catalogue:
    return made_once[1]


@pytest.fixture
def used(made_once: tuple[Path, Catalogue], tmp_path: Path) -> Iterator[Lake]:
    """A copy of that lake, for one test."""
    shutil.copytree(made_once[0], tmp_path / "used")
    with open_lake(tmp_path / "used", upkeep=AT_ONCE) as opened:
        yield opened


def test_rating_again_after_a_snapshot(used: Lake, world: Catalogue) -> None:
    """Returns and new uses of a run land after it, whenever their usage began."""
    again(used, Scope(kind=CLOSE, end_utc=EPOCH + timedelta(days=400)))
    by_snapshot, by_all = digests(used, world)
    assert by_snapshot == by_all


def _gone(path: Path) -> None:
    path.unlink()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _turned(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)


def _replaced(path: Path) -> None:
    """Another's sums, in a whole file."""
    path.write_bytes(next(each for each in path.parent.iterdir() if each != path).read_bytes())


def _half_written(path: Path) -> None:
    path.write_bytes(b"PAR1")


FAULTS = {
    _gone: "cannot be read",
    _cut: "cannot be read",
    _turned: "cannot be read",
    _half_written: "cannot be read",
    _replaced: "not the hash",
}


@pytest.mark.parametrize(("spoil", "says"), FAULTS.items())
def test_a_spoilt_snapshot_is_not_trusted(
    spoil: Callable[[Path], None], says: str, used: Lake, world: Catalogue, caplog: pytest.LogCaptureFixture
) -> None:
    newest = taken(used, world)
    assert used.folder
    expected = digests(used, world)[1]
    spoil(used.folder / FOLDER / newest.file)
    assert digests(used, world) == (expected, expected)
    assert [says in record.getMessage() for record in caplog.records] == [True]
    again_taken = taken(used, world)
    assert again_taken.state_sha256 == newest.state_sha256


@pytest.mark.parametrize(("spoil", "says"), FAULTS.items())
def test_the_audit_tells_a_spoilt_snapshot(
    spoil: Callable[[Path], None], says: str, used: Lake, world: Catalogue
) -> None:
    newest = taken(used, world)
    assert used.folder
    assert list(snapshot_faults(used)) == []
    spoil(used.folder / FOLDER / newest.file)
    found = [(each["file"], says in each["fault"]) for each in snapshot_faults(used)]
    assert found == ([] if spoil is _gone else [(newest.file, True)])


def test_the_audit_tells_a_snapshot_of_other_movements(used: Lake, world: Catalogue) -> None:
    """Whole, and registered with its own hash; so it is believed until it is proved."""
    newest = taken(used, world)
    used.query("UPDATE balance_snapshot SET movements = movements - 1 WHERE file = $file", {"file": newest.file})
    assert {"file": newest.file, "fault": "it is not what its movements come to"} in list(snapshot_faults(used))
    used.query("DELETE FROM balance_movement WHERE rowid = 3")
    assert ["not all of the" in each["fault"] for each in snapshot_faults(used)] == [True, True]


def test_both_spoilt_leave_the_full_sum(used: Lake, world: Catalogue, caplog: pytest.LogCaptureFixture) -> None:
    assert used.folder
    expected = digests(used, world)[1]
    for path in (used.folder / FOLDER).iterdir():
        _turned(path)
    assert digests(used, world) == (expected, expected)
    assert len(caplog.records) == 1


def test_rows_that_are_not_numbered_as_they_came_are_summed_in_full(
    used: Lake, world: Catalogue, caplog: pytest.LogCaptureFixture
) -> None:
    """A lake from which somebody deleted rows: their numbers say no longer how many came before."""
    used.query("DELETE FROM balance_movement WHERE rowid = 3")
    by_snapshot, by_all = digests(used, world)
    assert by_snapshot == by_all
    assert ["not all" in record.getMessage() for record in caplog.records] == [True]


def test_the_hash_of_the_state_does_not_depend_on_the_way(used: Lake, world: Catalogue) -> None:
    """By an older snapshot, or by all movements."""
    by_older = taken(used, world)
    used.query("DELETE FROM balance_snapshot")
    by_all = taken(used, world)
    assert (by_older.state_sha256, by_older.lots) == (by_all.state_sha256, by_all.lots)


def test_other_caps_are_summed_in_full(
    used: Lake, world: Catalogue, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A tariff that numbers accounts otherwise, and has a cap less."""
    made = plenty(Random(301))
    text = made.files["allowances.toml"].decode().splitlines()
    caps = [line for line in text if line.startswith("member_cap")]
    made.files["allowances.toml"] = "\n".join(line for line in text if line not in caps[:1]).encode()
    header, *people = made.files["subscriptions.csv"].decode().splitlines()
    made.files["subscriptions.csv"] = "\n".join([header, *reversed(people)]).encode()
    other = compiled(made, tmp_path / "other")
    by_snapshot, by_all = digests(used, other)
    assert by_snapshot == by_all != digests(used, world)[0]
    assert not caplog.records


def test_a_lake_without_snapshots(used: Lake, world: Catalogue) -> None:
    """One of an older version gets the table, and is summed in full."""
    expected = digests(used, world)[1]
    used.close()
    assert used.folder
    with _attached(used.folder, read_only=False) as connection:
        connection.execute("DROP TABLE balance_snapshot")
    with open_lake(used.folder) as opened:
        assert not snapshots(opened)
        assert digests(opened, world) == (expected, expected)
        taken(opened, world)
        assert digests(opened, world) == (expected, expected)


def test_snapshots_of_before_periods_were_left_out(used: Lake, world: Catalogue) -> None:
    """They hold all lots."""
    expected, known = digests(used, world)[1], snapshots(used)
    used.close()
    assert used.folder
    with _attached(used.folder, read_only=False) as connection:
        connection.execute("ALTER TABLE balance_snapshot DROP COLUMN since_utc")
    with open_lake(used.folder) as opened:
        assert snapshots(opened) == known
        assert digests(opened, world) == (expected, expected)


def test_a_crash_between_file_and_commit_leaves_a_file_that_goes(used: Lake, world: Catalogue) -> None:
    assert used.folder
    with open_lake(used.folder, read_only=True) as reader:
        lost = write(reader, world)
    path = used.folder / FOLDER / lost.file
    by_snapshot, by_all = digests(used, world)
    assert by_snapshot == by_all
    taken(used, world)
    assert path.exists()
    os.utime(path, (0, 0))
    for _ in range(2):
        newest = taken(used, world)
    assert not path.exists()
    assert (used.folder / FOLDER / newest.file).exists()


def test_one_that_is_broken_off_leaves_no_file(used: Lake, world: Catalogue) -> None:
    assert used.folder
    before = set((used.folder / FOLDER).iterdir())
    with open_lake(used.folder, read_only=True) as reader, pytest.raises(Stopped):
        write(reader, world, lambda: True)
    assert set((used.folder / FOLDER).iterdir()) == before


def test_a_run_takes_one_beside_its_batches(lake: Lake, tmp_path: Path) -> None:
    """It is written by a thread, and registered by the batch that comes next, or at the end."""
    made = plenty(Random(302))
    catalogue = compiled(made, tmp_path / "t")
    live = live_balances(lake, catalogue)
    assert live is not None
    keeper, random = Snapshots(lake, catalogue, least=1), Random(1)
    with snapshots_ended([keeper], finish=True):
        for number in range(3):
            _, outcome = rated(events(random, made, 30), catalogue, live)
            nothing = pa.Table.from_batches([empty("rejected")])
            rows = keeper.weigh(Rated(empty("usage"), empty("charge"), nothing, 0, outcome.drawn))
            land(lake, outcome.drawn.movements, rows)
            keeper.landed(rows)
            assert bool(rows) == (number == 1)
            if number == 0:
                keeper.wait()
    found = snapshots(lake)
    assert len(found) == 2
    assert found[0].movements <= landed(lake, "balance_movement")
    assert digests(lake, catalogue) == (live.lots.digest(), live.lots.digest())


def test_a_run_that_is_stopped_breaks_it_off(used: Lake, world: Catalogue, caplog: pytest.LogCaptureFixture) -> None:
    keeper = Snapshots(used, world, least=1)
    nothing = pa.Table.from_batches([empty("rejected")])
    before = len(snapshots(used))
    with snapshots_ended([keeper], finish=False):
        rows = keeper.weigh(Rated(empty("usage"), empty("charge"), nothing, 0))
        keeper.landed(rows)
    assert len(snapshots(used)) == before
    assert not caplog.records


def test_by_hand(used: Lake, world: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    expected = digests(used, world)[1]
    assert main(["balance", "--snapshot", "--lake", str(used.folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["movements"] == landed(used, "balance_movement")
    assert digests(used, world) == (expected, expected)
    assert main(["balance", "--lake", str(used.folder)]) == 2
