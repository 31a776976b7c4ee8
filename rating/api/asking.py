"""Who asks: what routes take besides their parameters.

Enters: requests. Leaves: the desk, and the asker whose token it is. Always holds: 401 and 403 come before anything of
the question is looked at.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from rating.api.desk import Asker, Desk, allowed
from rating.api.tokens import Right

PRIVATE: Final = {"Cache-Control": "private, no-cache"}
"""Headers of every answer: to be kept by the asker alone, and asked again."""
_BEARER: Final = HTTPBearer(auto_error=False, description="a token of `toll serve token new`")


async def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]


async def _asker(
    request: Request, desk: TheDesk, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> Asker:
    asker = desk.asker(given.credentials if given else "")
    request.state.asker = asker
    return asker


TheAsker = Annotated[Asker, Depends(_asker)]
"""Whoever has a token."""


async def _of_account(request: Request, asker: TheAsker) -> Asker:
    asked = request.path_params
    return allowed(asker, Right.ACCOUNT, asked.get("account") or asked["carrier"])


async def _of_events(asker: TheAsker) -> Asker:
    return allowed(asker, Right.EXPLAIN)


async def _of_metrics(asker: TheAsker) -> Asker:
    return allowed(asker, Right.METRICS)


OfAccount = Annotated[Asker, Depends(_of_account)]
"""Who may ask for the account, or carrier, of the path."""
OfEvents = Annotated[Asker, Depends(_of_events)]
"""Who may ask for any event."""
OfMetrics = Annotated[Asker, Depends(_of_metrics)]
"""Who may ask for the metrics."""
