"""Cells whose rules turn on the origin or the class of a call: one variant for each that they tell apart.

Enters: the rules that match a service and a direction. Leaves: the origins that compete, as items, and their
problems. Always holds: variant 0 of either is the one of no origin zone, and of class ``other``.
"""

from __future__ import annotations

import polars as pl

from tariffs.catalogue import ANY, NONE
from tariffs.cells import ITEM_SCHEMA, zone_rows
from tariffs.model import EVER_FROM, EVER_TO, CallClass, Plan, Problem, Rule, Tariff


def varies(rules: tuple[Rule, ...]) -> bool:
    """Whether what applies turns on the origin or the class of a call."""
    return any(rule.origin or rule.call_class for rule in rules)


def origins(rules: tuple[Rule, ...]) -> tuple[str, ...]:
    """The zones that ``rules`` name as origins, in order; an event of none of them is of origin 0."""
    return tuple(dict.fromkeys(zone for rule in rules for zone in rule.origin))


def origin_items(
    tariff: Tariff, plan: Plan, rules: tuple[Rule, ...], zones: tuple[str, ...]
) -> tuple[pl.DataFrame, list[Problem]]:
    """An item for each prefix of an origin zone; its rate is the origin's number."""
    frames = [_items(zone_rows(tariff, (zone,)), number) for number, zone in enumerate(zones, 1)]
    items = pl.concat([pl.DataFrame(schema=ITEM_SCHEMA), *frames]).sort("prefix", "local", "rate")
    twice = items.filter(pl.struct("prefix", "local").is_duplicated())
    problems = [
        Problem(rules[0].place, f"plan.{plan.id}.rule.origin", f"prefix {prefix or '*'} is in two origin zones")
        for prefix in twice["prefix"].unique(maintain_order=True)
    ]
    return items, problems


def class_items(call_class: CallClass) -> pl.DataFrame:
    """An item for each prefix of a class of calls."""
    prefixes, local = call_class.prefixes, call_class.local
    rows = pl.DataFrame(
        {"prefix": [*prefixes, *local], "local": [False] * len(prefixes) + [True] * len(local)},
        schema={"prefix": pl.String, "local": pl.Boolean},
    ).with_columns(
        pl.lit("").alias("zone"),
        pl.lit(EVER_FROM, pl.Int64).alias("valid_from"),
        pl.lit(EVER_TO, pl.Int64).alias("valid_to"),
    )
    return _items(rows, NONE).sort("prefix")


def _items(rows: pl.DataFrame, rate: int) -> pl.DataFrame:
    constants = {"rank": 0, "band": ANY, "rate": rate, "rule": NONE, "tax": NONE}
    return rows.with_columns(pl.lit(value, pl.Int64).alias(name) for name, value in constants.items()).select(
        list(ITEM_SCHEMA)
    )
