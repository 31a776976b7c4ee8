"""The routes of bills, which the lake itself answers.

Enters: requests that are let in. Leaves: JSON. Always holds: a bill is shown to its customer, and to tokens that are
bound to nobody; final bills only, which never change.
"""

from __future__ import annotations

from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from fastapi import APIRouter, Query
from fastapi.responses import Response

from rating.api import answers
from rating.api import questions as asked
from rating.api.asking import PRIVATE, OfAccount, TheDesk
from rating.api.desk import Asker
from rating.api.direct import Direct, Json
from rating.api.pages import bill_text, item_text
from rating.api.shown import rows_shown
from rating.billing.shown import BillKey, NoSuchBillError, Place, Shown, documents, items, numbered, shown
from rating.lake import Lake

router = APIRouter(prefix="/v1/accounts/{account}/bills", route_class=Direct)


@router.get("", responses={200: {"model": answers.Bills}})
async def bills(
    desk: TheDesk, asker: OfAccount, account: asked.Account, question: Annotated[asked.OfBills, Query()]
) -> Response:
    """The final bills of a customer, or of the customers that an account was billed to, the latest first."""

    def found(lake: Lake) -> dict[str, Any]:
        rows = documents(lake, account, month=question.month, before=question.after, limit=question.limit + 1)
        page = rows.slice(0, question.limit)
        last = BillKey(page["run"][-1].as_py(), page["bill_no"][-1].as_py()) if rows.num_rows > len(page) else None
        if asker.grant.bound:
            page = page.filter(pc.equal(page["customer"], account))
        return {"account": account, "items": rows_shown(page, asker.known(account)), "next": last and bill_text(last)}

    return Json(await desk.far.ask(found), headers=PRIVATE)


@router.get("/{number}", responses={200: {"model": answers.Bill}})
async def bill(
    desk: TheDesk, asker: OfAccount, account: asked.Account, number: asked.Number, _: Annotated[asked.Nothing, Query()]
) -> Response:
    """A bill with its lines and payments."""

    def found(lake: Lake) -> dict[str, Any]:
        _, made = _bill(lake, asker, account, number)
        known = asker.known(account)
        (document,) = rows_shown(pa.Table.from_pylist([made.document]), known)
        lines, payments = (rows_shown(rows, known) for rows in (made.lines, made.payments))
        return {"document": document, "corrects": made.corrected, "lines": lines, "payments": payments}

    return Json(await desk.far.ask(found), headers=PRIVATE)


@router.get("/{number}/items", responses={200: {"model": answers.Items}})
async def bill_items(
    desk: TheDesk,
    asker: OfAccount,
    account: asked.Account,
    number: asked.Number,
    question: Annotated[asked.OfItems, Query()],
) -> Response:
    """The calls of a bill, in the order of their starts."""

    def found(lake: Lake) -> dict[str, Any]:
        key, _ = _bill(lake, asker, account, number)
        rows = items(lake, key, after=question.after, limit=question.limit + 1)
        page = rows.slice(0, question.limit)
        more = rows.num_rows > len(page)
        last = Place(page["start_utc"][-1].as_py(), page["charge_no"][-1].as_py()) if more else None
        return {"number": number, "items": rows_shown(page, asker.known(account)), "next": last and item_text(last)}

    return Json(await desk.far.ask(found), headers=PRIVATE)


def _bill(lake: Lake, asker: Asker, account: str, number: str) -> tuple[BillKey, Shown]:
    """The bill of that number; for whoever may not see it, as for a number that is none: :class:`NoSuchBillError`."""
    key = numbered(lake, number)
    made = shown(lake, key)
    own = account == made.document["customer"]
    if not own and (asker.grant.bound or account not in made.lines["account"].to_pylist()):
        raise NoSuchBillError(number)
    return key, made
