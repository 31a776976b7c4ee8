"""Bills of some customers, made of their lines: documents, taxes, roundings, balances.

Enters: a :class:`Chunk`. Leaves: :class:`Drafted`: the rows of ``bill``, ``bill_line`` and ``bill_payment``. Always
holds: pure; a bill's total is the sum of its lines with their taxes; net and tax are each rounded once to the minor
unit, the tax for each code; what corrects an earlier bill downwards is a credit note of its own, upwards a line of the
invoice; a customer's due is carried from bill to bill.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl
import pyarrow as pa

from rating.billing.exact import NANO, arrow, split, to_unit, with_minor, zero
from rating.billing.lines import KINDS, LINE, ROUNDING, lines

INVOICE, CREDIT_NOTE = "invoice", "credit_note"
DOCUMENT: Final = ("customer", "currency", "bill_kind", "bill_corrects")
"""The key of a bill within a run: credit notes stand before the invoice of the same currency."""

_PARTS: Final = {
    "charges": ("usage", "adjustment"),
    "fees": ("fee", "fee_adjustment"),
    "discounts": ("discount",),
    "covered": ("covered",),
    "rounding": (ROUNDING,),
}
_LINE_ORDER: Final = ("cost_centre", "account", "place", "category", "direction", "zone", "band", "plan", "rate")


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """What bills of some customers are made of; amounts in nano, Int128.

    ``customers`` in CUSTOMER_SCHEMA, ``charged`` in LINE, ``payments`` in PAYMENT_SCHEMA; ``balances``: customer,
    currency, due of the bill before.
    """

    run: int
    first_bill: int
    customers: pl.DataFrame
    charged: pl.DataFrame
    payments: pl.DataFrame
    balances: pl.DataFrame


@dataclass(frozen=True, slots=True, eq=False)
class Drafted:
    """Bills of a chunk, as rows of the lake."""

    bills: pa.Table
    lines: pa.Table
    payments: pa.Table

    def tables(self) -> dict[str, pa.Table]:
        """The rows by table."""
        return {"bill": self.bills, "bill_line": self.lines, "bill_payment": self.payments}


def draft(chunk: Chunk) -> Drafted:
    """The bills of ``chunk``, numbered within the run from ``first_bill`` on."""
    payments = chunk.payments.with_columns(pl.col("amount").cast(NANO))
    charged = _assigned(chunk.charged)
    keys = _documents(charged, payments, chunk.balances).with_columns(pl.col("bill_no") + chunk.first_bill)
    whole = with_minor(pl.concat([charged, _roundings(charged)]))
    whole = whole.with_columns(split(whole, [*DOCUMENT, "tax_code"], "tax_exact", "minor").alias("tax"))
    bills = _bills(keys, whole, payments, chunk)
    invoices = keys.filter(pl.col("bill_kind") == INVOICE).select("customer", "currency", "bill_no")
    run = pl.lit(chunk.run).alias("run")
    return Drafted(
        arrow("bill", bills.with_columns(run)),
        arrow("bill_line", _numbered(whole, keys).with_columns(run)),
        arrow(
            "bill_payment",
            payments.join(invoices, on=["customer", "currency"], maintain_order="left").with_columns(run),
        ),
    )


def _assigned(charged: pl.DataFrame) -> pl.DataFrame:
    """``charged`` with the document that each line is of."""
    by = ("customer", "currency", "corrects_run")
    corrects = pl.col("corrects_run") > 0
    credit = corrects & (pl.col("amount").sum().over(by) < 0)
    return charged.with_columns(
        pl.when(credit).then(pl.lit(CREDIT_NOTE)).otherwise(pl.lit(INVOICE)).alias("bill_kind"),
        pl.when(credit).then("corrects_run").otherwise(0).alias("bill_corrects"),
    )


def _documents(charged: pl.DataFrame, payments: pl.DataFrame, balances: pl.DataFrame) -> pl.DataFrame:
    """The documents with their ``bill_no`` from 0: those with lines, and an invoice wherever money stands."""
    stands = [balances.filter(pl.col("due") != 0), payments, charged]
    invoices = pl.concat([each.select("customer", "currency") for each in stands]).with_columns(
        pl.lit(INVOICE).alias("bill_kind"), pl.lit(0, pl.Int64).alias("bill_corrects")
    )
    keys = pl.concat([charged.select(DOCUMENT), invoices]).unique().sort(DOCUMENT)
    return keys.with_row_index("bill_no").with_columns(pl.col("bill_no").cast(pl.Int64))


def _roundings(charged: pl.DataFrame) -> pl.DataFrame:
    """A line for each document whose net is no multiple of the minor unit."""
    nets = with_minor(charged.group_by(DOCUMENT).agg(pl.col("amount").sum()))
    off = to_unit(pl.col("amount"), pl.col("minor")) - pl.col("amount")
    rounding = nets.with_columns(off, pl.lit(ROUNDING).alias("kind")).filter(pl.col("amount") != 0)
    return pl.concat([lines(rounding), rounding.select("bill_kind", "bill_corrects")], how="horizontal")


def _numbered(whole: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """Lines in their order, with bill and place."""
    place = pl.col("kind").replace_strict(list(KINDS), range(len(KINDS)), return_dtype=pl.Int64)
    own = whole.with_columns(
        pl.when(pl.col("kind") == ROUNDING).then(1).otherwise(0).alias("last"), place.alias("place")
    )
    known = own.join(keys, on=list(DOCUMENT))
    rest = [name for name in LINE.names() if name not in {*_LINE_ORDER, "customer", "kind"}]
    ordered = known.sort("bill_no", "last", *_LINE_ORDER, *rest)
    return ordered.with_columns((pl.int_range(pl.len()).over("bill_no") + 1).alias("line_no"))


def _bills(keys: pl.DataFrame, whole: pl.DataFrame, payments: pl.DataFrame, chunk: Chunk) -> pl.DataFrame:
    """The documents with their sums, balances and customers."""
    amount, kind = pl.col("amount"), pl.col("kind")
    sums = whole.group_by(DOCUMENT).agg(
        pl.len().cast(pl.Int64).alias("lines"),
        *(amount.filter(kind.is_in(list(of))).sum().cast(NANO).alias(name) for name, of in _PARTS.items()),
        pl.col("tax").sum(),
        (amount.sum() + pl.col("tax").sum()).alias("total"),
    )
    zeros = ["lines", *_PARTS, "tax", "total"]
    bills = keys.join(sums, on=list(DOCUMENT), how="left").with_columns(pl.col(zeros).fill_null(0))
    bills = _with_balances(bills, payments, chunk.balances).sort("bill_no")
    known = bills.join(chunk.customers.drop("currency", "cycle"), on="customer", maintain_order="left")
    return known.rename({"bill_kind": "kind", "bill_corrects": "corrects_run"})


def _with_balances(bills: pl.DataFrame, payments: pl.DataFrame, balances: pl.DataFrame) -> pl.DataFrame:
    """``bills`` with what was owed, paid and credited, and what is due; zero on credit notes."""
    by = ["customer", "currency"]
    paid = payments.group_by(by).agg(pl.col("amount").sum().alias("payments"))
    credits_ = bills.filter(pl.col("bill_kind") == CREDIT_NOTE)
    credited = credits_.group_by(by).agg(pl.col("total").sum().alias("credited"))
    owed = balances.rename({"due": "previous_balance"})
    invoices = bills.filter(pl.col("bill_kind") == INVOICE)
    for more in (owed, paid, credited):
        invoices = invoices.join(more, on=by, how="left")
    stands = ["previous_balance", "payments", "credited"]
    invoices = invoices.with_columns(pl.col(stands).fill_null(0))
    due = pl.col("previous_balance") - pl.col("payments") + pl.col("credited") + pl.col("total")
    apart = credits_.with_columns(zero(name) for name in (*stands, "due"))
    return pl.concat([invoices.with_columns(due.alias("due")), apart])
