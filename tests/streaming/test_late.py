"""Halves of calls and partials that come in different batches: the service brings them together, and publishes them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mediation.layout import Layout
from mediation.layout_file import read_layout
from rating.audit import audit
from rating.job import Job
from rating.lake import Lake, StaleOffset, open_lake
from rating.recycle import Recycled, recycle
from rating.seen import seen_ids
from rating.stored import tariff_version
from rating.streaming.coordinates import Partition
from rating.streaming.landing import Landing
from rating.streaming.memory import MemoryBroker, MemorySink, MemorySource
from rating.streaming.outbox import Outbox, Topics
from rating.streaming.service import Limits, Service
from rating.streaming.source import Outgoing
from rating.streaming.unpack import Reading
from tariffs.catalogue import Catalogue
from tariffs.compile import compile_tariff
from tariffs.load import load
from tests.mediation.test_formats_3gpp_usage import ALICE, encoder
from tests.rating.sessions import TARIFF
from tests.system.conftest import tariff_folder
from tests.system.test_partials import call

SIP = read_layout("sip_acc")
CALLER = "+447700900123"
BEGIN, END = (
    f"{{method}}|{{0}}|{{1}}|{{call}}@192.0.2.10|200|OK|{at}|{CALLER}|sip.example.net|192.0.2.10|02079460018|02079460018|x"
    for at in (1772366400, 1772366495)
)
AT_ONCE = Limits(gather_ms=20, tend_s=0.0)
OUT = Topics("rated", "suspense")


def begin(call: int) -> Outgoing:
    return Outgoing(BEGIN.format("aa", "bb", method="INVITE", call=call).encode(), partition=call % 2)


def end(call: int) -> Outgoing:
    return Outgoing(END.format("bb", "aa", method="BYE", call=call).encode(), partition=call % 2)


def compiled(folder: Path) -> Catalogue:
    found, problems = compile_tariff(load(folder)[0])
    assert found, problems
    return found


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return compiled(tariff_folder(tmp_path / "tariffs", CALLER))


@pytest.fixture
def broker(memory: MemoryBroker) -> MemoryBroker:
    for topic, partitions in (("raw", 2), ("rated", 1), ("suspense", 1)):
        memory.create(topic, partitions)
    return memory


def serve(
    broker: MemoryBroker, catalogue: Catalogue, lake: Lake, sink: MemoryBroker | None = None, layout: Layout = SIP
) -> Service:
    job = Job(lake, layout, catalogue, tariff_version(catalogue), seen_ids(lake))
    outbox = Outbox(OUT, MemorySink(sink or broker))
    return Service(
        MemorySource(broker, "raw"), Landing(job), Reading({layout.name: layout}, layout.name), outbox, AT_ONCE
    )


def published(broker: MemoryBroker) -> Counter[tuple[bytes, ...]]:
    told = [dict(m[2] or ()) for m in broker.logs[Partition("rated", 0)].messages]
    return Counter((t["toll-source"], t["toll-record"], t.get("toll-recycle", b"")) for t in told)


def rows(lake: Lake, sql: str) -> list[dict[str, Any]]:
    return lake.query(sql).to_pylist()


def test_a_call_whose_end_comes_later_is_rated_once_and_published(
    broker: MemoryBroker, catalogue: Catalogue, tmp_path: Path
) -> None:
    with open_lake(tmp_path / "lake", create=True) as lake:
        for messages in ([begin(1), begin(2), begin(3)], [end(1)], [end(2), end(2)], []):
            MemorySink(broker).send("raw", messages)
            serve(broker, catalogue, lake).run(idle_s=0.1)
        assert rows(lake, "SELECT source, record_no, duration_s FROM usage ORDER BY ALL") == [
            {"source": "kafka:raw/0", "record_no": 1, "duration_s": 95},
            {"source": "kafka:raw/1", "record_no": 1, "duration_s": 95},
        ]
        assert rows(lake, "SELECT reason, record_no >> 20 AS message FROM suspense") == [
            {"reason": "awaiting_pair", "message": 1}
        ]
        assert {key[:2]: count for key, count in published(broker).items()} == {
            (b"kafka:raw/0", b"1"): 1,
            (b"kafka:raw/1", b"1"): 1,
        }
        assert all(recycle for _, _, recycle in published(broker))
        assert audit(lake).balanced


def test_partials_follow_when_the_one_before_them_has_come(broker: MemoryBroker, tmp_path: Path) -> None:
    """The third, the second and the first part of a call, each in a batch of its own."""
    layout, records = read_layout("3gpp_cs"), encoder("3gpp_cs")
    tariff = compiled(tariff_folder(tmp_path / "tariffs", ALICE, plan=TARIFF))

    def part(number: int) -> Outgoing:
        records.set_val(("moCallRecord", call(number, 100 * number)))
        record = bytes(records.to_ber())
        return Outgoing(len(record).to_bytes(2) + b"\x60\x20" + record, partition=0)

    with open_lake(tmp_path / "lake", create=True) as lake:
        MemorySink(broker).send("raw", [part(3)])
        serve(broker, tariff, lake, layout=layout).run(idle_s=0.1)
        MemorySink(broker).send("raw", [part(2), part(1)])
        one = serve(broker, tariff, lake, layout=layout)
        one.limits = Limits(messages=1, gather_ms=20, tend_s=0.0)
        one.run(idle_s=0.3)
        assert rows(lake, "SELECT partial_no, usage_offset FROM usage ORDER BY ALL") == [
            {"partial_no": number, "usage_offset": before} for number, before in ((1, 0), (2, 100), (3, 300))
        ]
        assert rows(lake, "SELECT reason FROM suspense") == []
        assert sum(published(broker).values()) == 3
        assert audit(lake).balanced


def test_what_another_process_recycled_is_published_also_after_a_failure(
    broker: MemoryBroker, catalogue: Catalogue, tmp_path: Path
) -> None:
    poor = compiled(tariff_folder(tmp_path / "poor", "+447700900999"))
    with open_lake(tmp_path / "lake", create=True) as lake:
        MemorySink(broker).send("raw", [begin(1), end(1)])
        serve(broker, poor, lake).run(idle_s=0.1)
        assert published(broker) == Counter()
        job = Job(lake, SIP, catalogue, tariff_version(catalogue), seen_ids(lake))
        assert recycle(job).left == 2
        serve(broker, catalogue, lake, MemoryBroker(down=True)).run(idle_s=0.1)
        assert published(broker) == Counter()
        batch = rows(lake, "SELECT max(batch_id) AS id FROM suspense_action WHERE action = 'recycled'")[0]["id"]
        for _ in range(2):
            serve(broker, catalogue, lake).run(idle_s=0.1)
            assert published(broker) == Counter({(b"kafka:raw/1", b"1", str(batch).encode()): 1})


def test_who_lost_a_partition_brings_nothing_of_it_together(
    broker: MemoryBroker, catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_lake(tmp_path / "lake", create=True) as lake:
        MemorySink(broker).send("raw", [begin(1), begin(3), begin(5)])
        one = serve(broker, catalogue, lake)
        one.run(idle_s=0.1)
        at = {Partition("raw", 1): lake.offset("kafka:raw/1").next_offset}
        MemorySink(broker).send("raw", [end(1)])
        with monkeypatch.context() as patch:
            patch.setattr(Landing, "bring_together", lambda *_: Recycled())
            serve(broker, catalogue, lake).run(idle_s=0.1)
        one.landing.late.forget()
        with pytest.raises(StaleOffset):
            one.landing.bring_together(at)
        assert rows(lake, "SELECT 1 FROM usage") == []
