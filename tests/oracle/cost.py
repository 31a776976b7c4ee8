"""What one leg of an event costs: its usage laid out in increments, summed exactly, limited and rounded once.

Enters: an event, the calendar of its plan, and the rate of every band. Leaves: billed usage, amount and note.
Always holds: amounts are fractions; an amount that DECIMAL(18, 9) cannot hold sets the event aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby, pairwise
from math import ceil, floor

from tests.oracle.civil import Calendar
from tests.oracle.folder import Rate, Rounding, Step
from tests.oracle.words import Aside, Event

LIMIT = 10**9
USAGE_LIMIT = 2**53
RateOf = Callable[[str | None], Rate]


@dataclass(frozen=True)
class Remainder:
    """What allowances leave to charge: all but ``free``, with steps from 0 or not; or the fee alone.

    Where steps are tiers: the counter that ``begins`` the event, or the one of the ``last`` unit.
    """

    free: int = 0
    restarts: bool = False
    fee: bool = False
    begins: int | None = None
    last: int | None = None

    def tiers(self) -> Remainder:
        """The same tiers of usage of which nothing is free."""
        return Remainder(begins=self.begins, last=self.last)


NOTHING_FREE = Remainder()


@dataclass(frozen=True)
class Segment:
    """Usage from ``begin`` to ``end`` in one band (None: beyond the calendar)."""

    begin: int
    end: int
    band: str | None


@dataclass(frozen=True)
class Run:
    """Increments of one step laid end to end."""

    segment: int
    step: Step
    minimum: bool
    length: int
    count: int


def sum_up(
    event: Event,
    second: int,
    band: str,
    calendar: Calendar,
    rate_in: RateOf,
    remainder: Remainder = NOTHING_FREE,
) -> tuple[int, Fraction, str]:
    """(billed usage, amount, note) of an event, but for what is free of it."""
    rate = rate_in(band)
    if event.usage == 0:
        return 0, Fraction(0), "zero_usage"
    if event.usage >= USAGE_LIMIT:
        raise Aside("amount_overflow")
    if remainder.free >= event.usage:
        return 0, rate.setup_fee if remainder.fee else Fraction(0), "allowance"
    boundary = rate.boundary if event.unit == "s" else "start"
    if boundary == "end":
        rate = rate_in(calendar.band(second + event.usage - 1))
    if event.usage < rate.free_under:
        return 0, Fraction(0), "free_under"
    if boundary == "end":
        band = str(calendar.band(second + event.usage - 1))
    segments = [Segment(0, event.usage, band)]
    if boundary in ("carry", "cut"):
        segments = list(segmented(second, event.usage, calendar))
    segments = [replace(each, begin=max(each.begin, remainder.free)) for each in segments if each.end > remainder.free]
    runs = list(laid(rate, segments, rate_in, remainder=remainder))
    amount = rate.setup_fee + total(rate, runs)
    if amount >= LIMIT:
        raise Aside("amount_overflow")
    return sum(run.length * run.count for run in runs), *limited(rate, amount)


def segmented(second: int, usage: int, calendar: Calendar) -> Iterator[Segment]:
    """The usage, parted where the band changes; bands change at whole minutes only."""
    minutes = range((second // 60 + 1) * 60, second + usage, 60)
    bands = [(0, calendar.band(second)), *((minute - second, calendar.band(minute)) for minute in minutes)]
    changes = [bands[0], *(after for before, after in pairwise(bands) if before[1] != after[1]), (usage, None)]
    for (begin, band), (end, _) in pairwise(changes):
        yield Segment(begin, end, band)


def laid(
    rate: Rate,
    segments: list[Segment],
    rate_in: RateOf,
    *,
    leap: bool = True,
    remainder: Remainder = NOTHING_FREE,
) -> Iterator[Run]:
    """The increments of the usage; ``leap`` counts those of one step at once, else they are laid one by one."""
    if rate.boundary == "cut":
        for number, part in enumerate(segments):
            yield from cover(rate, [(number, part)], rate_in, remainder, leap=leap)
    else:
        yield from cover(rate, list(enumerate(segments)), rate_in, remainder, leap=leap)


def cover(
    rate: Rate, segments: list[tuple[int, Segment]], rate_in: RateOf, remainder: Remainder, *, leap: bool
) -> Iterator[Run]:
    """Increments laid from the first segment's beginning until they cover the last one."""
    at, usage = segments[0][1].begin, segments[-1][1].end
    entered, inside = at, segments[0][0]
    while at < usage:
        number, segment = next((n, s) for n, s in segments if at < s.end)
        if number != inside:
            entered, inside = at, number
        steps = (rate_in(segment.band) if segment.begin else rate).steps
        counted = remainder.free if remainder.restarts else 0
        counter = at - (entered if rate.step_counter == "isolated" else counted)
        if remainder.begins is not None:
            counter = remainder.begins + at
        if remainder.last is not None:
            steps, counter = ([each for each in steps if each.start <= max(remainder.last, 0)][-1],), at
        step = [steps[0], *(each for each in steps[1:] if each.start <= counter)][-1]
        if at == counted == remainder.free and rate.minimum:
            run = Run(number, step, minimum=True, length=rate.minimum, count=1)
        else:
            starts = [at + each.start - counter for each in steps[1:] if each.start > counter]
            stop = min([segment.end, *starts])
            run = Run(number, step, False, step.increment, ceil(Fraction(stop - at, step.increment)) if leap else 1)
        yield run
        at += run.length * run.count


def total(rate: Rate, runs: list[Run]) -> Fraction:
    """The sum of all increments, rounded before it is added where the rate says so."""
    if rate.stage == "increment":
        return sum((rounded(run.step.price * run.length, rate) * run.count for run in runs), Fraction(0))
    sums = [
        sum((run.step.price * run.length * run.count for run in same), Fraction(0))
        for _, same in groupby(runs, lambda run: (run.segment, run.step, run.minimum))
    ]
    return sum((rounded(each, rate) if rate.stage == "step" else each for each in sums), Fraction(0))


def limited(rate: Rate, amount: Fraction) -> tuple[Fraction, str]:
    """The amount within its limits, rounded, and the limit that it met."""
    note = ""
    if rate.min_charge is not None and amount < rate.min_charge:
        amount, note = rate.min_charge, "min_charge"
    if rate.max_charge is not None and amount > rate.max_charge:
        amount, note = rate.max_charge, "max_charge"
    amount = rounded(amount, rate)
    if amount >= LIMIT:
        raise Aside("amount_overflow")
    return amount, note


def rounded(amount: Fraction, rate: Rate | Rounding) -> Fraction:
    """``amount`` (never below zero) at the rate's scale, by its mode."""
    scaled = amount * 10**rate.scale
    whole = floor(scaled)
    rest = scaled - whole
    half = Fraction(1, 2)
    up = {
        "down": False,
        "up": rest > 0,
        "half_up": rest >= half,
        "half_even": rest > half or (rest == half and whole % 2 == 1),
    }[rate.mode]
    return Fraction(whole + up, 10**rate.scale)


def text(amount: Fraction) -> str:
    """``amount`` with its nine decimals."""
    nano = abs(int(amount * LIMIT))
    return f"{'-' * (amount < 0)}{nano // LIMIT}.{nano % LIMIT:09}"
