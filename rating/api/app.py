"""The application: routes, problems, metrics and the description of all, put together.

Enters: a desk. Leaves: an ASGI application. Always holds: every error is a problem of RFC 9457; what is described is
what is answered.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from rating.api import answers, bills, routes
from rating.api import questions as asked
from rating.api.asking import SCHEME, OfMetrics, TheDesk
from rating.api.desk import Desk
from rating.api.direct import Direct
from rating.api.problems import MEDIA, Problem, tell_problems
from rating.api.watch import Watch

_OPEN: Final = ("/healthz", "/readyz")
_PROBLEMS: Final = (401, 403, 404, 422, 429, 503, 504)


def application(desk: Desk) -> Watch:
    """The API over ``desk``, watched."""
    app = FastAPI(
        title="Tollstream", version="1", description=__doc__.partition("\n")[0], docs_url=None, redoc_url=None
    )
    app.state.desk = desk
    app.router.route_class = Direct
    app.include_router(routes.router)
    app.include_router(bills.router)
    app.get("/healthz", responses={200: {"model": answers.Health}})(_alive)
    app.get("/readyz", responses={200: {"model": answers.Health}})(_ready)
    app.get("/metrics", response_class=PlainTextResponse)(_metrics)
    tell_problems(app)
    described = _described(app)
    app.openapi = lambda: described  # type: ignore[method-assign] # FastAPI's own way to change it
    return Watch(app, desk.metrics, desk.settings.open_requests)


async def _alive() -> Response:
    """Whether the server answers."""
    return JSONResponse({"ok": True}, headers={"Cache-Control": "no-store"})


async def _ready(desk: TheDesk) -> Response:
    """Whether the lake was read and can be read."""
    return JSONResponse({"ok": desk.ready}, 200 if desk.ready else 503, headers={"Cache-Control": "no-store"})


async def _metrics(desk: TheDesk, _asker: OfMetrics, _: Annotated[asked.Nothing, Query()]) -> Response:
    """The server's metrics, as Prometheus reads them."""
    if view := desk.views.view:
        desk.metrics.snapshot.set(view.snapshot)
    return PlainTextResponse(desk.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description, with the problems that every route may answer."""
    told = app.openapi()
    schemas = told["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema()
    told["components"]["securitySchemes"] = {"token": SCHEME}
    content = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, operations in told["paths"].items():
        statuses = (503,) if path in _OPEN else _PROBLEMS
        for operation in operations.values():
            if path not in _OPEN:
                operation["security"] = [{"token": []}]
            operation["responses"].pop("422", None)
            for status in statuses:
                operation["responses"][str(status)] = {"description": HTTPStatus(status).phrase, "content": content}
    return told
