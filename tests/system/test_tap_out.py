"""TAP out: what goes to partners comes back the same, once, whatever crashes; what does not fit is refused in words."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mediation.ber.format import read_format
from mediation.ber.tree import tree_of
from mediation.tap_header import below, text
from rating.cli.main import main
from rating.lake import open_lake
from rating.lake.disk import DiskLake
from rating.period import Period
from rating.roaming import outbox
from rating.roaming.batch import LAST_SEQUENCE, Envelope
from rating.roaming.operator import Operator, OperatorError, read_operator
from rating.roaming.out import Sent, tap_out
from tests.system.conftest import ROOT, Toll, balanced
from tests.system.starter import started

SAMPLE = ROOT / "samples" / "roaming"
AVAILABLE = datetime(2026, 11, 3, 6, tzinfo=UTC)
TERM = Period.parse("2026-10-01/2026-11-30")
KILLS = int(os.environ.get("TOLL_TAP_KILLS", "4"))
KILL_SEED = 4711
FILES = ["CDGBRTSDEUAC00001", "CDGBRTSFRAGA00001", "CDGBRTSUSABT00001"]
HOME_ACCOUNTS = (
    "kind,key,account,plan\nimsi,262010000000001,a,own\nimsi,310260000000001,b,own\nimsi,208010000000001,c,own\n"
)
HOME_PLAN = '[rate.own]\ncurrency = "XDR"\nprice = "0"\n[plan.own]\ncurrency = "XDR"\n[[plan.own.rule]]\nrate = "own"\n'
HOME_PARTNERS = "partner,tadig,networks,plan_in,plan_out\nhost,GBRTS,234-15,visitors,\n"


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with the visitors of the sample."""
    return rated_by(SAMPLE / "tariff", tmp_path_factory.mktemp("visited"))


def rated_by(tariff: Path, folder: Path) -> Path:
    inputs = [SAMPLE / "visitors_0001.csv", "--layout", SAMPLE / "visitors.layout.toml", "--tariffs", tariff]
    assert main([str(each) for each in ("rate", *inputs, "--lake", folder / "lake")]) == 0
    return folder / "lake"


@pytest.fixture
def visited(rated: Path, tmp_path: Path) -> Path:
    """A copy of that lake, to write to."""
    shutil.copytree(rated, tmp_path / "lake")
    return tmp_path / "lake"


@pytest.fixture
def operator() -> Operator:
    return read_operator(SAMPLE / "operator.toml")


def sent_by(lake: Path, operator: Operator, folder: Path, **more: Any) -> Sent:  # noqa: ANN401 - as tap_out has them
    with open_lake(lake) as opened:
        return tap_out(opened, operator, folder, TERM, AVAILABLE, **more)


def in_folder(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != ".lock"}


def test_what_goes_out_comes_back_the_same(toll: Toll, visited: Path, operator: Operator, tmp_path: Path) -> None:
    """Read by the home network's own lake: no finding, nothing severe, the same amounts, and those that it expects."""
    home, out = tmp_path / "home", tmp_path / "out"
    sent = sent_by(visited, operator, out)
    assert [row["name"] for row in sent.files.to_pylist()] == list(in_folder(out)) == FILES
    shutil.copytree(SAMPLE / "tariff", home)
    written = {"home.toml": HOME_PLAN, "subscriptions.csv": HOME_ACCOUNTS, "partners.csv": HOME_PARTNERS}
    for name, content in written.items():
        (home / name).write_text(content)
    read = toll(
        "rate", out / FILES[0], out / FILES[1], "--layout", "gsma_tap", "--tariffs", home, "--lake", home / "lake"
    )
    assert read.code == 0, read.err
    with open_lake(home / "lake", read_only=True) as lake, open_lake(visited, read_only=True) as ours:
        assert lake.query("FROM finding").num_rows == 0
        assert lake.query("FROM suspense").num_rows == 0
        sums = "SELECT count(*) AS events, sum(amount) AS charge, sum(tax_amount) AS tax FROM charge WHERE "
        given = lake.query(f"{sums} note = 'given'").to_pylist()
        told = ours.query(
            "SELECT sum(events)::BIGINT AS events, sum(charge) AS charge, sum(tax) AS tax FROM tap_file "
            "WHERE recipient <> 'USABT'"
        )
        assert given == told.to_pylist()
        assert lake.query("FROM roaming_difference").num_rows == 0
        rates = lake.query("SELECT DISTINCT conversion_rate, converted_currency FROM charge WHERE note = 'given'")
        assert {tuple(row.values()) for row in rates.to_pylist()} == {
            (Decimal("1.05"), "GBP"),
            (Decimal("1.0675"), "GBP"),
        }
        event = lake.query("SELECT event_id::VARCHAR AS id FROM charge WHERE note = 'given' AND amount > 1")["id"][0]
    story = toll("explain", event, "--lake", home / "lake")
    assert (story.code, "our own price by visitors" in story.out) == (0, True), story.out
    simulated = toll("simulate", "--tariffs", home, "--lake", home / "lake", "--period", "2026-10", "--json")
    legs = {row["leg"]: (row["before"], row["after"]) for row in simulated.json()["legs"]}
    assert legs["roaming_in"] == ("3.111750000", "3.111750000")
    balanced(toll, visited)
    balanced(toll, home / "lake")


def test_another_decoder_reads_what_goes_out(visited: Path, operator: Operator, tmp_path: Path) -> None:
    tap = pytest.importorskip("pycrate_asn1dir.TAP3", reason="pycrate is a development dependency").TAP_0312
    sent_by(visited, operator, tmp_path / "out", notify=True)
    format_ = read_format("gsma_tap")
    for content in in_folder(tmp_path / "out").values():
        tap.DataInterChange.from_ber(content)
        kind, batch = tap.DataInterChange.get_val()
        tree = tree_of(content, format_)
        assert list(tree) == [kind]
        if kind == "transferBatch":
            (inside,) = below(tree, kind)
            assert str(len(batch["callEventDetails"])) == text(inside, "auditControlInfo.callEventDetailsCount")
            assert str(batch["auditControlInfo"]["totalCharge"]) == text(inside, "auditControlInfo.totalCharge")
        assert tap.DataInterChange.to_ber() == content


def test_an_event_keeps_what_the_switch_wrote(visited: Path, operator: Operator, tmp_path: Path) -> None:
    sent_by(visited, operator, tmp_path / "out")
    batch = tree_of((tmp_path / "out" / FILES[0]).read_bytes(), read_format("gsma_tap"))["transferBatch"][0]
    assert not isinstance(batch, str)
    events = next(iter(batch["callEventDetailList"]))
    assert not isinstance(events, str)
    call, _, emergency, message = events["mobileOriginatedCall"]
    basic, place = "moBasicCallInformation", "locationInformation.networkLocation"
    facts = [
        (call, f"{basic}.chargeableSubscriber.simChargeableSubscriber.imsi", "262010000000001"),
        (call, f"{basic}.chargeableSubscriber.simChargeableSubscriber.msisdn", "491701234567"),
        (call, f"{basic}.destination.calledNumber", "442079460000"),
        (call, f"{basic}.callEventStartTimeStamp.localTimeStamp", "20261005090005"),
        (call, f"{place}.callReference", "0a01"),
        (call, f"{place}.locationArea", "1201"),
        (call, f"{place}.cellId", "40011"),
        (emergency, f"{basic}.destination.dialledDigits", "112"),
        (message, f"{basic}.destination.sMSDestinationNumber", "491709999999"),
        (events["gprsCall"][0], "gprsServiceUsed.dataVolumeIncoming", "52428800"),
        (events["gprsCall"][0], "gprsBasicCallInformation.chargingId", "77001"),
    ]
    for tree, path, expected in facts:
        assert not isinstance(tree, str)
        assert (path, text(tree, path)) == (path, expected)


def test_nothing_goes_out_twice_or_stays_behind(toll: Toll, visited: Path, tmp_path: Path) -> None:
    command = [
        "tap",
        "out",
        "--lake",
        visited,
        "--operator",
        SAMPLE / "operator.toml",
        "--to",
        tmp_path / "out",
        "--json",
    ]
    first = toll(*command, "--period", "2026-10", "--available", "2026-11-03T06:00Z", "--notify")
    assert first.code == 0, first.err
    assert [(f["name"], f["kind"]) for f in first.json()["files"]] == [
        (FILES[0], "transfer"), (FILES[1], "notification"), (FILES[2], "transfer")
    ]  # fmt: skip
    kept = in_folder(tmp_path / "out")
    again = toll(*command, "--period", "2026-10", "--available", "2026-11-04T06:00Z", "--notify")
    assert (again.code, again.json()["files"], in_folder(tmp_path / "out")) == (0, [], kept)
    later = toll(*command, "--period", "2026-11", "--available", "2026-11-04T06:00Z")
    assert later.code == 1
    assert [f["name"] for f in later.json()["files"]] == ["CDGBRTSFRAGA00002"]
    assert [(left["service"], left["events"]) for left in later.json()["left"]] == [("mms", 1)]
    with open_lake(visited, read_only=True) as lake:
        twice = lake.query("SELECT event_id FROM tap_charge GROUP BY event_id HAVING count(*) > 1").num_rows
        whole = lake.query("SELECT count(*) AS n FROM charge WHERE leg = 'roaming_out'")["n"][0].as_py()
        out, unsent = (lake.query(f"FROM {name}").num_rows for name in ("tap_charge", "tap_unsent"))
    assert (twice, out + unsent, unsent) == (0, whole, 1)
    balanced(toll, visited)


class Killed(BaseException):
    """Ends a run as a kill would: nothing is tidied."""


def no_commit(*_: object) -> int:
    raise Killed


def commit_and_die(commit: Callable[..., int]) -> Callable[..., int]:
    def landed(*given: Any) -> int:  # noqa: ANN401 - a lake and a delta
        commit(*given)
        raise Killed

    return landed


def no_name(*_: object) -> None:
    raise Killed


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("crash", ["before the commit", "after the commit", "before the name"])
def test_a_crash_leaves_neither_gap_nor_repeat(
    crash: str, after: int, visited: Path, operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    untouched = tmp_path / "untouched"
    shutil.copytree(visited, untouched)
    sent_by(untouched, operator, tmp_path / "whole")
    reveal = outbox._reveal  # noqa: SLF001 - the crash is there
    original: dict[str, Callable[..., Any]] = {"commit": DiskLake.commit, "_reveal": reveal}
    count = iter(range(9))
    crashes: dict[str, tuple[Any, str, Callable[..., Any]]] = {
        "before the commit": (DiskLake, "commit", no_commit),
        "after the commit": (DiskLake, "commit", commit_and_die(DiskLake.commit)),
        "before the name": (outbox, "_reveal", no_name),
    }
    where, name, dies = crashes[crash]

    def step(*given: Any) -> Any:  # noqa: ANN401 - either of two functions
        return (dies if next(count) == after else original[name])(*given)

    with monkeypatch.context() as patched:
        patched.setattr(where, name, step)
        with pytest.raises(Killed):
            sent_by(visited, operator, tmp_path / "out")
    named = sent_by(visited, operator, tmp_path / "out").finished
    assert in_folder(tmp_path / "out") == in_folder(tmp_path / "whole")
    assert named == ([] if crash == "before the commit" else [FILES[after]])
    with open_lake(visited, read_only=True) as lake:
        assert lake.query("SELECT DISTINCT event_id FROM tap_charge").num_rows == 9


def killed(command: list[str], folder: Path, told: Path, dice: random.Random) -> bool:
    """Start ``command``, kill it at a random moment after it begins to write a file; whether it was still running."""
    before, late = set(folder.glob("*")) | set(folder.glob(".C*")), time.monotonic() + 60
    run = started(command, told)
    while run.is_alive() and {*folder.glob("*"), *folder.glob(".C*")} <= before and time.monotonic() < late:
        time.sleep(0.001)
    time.sleep(dice.uniform(0, 0.15))
    alive = run.is_alive()
    run.kill()
    run.join()
    assert "Traceback" not in told.read_text()
    return alive and run.exitcode == -signal.SIGKILL


def test_kills_leave_neither_gap_nor_repeat(toll: Toll, visited: Path, tmp_path: Path) -> None:
    """One event a file, real kills; then files and ledger are those of an undisturbed run."""
    (tmp_path / "o.toml").write_text("most_events = 1\n" + (SAMPLE / "operator.toml").read_text())
    untouched, out, told = tmp_path / "untouched", tmp_path / "out", tmp_path / "told"
    shutil.copytree(visited, untouched)
    sent_by(untouched, read_operator(tmp_path / "o.toml"), tmp_path / "whole")
    options = [
        "--period",
        "2026-10-01/2026-11-30",
        "--available",
        "2026-11-03T06:00Z",
        "--operator",
        tmp_path / "o.toml",
    ]
    command = [str(each) for each in ("tap", "out", "--lake", visited, "--to", out, *options)]
    dice = random.Random(KILL_SEED)
    assert sum(killed(command, out, told, dice) for _ in range(KILLS)) == KILLS, told.read_text()
    toll(*command)
    assert in_folder(out) == in_folder(tmp_path / "whole")
    with open_lake(visited, read_only=True) as lake, open_lake(untouched, read_only=True) as ours:
        files = lake.query("SELECT name, recipient, sequence_no, sha256 FROM tap_file ORDER BY name").to_pylist()
        charges = lake.query("SELECT event_id FROM tap_charge ORDER BY event_id")["event_id"].to_pylist()
        expected = ours.query("SELECT event_id FROM tap_charge ORDER BY event_id")["event_id"].to_pylist()
    assert {f["name"]: f["sha256"] for f in files} == {
        name: hashlib.sha256(content).hexdigest() for name, content in in_folder(out).items()
    }
    for recipient in {f["recipient"] for f in files}:
        numbers = [f["sequence_no"] for f in files if f["recipient"] == recipient]
        assert numbers == list(range(1, len(numbers) + 1))
    assert charges == expected
    assert len(set(charges)) == len(charges)
    balanced(toll, visited)


def test_a_file_holds_so_many_events(visited: Path, tmp_path: Path) -> None:
    (tmp_path / "few.toml").write_text("most_events = 3\ntest = true\n" + (SAMPLE / "operator.toml").read_text())
    sent = sent_by(visited, read_operator(tmp_path / "few.toml"), tmp_path / "out").files.to_pylist()
    assert [(row["name"], row["events"]) for row in sent if row["recipient"] == "DEUAC"] == [
        ("TDGBRTSDEUAC00001", 3), ("TDGBRTSDEUAC00002", 3), ("TDGBRTSDEUAC00003", 1)
    ]  # fmt: skip
    assert sum(row["charge"] for row in sent if row["recipient"] == "DEUAC") == Decimal("3.11175")


AGES = [
    ("", "2026-11-03T06:00Z", 7, 0),  # 29 days after the first event
    ("", "2026-11-04T08:00:05Z", 7, 0),  # 30 days after it
    ("", "2026-11-04T08:00:06Z", 6, 1),
    ("", "2026-12-05T00:00Z", 0, 8),
    ("max_age_days = 5\n", "2026-11-03T06:00Z", 0, 8),
    ("max_age_days = 0\n", "2028-01-01T00:00Z", 7, 0),
]


@pytest.mark.parametrize(("rule", "available", "sent", "left"), AGES)
def test_what_is_too_old_stays(
    toll: Toll, visited: Path, tmp_path: Path, rule: str, available: str, sent: int, left: int
) -> None:
    (tmp_path / "o.toml").write_text(rule + (SAMPLE / "operator.toml").read_text())
    ended = toll(
        "tap", "out", "--lake", visited, "--period", "2026-10", "--operator", tmp_path / "o.toml",
        "--to", tmp_path / "out", "--available", available, "--json",
    )  # fmt: skip
    stayed = [each["events"] for each in ended.json()["left"] if "older than partners accept" in each["reason"]]
    assert sum(f["events"] for f in ended.json()["files"] if f["recipient"] == "DEUAC") == sent
    assert (sum(stayed), ended.code) == (left, int(bool(left)))


def test_the_watch_is_told_how_many_went_out(visited: Path, operator: Operator, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    sent = sent_by(visited, operator, tmp_path / "out", watch=lambda *done: told.append(done))
    events = [row["events"] for row in sent.files.to_pylist()]
    assert told == [(sum(events[: n + 1]), sum(events)) for n in range(len(events))]


@pytest.mark.parametrize(
    ("ordinal", "sequence"), [(1, "00001"), (LAST_SEQUENCE, "99999"), (LAST_SEQUENCE + 1, "00001")]
)
def test_sequence_numbers_begin_again(operator: Operator, ordinal: int, sequence: str) -> None:
    assert Envelope(operator, "DEUAC", ordinal, AVAILABLE, AVAILABLE).sequence == sequence


# what of tariff or operator is written otherwise; what the run says
REFUSED = [
    ("tariff/visitors.toml", "scale = 5", "scale = 6", "rounds to 6 decimals, files have 5: declare a"),
    ("tariff/visitors.toml", "bill_rounding = { scale = 4 }", "", "plan sterling: bill_rounding rounds to 9 decimals"),
    ("tariff/visitors.toml", 'bill_currency = "XDR"', "", "plan sterling charges in GBP, files are in XDR"),
    ("tariff/visitors.toml", "[plan.sterling]", '[plan.sterling]\ntax = "vat"', "plan sterling has a tax in GBP"),
    ("tariff/conversions.csv", "XDR,GBP,1.05,2026-10-01", "XDR,GBP,1.05,2026-10-05", ""),
    ("tariff/conversions.csv", "XDR,GBP,1.05,2026-10-01", "XDR,GBP,1.05,2026-10-06", "no rate from XDR to GBP"),
    ("operator.toml", 'id = "192.0.2.9"\ntype = 4', 'id = "192.0.2.9"\nelements = ["GGSN-1"]', "no [[entity]] has"),
    ("operator.toml", 'local_currency = "GBP"', 'local_currency = "EUR"', "no rate from XDR to EUR"),
    ("operator.toml", 'local_currency = "GBP"', 'local_currency = "XDR"', ""),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "says"), REFUSED)
def test_what_does_not_fit_is_refused(toll: Toll, tmp_path: Path, file: str, old: str, new: str, says: str) -> None:
    shutil.copytree(SAMPLE, tmp_path / "sample")
    path = tmp_path / "sample" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    lake = rated_by(tmp_path / "sample" / "tariff", tmp_path)
    options = ["--operator", tmp_path / "sample" / "operator.toml", "--to", tmp_path / "out", "--lake", lake]
    ended = toll("tap", "out", "--period", "2026-10", "--available", "2026-11-03T06:00Z", *options)
    assert (ended.code, says in ended.err) == (int(bool(says)), True), ended.err


def test_an_operator_is_judged_whole(tmp_path: Path) -> None:
    wrong = 'tadig = "gb"\ntap_currency = "sdr"\ndecimals = 7\nzone = "Mars"\nmost_events = 0\nzzz = 1\n'
    entities = '[[entity]]\nid = "1"\n[[entity]]\ntype = 2\n'
    (tmp_path / "o.toml").write_text(wrong + entities)
    with pytest.raises(OperatorError) as told:
        read_operator(tmp_path / "o.toml")
    keys = [line.split(":")[1].strip() for line in str(told.value).splitlines()]
    assert sorted(keys) == sorted([
        "tadig", "local_currency", "tap_currency", "decimals", "zone", "most_events", "zzz", "entity 2", "entity 2"
    ])  # fmt: skip


def test_two_runs_do_not_meet_in_a_folder(toll: Toll, visited: Path, tmp_path: Path) -> None:
    with outbox.locked(tmp_path / "out"):
        ended = toll(
            "tap", "out", "--lake", visited, "--period", "2026-10", "--operator", SAMPLE / "operator.toml",
            "--to", tmp_path / "out",
        )  # fmt: skip
    assert (ended.code, "in use by another run" in ended.err) == (1, True)
