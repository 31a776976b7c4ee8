"""Alerts of the service and of the batch job: the same as the oracle's over what landed, each published once."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from rating.alerts.alert_file import read_rules
from rating.alerts.flows import scope_of
from rating.alerts.keeper import Alerts
from rating.alerts.rule import Rule
from rating.cli.main import main
from rating.job import Job
from rating.lake import Lake, open_lake
from rating.seen import seen_ids
from rating.stored import tariff_version
from rating.streaming.coordinates import Partition
from rating.streaming.landing import Landing
from rating.streaming.memory import MemoryBroker, MemorySink, MemorySource
from rating.streaming.outbox import Outbox, Topics
from rating.streaming.service import Limits, Service
from rating.streaming.unpack import Reading
from tariffs.catalogue import Catalogue
from tests.streaming.alert_oracle import Alert, Event, Oracle
from tests.streaming.conftest import CSV, Operator
from tests.streaming.test_alerts import stored
from tests.system.test_crash import finished, killed

WATCHED = """
[alert.spent]
measure = "spend"
currency = "GBP"
window = "day"
zone = "Europe/London"
thresholds = ["0.05", "0.50", 2]
[alert.busy]
measure = "simultaneous"
window = "1h"
thresholds = [1, 2]
[alert.often]
measure = "events"
window = "30m"
sliding = true
thresholds = [2, 3]
keep = "1h"
"""
KILLED_FILES = 6
LANDED = """
SELECT u.source, u.record_no, (epoch_us(u.start_utc) // 1000000)::BIGINT AS at_s, u.duration_s, c.account, u.b_number,
    c.amount, c.currency
FROM usage u JOIN charge c ON c.event_id = u.event_id WHERE c.leg = 'retail' ORDER BY u.source, u.record_no"""


@pytest.fixture
def rules(tmp_path: Path) -> tuple[Rule, ...]:
    (tmp_path / "alerts.toml").write_text(WATCHED)
    return read_rules(tmp_path / "alerts.toml")


def expected(lake: Lake, rules: tuple[Rule, ...]) -> list[Alert]:
    """The oracle's alerts over the events of ``lake`` in the order of their records, by account for its sake."""
    events = [Event(**row) for row in lake.query(LANDED).to_pylist()]
    found: list[Alert] = []
    for place in sorted({(scope_of(e.source), e.account) for e in events}):
        oracle = Oracle(rules, {e.source: scope_of(e.source) for e in events})
        for event in events:
            if (scope_of(event.source), event.account) == place:
                oracle.arrive(event)
        found += oracle.alerts.values()
    return sorted(found)


def service(broker: MemoryBroker, lake: Lake, catalogue: Catalogue, rules: tuple[Rule, ...]) -> Service:
    job = Job(lake, CSV, catalogue, tariff_version(catalogue), seen_ids(lake), keepers=[Alerts(lake, rules)])
    outbox = Outbox(Topics(alerts="alerts"), MemorySink(broker))
    limits = Limits(messages=400, gather_ms=20, fence_s=0.1)
    reading = Reading({CSV.name: CSV}, CSV.name)
    return Service(MemorySource(broker, "raw"), Landing(job), reading, outbox, limits)


def test_the_service_gives_every_alert_once(
    memory: MemoryBroker, operator: Operator, catalogue: Catalogue, rules: tuple[Rule, ...], tmp_path: Path
) -> None:
    memory.create("raw", 2)
    memory.create("alerts", 1)
    messages = operator.messages()[:1_600]
    with open_lake(tmp_path / "lake", create=True) as lake:
        for part in (messages[:700], messages[:100], messages[700:]):  # a restart, copies, a restart
            MemorySink(memory).send("raw", part)
            service(memory, lake, catalogue, rules).run(idle_s=0.1)
        found = stored(lake, rules)
        assert found == expected(lake, rules)
        assert {alert.name for alert in found} == {rule.name for rule in rules}
        ids = sorted(lake.query("SELECT alert_id FROM alert")["alert_id"].to_pylist())
    told = [json.loads(m[0]) for m in memory.logs[Partition("alerts", 0)].messages]
    assert sorted(t["alert_id"] for t in told) == ids


def test_what_was_not_published_comes_from_the_lake(
    memory: MemoryBroker, operator: Operator, catalogue: Catalogue, rules: tuple[Rule, ...], tmp_path: Path
) -> None:
    memory.create("raw", 1)
    memory.create("alerts", 1)
    MemorySink(memory).send("raw", [m._replace(partition=0) for m in operator.messages()[:300]])
    with open_lake(tmp_path / "lake", create=True) as lake:
        away = service(memory, lake, catalogue, rules)
        away.outbox.sink = MemorySink(MemoryBroker(down=True))
        away.run(idle_s=0.05)
        service(memory, lake, catalogue, rules).run(idle_s=0.05)
        rows: list[dict[str, Any]] = lake.query("SELECT alert_id, subject, threshold, measured FROM alert").to_pylist()
    sent = memory.logs[Partition("alerts", 0)].messages
    told = {t["alert_id"]: t for t in (json.loads(m[0]) for m in sent)}
    assert {dict(m[2] or ())["toll-schema"] for m in sent} == {b"toll.alert/1"}
    assert len(told) == len(sent) == len(rows)
    for row in rows:
        message = told[row["alert_id"]]
        assert (message["subject"], message["measured"]) == (row["subject"], str(row["measured"]))


def test_killed_between_batches_it_gives_the_same(operator: Operator, rules: tuple[Rule, ...], tmp_path: Path) -> None:
    dice, lakes = random.Random(3), [tmp_path / "whole", tmp_path / "killed"]
    (tmp_path / "told").mkdir()
    header, *lines = min(operator.folder.glob("*.csv")).read_bytes().splitlines(keepends=True)
    for number in range(KILLED_FILES):
        (tmp_path / f"calls_{number}.csv").write_bytes(header + b"".join(lines[number * 100 : number * 100 + 100]))
    files = sorted(map(str, tmp_path.glob("calls_*.csv")))
    given = ["--layout", "generic_csv", "--tariffs", str(operator.tariffs), "--alerts", str(tmp_path / "alerts.toml")]
    whole, interrupted = (["rate", *files, *given, "--json", "--lake", str(lake)] for lake in lakes)
    finished(whole, tmp_path / "told" / "whole")
    kills = sum(killed(interrupted, lakes[1], tmp_path / "told" / f"{n}", dice) for n in range(3))
    finished(interrupted, tmp_path / "told" / "killed")
    assert kills
    found = []
    for path in lakes:
        with open_lake(path, read_only=True) as lake:
            found.append(stored(lake, rules))
    assert len(found[0]) > 100
    assert found[0] == found[1]


def test_the_batch_job_gives_them_too(
    operator: Operator, rules: tuple[Rule, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del rules
    file = tmp_path / "calls.csv"
    lines = min(operator.folder.glob("*.csv")).read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:900]))
    lake, alerts = str(tmp_path / "lake"), str(tmp_path / "alerts.toml")
    given = ["--layout", "generic_csv", "--tariffs", str(operator.tariffs), "--lake", lake, "--alerts", alerts]
    for _ in range(2):
        assert main(["rate", str(file), *given, "--json"]) == 0
    capsys.readouterr()
    with open_lake(lake, read_only=True) as opened:
        found = stored(opened, read_rules(alerts))
        assert found == expected(opened, read_rules(alerts))
    assert main(["alerts", "--lake", lake, "--json", "--limit", "1000000"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert sorted(row["record_no"] for row in shown) == sorted(alert.record_no for alert in found)
    assert main(["alerts", "--lake", lake, "--alert", "spent", "--limit", "2"]) == 0
    assert "busy" not in capsys.readouterr().out
    assert main(["rate", str(file), *given[:-1], str(file)]) == 1
    assert "calls.csv" in capsys.readouterr().err
