"""Allowances and accumulators as the tables of a tariff's canonical text.

Enters: an ``Allowance`` or ``Accumulator``. Leaves: its keys and values, also those that may be left
out. Always holds: the text loads as the same value.
"""

from __future__ import annotations

from typing import Any

from tariffs.model import Accumulator, Allowance, Period
from tariffs.pricelist import money

Said = dict[str, Any]


def said_allowance(each: Allowance) -> Said:
    """The keys of an ``[allowance.ID]``."""
    told = money if each.currency else int
    limits = {"limit": told(each.rollover_limit), "periods": each.rollover_periods}
    flags = {"split": each.split and not each.currency, "pool": each.pool, "setup_fee_on_free": each.setup_fee_on_free}
    said = {
        "amount": told(each.amount),
        **_scope(each),
        "priority": each.priority,
        "increment": each.increment,
        "factor": "/".join(map(str, each.factor)).removesuffix("/1"),
        "rollover": limits if each.rollover_periods else {},
        "valid_days": each.valid_days,
        "proration": each.proration,
        "remainder": each.remainder,
    }
    cap = {} if each.member_cap is None else {"member_cap": told(each.member_cap)}
    return said | cap | {key: True for key, value in flags.items() if value}


def said_accumulator(each: Accumulator) -> Said:
    """The keys of an ``[accumulator.ID]``."""
    cap = {} if each.cap is None else {"cap": money(each.cap)}
    flags = {"pool": True} if each.pool else {}
    return _scope(each) | cap | flags | ({} if each.count_free else {"count_free": False})


def said_period(period: Period) -> Said:
    """The keys that say how often something is granted, counted or charged."""
    days = period.kind == "days"
    return {
        "period": f"{period.days} days" if days else period.kind,
        "anchor": period.anchor.isoformat() if days else "",
    }


def _scope(each: Allowance | Accumulator) -> Said:
    return {
        "plan": list(each.plans),
        "unit": each.unit,
        "currency": each.currency,
        **said_period(each.period),
        "time_zone": each.time_zone,
        "service": list(each.service),
        "direction": list(each.direction),
        "zone": list(each.zone),
        "class": list(each.call_class),
        "band": list(each.band),
    }
