"""Fees on earlier bills, held against who held what as it is known now.

Enters: a lake with final bills, the subscriptions of today. Leaves: lines of what fees of billed periods should have
been, less what bills say of them. Always holds: what was billed of a part of a fee and its corrections sum to the part
by what is known now; fees are those that the bills were made by, so another price later changes nothing; what was due
in a period in which the account was not billed is not claimed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl

from rating.billing.exact import NANO, frame, nano
from rating.billing.lines import FEE_ADJUSTMENT, LINE, fee_lines, lines
from rating.lake import Lake
from rating.period import Period
from rating.period_charges.quotients import rounded
from rating.sections import sections
from rating.stored import stored_catalogue
from tariffs.load import load
from tariffs.model import Tariff, Tax

_SQL: Final = {name: part.sql for name, part in sections("rating.billing", "fee_corrections.sql").items()}
_PART: Final = ["account", "category", "plan", "first_day", "currency", "tax_code"]
"""What tells one part of a fee from another."""
_BEFORE: Final = timedelta(days=62)
"""A part may have been due so long before its first billed period, if its holding began earlier than was known."""
_PERCENT: Final = 100 * 10**4


def fee_corrections(lake: Lake, run: int, known: Tariff, accounts: pl.DataFrame, since: date) -> pl.DataFrame:
    """Lines that correct fees of periods that end on ``since`` or later and were billed before ``run``.

    They are those of ``accounts`` (account, customer, cost_centre), by the subscriptions of ``known``.
    """
    values = {"run": run, "since": since}
    periods = lake.query(_SQL["periods"], values).to_pylist()
    if not periods:
        return LINE.to_frame()
    billed = frame(lake.query(_SQL["accounts"], values))
    was = frame(lake.query(_SQL["billed"], values)).with_columns(nano("amount")).join(accounts, on="account")
    then = {each["tariff_version"]: _as_billed(lake, each["tariff_version"], known) for each in periods}
    first = then[periods[0]["tariff_version"]]
    due = [_due(then[each["tariff_version"]], each, accounts, billed) for each in periods]
    due.append(_due_before(first, periods[0], accounts))
    now = pl.concat(due).unique(_PART, keep="first", maintain_order=True)
    found = _differences(was, now, [each["run"] for each in periods])
    taxes = {code: tax for each in then.values() for code, tax in each.taxes.items()}
    return lines(_taxed(found, taxes)).sort("customer", *_PART)


def _as_billed(lake: Lake, version: str, known: Tariff) -> Tariff:
    """The fees and plans of the tariff ``version``, with the subscriptions of ``known``."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in stored_catalogue(lake, version).folder_text().items():
            if name.endswith(".toml"):
                (Path(folder) / name).write_bytes(text)
        tariff, _ = load(Path(folder))
    return replace(tariff, subscriptions=known.subscriptions)


def _due(then: Tariff, period: dict[str, Any], accounts: pl.DataFrame, billed: pl.DataFrame) -> pl.DataFrame:
    """The fees of a billed ``period`` by ``then``, of those ``accounts`` that were ``billed`` in it."""
    span = Period(period["first_day"], period["last_day"], period["zone"])
    of = (pl.col("period_first") == span.first) & (pl.col("period_last") == span.last) & (pl.col("zone") == span.zone)
    mine = accounts.join(billed.filter(of), on="account", how="semi")
    return _summed(fee_lines(then, span, mine).with_columns(corrects_run=pl.lit(period["run"], pl.Int64)))


def _due_before(then: Tariff, period: dict[str, Any], accounts: pl.DataFrame) -> pl.DataFrame:
    """Fees that were due shortly before ``period``: nothing to claim, but they may be what was billed later."""
    span = Period(period["first_day"] - _BEFORE, period["first_day"] - timedelta(days=1), period["zone"])
    return _summed(fee_lines(then, span, accounts))


def _summed(due: pl.DataFrame) -> pl.DataFrame:
    """The parts of ``due``, those of several keys of an account together."""
    first = pl.col("customer", "cost_centre", "text", "corrects_run").first()
    return due.group_by(_PART, maintain_order=True).agg(first, pl.col("last_day").max(), pl.col("amount").sum())


def _differences(was: pl.DataFrame, now: pl.DataFrame, runs: list[int]) -> pl.DataFrame:
    """The parts of fees of bills of ``runs`` that come out otherwise ``now``, as columns of lines."""
    both = was.join(now, on=_PART, how="full", coalesce=True, suffix="_now")
    told = {name: pl.coalesce(name, f"{name}_now") for name in ("customer", "cost_centre", "text", "corrects_run")}
    changed = both.with_columns(
        **told,
        last_day=pl.coalesce("last_day", "last_day_now"),  # that of the line which is corrected, if there is one
        amount=pl.col("amount_now").fill_null(0) - pl.col("amount").fill_null(0),
        kind=pl.lit(FEE_ADJUSTMENT),
    )
    wanted = pl.col("corrects_run").is_in(runs) & (pl.col("amount") != 0)
    return changed.filter(wanted).select("kind", *told, "last_day", *_PART, "amount")


def _taxed(found: pl.DataFrame, taxes: Mapping[str, Tax]) -> pl.DataFrame:
    """``found`` with the tax on each amount, which holds none."""
    parts = [found.filter(pl.col("tax_code") == "").with_columns(tax_exact=pl.lit(0, NANO))]
    for (code,), part in found.filter(pl.col("tax_code") != "").partition_by("tax_code", as_dict=True).items():
        tax = taxes[str(code)]
        per = pl.lit(_PERCENT * tax.rounding.unit, NANO)
        exact = rounded(pl.col("amount").abs() * tax.percent, per, tax.rounding.mode) * tax.rounding.unit
        parts.append(part.with_columns(tax_exact=exact * pl.col("amount").sign()))
    return pl.concat(parts)
