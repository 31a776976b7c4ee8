"""Rates from TOML tables: steps, fees, limits, rounding.

Enters: a ``Table``. Leaves: a ``Rate``. Always holds: steps grow from 0, limits are whole at the rounding
scale; what is not is a problem of the table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tariffs.model import BOUNDARIES, COUNTERS, MODES, STAGES, TIERS, Rate, Rounding, Step
from tariffs.source import Table


@dataclass(frozen=True, slots=True)
class Pricing:
    """What one step says: price, unit, increment, and the minimum of the first."""

    step: Step
    minimum: int


def pricing(table: Table, start: int, per: int = 1) -> Pricing:
    """The keys ``price``, ``per``, ``increment`` and ``minimum`` of ``table``."""
    step = Step(start, table.money("price"), table.units("per", per, 1), table.units("increment", 1, 1))
    return Pricing(step, table.units("minimum", 0, 0))


def rate(table: Table, currency: str) -> Rate:
    """The rate that ``table`` describes, in ``currency``."""
    table.required("currency")
    steps = [pricing(below, below.units("from", 0, 0)) for below in _steps(table)] or [_only_step(table)]
    made = terms(table, currency, tuple(found.step for found in steps), steps[0].minimum)
    made = replace(made, accumulator=table.text("accumulator"), tiers=table.text("tiers", TIERS[0], TIERS))
    if "tiers" in table.content and not made.accumulator:
        table.problem("tiers", "belongs to a rate with an accumulator")
    if made.accumulator and made.step_counter == "isolated":
        table.problem("step_counter", "isolated steps do not count over an accumulator")
    return made


def _steps(table: Table) -> list[Table]:
    found = list(table.tables("steps"))
    starts: list[int] = []
    for below in found:
        below.required("price")
        start = below.units("from", 0, 0)
        if starts and start <= starts[-1]:
            below.problem("from", f"expected more than {starts[-1]}, not {start}")
        if not starts and start:
            below.problem("from", "the first step starts at 0")
        if starts and "minimum" in below.content:
            below.problem("minimum", "belongs to the first step")
        starts.append(start)
        below.used.update(("price", "per", "increment", "minimum"))
        below.done()
    return found


def _only_step(table: Table) -> Pricing:
    if "steps" not in table.content:
        table.required("price")
    return pricing(table, 0)


def terms(table: Table, currency: str, steps: tuple[Step, ...], minimum: int) -> Rate:
    """A rate of these steps with the fees, limits and rounding of ``table``."""
    made = Rate(
        id=str(table.path[-1]),
        currency=currency,
        steps=steps,
        minimum=minimum,
        setup_fee=table.money("setup_fee"),
        free_under=table.units("free_under", 0, 0),
        min_charge=table.limit("min_charge"),
        max_charge=table.limit("max_charge"),
        boundary=table.text("boundary", "carry", BOUNDARIES),
        step_counter=table.text("step_counter", "consecutive", COUNTERS),
        rounding=rounding(table.table("rounding"), STAGES),
        place=table.place,
    )
    for key in ("setup_fee", "min_charge", "max_charge"):
        if (getattr(made, key) or 0) % made.rounding.unit:
            table.problem(key, f"is not whole at the rounding scale {made.rounding.scale}")
    if made.max_charge is not None and (made.min_charge or 0) > made.max_charge:
        table.problem("min_charge", "is above max_charge")
    return made


def rounding(table: Table, stages: tuple[str, ...] = ("charge",)) -> Rounding:
    """How amounts are rounded, at one of the ``stages``."""
    made = Rounding(table.text("mode", "half_up", MODES), scale(table), table.text("stage", "charge", stages))
    table.done()
    return made


def scale(table: Table) -> int:
    """The decimals to which amounts are rounded: the key ``scale``, 9 without it."""
    decimals = table.units("scale", 9, 0)
    if decimals > 9:
        table.problem("scale", f"expected 0 to 9, not {decimals}")
        return 9
    return decimals
