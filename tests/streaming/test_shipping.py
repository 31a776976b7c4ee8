"""Collecting and re-keying: every record once, by its key, whatever is killed in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mediation.layout_file import read_layout
from rating.streaming.collect import Collector
from rating.streaming.keys import partition_for
from rating.streaming.ledger import Ledger
from rating.streaming.memory import MemoryBroker, MemorySink, MemorySource
from rating.streaming.rekey import Rekey
from rating.streaming.shipping import Route
from rating.streaming.source import Outgoing, StreamError
from rating.streaming.unpack import Reading
from tests.mediation.test_formats_3gpp_usage import written
from tests.streaming.conftest import CSV, Operator, Serve
from tests.streaming.test_ber import SAMPLES, calls
from tests.streaming.test_service import Oracle, agrees, oracle  # noqa: F401 - a fixture


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


def values(broker: MemoryBroker, topic: str) -> dict[int, list[bytes]]:
    return {p.number: [m[0] for m in log.messages] for p, log in broker.logs.items() if p.topic == topic}


def files(operator: Operator) -> list[str]:
    return sorted(map(str, operator.folder.glob("*.csv")))


@pytest.mark.parametrize("pack", [1, 50])
def test_files_are_shipped_once_by_their_key(
    memory: MemoryBroker, operator: Operator, ledger: Ledger, pack: int
) -> None:
    memory.create("raw", 3)
    route = Route("raw", 3, "a_number", pack)
    for already in (False, True):
        done = list(Collector(CSV, route, MemorySink(memory), ledger).collect(files(operator)))
        assert [(f.already, f.error) for f in done] == [(already, "")] * 2
        assert sum(f.records for f in done) == (0 if already else len(operator.records))
    shipped = values(memory, "raw")
    lines = {n: b"".join(found).splitlines() for n, found in shipped.items()}
    assert sorted(line for found in lines.values() for line in found) == sorted(operator.records)
    for number, found in lines.items():
        keys = {
            line.split(b",")[4] for line in found if line.count(b",") == 12 and b'"' not in line and b"\0" not in line
        }
        stray = [k for k in keys if k.startswith(b"+") and k[1:].isdigit() and partition_for(k, 3) != number]
        assert len(stray) <= len(found) // 20, stray  # a record that is no usage goes by its ordinal


def test_what_was_collected_is_rated_as_the_files_are(
    memory: MemoryBroker,
    operator: Operator,
    ledger: Ledger,
    service: Serve,
    oracle: Oracle,  # noqa: F811 - the fixture
) -> None:
    for topic, partitions in (("raw", 1), ("keyed", 3)):
        memory.create(topic, partitions)
    list(Collector(CSV, Route("raw", 1, "", 20), MemorySink(memory), ledger).collect(files(operator)))
    reading = Reading({CSV.name: CSV}, CSV.name)
    for _ in range(2):
        stage = Rekey(
            MemorySource(memory, "raw", "rekey"), MemorySink(memory), ledger, reading, Route("keyed", 3, "a_number", 10)
        )
        stage.run(idle_rounds=1)
    one = service(MemorySource(memory, "keyed"))
    one.run(idle_s=0.1)
    agrees(one.landing.job.lake, oracle)


def test_poison_is_passed_on(memory: MemoryBroker, ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "toll.rekey")
    for topic in ("raw", "keyed"):
        memory.create(topic, 1)
    MemorySink(memory).send("raw", [Outgoing(b"junk", None, [("toll-packing", b"arrow")], 0)])
    reading = Reading({CSV.name: CSV}, CSV.name)
    Rekey(MemorySource(memory, "raw"), MemorySink(memory), ledger, reading, Route("keyed", 1, "a_number")).run(1)
    value, _, headers, _ = next(log for p, log in memory.logs.items() if p.topic == "keyed").messages[0]
    assert (value, dict(headers or ())["toll-packing"]) == (b"junk", b"arrow")
    assert [(r.getMessage(), getattr(r, "offsets", None)) for r in caplog.records] == [("sent", {"kafka:raw/0": 1})]


def test_of_a_binary_file_the_records_are_shipped_as_they_stand(
    memory: MemoryBroker, tmp_path: Path, ledger: Ledger
) -> None:
    memory.create("raw", 1)
    made, layout = calls(), read_layout("3gpp_cs")
    one = Collector(layout, Route("raw", 1, "", 20), MemorySink(memory), ledger)
    (done,) = one.collect([str(written(tmp_path, made))])
    assert (done.error, done.records) == ("", len(made))
    assert b"".join(values(memory, "raw")[0]) == b"".join(len(r).to_bytes(2) + b"\x60\x20" + r for r in made)


def test_a_file_that_means_something_only_as_a_whole_is_refused(memory: MemoryBroker, ledger: Ledger) -> None:
    memory.create("raw", 1)
    one = Collector(read_layout("gsma_tap"), Route("raw", 1), MemorySink(memory), ledger)
    (done,) = one.collect([str(SAMPLES / "tap3" / "asn1c_5.ber")])
    assert "only in their file" in done.error
    assert values(memory, "raw") == {0: []}


def test_it_watches_the_bytes_and_goes_on_where_it_was_stopped(
    memory: MemoryBroker, operator: Operator, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rating.streaming.collect.BLOCK_BYTES", 50_000)
    memory.create("raw", 1)
    done: list[int] = []
    one = Collector(CSV, Route("raw", 1, "", 50), MemorySink(memory), ledger, watch=done.append)
    one.stopping.set()
    (first,) = one.collect(files(operator))
    assert 0 < first.records < len(operator.records) // 2
    one.stopping.clear()
    rest = list(one.collect(files(operator)))
    assert first.records + sum(f.records for f in rest) == len(operator.records)
    assert b"".join(values(memory, "raw")[0]).splitlines() == operator.records
    assert done[-1] == sum(Path(path).stat().st_size for path in files(operator))


def test_a_header_in_another_order_is_refused(memory: MemoryBroker, tmp_path: Path, ledger: Ledger) -> None:
    memory.create("raw", 1)
    columns = list(CSV.framing.columns)
    (tmp_path / "x_1.csv").write_text(",".join(columns[::-1]) + "\n")
    done = list(Collector(CSV, Route("raw", 1), MemorySink(memory), ledger).collect([str(tmp_path / "x_1.csv")]))
    assert "in another order" in done[0].error
    assert values(memory, "raw") == {0: []}


def test_only_usage_fields_are_keys() -> None:
    with pytest.raises(StreamError, match="no key 'colour'"):
        Route("raw", 1, "colour")
