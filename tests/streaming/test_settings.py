"""What goes to librdkafka, what is refused, and what the endpoints answer."""

from __future__ import annotations

import json
import logging
import urllib.error
import urllib.request
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from mediation.layout_file import LayoutError, read_layout
from rating.cli.broker import reading_of
from rating.cli.faults import CommandError
from rating.streaming.coordinates import Partition
from rating.streaming.health import served
from rating.streaming.kafka import messages_of
from rating.streaming.logs import log_json
from rating.streaming.metrics import Metrics
from rating.streaming.settings import client_settings
from rating.streaming.source import Headers, StreamError
from rating.streaming.unpack import Reading, unpack
from tests.system.conftest import spawned

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCAL = "bootstrap.servers=127.0.0.1:9092"
SERVE = ["stream", "--topic", "t", "--layout", "generic_csv", "--tariffs", "t"]
FAR = "bootstrap.servers=kafka.example.net:9092"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "bootstrap.servers"),
        (["nonsense"], "KEY=VALUE"),
        ([LOCAL, "sasl.password=open"], "env:NAME or file:PATH"),
        ([LOCAL, "sasl.oauthbearer.assertion.private.key.pem=open"], "env:NAME or file:PATH"),
        ([LOCAL, "sasl.password=env:TOLL_NO_SUCH"], "no TOLL_NO_SUCH"),
        ([LOCAL, "sasl.password=file:/no/such"], "No such file"),
        ([LOCAL, "enable.auto.commit=true"], "the service sets it itself"),
        ([LOCAL, "group.id=mine"], "give --group"),
        ([FAR], "unencrypted"),
        (["bootstrap.servers=127.0.0.1:1,10.0.0.1:1"], "10.0.0.1 unencrypted"),
        ([FAR, "security.protocol=SASL_PLAINTEXT"], "unencrypted"),
    ],
)
def test_what_is_refused(given: list[str], says: str) -> None:
    with pytest.raises(StreamError, match=says):
        client_settings(given)


def test_secrets_come_from_the_environment_or_from_files_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLL_SECRET", "one")
    secret = tmp_path / "secret"
    secret.write_text("two\n")
    secret.chmod(0o644)
    given = [FAR, "security.protocol=sasl_ssl", "sasl.password=env:TOLL_SECRET", f"ssl.key.password=file:{secret}"]
    with pytest.raises(StreamError, match="chmod 600"):
        client_settings(given)
    secret.chmod(0o600)
    found = client_settings(given)
    assert (found["sasl.password"], found["ssl.key.password"]) == ("one", "two")
    assert client_settings([FAR], allow_plaintext=True)["bootstrap.servers"] == "kafka.example.net:9092"
    assert client_settings(["bootstrap.servers=[::1]:9092,localhost:9093"])


def test_the_endpoints_answer() -> None:
    metrics = Metrics()
    with served(metrics, "127.0.0.1", 0) as port:

        def get(path: str) -> tuple[int, str]:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as refused:
                with refused:
                    return refused.code, ""

        assert get("/healthz") == (200, "ok\n")
        assert get("/readyz")[0] == 503
        metrics.owns("assigned", 2)
        assert get("/readyz")[0] == 200
        metrics.wait(waiting=True)
        assert get("/readyz")[0] == 503
        assert "toll_partitions 2.0" in get("/metrics")[1]
        assert get("/nothing")[0] == 404


@pytest.mark.parametrize(("port", "says"), [(65_536, "at most 65535"), (0, "in use")])
def test_an_address_that_cannot_be_listened_on_is_told(port: int, says: str) -> None:
    with served(Metrics(), "127.0.0.1", 0) as taken, pytest.raises(StreamError, match=says):
        served(Metrics(), "127.0.0.1", port or taken).__enter__()


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    whole = logging.getLogger("toll")
    before = whole.handlers, whole.propagate, whole.level
    yield logging.getLogger("toll.stream")
    whole.handlers, whole.propagate = before[:2]
    whole.setLevel(before[2])


def test_logs_are_json_lines(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    log_json()
    logger.info("landed", extra={"records": 3})
    told = json.loads(capsys.readouterr().err)
    assert (told["event"], told["records"], told["level"]) == ("landed", 3, "info")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["stream"], 2, "--topic, --layout, --tariffs"),
        (SERVE, 1, "bootstrap.servers"),
        ([*SERVE, "--suspense-topic", "t"], 2, "--suspense-topic t: the raw records come from there"),
        ([*SERVE, "--alert-topic", "a"], 2, "--alert-topic needs --alerts"),
        (["stream", "status", "--lake", "/no/such/lake"], 1, "no lake in"),
        (["collect", "x", "--topic", "t", "--layout", "generic_csv"], 1, "bootstrap.servers"),
    ],
)
def test_wrong_use_is_told(arguments: list[str], code: int, says: str) -> None:
    ended = spawned(*arguments)
    assert (ended.code, says in ended.err) == (code, True), ended.err


def test_layouts_that_differ_have_names_of_their_own(tmp_path: Path) -> None:
    """Messages name their layout: which of two were meant?"""
    ours = tmp_path / "ours.toml"
    ours.write_text('extends = "generic_csv"\nname = "generic_csv"\ntitle = "Ours"\n')
    with pytest.raises(CommandError, match="another layout is named generic_csv"):
        reading_of(Namespace(layout=["generic_csv", str(ours)], packing="raw"))
    twice = Namespace(layout=["sip_acc", "generic_csv", "sip_acc"], packing="raw")
    assert (*reading_of(twice).layouts, reading_of(twice).layout) == ("sip_acc", "generic_csv", "sip_acc")


def test_a_layout_without_columns_reads_no_stream() -> None:
    """They stand in the header of each file, and messages have none."""
    with pytest.raises(LayoutError, match="messages have no header"):
        reading_of(Namespace(layout=["generic_csv", "cisco_cucm_cdr"], packing="raw"))


class Oddly(NamedTuple):
    """A message as the client gives it, with a header whose name is no UTF-8 if it is ``odd``."""

    offset_: int
    odd: bool

    def offset(self) -> int:
        return self.offset_

    def value(self) -> bytes:
        return b"c1,SW1"

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_790_000_000_000

    def headers(self) -> Headers:
        if self.odd:
            raise SystemError("returned a result with an exception set")
        return [("toll-layout", b"generic_csv")]


def test_headers_that_cannot_be_read_are_those_of_a_message_that_waits() -> None:
    """Another service's header must not end this one for good."""
    read = messages_of(Partition("raw", 0), [Oddly(7, odd=True), Oddly(8, odd=False)])
    layout = read_layout("generic_csv")
    pieces, poison = unpack("kafka:raw/0", read, Reading({layout.name: layout}, layout.name))
    assert [row["reason"] for row in poison.to_pylist()] == ["unknown_layout"]
    assert [piece.offset.tolist() for piece in pieces] == [[8]]
