"""The lines of bills, before they are documents: usage, fees, discounts, each with its exact tax.

Enters: sums of usage and fees of some customers. Leaves: lines in :data:`LINE`. Always holds: a discount is on usage
and fees of the run's own period, never on an adjustment; its tax is that of what it comes off; amounts are before tax.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from rating.billing.exact import NANO, of_percent, to_unit, zero
from rating.period import Period
from rating.period_charges.discounts import discounts
from rating.period_charges.fees import fees
from rating.period_charges.quotients import rounded
from tariffs.model import Tariff

USAGE, ADJUSTMENT, FEE, DISCOUNT, COVERED = "usage", "adjustment", "fee", "discount", "covered"
FEE_ADJUSTMENT: Final = "fee_adjustment"
ROUNDING: Final = "rounding"
KINDS: Final = (USAGE, ADJUSTMENT, FEE, FEE_ADJUSTMENT, DISCOUNT, COVERED, ROUNDING)
"""Kinds of lines, in the order of a bill."""

_TEXTS: Final = (
    *("customer", "kind", "cost_centre", "account", "category", "direction", "zone", "band", "plan", "rate", "text"),
    *("unit", "currency", "tax_code", "charge_currency"),
)
_COUNTS: Final = ("corrects_run", "events", "duration_s", "billed_usage", "charges")
AMOUNTS: Final = ("amount", "tax_exact", "charge_amount", "covered")
LINE: Final = pl.Schema(
    {
        **dict.fromkeys(_TEXTS, pl.String()),
        **dict.fromkeys(_COUNTS, pl.Int64()),
        **dict.fromkeys(AMOUNTS, NANO()),
        **dict.fromkeys(("first_day", "last_day"), pl.Date()),
    }
)
"""Columns of a line; amounts in nano."""

_PERCENT: Final = 100 * 10**4


def lines(frame: pl.DataFrame) -> pl.DataFrame:
    """``frame`` in :data:`LINE`: what it lacks is empty, 0 or null."""
    blank = {pl.String(): "", pl.Date(): None}
    absent = [pl.lit(blank.get(kind, 0), kind).alias(name) for name, kind in LINE.items() if name not in frame.columns]
    return frame.with_columns(absent).select(pl.col(name).cast(kind) for name, kind in LINE.items())


def usage_lines(sums: pl.DataFrame) -> pl.DataFrame:
    """Lines of the sums of usage: adjustments are those that correct an earlier run."""
    kind = pl.when(pl.col("corrects_run") == 0).then(pl.lit(USAGE)).otherwise(pl.lit(ADJUSTMENT))
    return lines(sums.with_columns(kind.alias("kind")))


def fee_lines(tariff: Tariff, period: Period, accounts: pl.DataFrame) -> pl.DataFrame:
    """Lines of the fees of ``period`` of ``accounts`` (account, customer, cost_centre), in order of customers."""
    due = (
        fees(tariff, period)
        .join(accounts, on="account", maintain_order="left")
        .with_columns(
            kind=pl.lit(FEE),
            category=pl.col("fee"),
            text=pl.col("fee").replace_strict(
                {each.id: each.text for each in tariff.fees.values()}, return_dtype=pl.String
            ),
            tax_code=pl.col("tax"),
            first_day=pl.col("from_day"),
            last_day=pl.col("until_day") - pl.duration(days=1),
            amount=pl.col("amount").cast(NANO),
        )
    )
    return lines(_fees_taxed(due, tariff)).sort("customer", maintain_order=True)


def _fees_taxed(due: pl.DataFrame, tariff: Tariff) -> pl.DataFrame:
    """Fees with their tax, which comes out of those that hold it already; by the rounding of the tax."""
    parts = [due.filter(pl.col("tax") == "").with_columns(zero("tax_exact"))]
    for (code, mode), part in due.filter(pl.col("tax") != "").partition_by("tax", "tax_mode", as_dict=True).items():
        tax = tariff.taxes[str(code)]
        inclusive = mode == "inclusive"
        per = pl.lit((_PERCENT + tax.percent * inclusive) * tax.rounding.unit, NANO)
        exact = rounded(pl.col("amount") * tax.percent, per, tax.rounding.mode) * tax.rounding.unit
        taxed = part.with_columns(pl.min_horizontal(exact, "amount").alias("tax_exact"))
        parts.append(taxed.with_columns(pl.col("amount") - pl.col("tax_exact")) if inclusive else taxed)
    return pl.concat(parts)


def discount_lines(charged: pl.DataFrame, tariff: Tariff) -> pl.DataFrame:
    """Lines of what comes off ``charged``, a line for each account, discount, plan and tax."""
    mine = charged.filter(~pl.col("kind").is_in([ADJUSTMENT, FEE_ADJUSTMENT]))
    usage = pl.col("kind") == USAGE
    seen = mine.select(
        "account",
        "currency",
        "plan",
        "zone",
        "band",
        "rate",
        service=pl.when(usage).then("category").otherwise(pl.lit("")),
        fee=pl.when(usage).then(pl.lit("")).otherwise("category"),
        amount=pl.col("amount").cast(pl.Int64),
    )
    off = discounts(seen, tariff.discounts.values()).select(
        "line", category="discount", off=pl.col("amount").cast(NANO)
    )
    where = ("customer", "cost_centre", "account", "plan", "currency", "tax_code", "amount", "tax_exact")
    reduced = off.join(mine.select(where).with_row_index("line"), left_on="line", right_on="line")
    tax = to_unit(pl.col("tax_exact") * pl.col("off"), pl.col("amount")) // pl.col("amount")
    texts = {each.id: each.text for each in tariff.discounts.values()}
    summed = (
        reduced.with_columns(amount=0 - pl.col("off"), tax_exact=0 - tax, kind=pl.lit(DISCOUNT))
        .group_by("kind", "customer", "cost_centre", "account", "category", "plan", "currency", "tax_code")
        .agg(pl.col("amount", "tax_exact").sum())
        .sort("customer", "cost_centre", "account", "category", "plan", "currency", "tax_code")
    )
    return lines(summed.with_columns(text=pl.col("category").replace_strict(texts, return_dtype=pl.String)))


def covered_lines(charged: pl.DataFrame) -> pl.DataFrame:
    """Lines of what included money paid of ``charged``, a line for each account and plan; at most amount and tax."""
    owed = pl.col("amount") + pl.col("tax_exact")
    paid = pl.min_horizontal(pl.col("covered").abs(), owed.abs()) * pl.col("covered").sign()
    by = ("customer", "cost_centre", "account", "corrects_run", "plan", "currency")
    summed = charged.filter(pl.col("covered") != 0).group_by(by).agg((0 - paid.sum()).alias("amount")).sort(by)
    return lines(summed.with_columns(pl.lit(COVERED).alias("kind"), pl.lit(COVERED).alias("category")))


def taxed_by(customers: pl.DataFrame, charged: pl.DataFrame, regions: Mapping[str, Mapping[str, int]]) -> pl.DataFrame:
    """``charged`` with the taxes of their customers: none for the exempt, the percentages of a region for its own."""
    rows = [(region, code, percent) for region, codes in regions.items() for code, percent in codes.items()]
    percents = pl.DataFrame(rows, {"region": pl.String, "tax_code": pl.String, "percent": NANO}, orient="row")
    known = charged.join(customers.select("customer", "region", "tax_exempt"), on="customer", maintain_order="left")
    told = known.join(percents, on=["region", "tax_code"], how="left", maintain_order="left")
    own = (
        pl.when(pl.col("percent").is_null())
        .then("tax_exact")
        .otherwise(of_percent(pl.col("amount"), pl.col("percent")))
    )
    tax = pl.when("tax_exempt").then(zero("tax_exact")).otherwise(own)
    return told.with_columns(tax.alias("tax_exact")).select(LINE.names())
