"""What fees that were billed before should have been: credits and later claims.

Enters: the tariff that was billed, the one that is known now, the days that were billed. Leaves: a row for each part of
a fee that comes out otherwise. Always holds: what was billed and its corrections sum to the fees by what is known now,
for each account, fee, currency and tax.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rating.period import Period
from rating.period_charges.fees import SCHEMA, fees
from tariffs.model import Tariff

_PART: Final = ("account", "key", "plan", "fee", "from_day", "currency", "tax", "tax_mode")
"""What tells one part of a fee from another."""


def corrections(then: Tariff, now: Tariff, billed: Period) -> pl.DataFrame:
    """The fees due in ``billed`` by ``now`` less those by ``then``, in :data:`SCHEMA`, where they differ.

    A customer who left within days that were billed in advance has a credit: ``days`` and ``amount`` below zero. The
    days from ``from_day`` until before ``until_day`` are those of the part as it is now, of one that is gone as it was.
    """
    off = pl.col("days", "amount") * -1
    both = pl.concat([fees(now, billed), fees(then, billed).with_columns(off)])
    days = pl.col("until_day", "due_day", "of_days").first()
    netted = both.group_by(_PART, maintain_order=True).agg(days, pl.col("days", "amount").sum())
    return netted.filter(pl.col("amount") != 0).select(SCHEMA.names())
