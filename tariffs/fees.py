"""Fees: from TOML tables to values and back, and what must hold between them and the rest of the tariff.

Enters: ``[fee.ID]`` tables; a loaded tariff. Leaves: ``Fee``s, their canonical keys, the problems of a tariff's fees.
Always holds: an amount is whole at the scale to which its parts are rounded; a fee is in the currency of the bills.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tariffs import values
from tariffs.allowance_text import said_period
from tariffs.allowances import money_above_zero, period, time_zone
from tariffs.model import DUE, NO_TAX, PER, PRORATIONS, Fee, Plan, Problem, Tariff
from tariffs.pricelist import money
from tariffs.rates import scale
from tariffs.source import Table


def fee(table: Table) -> Fee:
    """The fee that ``table`` describes."""
    table.required("plan", "amount", "currency")
    made = Fee(
        id=str(table.path[-1]),
        plans=table.texts("plan"),
        amount=money_above_zero(table, "amount", 0),
        currency=table.text("currency"),
        period=period(table),
        due=table.text("due", DUE[0], DUE),
        per=table.text("per", PER[0], PER),
        time_zone=table.get("time_zone", "", str, "an IANA time zone", lambda name: values.zone_info(name).key),
        proration=table.text("proration", PRORATIONS[0], PRORATIONS),
        scale=scale(table),
        tax=table.text("tax"),
        text=table.text("text"),
        place=table.place,
    )
    for key, wrong in _misfits(made, frozenset(table.content)):
        table.problem(key, wrong)
    return made


def _misfits(made: Fee, said: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Keys that do not go with the others."""
    if made.amount % 10 ** (9 - made.scale):
        yield "amount", f"is not whole at the scale {made.scale}"
    if made.proration == "none" and "scale" in said:
        yield "scale", "belongs to a fee with a proration"
    if made.period.kind == "once":
        for key in ("proration", "due"):
            if key in said:
                yield key, "belongs to a fee of periods"


def bill_currency(plan: Plan) -> str:
    """The currency in which a plan's charges stand on a bill."""
    return plan.bill_currency or plan.currency


def tax_of(made: Fee, plan: Plan) -> str:
    """The tax on a fee of ``plan``; empty for none."""
    name = made.tax or plan.tax
    return "" if name == NO_TAX else name


def fee_problems(tariff: Tariff) -> Iterator[Problem]:
    """Names that do not exist, other currencies than the bill's, periods without one zone."""
    for made in tariff.fees.values():
        key = f"fee.{made.id}"
        for name in made.plans:
            if name not in tariff.plans:
                yield Problem(made.place, f"{key}.plan", f"there is no plan {name}")
            elif (currency := bill_currency(tariff.plans[name])) != made.currency:
                yield Problem(made.place, f"{key}.currency", f"the bill of plan {name} is in {currency}")
        if made.tax not in (*tariff.taxes, "", NO_TAX):
            yield Problem(made.place, f"{key}.tax", f"there is no tax {made.tax}")
        if not time_zone(tariff, made) and any(name in tariff.plans for name in made.plans):
            yield Problem(made.place, f"{key}.time_zone", "is required: the plans' calendars have several zones")


def said(made: Fee) -> dict[str, Any]:
    """The keys of ``[fee.ID]`` that say it."""
    return {
        "plan": list(made.plans),
        "amount": money(made.amount),
        "currency": made.currency,
        **said_period(made.period),
        "due": made.due,
        "per": made.per,
        "time_zone": made.time_zone,
        "proration": made.proration,
        "scale": made.scale,
        "tax": made.tax,
        "text": made.text,
    }
