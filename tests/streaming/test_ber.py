"""Binary records over a stream: what came in a file is charged the same when it comes in messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mediation.layout_file import read_layout
from rating.audit import audit
from rating.cli.main import main
from rating.job import Job
from rating.lake import Lake, open_lake
from rating.seen import seen_ids
from rating.stored import tariff_version
from rating.streaming.landing import Landing
from rating.streaming.service import Limits, Service
from rating.streaming.source import Outgoing
from rating.streaming.unpack import Reading
from tariffs.compile import compile_tariff
from tariffs.load import load
from tests.mediation.test_formats_3gpp_usage import ALICE, BOB, MO, MT, encoder, written
from tests.streaming.brokers import Broker
from tests.system.conftest import tariff_folder

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
ENDS = """
SELECT raw, 'rated' AS reason, c.account, c.amount, u.event_id::VARCHAR AS event
FROM usage u LEFT JOIN charge c USING (event_id)
UNION ALL SELECT raw, reason, '', 0, event_id::VARCHAR FROM rejected ORDER BY ALL"""


def ends(lake: Lake) -> list[dict[str, Any]]:
    """What became of each record, with its bytes."""
    return lake.query(ENDS).to_pylist()


def calls() -> list[bytes]:
    """Circuit-switched records, a copy, one of no meaning, and one that is cut."""
    records = encoder("3gpp_cs")
    made = []
    for seconds in range(1, 40):
        for name, call in (("moCallRecord", MO), ("mtCallRecord", MT)):
            records.set_val((name, call | {"callDuration": seconds, "callReference": bytes([seconds])}))
            made.append(bytes(records.to_ber()))
    return [*made, made[3], b"\xbf\x7f\x03\x80\x01\x00", made[5][:-4]]


def served(layout_name: str, messages: list[bytes], broker: Broker, folder: Path) -> list[dict[str, Any]]:
    """What became of ``messages`` of one partition; the lake of the stream balances."""
    topic, layout = broker.create("ber", 1), read_layout(layout_name)
    broker.sink().send(topic, [Outgoing(message, partition=0) for message in messages])
    catalogue, _ = compile_tariff(load(tariff_folder(folder / "tariffs", ALICE, BOB))[0])
    assert catalogue
    with open_lake(folder / "stream", create=True) as lake:
        job = Job(lake, layout, catalogue, tariff_version(catalogue), seen_ids(lake))
        reading = Reading({layout_name: layout}, layout_name)
        Service(broker.source(topic), Landing(job), reading, limits=Limits(gather_ms=50)).run(idle_s=0.5)
        assert audit(lake).balanced
        return ends(lake)


def test_circuit_switched_records_are_charged_as_in_a_file(broker: Broker, tmp_path: Path) -> None:
    """One record a message, but for twenty in one; each with the header of four octets that it has in a file."""
    made, file = calls(), tmp_path / "lake"
    headed = [len(record).to_bytes(2) + b"\x60\x20" + record for record in made]
    given = ["--layout", "3gpp_cs", "--tariffs", str(tariff_folder(tmp_path / "tariffs", ALICE, BOB))]
    assert main(["rate", str(written(tmp_path, made)), *given, "--lake", str(file), "--json"]) == 0
    found = served("3gpp_cs", [*headed[:40], b"".join(headed[40:60]), *headed[60:]], broker, tmp_path)
    with open_lake(file, read_only=True) as lake:
        assert found == [row for row in ends(lake) if row["reason"] != "header"]
    assert {row["reason"] for row in found} > {"rated", "duplicate"}


def test_a_tap_file_in_a_message_waits_whole(broker: Broker, tmp_path: Path) -> None:
    """Its records mean nothing without the tables of its header and its totals: such files go to ``toll rate``."""
    content = (SAMPLES / "tap3" / "asn1c_5.ber").read_bytes()
    found = served("gsma_tap", [content], broker, tmp_path)
    assert [(row["raw"], row["reason"]) for row in found] == [(content, "unknown_record_type")]
