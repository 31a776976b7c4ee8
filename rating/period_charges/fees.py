"""The fees of a period, of every holder at once.

Enters: a tariff with its subscriptions, and a period of days. Leaves: a row for each part of a fee that is due in it.
Always holds: days are civil days, never hours; what is due depends on the day alone, so that periods that follow each
other have each part once; the parts of one fee in one period sum to the fee of all their days. The rules are those of
docs/fees-and-discounts.md.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, timedelta
from typing import Final

import polars as pl

from rating.period import Period
from rating.period_charges.quotients import rounded
from rating.period_charges.shares import shares
from tariffs.allowances import first_days, time_zone
from tariffs.fees import tax_of
from tariffs.model import EVER_FROM, Fee, Tariff

SCHEMA: Final = pl.Schema({
    "account": pl.String(),
    "key": pl.String(),
    "plan": pl.String(),
    "fee": pl.String(),
    "from_day": pl.Date(),
    "until_day": pl.Date(),
    "due_day": pl.Date(),
    "days": pl.Int64(),
    "of_days": pl.Int64(),
    "amount": pl.Int64(),
    "currency": pl.String(),
    "tax": pl.String(),
    "tax_mode": pl.String(),
})  # fmt: skip
"""Columns of :func:`fees`. ``key``: empty for a fee of the account; days from ``from_day`` until before ``until_day``;
``days`` of the ``of_days`` of a whole period; ``amount`` in nano; ``tax`` empty for none."""

_HORIZON: Final = tuple(int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 10**6 for year in (1990, 2060))
_GROUP: Final = 2**32
"""More than days have numbers."""
_DAY: Final = pl.duration(days=1)


def fees(tariff: Tariff, period: Period) -> pl.DataFrame:
    """What is due in ``period``, in :data:`SCHEMA`: by fee as the tariff has them, then account, key and day.

    ``tariff`` has no problems. Its subscriptions say who holds which plan.
    """
    return pl.concat([SCHEMA.to_frame(), *(_due(tariff, made, period) for made in tariff.fees.values())])


def _due(tariff: Tariff, made: Fee, period: Period) -> pl.DataFrame:
    """The parts of one fee that are due in ``period``."""
    held = _held(tariff.subscriptions, made, time_zone(tariff, made))
    parts = _once(held, made) if made.period.kind == "once" else _recurring(held, made, period)
    plans = [tariff.plans[name] for name in made.plans]
    taxes, modes = [tax_of(made, plan) for plan in plans], [plan.tax_mode for plan in plans]
    whole = parts.filter(pl.col("due_day").is_between(period.first, period.last)).with_columns(
        pl.lit(made.id).alias("fee"),
        pl.lit(made.currency).alias("currency"),
        pl.col("plan").replace_strict(list(made.plans), taxes, return_dtype=pl.String).alias("tax"),
        pl.col("plan").replace_strict(list(made.plans), modes, return_dtype=pl.String).alias("tax_mode"),
    )
    return whole.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


def _held(subscriptions: pl.DataFrame, made: Fee, zone: str) -> pl.DataFrame:
    """Days on which a plan of the fee is held: account, key, plan, from_day, until_day, opens, begins.

    No day twice, in order of account, key and day. ``opens``: none was held the day before; ``begins``: on a known day.
    """
    each = made.per != "account"
    kind = pl.col("kind") == made.per if each else pl.lit(value=True)
    place = pl.col("plan").replace_strict(list(made.plans), range(len(made.plans)), return_dtype=pl.Int64)
    rows = subscriptions.filter(pl.col("plan").is_in(list(made.plans)) & kind).select(
        "account",
        (pl.col("key") if each else pl.lit("")).alias("key"),
        "plan",
        _day("valid_from", zone).alias("from_day"),
        _day("valid_to", zone).alias("until_day"),
        (pl.col("valid_from") > EVER_FROM).alias("begins"),
        place.alias("place"),
    )
    rows = rows.filter(pl.col("from_day") < pl.col("until_day"))
    ordered = rows.sort("account", "key", "from_day", "place", "until_day")
    apart = ordered.with_columns(_held_until().alias("reach")).with_columns(
        pl.max_horizontal("from_day", "reach").alias("from_day"),
        (pl.col("reach").is_null() | (pl.col("from_day") > pl.col("reach"))).alias("opens"),
    )
    apart = apart.filter(pl.col("from_day") < pl.col("until_day"))
    return _joined(apart, pl.col("opens") | (pl.col("plan") != pl.col("plan").shift(1)))


def _joined(rows: pl.DataFrame, new: pl.Expr) -> pl.DataFrame:
    """Each row that is ``new`` with those that follow it as one, until the last of them ends."""
    begins = rows.select(new.alias("new"))["new"]
    ends = rows["until_day"].filter(begins.shift(-1, fill_value=True))
    return rows.filter(begins).with_columns(ends)


def _held_until() -> pl.Expr:
    """The latest ``until_day`` of the rows before with the same account and key; null for the first of them."""
    group = pl.struct("account", "key").rle_id().cast(pl.Int64) * _GROUP
    highest = (group + pl.col("until_day").to_physical()).cum_max().shift(1)  # groups grow: none reaches into the next
    return pl.when(highest >= group).then(highest - group).cast(pl.Int32).cast(pl.Date)


def _day(instant: str, zone: str) -> pl.Expr:
    """The civil day of an instant; a part of a day counts from its midnight."""
    known = pl.col(instant).clip(*_HORIZON).cast(pl.Datetime("us", "UTC"))
    return known.dt.convert_time_zone(zone).dt.date()


def _once(held: pl.DataFrame, made: Fee) -> pl.DataFrame:
    """A fee for each time that a holding begins, on its first day."""
    first = pl.col("from_day")
    return held.filter(pl.col("opens") & pl.col("begins")).with_columns(
        (first + _DAY).alias("until_day"),
        first.alias("due_day"),
        *(pl.lit(1).alias(name) for name in ("days", "of_days")),
        pl.lit(made.amount).alias("amount"),
    )


def _recurring(held: pl.DataFrame, made: Fee, period: Period) -> pl.DataFrame:
    """The parts of holdings in every period that may be due in ``period``, with what each costs."""
    begin, end = pl.col("from_day"), pl.col("until_day")
    parts = held.join(_periods(made, period), how="cross", maintain_order="left_right").with_columns(
        pl.max_horizontal("from_day", "period_from").alias("from_day"),
        pl.min_horizontal("until_day", "period_until").alias("until_day"),
        (pl.col("opens") & (begin >= pl.col("period_from"))).alias("opens"),
    )
    parts = parts.filter(begin < end).with_columns(pl.struct("account", "key", "period_from").rle_id().alias("group"))
    first = (pl.col("group") != pl.col("group").shift(1)).fill_null(value=True)
    if made.proration == "none":
        parts = _joined(parts, first | pl.col("opens")).filter(first)
    parts = parts.with_columns(
        (end - begin).dt.total_days().alias("days"),
        (pl.col("period_until") - pl.col("period_from")).dt.total_days().alias("of_days"),
    )
    late = pl.when(pl.col("opens")).then(begin).otherwise(begin - _DAY)
    due = late if made.due == "advance" else end - _DAY
    return _priced(parts, made).with_columns(due.alias("due_day"))


def _periods(made: Fee, period: Period) -> pl.DataFrame:
    """The fee's periods that have a day of ``period``, or the day after it."""
    days = first_days(made.period)
    first = max(bisect_right(days, period.first) - 1, 0)
    last = bisect_left(days, period.last + timedelta(days=2), first + 1)
    spans: list[tuple[date, date]] = list(zip(days[first:last], days[first + 1 : last + 1], strict=False))
    return pl.DataFrame(spans, schema={"period_from": pl.Date, "period_until": pl.Date}, orient="row")


def _priced(parts: pl.DataFrame, made: Fee) -> pl.DataFrame:
    """``parts`` with their amounts: the share of all days of a group, rounded once and split over its parts."""
    if made.proration == "none":
        return parts.with_columns(pl.lit(made.amount).alias("amount"))
    unit = 10 ** (9 - made.scale)
    days, of = pl.col("days").sum().over("group"), pl.col("of_days")
    whole = rounded(pl.lit(made.amount // unit).cast(pl.Int128) * days, of, made.proration)
    priced = parts.with_columns(whole.alias("whole"))
    return priced.with_columns((shares(priced, "group", "whole", "days") * unit).alias("amount"))
