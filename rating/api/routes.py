"""The routes: one function each, from a question to an answer.

Enters: requests that are let in. Leaves: JSON. Always holds: a route says whom it asks for and which right it takes
before it looks at anything; what comes of the shelves names its snapshot in ``ETag``, and asked again of the same one
is 304.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from rating.api import answers, near
from rating.api import questions as asked
from rating.api.asking import PRIVATE, OfAccount, OfEvents, TheDesk
from rating.api.desk import Desk
from rating.api.pages import charge_text
from rating.api.shelves import View
from rating.api.shown import rows_shown
from rating.explain import explain

router = APIRouter(prefix="/v1")


async def _answer(request: Request, desk: Desk, span: near.Span, shelf: str, made: Callable[[View], Any]) -> Response:
    """What ``made`` gives of the shelves, or that it is still what the client has."""
    headers = {"ETag": desk.follower.tag, **PRIVATE}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return JSONResponse(await desk.near(span, shelf, made), headers=headers)


@router.get("/accounts/{account}/usage", responses={200: {"model": answers.Usage}})
async def usage(
    request: Request,
    desk: TheDesk,
    asker: OfAccount,
    account: asked.Account,
    question: Annotated[asked.OfUsage, Query()],
) -> Response:
    """An account's charges with their events, in the order of their starts."""
    span = near.Span(account, question.first, question.end)

    def made(view: View) -> dict[str, Any]:
        page = near.page(view, span, question.only, question.limit, question.after)
        rows = rows_shown(page.rows, asker.known(account), page.order)
        return {"account": account, "items": rows, "next": charge_text(page.ends) if page.ends else None}

    return await _answer(request, desk, span, "charges", made)


@router.get("/accounts/{account}/charges", responses={200: {"model": answers.Charges}})
async def charges(
    request: Request,
    desk: TheDesk,
    asker: OfAccount,
    account: asked.Account,
    question: Annotated[asked.OfSpan, Query()],
) -> Response:
    """What an account's charges come to, by category, and by leg and currency."""
    span = near.Span(account, question.first, question.end)

    def made(view: View) -> dict[str, Any]:
        sums, known = near.sums(view, span), asker.known(account)
        return {
            "account": account,
            "totals": rows_shown(sums.totals, known),
            "categories": rows_shown(sums.categories, known),
        }

    return await _answer(request, desk, span, "charges", made)


@router.get("/accounts/{account}/balances", responses={200: {"model": answers.Balances}})
async def balances(
    request: Request,
    desk: TheDesk,
    asker: OfAccount,
    account: asked.Account,
    question: Annotated[asked.OfBalances, Query()],
) -> Response:
    """What an account, and the pools on which it drew, had left at a moment of its usage."""

    def made(view: View) -> dict[str, Any]:
        tables, known = near.balances(view, account, question.at), asker.known(account)
        told = {name: rows_shown(table, known) for name, table in tables.items()}
        return {"holder": account, "lots": [], "money": [], "totals": []} | told

    return await _answer(request, desk, near.Span(account, *near.ALWAYS), "movements", made)


@router.get("/carriers/{carrier}/settlement", responses={200: {"model": answers.SettlementAnswer}})
async def settlement(
    request: Request,
    desk: TheDesk,
    asker: OfAccount,
    carrier: asked.Carrier,
    question: Annotated[asked.OfSettlement, Query()],
) -> Response:
    """What a carrier or roaming partner owes us and what we owe it, by direction, route and zone."""
    period = question.days

    def made(view: View) -> dict[str, Any]:
        found, known = near.settlement(view, carrier, period), asker.known(carrier)
        return {
            "carrier": carrier,
            "from": period.start_utc.isoformat(),
            "until": period.end_utc.isoformat(),
            "nets": rows_shown(found.nets, known),
            "lines": rows_shown(found.lines, known),
        }

    return await _answer(request, desk, near.Span(carrier, period.start_utc, period.end_utc), "charges", made)


@router.get("/events/{event_id}/explanation", responses={200: {"model": answers.Explanation}})
async def explanation(
    desk: TheDesk, _asker: OfEvents, event_id: asked.EventId, _: Annotated[asked.Nothing, Query()]
) -> Response:
    """The whole story of an event, from its bytes to its charges."""
    story = await desk.far.ask(lambda lake: explain(lake, event_id).to_json())
    return JSONResponse(story, headers=PRIVATE)
