"""The service over the twin: exactly once, whatever is batched, moved, fenced, full or sent twice."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mediation.layout_file import LayoutError, read_layout
from rating.audit import audit
from rating.cli.main import main
from rating.explain import explain
from rating.lake import Delta, Lake, LakeUnavailable, open_lake
from rating.recycle import recycle
from rating.streaming.coordinates import Partition, record_no
from rating.streaming.intake import take_in
from rating.streaming.memory import MemoryBroker, MemorySink, MemorySource
from rating.streaming.outbox import Mark, Topics
from rating.streaming.service import Limits
from rating.streaming.source import Messages, Outgoing, StreamError
from rating.suspense import exported
from tests.streaming.conftest import Operator, Running, Serve

Run = Callable[..., Running]
Oracle = tuple[list[dict[str, Any]], Counter[str]]
BOTH = Topics("rated", "suspense")
MONEY = """
SELECT c.event_id::VARCHAR AS event, c.leg, c.account, c.amount, c.currency, c.zone, u.raw
FROM charge c JOIN usage u USING (event_id) ORDER BY ALL"""


def charges(lake: Lake) -> list[dict[str, Any]]:
    """Every charge with its record, without coordinates and line ends."""
    return [row | {"raw": row["raw"].rstrip(b"\n")} for row in lake.query(MONEY).to_pylist()]


def ends(lake: Lake) -> Counter[str]:
    """How many records ended where; a copy of a suspended record waits too, or is a duplicate if in the same batch."""
    rows = lake.query("SELECT reason, sum(records)::BIGINT AS n FROM control_total GROUP BY reason").to_pylist()
    found = Counter({row["reason"]: row["n"] for row in rows if row["reason"] != "header"})
    for reason in ("no_account", "duplicate"):
        if reason in found:
            found["no_account or duplicate"] += found.pop(reason)
    return found


@pytest.fixture(scope="session")
def oracle(operator: Operator, tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    return batch_job(operator, tmp_path_factory.mktemp("oracle") / "lake")


def batch_job(operator: Operator, lake: Path) -> Oracle:
    """What the batch job makes of the same records."""
    files = sorted(map(str, operator.folder.glob("*.csv")))
    given = ["rate", *files, "--layout", "generic_csv", "--tariffs", str(operator.tariffs), "--lake", str(lake)]
    assert main([*given, "--json"]) == 0
    with open_lake(lake, read_only=True) as opened:
        return charges(opened), ends(opened)


def agrees(lake: Lake, oracle: Oracle) -> None:
    assert charges(lake) == oracle[0]
    assert ends(lake) == oracle[1]
    report = audit(lake)
    assert report.balanced, report.to_json()


def drained(service: Any, seconds: float = 30) -> bool:  # noqa: ANN401 - reads the twin's insides
    """Wait until all that the twin holds is committed."""
    broker, late = service.source.broker, time.monotonic() + seconds
    logs = {p: log.end for p, log in broker.logs.items() if p.topic == service.source.topic and log.end}
    while time.monotonic() < late:
        if all(broker.noted.get((service.source.group, p), 0) >= end for p, end in logs.items()):
            return True
        time.sleep(0.02)
    return False


def test_a_stream_charges_what_the_batch_job_charges(
    memory: MemoryBroker, operator: Operator, service: Serve, oracle: Oracle
) -> None:
    memory.create("raw", 3)
    memory.create("rated", 2)
    memory.create("suspense", 1)
    MemorySink(memory).send("raw", operator.messages())
    one = service(MemorySource(memory, "raw"), MemorySink(memory), BOTH)
    one.run(idle_s=0.1)
    lake = one.landing.job.lake
    agrees(lake, oracle)
    published = [m for p, log in memory.logs.items() if p.topic == "rated" for m in log.messages]
    assert len(published) == lake.query("SELECT count(*) AS n FROM usage")["n"][0].as_py()
    value, _, headers, _ = published[0]
    told = json.loads(value)
    amount = lake.query(
        "SELECT amount::VARCHAR AS amount FROM charge WHERE event_id = $event AND leg = $leg",
        {"event": told["event_id"], "leg": told["charges"][0]["leg"]},
    )
    assert told["charges"][0]["amount"] == amount["amount"][0].as_py()
    assert dict(headers or ()) == {
        "toll-schema": b"toll.rated/1",
        "toll-source": told["source"].encode(),
        "toll-record": str(told["message_offset"] << 20 | told["position"]).encode(),
    }
    waiting = lake.query("SELECT suspense_id FROM suspense ORDER BY ALL")["suspense_id"].to_pylist()
    notices = [json.loads(m[0]) for m in memory.logs[Partition("suspense", 0)].messages]
    assert sorted(n["suspense_id"] for n in notices) == waiting
    assert one.metrics.registry.get_sample_value("toll_records_total", {"disposition": "rated"}) == len(published)


def test_packed_messages_land_the_same(
    memory: MemoryBroker, operator: Operator, service: Serve, oracle: Oracle
) -> None:
    memory.create("raw", 1)
    records = operator.records
    packed = [Outgoing(b"\n".join(records[at : at + 100]), partition=0) for at in range(0, len(records), 100)]
    MemorySink(memory).send("raw", packed)
    one = service(MemorySource(memory, "raw"), limits=Limits(messages=7, gather_ms=20))
    one.run(idle_s=0.1)
    agrees(one.landing.job.lake, oracle)


def test_poison_waits_and_the_partition_goes_on(memory: MemoryBroker, operator: Operator, service: Serve) -> None:
    memory.create("raw", 1)
    good = Outgoing(operator.records[0], partition=0)
    poison = Outgoing(b"\0poison\xff", None, [("toll-layout", b"nobody")], 0)
    MemorySink(memory).send("raw", [poison, good, replace_value(good, b""), poison])
    one = service(MemorySource(memory, "raw"))
    one.run(idle_s=0.05)
    lake = one.landing.job.lake
    assert ends(lake) == {"": 1, "blank": 1, "unknown_layout": 2}
    kept = lake.query("SELECT raw, layout FROM suspense").to_pylist()
    assert kept == [{"raw": poison.value, "layout": "nobody"}] * 2
    assert audit(lake).balanced
    told = [explain(lake, f"kafka:raw/0:{record_no(*at)}").text() for at in ((0, 0), (1, 1), (2, 1))]
    wanted = ("unknown_layout at unpack", "charge:", "blank at frame")
    assert all(part in text and "file" not in text for part, text in zip(wanted, told, strict=True)), told


@pytest.mark.parametrize("layout", ["generic_csv", "freeswitch_json_cdr", "3gpp_cs"])
def test_an_empty_message_that_waited_for_its_layout_is_no_record(
    memory: MemoryBroker, service: Serve, layout: str
) -> None:
    """It is read again alone: there is no byte to look at."""
    memory.create("raw", 1)
    MemorySink(memory).send("raw", [Outgoing(b"", None, [("toll-layout", b"nobody")], 0)])
    one = service(MemorySource(memory, "raw"))
    one.run(idle_s=0.05)
    tried = recycle(one.landing.job, mended=read_layout(layout))
    assert (tried.tried, audit(one.landing.job.lake).balanced) == (1, True)


def test_a_recycle_by_a_layout_that_messages_cannot_have_is_refused(memory: MemoryBroker, service: Serve) -> None:
    """Not passed over in silence: who names the layout is told."""
    memory.create("raw", 1)
    MemorySink(memory).send("raw", [Outgoing(b"1,2\n", partition=0)])
    one = service(MemorySource(memory, "raw"))
    one.run(idle_s=0.05)
    with pytest.raises(LayoutError, match="messages have no header"):
        recycle(one.landing.job, mended=read_layout("cisco_cucm_cdr"))
    assert ends(one.landing.job.lake) == {"wrong_field_count": 1}
    assert audit(one.landing.job.lake).balanced


def test_records_of_messages_are_exported_as_lines(memory: MemoryBroker, service: Serve, tmp_path: Path) -> None:
    """In the order in which they came; a message that nobody could unpack stays as it is."""
    memory.create("raw", 1)
    bad = [Outgoing(value, partition=0) for value in (b"1,2\n1,3\r\n1,4", b"2,5", b"3,6\n")]
    MemorySink(memory).send("raw", [*bad, Outgoing(b"\0poison", None, [("toll-layout", b"nobody")], 0)])
    one = service(MemorySource(memory, "raw"))
    one.run(idle_s=0.05)
    assert exported(one.landing.job.lake, tmp_path / "out") == 6
    assert (tmp_path / "out").read_bytes() == b"1,2\n1,3\r\n1,4\n2,5\n3,6\n\0poison"


def replace_value(message: Outgoing, value: bytes) -> Outgoing:
    return message._replace(value=value)


def test_a_restart_goes_on_and_publishes_what_was_not(
    memory: MemoryBroker, operator: Operator, service: Serve, oracle: Oracle
) -> None:
    for topic, partitions in (("raw", 2), ("rated", 1), ("suspense", 1)):
        memory.create(topic, partitions)
    messages = operator.messages()
    MemorySink(memory).send("raw", messages[:2_000])
    down = MemoryBroker(down=True)
    one = service(MemorySource(memory, "raw"), MemorySink(down), BOTH)
    one.run(idle_s=0.1)
    assert one.metrics.registry.get_sample_value("toll_publish_failures_total")
    MemorySink(memory).send("raw", messages[2_000:])
    two = service(MemorySource(memory, "raw"), MemorySink(memory), BOTH, one.landing.job.lake)
    two.run(idle_s=0.1)
    agrees(one.landing.job.lake, oracle)
    rows = one.landing.job.lake.query("SELECT record_no, source FROM usage").to_pylist()
    told = [dict(m[2] or ()) for m in memory.logs[Partition("rated", 0)].messages]
    published = [(t["toll-source"].decode(), int(t["toll-record"])) for t in told]
    assert sorted(published) == sorted((r["source"], r["record_no"]) for r in rows)
    assert (
        two.outbox.published(two.landing.job.lake, Partition("raw", 0)).offset == memory.logs[Partition("raw", 0)].end
    )


def test_partitions_move_between_two_members(
    memory: MemoryBroker, operator: Operator, service: Serve, running: Run, tmp_path: Path, oracle: Oracle
) -> None:
    memory.create("raw", 4)
    messages = operator.messages()
    limits = Limits(messages=100, gather_ms=20, fence_s=0.1)
    first = running(service(MemorySource(memory, "raw"), limits=limits))
    for step in range(4):
        MemorySink(memory).send("raw", messages[step * 1_000 : (step + 1) * 1_000])
        with open_lake(tmp_path / "lake") as lake:
            second = running(service(MemorySource(memory, "raw"), lake=lake, limits=limits))
            time.sleep(0.3)
            second.stop()
            assert second.fault == []
    MemorySink(memory).send("raw", messages[4_000:])
    assert drained(first.service)
    first.stop()
    assert first.fault == []
    agrees(first.service.landing.job.lake, oracle)


def test_a_zombie_is_fenced_and_does_not_disturb(
    memory: MemoryBroker,
    operator: Operator,
    service: Serve,
    running: Run,
    tmp_path: Path,
    oracle: Oracle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory.create("raw", 1)
    zombie = service(MemorySource(memory, "raw"), limits=Limits(messages=50, gather_ms=20, fence_s=0.1))
    own = zombie.landing.job.lake
    held = own.commit
    asleep = []

    def sleeping(delta: Delta) -> int:
        if not asleep:
            asleep.append(True)
            memory.expire("toll", zombie.source.name)  # type: ignore[attr-defined]
            with open_lake(tmp_path / "lake") as lake:
                heir = service(MemorySource(memory, "raw"), lake=lake)
                heir.run(idle_s=0.1)
        return held(delta)

    monkeypatch.setattr(own, "commit", sleeping)
    MemorySink(memory).send("raw", [m._replace(partition=0) for m in operator.messages()])
    woken = running(zombie)
    late = time.monotonic() + 20
    while not zombie.metrics.registry.get_sample_value("toll_fenced_total") and time.monotonic() < late:
        time.sleep(0.02)
    woken.stop()
    assert woken.fault == []
    agrees(zombie.landing.job.lake, oracle)


def in_log(memory: MemoryBroker, partition: Partition) -> Messages:
    messages = Messages()
    for offset, (value, _, headers, stamp_ms) in enumerate(memory.logs[partition].messages):
        messages.add(offset, value, headers, stamp_ms)
    return messages


def test_a_fenced_partition_takes_nothing_of_the_others_with_it(
    memory: MemoryBroker,
    operator: Operator,
    service: Serve,
    tmp_path: Path,
    oracle: Oracle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a batch of three partitions one is landed by somebody else between rating and commit."""
    memory.create("raw", 3)
    MemorySink(memory).send("raw", operator.messages())
    one = service(MemorySource(memory, "raw"), limits=Limits(gather_ms=200, fence_s=0.1))
    own, stolen, begun = one.landing.job.lake, Partition("raw", 1), {}
    held, batches = own.commit, []

    def late(delta: Delta) -> int:
        batches.append([extent.source for extent in delta.extents()])
        if len(batches[-1]) == 3 and not begun:
            with open_lake(tmp_path / "lake") as lake:
                other = service(MemorySource(memory, "raw"), lake=lake)
                begun.update(other.landing.assigned([stolen]))
                fresh = in_log(memory, stolen).since(begun[stolen])
                other.landing.land([take_in(stolen, begun[stolen], fresh, other.reading)[0]], {stolen: Mark()})
        return held(delta)

    monkeypatch.setattr(own, "commit", late)
    one.run(idle_s=0.3)
    all_three = next(at for at, sources in enumerate(batches) if len(sources) == 3)
    assert batches[all_three + 1] == [source for source in batches[all_three] if source != stolen.source]
    assert one.metrics.registry.get_sample_value("toll_fenced_total") == 1
    agrees(own, oracle)


def test_it_waits_for_a_full_disk_and_keeps_its_place_in_the_group(
    memory: MemoryBroker,
    operator: Operator,
    service: Serve,
    running: Run,
    oracle: Oracle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory.create("raw", 2)
    MemorySink(memory).send("raw", operator.messages())
    one = service(MemorySource(memory, "raw"), limits=Limits(gather_ms=20))
    lake, full_until = one.landing.job.lake, time.monotonic() + 1.5
    commit = lake.commit

    def full(delta: Delta) -> int:
        if time.monotonic() < full_until:
            raise LakeUnavailable("the disk is full")
        return commit(delta)

    monkeypatch.setattr(lake, "commit", full)
    begun = running(one)
    time.sleep(0.8)
    assert not one.metrics.ready
    assert drained(one)
    assert one.metrics.ready
    begun.stop()
    assert begun.fault == []
    agrees(lake, oracle)


def test_a_broken_lake_ends_the_service(
    memory: MemoryBroker, operator: Operator, service: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.create("raw", 1)
    MemorySink(memory).send("raw", [Outgoing(operator.records[0], partition=0)])
    one = service(MemorySource(memory, "raw"))

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("rating.lake.disk.write_files", broken)
    with pytest.raises(Exception, match="cannot be written"):
        one.run(idle_s=1)
    monkeypatch.undo()
    assert one.landing.job.lake.offset("kafka:raw/0").next_offset == 0


@pytest.mark.parametrize(("first", "stored"), [(3, 2), (0, 9)])
def test_an_offset_that_is_not_in_the_log_stops_it(
    memory: MemoryBroker, operator: Operator, service: Serve, first: int, stored: int
) -> None:
    memory.create("raw", 1)
    MemorySink(memory).send("raw", [Outgoing(record, partition=0) for record in operator.records[:stored]])
    service(MemorySource(memory, "raw")).run(idle_s=0.05)
    if first:
        MemorySink(memory).send("raw", [Outgoing(record, partition=0) for record in operator.records[2:9]])
        memory.trim(Partition("raw", 0), first)
    else:
        memory.create("raw", 1)  # the broker came back empty
    with pytest.raises(StreamError, match=f"offset {stored} is not in the log"):
        service(MemorySource(memory, "raw")).run(idle_s=0.05)


def test_a_log_that_began_late_is_a_finding(memory: MemoryBroker, operator: Operator, service: Serve) -> None:
    memory.create("raw", 1)
    MemorySink(memory).send("raw", [Outgoing(record, partition=0) for record in operator.records[:9]])
    memory.trim(Partition("raw", 0), 4)
    one = service(MemorySource(memory, "raw"))
    one.run(idle_s=0.05)
    lake = one.landing.job.lake
    assert lake.query("SELECT source, finding, found FROM finding").to_pylist() == [
        {"source": "kafka:raw/0", "finding": "log_begins", "found": "4"}
    ]
    assert audit(lake).balanced
