"""Every metric of the API, declared once.

Enters: what the server tells of each request. Leaves: Prometheus metrics. Always holds: labels are routes as
declared, statuses and roles; none tells of a subscriber.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


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
        self.open = Gauge("toll_api_open_requests", "requests under way", registry=to)
        self.snapshot = Gauge("toll_api_snapshot", "snapshot of the lake that is answered from", registry=to)

    def answered(self, route: str, status: int, role: str, seconds: float) -> None:
        """Count a request."""
        self.requests.labels(route, str(status), role).inc()
        self.seconds.labels(route).observe(seconds)
