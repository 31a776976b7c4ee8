"""What is published fits the schemas that consumers are given (docs/schema), and nothing but that is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rating.alerts.alert_file import read_rules
from rating.alerts.keeper import Alerts
from rating.job import Job
from rating.lake import MemoryLake
from rating.seen import seen_ids
from rating.stored import tariff_version
from rating.streaming.landing import Landing
from rating.streaming.memory import MemoryBroker, MemorySink, MemorySource
from rating.streaming.outbox import Outbox, Topics
from rating.streaming.service import Service
from rating.streaming.source import Outgoing
from rating.streaming.unpack import Reading
from tariffs.catalogue import Catalogue
from tests.streaming.conftest import BRISK, CSV, Operator

SCHEMAS = Path(__file__).parents[2] / "docs" / "schema"
TOPICS = Topics("rated", "suspense", "alert")
RULES = '[alert.busy]\nmeasure = "spend"\ncurrency = "GBP"\nwindow = "day"\nthresholds = ["0.01"]'


@pytest.fixture(scope="module")
def published(
    operator: Operator, catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[tuple[dict[str, Any], bytes, dict[str, bytes]]]]:
    """Every message of the output topics, by topic: value, key, headers."""
    broker, rules = MemoryBroker(), tmp_path_factory.mktemp("rules") / "alerts.toml"
    rules.write_text(RULES)
    for topic in ("raw", *TOPICS.named()):
        broker.create(topic, 1)
    poison = Outgoing(b"x", None, [("toll-layout", b"nobody")])
    MemorySink(broker).send("raw", [poison, *operator.messages()[:1_000]])
    with MemoryLake() as lake:
        job = Job(
            lake, CSV, catalogue, tariff_version(catalogue), seen_ids(lake), keepers=[Alerts(lake, read_rules(rules))]
        )
        outbox = Outbox(TOPICS, MemorySink(broker))
        Service(MemorySource(broker, "raw"), Landing(job), Reading({CSV.name: CSV}, CSV.name), outbox, BRISK).run(0.1)
    return {
        p.topic: [(json.loads(value), key or b"", dict(headers or ())) for value, key, headers, _ in log.messages]
        for p, log in broker.logs.items()
        if p.topic != "raw"
    }


@pytest.mark.parametrize(
    ("topic", "key"),
    [
        ("rated", lambda told: told["charges"][0]["account"]),
        ("suspense", lambda told: told["suspense_id"]),
        ("alert", lambda told: told["subject"]),
    ],
)
def test_messages_are_as_their_schema_says(published: dict[str, Any], topic: str, key: Any) -> None:  # noqa: ANN401 - a lambda
    validator = jsonschema.Draft202012Validator(json.loads((SCHEMAS / f"{topic}.schema.json").read_text("utf-8")))
    assert published[topic]
    for told, keyed, headers in published[topic]:
        assert list(validator.iter_errors(told)) == []
        assert keyed.decode() == key(told)
        assert headers == {
            "toll-schema": f"toll.{topic}/1".encode(),
            "toll-source": told["source"].encode(),
            "toll-record": str(told["message_offset"] << 20 | told["position"]).encode(),
        }
    validator.check_schema(validator.schema)


def test_a_notice_holds_nothing_of_the_record(published: dict[str, Any], operator: Operator) -> None:
    numbers = {field for record in operator.records for field in record.decode("latin-1").split(",")[4:6] if field}
    assert not [told for told, _, _ in published["suspense"] if numbers & {str(value) for value in told.values()}]
