"""Watching requests: counted, timed, logged, and never too many at a time.

Enters: an application and its metrics. Leaves: the same, watched. Always holds: a log line has the route as declared,
the name of the token, status and time; no path, parameter, account or number.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from rating.api.metrics import Metrics
from rating.api.problems import ProblemResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG: Final = logging.getLogger("toll.serve.access")
_FIXED: Final = [(b"x-content-type-options", b"nosniff"), (b"vary", b"Authorization")]


class Watch:
    """Middleware around an application; ``most`` requests at a time are let in."""

    def __init__(self, app: ASGIApp, metrics: Metrics, most: int) -> None:
        self._app, self._metrics, self._most = app, metrics, most
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; anything else passes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_FIXED]
            await send(message)

        self._open += 1
        self._metrics.open.set(self._open)
        try:
            full = self._open > self._most
            app = ProblemResponse(503, "too many requests at once", {"Retry-After": "1"}) if full else self._app
            await app(scope, receive, watched)
        finally:
            self._open -= 1
            self._metrics.open.set(self._open)
            self._tell(scope, status, time.perf_counter() - began)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        asker = scope.get("state", {}).get("asker")
        role = asker.grant.role.value if asker else "none"
        self._metrics.answered(route, status, role, seconds)
        told = {"route": route, "status": status, "ms": round(seconds * 1000, 1), "token": asker.name if asker else ""}
        LOG.info("request", extra={"method": scope["method"], **told})
