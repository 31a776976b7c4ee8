"""A corrected record replaces the rated event: once, under a run of its own, and the books balance after every step."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from rating.lake import Delta, Lake, open_lake
from rating.lake.disk import DiskLake
from rating.rerating.correct import correct
from rating.suspense import EVERYTHING
from tests.rating.bills import Killed
from tests.system.conftest import balanced, contents, tariff_folder
from tests.system.test_balances import ALLOWANCES
from tests.system.test_recycling import HEADER, KNOWN, UNKNOWN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.conftest import Toll

    Do = Callable[..., Any]

CALL = b"c-%d@sw1,SW1,voice,O,%s,+442079460018,,,2026-03-01 12:34:5%d+00:00,%d,0,0,16\n"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def do(toll: Toll, lake: Path) -> Do:
    """Run a command that must end with ``code`` and leave the books balanced; its answer."""

    def run(*arguments: object, code: int = 0) -> Any:  # noqa: ANN401 - JSON is untyped
        ended = toll(*arguments, "--lake", lake, "--json")
        assert ended.code == code, ended.err
        balanced(toll, lake)
        return ended.json()

    return run


def dying(*, after: bool) -> Callable[[Lake, Delta], int]:
    """A commit that is the last thing that its process does, or that it does not even do."""

    def commit(lake: Lake, delta: Delta) -> int:
        if after:
            Lake.commit(lake, delta)
        raise Killed

    return commit


def rated(do: Do, tariffs: Path, folder: Path, **files: bytes) -> None:
    for name, content in files.items():
        path = folder / f"{name}.csv"
        path.write_bytes(HEADER + content)
        do("rate", path, "--layout", "generic_csv", "--tariffs", tariffs)


def amounts(lake: Path, table: str) -> list[Decimal]:
    with open_lake(lake, read_only=True) as opened:
        return opened.query(f"SELECT amount FROM {table} ORDER BY amount")["amount"].to_pylist()  # noqa: S608 (our names)


def test_a_correction_replaces_the_event_once(do: Do, toll: Toll, lake: Path, tariffs: Path, tmp_path: Path) -> None:
    rated(do, tariffs, tmp_path, a=CALL % (1, KNOWN, 1, 60) + CALL % (2, KNOWN, 2, 60))
    rated(do, tariffs, tmp_path, b=CALL % (1, KNOWN, 1, 90))
    assert [row["reason"] for row in do("suspense", "list")] == ["conflicting_duplicate"]
    told = do("suspense", "correct")
    assert (told["events"], told["charge_rows"], told["applied"]) == (1, 2, False)
    assert amounts(lake, "charge") == [Decimal("0.06")] * 2
    done = do("suspense", "correct", "--apply")
    assert (done["events"], done["rating_runs"], done["waiting"]) == (1, [1], {})
    assert amounts(lake, "charge_now") == [Decimal("0.06"), Decimal("0.09")]
    assert amounts(lake, "charge_as_of(0)") == [Decimal("0.06")] * 2
    assert do("suspense", "list") == []
    settled = contents(lake)
    assert do("suspense", "correct", "--apply")["events"] == 0
    assert contents(lake) == settled
    for name in ("c", "d"):  # the same correction again is a copy; so is the record that was corrected
        rated(do, tariffs, tmp_path, **{name: b"\n" * ord(name) + CALL % (1, KNOWN, 1, 90) + CALL % (1, KNOWN, 1, 60)})
    assert do("suspense", "list") == []
    assert amounts(lake, "charge_now") == [Decimal("0.06"), Decimal("0.09")]
    story = toll("explain", contents(lake)["correction"][0]["event_id"], "--lake", lake)
    assert (story.code, "replaces" in story.out) == (0, True), story.out
    story = toll("explain", contents(lake)["correction"][0]["replaces"], "--lake", lake)
    assert (story.code, "retail reversal: -0.06" in story.out, "replaced by" in story.out) == (0, True, True), story.out


def test_a_correction_is_corrected_in_turn(do: Do, lake: Path, tariffs: Path, tmp_path: Path) -> None:
    for name, seconds in (("a", 60), ("b", 90), ("c", 30)):
        rated(do, tariffs, tmp_path, **{name: CALL % (1, KNOWN, 1, seconds)})
        do("suspense", "correct", "--apply")
    assert amounts(lake, "charge_now") == [Decimal("0.03")]
    assert amounts(lake, "charge_as_of(1)") == [Decimal("0.09")]
    first, second = contents(lake)["correction"]
    assert second["replaces"] == first["event_id"]
    assert second["original"] == first["original"] == first["replaces"]


def test_of_two_corrections_somebody_chooses(do: Do, lake: Path, tariffs: Path, tmp_path: Path) -> None:
    rated(do, tariffs, tmp_path, a=CALL % (1, KNOWN, 1, 60))
    rated(do, tariffs, tmp_path, b=CALL % (1, KNOWN, 1, 90) + CALL % (1, KNOWN, 1, 30) + CALL % (1, KNOWN, 1, 30))
    assert do("suspense", "correct", "--apply", code=1)["waiting"] == {"several_contents": 3}
    chosen = [row["suspense_id"] for row in do("suspense", "list", "--records")][1]
    assert do("suspense", "correct", "--apply", "--id", chosen)["events"] == 1
    do("suspense", "write-off", "--why", "wrong", "--id", chosen[:-1] + "2")
    assert amounts(lake, "charge_now") == [Decimal("0.03")]
    assert do("suspense", "correct", "--apply") == do("suspense", "correct", "--apply") | {"copies": 1}


def test_what_cannot_be_priced_waits_on(do: Do, lake: Path, tariffs: Path, tmp_path: Path) -> None:
    nobody = tariff_folder(tmp_path / "nobody", UNKNOWN.decode())
    rated(do, tariffs, tmp_path, a=CALL % (1, KNOWN, 1, 60), b=CALL % (1, KNOWN, 1, 90))
    answer = do("suspense", "correct", "--apply", "--tariffs", nobody, code=1)
    assert (answer["events"], answer["waiting"], answer["rating_runs"]) == (0, {"no_account": 1}, [])
    assert amounts(lake, "charge_now") == [Decimal("0.06")]
    assert do("suspense", "correct", "--apply")["events"] == 1


def test_allowances_are_drawn_again_by_all_that_it_touches(do: Do, toll: Toll, lake: Path, tmp_path: Path) -> None:
    plans = tariff_folder(tmp_path / "plans", KNOWN.decode())
    (plans / "allowances.toml").write_text(ALLOWANCES)
    calls = [CALL % (number, KNOWN, number, 3000) for number in range(1, 5)]
    rated(do, plans, tmp_path, a=b"".join(calls), b=CALL % (1, KNOWN, 1, 60))
    done = do("suspense", "correct", "--apply")
    assert done["rated_legs"] > 1
    afresh = tmp_path / "afresh"
    (tmp_path / "all.csv").write_bytes(HEADER + CALL % (1, KNOWN, 1, 60) + b"".join(calls[1:]))
    ended = toll("rate", tmp_path / "all.csv", "--layout", "generic_csv", "--tariffs", plans, "--lake", afresh)
    assert ended.code == 0, ended.err
    assert amounts(lake, "charge_now") == amounts(afresh, "charge_now")
    left = "(SELECT holder, allowance, sum(units) AS amount FROM balance_movement GROUP BY ALL HAVING amount <> 0)"
    assert amounts(lake, left) == amounts(afresh, left)


def test_a_correction_is_there_whole_or_not_at_all(
    do: Do, lake: Path, tariffs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rated(do, tariffs, tmp_path, a=CALL % (1, KNOWN, 1, 60), b=CALL % (1, KNOWN, 1, 90))
    before = contents(lake)
    for after in (False, True):
        with open_lake(lake) as opened, monkeypatch.context() as patch:
            patch.setattr(DiskLake, "commit", dying(after=after))
            with pytest.raises(Killed):
                correct(opened, EVERYTHING, None, lambda *_: None, apply=True)
        now = contents(lake)
        assert (now == before) != after
    assert do("suspense", "correct", "--apply")["events"] == 0
    assert amounts(lake, "charge_now") == [Decimal("0.09")]


def test_the_next_bill_has_the_difference(do: Do, lake: Path, tariffs: Path, tmp_path: Path) -> None:
    rated(do, tariffs, tmp_path, a=CALL % (1, KNOWN, 1, 60))
    people = tmp_path / "people"
    people.mkdir()
    (people / "customers.csv").write_text(f"customer,name\naccount{KNOWN.decode()},Ann\n")
    for run, month in enumerate(("2026-03", "2026-04"), 1):
        given = ("--period", month, "--customers", people, "--tariffs", tariffs)
        assert do("bill", "run", *given)["run"] == run
        do("bill", "approve", run, "--accept-findings")
        do("bill", "final", run)
        rated(do, tariffs, tmp_path, **{f"b{run}": CALL % (1, KNOWN, 1, 30)})
        do("suspense", "correct", "--apply")
    bills = contents(lake)["bill"]
    assert [(bill["kind"], bill["charges"], bill["due"]) for bill in bills] == [
        ("invoice", Decimal("0.06"), Decimal("0.06")),
        ("credit_note", Decimal("-0.03"), Decimal(0)),
        ("invoice", Decimal(0), Decimal("0.03")),
    ]
