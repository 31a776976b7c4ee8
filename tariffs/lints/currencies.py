"""Currencies that meet where amounts should add up.

Enters: a tariff. Leaves: lints of code ``currency``. Always holds: one plan has one currency already
(tariffs/check.py); this is about plans beside each other.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from tariffs.model import Place, Problem, Tariff


def buying_plans(tariff: Tariff) -> list[str]:
    """The plans by which carriers bill us, in order of name."""
    return sorted(set(tariff.trunks["plan_out"]) - {""})


def selling_plans(tariff: Tariff) -> list[str]:
    """The plans by which we bill subscribers, carriers or partners: all but those by which only others bill us."""
    theirs = {*buying_plans(tariff), *tariff.partners["plan_in"]}
    ours = (set(tariff.plans) - theirs) | {*tariff.trunks["plan_in"], *tariff.partners["plan_out"]}
    return sorted(ours - {""})


def currency_mix(tariff: Tariff) -> Iterator[Problem]:
    """Accounts and carriers with plans in several currencies, and costs in one that nothing is sold in."""
    yield from _payers(tariff)
    yield from _carriers(tariff)
    sold = {tariff.plans[plan].currency for plan in selling_plans(tariff)}
    for name in buying_plans(tariff):
        plan = tariff.plans[name]
        if sold and plan.currency not in sold:
            message = f"costs are in {plan.currency}, sales in {', '.join(sorted(sold))}: no margin can be told"
            yield Problem(plan.place, f"plan.{name}", message, lint=True, code="currency")


def _payers(tariff: Tariff) -> Iterator[Problem]:
    rows = tariff.subscriptions.with_columns(_currency(tariff, "plan"))
    mixed = rows.group_by("account").agg(pl.col("currency").n_unique().alias("count")).filter(pl.col("count") > 1)
    for (account,), found in rows.join(mixed, on="account").sort("line").group_by(["account"], maintain_order=True):
        told = " and ".join(found["currency"].unique(maintain_order=True))
        message = f"account {account} has plans in {told}"
        yield Problem(Place("subscriptions.csv", found["line"][0]), "plan", message, lint=True, code="currency")


def _carriers(tariff: Tariff) -> Iterator[Problem]:
    first: dict[str, tuple[str, int]] = {}
    for row in tariff.trunks.sort("line").iter_rows(named=True):
        for plan in (row["plan_in"], row["plan_out"]):
            if not plan or not row["carrier"]:
                continue
            currency = tariff.plans[plan].currency
            known, line = first.setdefault(row["carrier"], (currency, row["line"]))
            if known != currency:
                message = f"carrier {row['carrier']} has plans in {currency} and, in line {line}, in {known}"
                yield Problem(Place("trunks.csv", row["line"]), "plan", message, lint=True, code="currency")


def _currency(tariff: Tariff, column: str) -> pl.Expr:
    known = {name: plan.currency for name, plan in tariff.plans.items()}
    return pl.col(column).replace_strict(list(known), list(known.values()), default="").alias("currency")
