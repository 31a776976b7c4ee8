"""The service's endpoints on the loopback: ``/metrics``, ``/healthz``, ``/readyz``.

Enters: the metrics. Leaves: answers over HTTP, from a thread of its own. Always holds: only the given address is
listened on; a request changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import make_wsgi_app

from rating.streaming.metrics import Metrics
from rating.streaming.source import StreamError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Requests are not logged."""


def application(metrics: Metrics) -> WSGIApplication:
    """The endpoints as a WSGI application."""
    exposition: WSGIApplication = make_wsgi_app(metrics.registry)

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return exposition(environ, start)
        known = {"/healthz": metrics.alive, "/readyz": metrics.ready}
        if path not in known:
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"/metrics /healthz /readyz\n"]
        start("200 OK" if known[path] else "503 Service Unavailable", [("Content-Type", "text/plain")])
        return [b"ok\n" if known[path] else b"no\n"]

    return answer


@contextmanager
def served(metrics: Metrics, host: str, port: int) -> Iterator[int]:
    """Serve the endpoints on ``host`` and ``port`` (0: any free one); gives the port.

    Raises :class:`StreamError` if the address cannot be listened on.
    """
    try:
        server = make_server(host, port, application(metrics), handler_class=_Silent)
    except (OSError, OverflowError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "a port is at most 65535"
        raise StreamError(f"cannot listen on {host}:{port}: {why}") from None
    thread = Thread(target=server.serve_forever, daemon=True, name="health")
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
