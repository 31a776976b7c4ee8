"""``toll serve`` as a process, asked by real clients: by its own description, while a writer commits, over TLS."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from rating.api.tokens import new_token
from rating.lake import open_lake
from tests.rating.deltas import delta
from tests.system.conftest import ROOT, Toll

OCTOBER = {"from": "2026-10-01T00:00:00Z", "to": "2026-11-01T00:00:00Z"}
EXAMPLES = int(os.environ.get("TOLL_API_EXAMPLES", "2"))
"""Requests that are made of each operation's description, right ones and as many wrong ones."""
COMMITS, EVENTS = 4, 5
load_all_checks()
NOT_HELD = [CHECKS.get_one("positive_data_acceptance")]
"""What no schema can say (`to` after `from`, days that a month has) is refused, rightly."""


@dataclass
class Server:
    """A server of its own process, and a token that may all."""

    lake: Path
    port: int
    token: str
    running: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=30)


def _log(running: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    stream: IO[str] | None = running.stderr
    assert stream
    for line in stream:
        assert line.startswith("{"), line
        yield json.loads(line)


@contextmanager
def serving(folder: Path, lake: Path, *more: object) -> Iterator[Server]:
    """A server of ``lake`` on a free port, until the context ends; it must end well and leave nothing in ``cache``.

    Unless it was killed.
    """
    cache = folder / "cache"
    cache.mkdir(exist_ok=True)
    token = new_token(folder / "tokens.toml", {"role": "reader", "per_second": 10_000, "burst": 10_000})
    command = [sys.executable, "-m", "rating.cli.main", "serve", "--lake", lake, "--tokens", folder / "tokens.toml"]
    options = ["--listen", "127.0.0.1:0", "--refresh-ms", "50", "--cache", cache, *more]
    running = subprocess.Popen([str(a) for a in (*command, *options)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        log = _log(running)
        port = next(line["port"] for line in log if line["event"] == "listening")
        next(line for line in log if line["event"] == "read")
        rest: list[dict[str, Any]] = []
        drain = threading.Thread(target=lambda: rest.extend(log))
        drain.start()
        yield Server(lake, port, token, running)
        if running.poll() == -signal.SIGKILL:
            return
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
        drain.join()
        assert rest[-1]["event"] == "stopped"
        assert not list(cache.iterdir())
    finally:
        running.kill()
        running.communicate()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake without a row; who adds some, copies it."""
    folder = tmp_path_factory.mktemp("serve") / "lake"
    open_lake(folder, create=True).close()
    return folder


@pytest.fixture(scope="module")
def server(empty: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("serve")
    shutil.copytree(empty, folder / "lake")
    with serving(folder, folder / "lake") as made:
        yield made


def test_what_is_described_is_what_is_answered(server: Server) -> None:
    """Requests made of the description, right and wrong ones: nothing is answered that it does not say."""
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == 11
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
            @given(operation.as_strategy(generation_mode=mode))
            def conforms(case: schemathesis.Case) -> None:
                token = {"Authorization": f"Bearer {server.token}"}
                case.call_and_validate(headers=token, excluded_checks=NOT_HELD)

            with suppress(Unsatisfiable):  # where a route takes nothing, nothing can be wrong
                conforms()


def test_readers_see_whole_batches_while_a_writer_commits(server: Server) -> None:
    with open_lake(server.lake) as lake:
        done, shown = threading.Event(), SimpleQueue[int]()

        def write() -> None:
            try:
                for number in range(COMMITS):
                    lake.commit(delta(f"w{number}", ["rated"] * EVENTS))
                    while shown.get(timeout=30) <= number * EVENTS:
                        pass
            finally:
                done.set()

        def read() -> list[tuple[int, int, str]]:
            seen = []
            with server.client() as client:
                while not done.is_set():
                    page = client.get("/v1/accounts/alice/usage", params={**OCTOBER, "limit": 1000}).json()["items"]
                    sums = client.get("/v1/accounts/alice/charges", params=OCTOBER).json()
                    events = sum(row["events"] for row in sums["categories"])
                    seen.append((len(page), events, sums["totals"][0]["amount"] if events else "0"))
                    shown.put(len(page))
            return seen

        with ThreadPoolExecutor(2) as threads:
            readers = [threads.submit(read) for _ in range(2)]
            write()
            seen = [found for reader in readers for found in reader.result(60)]
    assert all(page % EVENTS == 0 and events % EVENTS == 0 for page, events, _ in seen)
    assert all(Decimal(amount) == events * Decimal("0.1") for _, events, amount in seen)
    assert {page for page, _, _ in seen} >= {EVENTS * number for number in range(1, COMMITS + 1)}


def workers(server: Server) -> set[int]:
    """The processes that answer."""
    pid = server.running.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()}


def until(holds: Callable[[], bool]) -> None:
    late = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < late
        time.sleep(0.1)


def end(pid: int) -> bool:
    """Whether the process has ended; one that nobody waits for counts."""
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(") ")[2].startswith("Z")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes as Linux has them")
def test_workers_are_replaced_and_none_outlives_its_server(tmp_path: Path, empty: Path) -> None:
    with serving(tmp_path, empty, "--workers", 2) as own, own.client() as client:
        until(lambda: len(workers(own)) == 2)
        killed, kept = workers(own)
        assert client.get("/v1/accounts/alice/charges", params=OCTOBER).status_code == 200
        os.kill(killed, signal.SIGKILL)
        until(lambda: len(workers(own) - {killed}) == 2)
        for _ in range(5):
            assert httpx.get(f"{own.url}/readyz", timeout=30).json() == {"ok": True}
        assert 'toll_api_requests_total{role="none",route="/readyz",status="200"} 5' in client.get("/metrics").text
        left = {kept} | workers(own)
        own.running.kill()
        until(lambda: all(map(end, left)))
    with serving(tmp_path, empty):  # which asserts that nothing is left in the cache
        pass


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
def test_over_tls(tmp_path: Path, empty: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    named = [
        "-keyout",
        key,
        "-out",
        certificate,
        "-days",
        "2",
        "-subj",
        "/CN=toll",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]
    subprocess.run([*made, *map(str, named)], check=True, capture_output=True)
    key.chmod(0o600)
    with serving(tmp_path, empty, "--certificate", certificate, "--key", key) as own:
        trusted = ssl.create_default_context(cafile=str(certificate))
        assert httpx.get(f"https://127.0.0.1:{own.port}/healthz", verify=trusted).json() == {"ok": True}
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{own.port}/healthz")


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (["--listen", "0.0.0.0:0"], 1, "in the clear at 0.0.0.0"),
        (["--listen", "8464"], 2, "expected HOST:PORT"),
        (["--certificate", "CERT"], 1, "go together"),
        (["--certificate", "none.pem", "--key", "none.pem"], 1, "no such file"),
        (["--certificate", "OPEN", "--key", "OPEN"], 1, "chmod 600"),
        (["--tokens", "none.toml"], 1, "toll serve token new"),
        (["--lake", "none"], 1, "no lake in none"),
        (["--query-s", "0"], 2, "expected a whole number"),
        (["--workers", "0"], 2, "expected a whole number"),
        (["--cache", "none"], 1, "no such folder"),
        (["--listen", "127.0.0.1:TAKEN"], 1, "cannot listen on 127.0.0.1"),
    ],
)
def test_what_cannot_be_served(
    toll: Toll, tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], code: int, says: str
) -> None:
    monkeypatch.setattr("rating.streaming.logs.log_json", lambda **_: None)  # its handler would outlive the test
    (tmp_path / "open.pem").write_text("key")
    (tmp_path / "open.pem").chmod(0o644)
    new_token(tmp_path / "tokens.toml", {"role": "reader"})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        names = {"CERT": tmp_path / "open.pem", "OPEN": tmp_path / "open.pem"}
        given_ = [names.get(a, a.replace("TAKEN", str(taken.getsockname()[1]))) for a in more]
        ended = toll("serve", "--lake", empty, "--tokens", tmp_path / "tokens.toml", *given_)
    assert (ended.code, says in ended.err) == (code, True), ended.err


def test_tokens_are_made_listed_and_revoked(toll: Toll, tmp_path: Path) -> None:
    file = ("--tokens", tmp_path / "tokens.toml")
    token = toll("serve", "token", "new", "--role", "account", "--account", "alice", *file).out.strip()
    other = toll("serve", "token", "new", "--role", "care", "--personal-data", "--json", *file).json()["token"]
    listed = toll("serve", "token", "list", "--json", *file).json()
    assert [(row["name"], row["role"], row["account"]) for row in listed] == [
        (token.split("_")[1], "account", "alice"),
        (other.split("_")[1], "care", ""),
    ]
    assert toll("serve", "token", "revoke", token.split("_")[1], *file).code == 0
    assert len(toll("serve", "token", "list", "--json", *file).json()) == 1
    assert token.split("_")[1] not in toll("serve", "token", "list", *file).out
    wrong = toll("serve", "token", "new", "--role", "account", *file)
    assert (wrong.code, "the role account needs it" in wrong.err) == (1, True)
