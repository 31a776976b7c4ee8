"""What the streaming tests share: brokers, a small operator, and a service over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest

from mediation.layout_file import read_layout
from rating.job import Job
from rating.lake import Lake, open_lake
from rating.seen import seen_ids
from rating.stored import tariff_version
from rating.streaming.landing import Landing
from rating.streaming.memory import MemoryBroker
from rating.streaming.outbox import Outbox, Topics
from rating.streaming.service import Limits, Service
from rating.streaming.source import Outgoing, Sink, Source
from rating.streaming.unpack import Reading
from samples.generate import generate
from tariffs.catalogue import Catalogue
from tariffs.compile import compile_tariff
from tariffs.load import load
from tests.streaming.brokers import Kafka, Memory, embedded
from tests.system.conftest import tariff_folder

CSV = read_layout("generic_csv")
NOWHERE = Topics()
BRISK = Limits(gather_ms=50, fence_s=0.3)


@dataclass(frozen=True)
class Operator:
    """Generated traffic as records with their keys, and a tariff that rates it."""

    folder: Path
    tariffs: Path
    records: list[bytes]

    def messages(self) -> list[Outgoing]:
        """One record a message, keyed by the A-number."""
        return [Outgoing(record, record.split(b",")[4] if record.count(b",") > 4 else b"") for record in self.records]


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    return operating(tmp_path_factory.mktemp("traffic"), 4_000, duplicates=0.02)


def operating(folder: Path, records: int, *, duplicates: float) -> Operator:
    """Traffic of ``records`` records, 1 % of them broken, and the tariff of those who make it."""
    generate(folder, records=records, files=2, seed=5, subscribers=100, duplicates=duplicates, broken=0.01)
    numbers = (folder / "tariffs" / "subscriptions.csv").read_text().splitlines()[1:]
    plans = tariff_folder(folder / "plans", *(n.split(",")[1] for n in numbers if n.startswith("number,")))
    records = [line for path in sorted(folder.glob("*.csv")) for line in path.read_bytes().splitlines()[1:]]
    return Operator(folder, plans, records)


@pytest.fixture(scope="session")
def catalogue(operator: Operator) -> Catalogue:
    tariff, _ = load(operator.tariffs)
    compiled, problems = compile_tariff(tariff)
    assert compiled, problems
    return compiled


@pytest.fixture(scope="session")
def bootstrap() -> Iterator[str]:
    with embedded() as address:
        yield address


@pytest.fixture
def kafka(bootstrap: str) -> Kafka:
    return Kafka(bootstrap)


@pytest.fixture(params=["memory", "kafka"])
def broker(request: pytest.FixtureRequest) -> Memory | Kafka:
    return Memory() if request.param == "memory" else request.getfixturevalue("kafka")


@pytest.fixture
def memory() -> MemoryBroker:
    return MemoryBroker()


Serve = Callable[..., Service]


@pytest.fixture
def service(tmp_path: Path, catalogue: Catalogue) -> Iterator[Serve]:
    """Makes services over one lake (or the given one)."""
    lakes: list[Lake] = []

    def make(
        source: Source,
        sink: Sink | None = None,
        topics: Topics = NOWHERE,
        lake: Lake | None = None,
        limits: Limits = BRISK,
    ) -> Service:
        if lake is None:
            lake = open_lake(tmp_path / "lake", create=True)
            lakes.append(lake)
        job = Job(lake, CSV, catalogue, tariff_version(catalogue), seen_ids(lake))
        return Service(source, Landing(job), Reading({CSV.name: CSV}, CSV.name), Outbox(topics, sink), limits)

    yield make
    for lake in lakes:
        lake.close()


@dataclass
class Running:
    """A service in a thread; what ended it."""

    service: Service
    thread: Thread
    fault: list[BaseException]

    def stop(self) -> None:
        self.service.stop()
        self.thread.join(120)  # kernels may have to be compiled first
        assert not self.thread.is_alive()


@pytest.fixture
def running() -> Iterator[Callable[[Service], Running]]:
    begun: list[Running] = []

    def start(service: Service, idle_s: float | None = None) -> Running:
        faults: list[BaseException] = []

        def serve() -> None:
            try:
                service.run(idle_s)
            except BaseException as fault:  # noqa: BLE001 - the test looks at it
                faults.append(fault)

        one = Running(service, Thread(target=serve, daemon=True), faults)
        begun.append(one)
        one.thread.start()
        return one

    yield start
    for one in begun:
        one.stop()
