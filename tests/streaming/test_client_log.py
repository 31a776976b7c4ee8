"""What librdkafka says: told, but seldom; and what it refuses is a fault with a text."""

from __future__ import annotations

import logging

import pytest

from rating.streaming.client_log import ClientLog
from rating.streaming.kafka import KafkaSink, KafkaSource
from rating.streaming.source import StreamError
from tests.streaming.test_contract import Told

NOBODY = {"bootstrap.servers": "127.0.0.1:9", "group.id": "toll"}


def test_each_kind_is_told_once_a_minute_and_the_rest_counted(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    told = ClientLog(lambda: now)
    with caplog.at_level(logging.INFO, "toll.kafka"):
        for now in (0.0, 0.05, 1.0, 59.0, 60.0):
            told.log(logging.ERROR, "%s [%s] %s", "FAIL", "client-1", f"refused at {now}")
        told.log(logging.INFO, "%s [%s] %s", "REQTMOUT", "client-1", "late")
    found = [(r.getMessage(), *(getattr(r, key) for key in ("code", "says", "left_out"))) for r in caplog.records]
    assert found == [
        ("client", "FAIL", "refused at 0.0", 0),
        ("client", "FAIL", "refused at 60.0", 3),
        ("client", "REQTMOUT", "late", 0),
    ]


@pytest.mark.parametrize(
    ("setting", "says"),
    [({"no.such.key": "1"}, 'No such configuration property: "no.such.key"'), ({"linger.ms": "soon"}, "Invalid value")],
)
def test_a_setting_that_it_does_not_take_is_told(setting: dict[str, str], says: str) -> None:
    for made in (lambda: KafkaSink({**NOBODY, **setting}), lambda: KafkaSource({**NOBODY, **setting}, "raw")):
        with pytest.raises(StreamError, match=rf"^\[kafka\] {says}"):
            made()


@pytest.mark.parametrize("name", ["^raw", "raw.*", "", "a" * 250])
def test_a_pattern_is_no_topic(name: str) -> None:
    with pytest.raises(StreamError, match="is no name of a topic"):
        KafkaSource(NOBODY, name).open(Told())


def test_a_broker_that_is_not_there_is_told_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("rating.streaming.kafka._METADATA_S", 1)
    with caplog.at_level(logging.INFO, "toll.kafka"), pytest.raises(StreamError, match="no broker answers"):
        KafkaSource(NOBODY, "raw").open(Told())
    assert any("Connection refused" in getattr(record, "says", "") for record in caplog.records)
