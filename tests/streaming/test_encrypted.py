"""SASL_SSL and mutual TLS, tried against the broker that ``make test-kafka`` starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rating.streaming.kafka import KafkaSink, KafkaSource
from rating.streaming.settings import client_settings
from rating.streaming.source import Outgoing, StreamError
from tests.streaming.brokers import Kafka
from tests.streaming.test_contract import Told, count, taken

TLS = Path(os.environ.get("KAFKA_TLS", ""))
pytestmark = pytest.mark.skipif("KAFKA_TLS" not in os.environ, reason="needs the broker of `make test-kafka`")


def sasl(known_by: str = "env:KAFKA_PASSWORD") -> list[str]:
    user = ["sasl.mechanism=SCRAM-SHA-512", "sasl.username=toll", f"sasl.password={known_by}"]
    return [f"bootstrap.servers={os.environ['KAFKA_SASL_SSL']}", "security.protocol=SASL_SSL", *user]


def mutual() -> list[str]:
    own = [f"ssl.certificate.location={TLS / 'client.crt'}", f"ssl.key.location={TLS / 'client.key'}"]
    return [f"bootstrap.servers={os.environ['KAFKA_SSL']}", "security.protocol=SSL", *own]


def trusted(given: list[str]) -> dict[str, str]:
    return client_settings([*given, f"ssl.ca.location={TLS / 'ca.pem'}"])


@pytest.mark.parametrize("given", [sasl, mutual])
def test_records_come_and_go_encrypted(kafka: Kafka, given: object) -> None:
    assert callable(given)
    settings, topic = trusted(given()), kafka.create("secret", 1)
    assert KafkaSink(settings).send(topic, [Outgoing(b"%d" % n, partition=0) for n in range(5)]) == 5
    source = KafkaSource(settings | {"group.id": topic}, topic)
    source.open(Told())
    assert count(taken(source, until=lambda found: count(found) == 5)) == 5
    source.close()


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(lambda path: trusted(sasl(f"file:{path}")), id="a wrong password"),
        pytest.param(lambda _: client_settings(sasl()), id="an unknown authority"),
        pytest.param(lambda _: trusted([*mutual()[:2]]), id="no certificate of one's own"),
    ],
)
def test_who_is_not_let_in_is_told(kafka: Kafka, tmp_path: Path, settings: object) -> None:
    assert callable(settings)
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong")
    wrong.chmod(0o600)
    topic = kafka.create("secret", 1)
    with pytest.raises(StreamError, match="no broker answers"):
        KafkaSink(settings(wrong)).partitions(topic)
