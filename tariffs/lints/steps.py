"""Rate steps that price nothing.

Enters: a tariff. Leaves: lints of code ``unreachable``. Always holds: judged by the rate's own increments; with
``cut`` or isolated counters a change of band may lead anywhere, so such rates are judged by their limits alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tariffs.model import EVER_TO, Problem, Rate, Step, Tariff


def unreachable_steps(tariff: Tariff) -> Iterator[Problem]:
    """Steps in which no increment begins, or that begin when ``max_charge`` is already reached."""
    for rate in tariff.rates.values():
        for number, why in _unreachable(rate):
            key = f"rate.{rate.id}.steps.{number}"
            yield Problem(rate.place, key, f"never applies: {why}", lint=True, code="unreachable")


def _unreachable(rate: Rate) -> Iterator[tuple[int, str]]:
    own_increments = rate.boundary != "cut" and rate.step_counter == "consecutive"
    begins = 0  # where the next increment begins
    spent = Spent(rate.setup_fee)
    for number, (step, after) in enumerate(pairwise([*rate.steps, None])):
        assert step is not None  # noqa: S101 (only the last is none)
        until = after.start if after else EVER_TO
        if number and rate.max_charge is not None and spent.reaches(rate.max_charge):
            yield number, "max_charge is reached before it begins"
        elif own_increments and begins >= until:
            yield number, f"no increment begins from {step.start} to {until}, {begins} is the next"
        if begins < until:
            begins = _after(step, begins, until, 0 if number else rate.minimum)
        spent.add(step, until)


def _after(step: Step, begins: int, until: int, minimum: int) -> int:
    """Where the first increment begins that ``step``, from ``begins`` on, leaves to the next one."""
    if minimum:
        begins += minimum
    missing = max(0, until - begins)
    return begins + -(-missing // step.increment) * step.increment


class Spent:
    """What usage up to a step costs at least, exactly."""

    def __init__(self, setup_fee: int) -> None:
        self.amount, self.per = setup_fee, 1

    def add(self, step: Step, until: int) -> None:
        """Add the usage of ``step`` up to ``until``."""
        units = until - step.start
        self.amount, self.per = self.amount * step.per + units * step.price * self.per, self.per * step.per

    def reaches(self, limit: int) -> bool:
        """Whether it is at least ``limit`` nano."""
        return self.amount >= limit * self.per
