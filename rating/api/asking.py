"""Who asks: what routes take besides their parameters.

Enters: requests. Leaves: the desk, and the asker whose token it is. Always holds: 401 and 403 come before anything of
the question is looked at.
"""

from __future__ import annotations

from typing import Annotated, Final, cast

from fastapi import Depends, Request

from rating.api.desk import Asker, Desk, allowed
from rating.api.tokens import Right

PRIVATE: Final = {"Cache-Control": "private, no-cache"}
"""Headers of every answer: to be kept by the asker alone, and asked again."""
SCHEME: Final = {"type": "http", "scheme": "bearer", "description": "a token of `toll serve token new`"}
"""How a token is given, in words of OpenAPI."""


async def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]
"""What the routes answer from."""


def _asker(request: Request) -> Asker:
    """Who has the request's token. Raises 401, 429."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    asker = request.app.state.desk.asker(token if kind.lower() == "bearer" else "")
    request.state.asker = asker
    return cast("Asker", asker)


# One dependency a route, not a chain of them: each costs a tenth of a millisecond.


async def _of_account(request: Request) -> Asker:
    asked = request.path_params
    return allowed(_asker(request), Right.ACCOUNT, asked.get("account") or asked["carrier"])


async def _of_events(request: Request) -> Asker:
    return allowed(_asker(request), Right.EXPLAIN)


async def _of_metrics(request: Request) -> Asker:
    return allowed(_asker(request), Right.METRICS)


OfAccount = Annotated[Asker, Depends(_of_account)]
"""Who may ask for the account, or carrier, of the path."""
OfEvents = Annotated[Asker, Depends(_of_events)]
"""Who may ask for any event."""
OfMetrics = Annotated[Asker, Depends(_of_metrics)]
"""Who may ask for the metrics."""
