"""Bills as they were made: the documents of a customer, one with its lines, its calls.

Enters: a lake, and a customer, an account, a number or the key of a bill. Leaves: tables. Always holds: what is told of
a final bill is the same for ever; calls come in the order of their starts, page by page; sums of calls are those of
the lines of usage.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa

from rating.answers import json_rows
from rating.billing.taken import taken
from rating.lake import Lake
from rating.sections import sections

PAGE: Final = 1000
"""Rows of a page, unless told otherwise."""

_SQL: Final = {name: part.sql for name, part in sections("rating.billing", "shown.sql").items()}


class NoSuchBillError(LookupError):
    """There is no such bill; the text says what was looked for."""


@dataclass(frozen=True, slots=True, order=True)
class BillKey:
    """The bill ``bill_no`` of bill run ``run``."""

    run: int
    bill_no: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A bill: its row of the view ``bill_document``, its lines, its payments.

    ``corrected`` is the number of the bill that it corrects, if it is a credit note; ``settings`` are the issuer,
    series and texts of its run, as JSON.
    """

    document: dict[str, Any]
    lines: pa.Table
    payments: pa.Table
    corrected: str
    settings: str

    def to_json(self) -> dict[str, Any]:
        """The bill as JSON-able values; docs/schema/bill.schema.json describes them."""
        (document,) = json_rows(pa.Table.from_pylist([self.document]))
        document["corrects"] = self.corrected
        return document | {"line": json_rows(self.lines), "payment": json_rows(self.payments)}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place among the calls of a bill: after the charge ``charge_no``, which starts at ``start_utc``."""

    start_utc: datetime
    charge_no: int


def documents(
    lake: Lake,
    who: str,
    *,
    month: date | None = None,
    run: int | None = None,
    drafts: bool = False,
    before: BillKey | None = None,
    limit: int = PAGE,
) -> pa.Table:
    """Rows of ``bill_document`` of customer or account ``who``, the latest first.

    ``drafts``: also of runs that are not final. ``month``: only of periods that begin in that month.
    ``before``: only bills before that one (the next page).
    """
    values = {"who": who, "month": month, "run": run, "drafts": drafts, "limit": limit}
    place = {"before_run": before.run if before else None, "before_bill": before.bill_no if before else None}
    return lake.query(_SQL["documents"], values | place)


def numbered(lake: Lake, number: str) -> BillKey:
    """The bill of that number.

    Raises:
        NoSuchBillError: no bill has it.

    """
    found = lake.query(_SQL["numbered"], {"number": number}).to_pylist()
    if not found:
        raise NoSuchBillError(f"no bill has the number {number!r}")
    return BillKey(**found[0])


def shown(lake: Lake, key: BillKey) -> Shown:
    """The bill ``key``, draft or final.

    Raises:
        NoSuchBillError: there is none.

    """
    values = {"run": key.run, "bill_no": key.bill_no}
    found = lake.query(_SQL["document"], values).to_pylist()
    if not found:
        raise NoSuchBillError(f"bill run {key.run} has no bill {key.bill_no}")
    document = found[0]
    lines, payments = (lake.query(_SQL[name], values) for name in ("lines", "payments"))
    settings = lake.query(_SQL["settings"], {"run": key.run})["settings"][0].as_py()
    return Shown(document, lines, payments, _corrected(lake, document), settings)


def _corrected(lake: Lake, document: dict[str, Any]) -> str:
    which = {name: document[name] for name in ("corrects_run", "customer", "currency")}
    found = lake.query(_SQL["corrected"], which)["number"].to_pylist() if document["corrects_run"] else []
    return str(found[0]) if found else ""


def items(lake: Lake, key: BillKey, *, after: Place | None = None, limit: int = PAGE) -> pa.Table:
    """The charges of bill ``key`` with their usage, in order of start; ``after``: the page behind that place.

    The last row's ``start_utc`` and ``charge_no`` are the place of the next page.
    """
    sql = _SQL["items"].format(taken=taken("c.account IN (SELECT account FROM accounts)"))
    values: dict[str, Any] = {"run": key.run, "bill_no": key.bill_no, "limit": limit}
    place = {"after_start": after.start_utc if after else None, "after_charge": after.charge_no if after else None}
    return lake.query(sql, values | place)
