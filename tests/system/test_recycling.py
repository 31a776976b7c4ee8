"""Out of suspense by the command line: once, and the books balance after every step."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.system.conftest import DATA, PLAN, balanced, contents, tariff_folder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.conftest import Toll

    Do = Callable[..., Any]

HEADER = (
    b"call_id,switch,service,direction,a_number,b_number,trunk_in,trunk_out,"
    b"start_time,duration_s,volume_up_bytes,volume_down_bytes,cause\n"
)
CALL = b"c-%d@sw1,SW1,voice,O,%s,+442079460018,,,2026-03-01 12:34:5%d+00:00,60,0,0,16\n"
KNOWN, UNKNOWN = b"+447700900123", b"+447700900999"
OTHER_ORDER = (
    b"start_time,remark,duration_s,b_number,a_number,switch,call_id,service,"
    b"direction,trunk_in,trunk_out,volume_up_bytes,volume_down_bytes,cause\n"
)
OTHER_CALL = b"2026-03-01 12:34:51+00:00,x,60,+442079460018,+447700900999,SW1,c-8@sw1,voice,O,,,0,0,16\n"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def do(toll: Toll, lake: Path) -> Do:
    """Run a command that must go well and leave the books balanced; its answer."""

    def run(*arguments: object) -> Any:  # noqa: ANN401 - JSON is untyped
        ended = toll(*arguments, "--lake", lake, "--json")
        assert ended.code == 0, ended.err
        balanced(toll, lake)
        return ended.json()

    return run


@pytest.fixture
def mended(tmp_path: Path) -> Path:
    """The tariff in which both phones have a plan."""
    return tariff_folder(tmp_path / "mended", KNOWN.decode(), UNKNOWN.decode())


def rated(do: Do, tariffs: Path, folder: Path, layout: str = "generic_csv", **files: bytes) -> None:
    for name, content in files.items():
        path = folder / f"{name}.csv"
        path.write_bytes(content)
        do("rate", path, "--layout", layout, "--tariffs", tariffs)


def charged(lake: Path) -> tuple[int, Decimal]:
    charges = contents(lake)["charge"]
    return len(charges), sum((c["amount"] for c in charges), Decimal(0))


def test_a_record_without_account_is_charged_once(
    do: Do, lake: Path, tariffs: Path, mended: Path, tmp_path: Path
) -> None:
    rated(do, tariffs, tmp_path, a=HEADER + CALL % (1, KNOWN, 1) + CALL % (2, UNKNOWN, 2))
    assert charged(lake) == (1, Decimal("0.06"))
    assert do("suspense", "recycle", "--tariffs", tariffs) == {"tried": 1, "left_suspense": 0}
    assert do("suspense", "recycle", "--tariffs", mended) == {"tried": 1, "left_suspense": 1}
    assert charged(lake) == (2, Decimal("0.12"))
    settled = contents(lake)
    assert do("suspense", "recycle", "--tariffs", mended) == {"tried": 0, "left_suspense": 0}
    assert contents(lake) == settled
    assert do("suspense", "list") == []


def test_a_record_without_rate_is_charged_once(do: Do, lake: Path, tmp_path: Path, tariffs: Path) -> None:
    without = tariff_folder(tmp_path / "without", KNOWN.decode(), plan=PLAN.replace('"voice", ', ""))
    rated(do, without, tmp_path, a=HEADER + CALL % (1, KNOWN, 1))
    assert [row["reason"] for row in do("suspense", "list")] == ["no_rate"]
    assert do("suspense", "recycle", "--reason", "no_account", "--tariffs", tariffs)["tried"] == 0
    assert do("suspense", "recycle", "--reason", "no_rate", "--tariffs", tariffs)["left_suspense"] == 1
    assert charged(lake) == (1, Decimal("0.06"))


def test_of_two_copies_in_suspense_one_is_charged(
    do: Do, lake: Path, tariffs: Path, mended: Path, tmp_path: Path
) -> None:
    call = CALL % (2, UNKNOWN, 2)
    rated(do, tariffs, tmp_path, a=HEADER + call, b=HEADER + CALL % (1, KNOWN, 1) + call)
    assert sum(row["records"] for row in do("suspense", "list")) == 2
    assert do("suspense", "recycle", "--tariffs", mended) == {"tried": 2, "left_suspense": 2}
    assert charged(lake) == (2, Decimal("0.12"))
    copies = [r for r in contents(lake)["rejected"] if r["disposition"] == "duplicate"]
    assert [r["raw"] for r in copies] == [call]
    rated(do, mended, tmp_path, c=HEADER + b"\n" + call)
    assert charged(lake) == (2, Decimal("0.12"))


def test_files_with_other_column_orders_are_recycled_by_their_own(
    do: Do, lake: Path, tariffs: Path, mended: Path, tmp_path: Path
) -> None:
    rated(do, tariffs, tmp_path, a=HEADER + CALL % (2, UNKNOWN, 2), b=OTHER_ORDER + OTHER_CALL)
    assert do("suspense", "recycle", "--tariffs", mended) == {"tried": 2, "left_suspense": 2}
    assert charged(lake) == (2, Decimal("0.12"))
    assert {row["a_number"] for row in contents(lake)["usage"]} == {UNKNOWN.decode()}


@pytest.mark.parametrize("order", [("acc_2.log", "acc_3.log"), ("acc_3.log", "acc_2.log")])
def test_halves_of_a_call_in_two_files_meet(do: Do, lake: Path, tariffs: Path, order: tuple[str, str]) -> None:
    first, second = (DATA / "sip_acc" / name for name in order)
    do("rate", first, "--layout", "sip_acc", "--tariffs", tariffs)
    assert [row["reason"] for row in do("suspense", "list")] == ["awaiting_pair"]
    assert charged(lake) == (0, Decimal(0))
    do("rate", second, "--layout", "sip_acc", "--tariffs", tariffs)
    assert do("suspense", "list") == []
    assert charged(lake) == (1, Decimal("0.12"))
    (event,) = contents(lake)["usage"]
    assert (event["record_type"], event["duration_s"]) == ("INVITE", 120)
    settled = contents(lake)
    for file in (second, first):
        do("rate", file, "--layout", "sip_acc", "--tariffs", tariffs)
    assert contents(lake) == settled


def test_a_call_of_two_files_that_finds_no_account_is_charged_once(
    do: Do, lake: Path, tariffs: Path, tmp_path: Path
) -> None:
    nobody = tariff_folder(tmp_path / "nobody", "+447700900000")
    halves = [DATA / "sip_acc" / name for name in ("acc_2.log", "acc_3.log")]
    for half in halves:
        do("rate", half, "--layout", "sip_acc", "--tariffs", nobody)
    assert charged(lake) == (0, Decimal(0))
    for _ in range(2):
        do("suspense", "recycle", "--tariffs", nobody)
    do("suspense", "recycle", "--tariffs", tariffs)
    assert charged(lake) == (1, Decimal("0.12"))
    assert do("suspense", "list") == []
    do("suspense", "recycle", "--tariffs", tariffs)
    assert charged(lake) == (1, Decimal("0.12"))


def test_what_is_written_off_waits_no_longer_and_stays_in_the_books(
    do: Do, lake: Path, tariffs: Path, mended: Path, tmp_path: Path
) -> None:
    rated(do, tariffs, tmp_path, a=HEADER + CALL % (1, KNOWN, 1) + CALL % (2, UNKNOWN, 2) + b"broken\n")
    assert do("suspense", "write-off", "--why", "test call", "--reason", "no_account") == {"written_off": 1}
    assert [row["reason"] for row in do("suspense", "list")] == ["wrong_field_count"]
    assert do("suspense", "recycle", "--tariffs", mended) == {"tried": 1, "left_suspense": 0}
    assert do("suspense", "write-off", "--why", "noise") == {"written_off": 1}
    assert do("suspense", "list") == []
    assert charged(lake) == (1, Decimal("0.06"))


def test_what_is_exported_is_what_came(do: Do, tariffs: Path, tmp_path: Path) -> None:
    waiting = [CALL % (2, UNKNOWN, 2), b"caf\xe9,\x00\r\n", b'"open\n', b"cut off"]
    rated(do, tariffs, tmp_path, a=HEADER + CALL % (1, KNOWN, 1) + b"".join(waiting))
    assert do("suspense", "export", "--to", tmp_path / "out")["exported"] == len(waiting)
    assert (tmp_path / "out").read_bytes() == b"".join(waiting)
