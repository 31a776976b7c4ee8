"""What answers look like: the schemas that the OpenAPI description tells.

Enters: the field table. Leaves: models. Always holds: a column is described by its row in the field table; amounts
and 128-bit sums are texts of decimals, instants texts of RFC 3339.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final

import pyarrow as pa
from pydantic import BaseModel, Field, create_model

from mediation.fields import AMOUNT, EVENT_ID, INSTANT, LABEL, TABLES, TOTAL
from mediation.fields import Field as Column
from rating.api.shelves import CHARGE_FIELDS

Amount = Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$")]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
_KINDS: Final[dict[pa.DataType, Any]] = {
    AMOUNT: Amount,
    TOTAL: Amount,
    INSTANT: Moment,
    LABEL: str,
    EVENT_ID: str,
    pa.string(): str,
    pa.int64(): int,
    pa.int32(): int,
    pa.int16(): int,
    pa.bool_(): bool,
    pa.date32(): Annotated[str, Field(json_schema_extra={"format": "date"})],
}


def _model(name: str, says: str, columns: Iterable[Column], *others: Column) -> type[BaseModel]:
    """A model of rows with ``columns``."""
    fields: dict[str, Any] = {c.name: _field(c) for c in (*others, *columns)}
    return create_model(name, __doc__=says, **fields)


def _field(column: Column) -> tuple[Any, Any]:
    kind = _KINDS[column.type] | None if column.nullable else _KINDS[column.type]
    unit = f"; unit: {column.unit}" if column.unit else ""
    return kind, Field(description=f"{column.meaning}{unit}")


def _columns(*names: str) -> list[Column]:
    """The columns of those names, from whichever table has them."""
    known = {f.name: f for fields in TABLES.values() for f in fields}
    return [known[name] for name in names]


_SUMMED: Final = (
    Column("events", pa.int64(), "", "charges, less those taken back"),
    Column("billed_usage", pa.int64(), "of unit", "usage after increments and minimum"),
    Column("free_usage", pa.int64(), "of unit", "usage that allowances made free"),
    Column("amount", TOTAL, "major units", "the sum of the charges"),
    Column("tax_amount", TOTAL, "major units", "the sum of their taxes"),
)
Charge = _model("Charge", "A charge with the event that it prices.", CHARGE_FIELDS)
Category = _model(
    "Category",
    "The charges of one kind, summed.",
    _SUMMED,
    *_columns("leg", "currency", "service", "direction", "plan", "zone", "band", "unit", "tax_code"),
)
Total = _model("Total", "The charges of a leg and currency, summed.", _SUMMED[3:], *_columns("leg", "currency"))


class Usage(BaseModel):
    """A page of charges, in the order of their starts."""

    account: str
    items: list[Charge]  # type: ignore[valid-type] # a model of the field table
    next: str | None = Field(description="`after` of the next page; null on the last one")


class Charges(BaseModel):
    """What an account's charges come to."""

    account: str
    totals: list[Total]  # type: ignore[valid-type] # as above
    categories: list[Category]  # type: ignore[valid-type] # as above


Lot = create_model("Lot", __doc__="A lot of an allowance.", __config__={"extra": "allow"}, holder=str, allowance=str)
Counted = create_model(
    "Counted", __doc__="What an accumulator has counted.", __config__={"extra": "allow"}, holder=str, accumulator=str
)


class Balances(BaseModel):
    """What an account, and the pools on which it drew, had left."""

    holder: str
    lots: list[Lot] = Field(description="of units")  # type: ignore[valid-type] # as above
    money: list[Lot] = Field(description="of money")  # type: ignore[valid-type] # as above
    totals: list[Counted]  # type: ignore[valid-type] # as above


BillDocument = _model(
    "BillDocument",
    "A bill: an invoice or a credit note.",
    TABLES["bill"],
    Column("number", pa.string(), "", "the number on the bill"),
    Column("state", pa.string(), "", "how far its run is"),
    *_columns("cycle", "first_day", "last_day", "zone", "issued_on", "due_on"),
)
BillLine = _model("BillLine", "A line of a bill.", TABLES["bill_line"])
BillPayment = _model("BillPayment", "A payment that a bill takes account of.", TABLES["bill_payment"])


class Bills(BaseModel):
    """A page of bills, the latest first."""

    account: str
    items: list[BillDocument]  # type: ignore[valid-type] # as above
    next: str | None = Field(description="`after` of the next page; null on the last one")


class Bill(BaseModel):
    """A bill with its lines and payments."""

    document: BillDocument  # type: ignore[valid-type] # as above
    corrects: str = Field(description="number of the bill that a credit note corrects; else empty")
    lines: list[BillLine]  # type: ignore[valid-type] # as above
    payments: list[BillPayment]  # type: ignore[valid-type] # as above


class Items(BaseModel):
    """A page of a bill's calls, in the order of their starts."""

    number: str
    items: list[dict[str, Any]]
    next: str | None = Field(description="`after` of the next page; null on the last one")


class Fact(BaseModel):
    """A fact, and what it rests on."""

    label: str
    value: str
    children: list[Fact]


class Explanation(BaseModel):
    """The story of an event, from its bytes to its charges."""

    agrees: bool = Field(description="whether what is explained is what is stored")
    differences: list[str]
    story: Fact


class SettlementAnswer(BaseModel):
    """What stands between us and a carrier."""

    carrier: str
    first: Moment = Field(alias="from")
    until: Moment
    nets: list[dict[str, Any]]
    lines: list[dict[str, Any]]


class Health(BaseModel):
    """Whether it is so."""

    ok: bool
