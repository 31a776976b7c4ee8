"""Every metric of the API, declared once.

Enters: what the server tells of each request. Leaves: Prometheus metrics. Always holds: labels are routes as
declared, statuses and roles; none tells of a subscriber. Processes of one server add theirs up, through files in the
folder that :data:`SHARED` names: the library's own way, which wants it named before the library is loaded.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)

SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable of the environment that names the folder."""


@dataclass(slots=True, eq=False)
class Metrics:
    """The server's metrics in a registry of their own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    requests: Counter = field(init=False)
    seconds: Histogram = field(init=False)
    open: Gauge = field(init=False)
    snapshot: Gauge = field(init=False)

    def __post_init__(self) -> None:
        to = self.registry
        labels = ["route", "status", "role"]
        self.requests = Counter("toll_api_requests", "requests, by how they ended", labels, registry=to)
        self.seconds = Histogram("toll_api_seconds", "time of an answer", ["route"], buckets=_SECONDS, registry=to)
        self.open = Gauge("toll_api_open_requests", "requests under way", registry=to, multiprocess_mode="livesum")
        says = "snapshot of the lake that is answered from"
        self.snapshot = Gauge("toll_api_snapshot", says, registry=to, multiprocess_mode="mostrecent")

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        registry = self.registry
        if SHARED in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # of the library
        return generate_latest(registry)

    def answered(self, route: str, status: int, role: str, seconds: float) -> None:
        """Count a request."""
        self.requests.labels(route, str(status), role).inc()
        self.seconds.labels(route).observe(seconds)
