"""The routes: one function each, from a question to an answer.

Enters: requests that are let in. Leaves: JSON. Always holds: a route says whom it asks for and which right it takes
before it looks at anything; what comes of the shelves names its snapshot in ``ETag``, and asked again of the same one
is 304.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, NamedTuple

import pyarrow as pa
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from mediation.fields import AMOUNT, INSTANT, TOTAL
from rating.api import answers, near
from rating.api import questions as asked
from rating.api.asking import PRIVATE, OfAccount, OfEvents, TheDesk
from rating.api.desk import Desk
from rating.api.direct import Direct, Json
from rating.api.pages import charge_text
from rating.api.shelves import CHARGE_FIELDS, View
from rating.api.shown import AS_TEXT, columns_shown, rows_shown
from rating.explain import explain

router = APIRouter(prefix="/v1", route_class=Direct)

_OF_CHARGE: Final = {field.name: field.type for field in CHARGE_FIELDS if field.type in AS_TEXT}
_OF_SUM: Final = {"amount": TOTAL, "tax_amount": TOTAL}
_OF_TOTAL: Final = {"period_utc": INSTANT, "until_utc": INSTANT, "amount": AMOUNT}
_OF_LOT: Final = {"period_utc": INSTANT, "expires_utc": INSTANT}
_OF_MONEY: Final = _OF_LOT | dict.fromkeys(("granted", "rolled_over", "used", "expired", "left"), AMOUNT)


async def _answer(
    request: Request, desk: Desk, made: Callable[[View], dict[str, Any]], *, by_sql: bool = False
) -> Response:
    """What ``made`` gives of the shelves, or that it is still what the client has."""
    view = desk.view()
    headers = {"ETag": view.tag, **PRIVATE}
    if request.headers.get("if-none-match") == view.tag:
        return Response(status_code=304, headers=headers)
    return Json(await desk.near(view, made, by_sql=by_sql), headers=headers)


def _told(
    rows: Sequence[NamedTuple], kinds: dict[str, pa.DataType], known: tuple[str, ...] | None
) -> list[dict[str, Any]]:
    """``rows`` of one kind as JSON-able dictionaries."""
    return columns_shown(dict(zip(rows[0]._fields, zip(*rows, strict=True), strict=True)), kinds, known) if rows else []


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
        rows = columns_shown(page.rows, _OF_CHARGE, asker.known(account))
        return {"account": account, "items": rows, "next": charge_text(page.ends) if page.ends else None}

    return await _answer(request, desk, made)


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
        found, known = near.categories(view, span), asker.known(account)
        totals, categories = (_told(rows, _OF_SUM, known) for rows in (near.sums(found), found))
        return {"account": account, "totals": totals, "categories": categories}

    return await _answer(request, desk, made)


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
        found, known = near.balances(view, account, question.at), asker.known(account)
        return {
            "holder": account,
            "lots": _told([lot for lot in found.lots if not lot.is_money], _OF_LOT, known),
            "money": _told([lot for lot in found.lots if lot.is_money], _OF_MONEY, known),
            "totals": _told(found.totals, _OF_TOTAL, known),
        }

    return await _answer(request, desk, made)


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

    return await _answer(request, desk, made, by_sql=True)


@router.get("/events/{event_id}/explanation", responses={200: {"model": answers.Explanation}})
async def explanation(
    desk: TheDesk, _asker: OfEvents, event_id: asked.EventId, _: Annotated[asked.Nothing, Query()]
) -> Response:
    """The whole story of an event, from its bytes to its charges."""
    story = await desk.far.ask(lambda lake: explain(lake, event_id).to_json())
    return Json(story, headers=PRIVATE)
