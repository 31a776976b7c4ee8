"""Why a leg of an event costs what it costs: the pricing half of explain.

Enters: a usage row (as a dict of the field table's names) and the catalogue that priced it. Leaves: a tree
of ``Node``s, as text or as plain dicts. Always holds: the figures come from the kernels that price, which
write down each run of increments as they go; the amount told is the amount charged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final

import numpy as np
import pyarrow as pa

from mediation.reasons import REASONS
from rating.destinations import longest_prefixes
from rating.direct import guide_events
from rating.explain_guide import failure, guiding
from rating.guide import LEGS, Guided
from rating.hypothetical import Event, usage_batch
from rating.kernels import (
    RUN_BAND,
    RUN_COLUMNS,
    RUN_COUNT,
    RUN_FROM,
    RUN_RATE,
    RUN_STEP,
    RUN_UNITS,
    band_change,
)
from rating.legs import NOTHING_FREE, Free, Legs, price_all
from rating.rules import NOTES
from rating.story import EPOCH, Node, instant, money, period
from tariffs import catalogue as layout
from tariffs.catalogue import NONE, Catalogue, Ints
from tariffs.model import BOUNDARIES, COUNTERS, MODES, NANO, OTHER_CLASS, STAGES
from tariffs.prefixes import END, FIRST, SHORTER

__all__ = ["Node", "explain_charge", "explain_event"]

RUNS_SHOWN: Final = 1_000


def explain_charge(
    usage_row: Mapping[str, object], catalogue: Catalogue, leg: str = "retail", free: Free = NOTHING_FREE
) -> Node:
    """The story of one leg of a usage event; it ends with the amount, or with the reason why there is none."""
    return explain_event(event_of(usage_row), catalogue, leg, free)


def explain_event(event: Event, catalogue: Catalogue, leg: str, free: Free = NOTHING_FREE) -> Node:
    """The same for a hypothetical event, guided by the plan that it names or by its keys; ``free`` is of it alone."""
    usage = usage_batch([event])
    guided, astray = guide_events(usage, [event], catalogue)
    title = f"{leg} charge"
    who = guiding(event, leg, catalogue)
    if astray.num_rows:
        return Node(title, failure(astray), (who,))
    only = np.where(np.arange(len(guided.versions))[:, None] == LEGS.index(leg), guided.versions, NONE).astype(np.int32)
    if only.max() == NONE:
        return Node(title, "does not apply", (who,))
    runs = np.full((RUNS_SHOWN, RUN_COLUMNS), NONE, np.int64)
    legs = price_all(Guided(usage, guided.accounts, only), catalogue, runs, lambda *_: free)
    prefixes = _prefixes(event, usage, legs, catalogue)
    if legs.reason[0]:
        reason = REASONS[legs.reason[0] - 1]
        return Node(title, f"{reason.code}: {reason.meaning}", (who, prefixes))
    charged = f"{money(int(legs.prices.amount[0]))} {_currency(legs, catalogue)}"
    if event.usage_offset:
        return Node(title, charged, (who, *_partial(event, catalogue, leg, free)))
    told = runs[runs[:, RUN_UNITS] > 0]
    parts = (who, prefixes, _rule(event, legs, catalogue), _quantity(event, legs, told, catalogue))
    beside = tuple(_beside(legs, catalogue))
    return Node(title, charged, (*parts, *beside, _amount(legs, told, catalogue)))


def _partial(event: Event, catalogue: Catalogue, leg: str, free: Free) -> Iterator[Node]:
    """A partial costs what its session costs up to its end, less what it costs up to where it is charged from."""
    before, after = event.usage_offset + int(free.units.sum()), event.usage_offset + event.usage
    yield Node("partial", f"the session up to {after} {event.unit} less the session up to {before} {event.unit}")
    for usage in (after, before):
        part = explain_event(replace(event, usage=usage, usage_offset=0), catalogue, leg, free.tiers())
        yield Node(f"session up to {usage} {event.unit}", part.value, part.children)


def event_of(row: Mapping[str, object]) -> Event:
    """The event of a usage row."""
    texts: dict[str, Any] = {
        name: str(row.get(name) or "")
        for name in ("service", "unit", "a_number", "b_number", "direction", "imsi", "trunk_in", "trunk_out")
    }
    start = row.get("session_start_utc") or row["start_utc"]
    assert isinstance(start, datetime)  # noqa: S101 (the field table's type)
    return Event(
        id=str(row.get("event_id", "")),
        usage=int(str(row["usage"])),
        usage_offset=int(str(row.get("usage_offset") or 0)),
        start_us=(start - EPOCH) // timedelta(microseconds=1),
        account=str(row.get("account_key") or ""),
        **texts,
    )


def _prefixes(event: Event, usage: pa.RecordBatch, legs: Legs, catalogue: Catalogue) -> Node:
    """Every prefix of the B-number that the plan knows, the longest first, and why each lost."""
    label = f"destination of {event.b_number or 'no number'}"
    if legs.reason[0] and legs.cell[0] == NONE:
        return Node(label, "the plan has no rule for this service and direction")
    place = longest_prefixes(usage, "b_number", legs.row, legs.cell, catalogue.cells, catalogue)[0]
    found, won = [], False
    while place != NONE:
        first, end, place = catalogue.destinations[place, [FIRST, END, SHORTER]]
        for item in catalogue.items[first:end]:
            exists = item[layout.ITEM_FROM] <= event.start_us < item[layout.ITEM_TO]
            verdict = _verdict(bool(exists), won, int(item[layout.ITEM_BAND]), legs, catalogue)
            zone = catalogue.name("zone", int(item[layout.ITEM_ZONE]))
            prefix = catalogue.name("prefix", int(item[layout.ITEM_PREFIX]))
            when = period(int(item[layout.ITEM_FROM]), int(item[layout.ITEM_TO]))
            found.append(Node(f"prefix {prefix}", f"{zone}, {when}: {verdict}"))
        won = won or any(
            item[layout.ITEM_FROM] <= event.start_us < item[layout.ITEM_TO] for item in catalogue.items[first:end]
        )
    return Node(label, "" if found else "no prefix of the plan matches", tuple(found))


def _verdict(exists: bool, won: bool, band: int, legs: Legs, catalogue: Catalogue) -> str:
    if won:
        return "lost: shorter"
    if not exists:
        return "lost: not in force at the start"
    if band not in (layout.ANY, int(legs.band[0])) and not legs.reason[0]:
        return f"longest, in band {catalogue.name('band', band)}"
    return "longest"


def _rule(event: Event, legs: Legs, catalogue: Catalogue) -> Node:
    item = catalogue.items[legs.item[0]]
    calendar = int(catalogue.cells[legs.cell[0], layout.CELL_CALENDAR])
    first, end = (int(place) for place in catalogue.calendar_changes[calendar : calendar + 2])
    change = band_change(catalogue.instants, first, end, event.start_us // 1_000_000)
    since = instant(int(catalogue.instants[change]) * 1_000_000) if change > first else "ever"
    until = instant(int(catalogue.instants[change + 1]) * 1_000_000) if change + 1 < end else "ever"
    band = Node("band at the start", f"{catalogue.name('band', int(legs.band[0]))} (from {since} to {until})")
    return Node("rule", catalogue.name("rule", int(item[layout.ITEM_RULE])), (*_call(event, legs, catalogue), band))


def _call(event: Event, legs: Legs, catalogue: Catalogue) -> Iterator[Node]:
    """Origin and class, where some rule of the tariff turns on them."""
    if not len(catalogue.variants):
        return
    origin = int(legs.origin[0])
    zone, prefix = (
        catalogue.name(table, int(catalogue.items[origin, column])) if origin != NONE else ""
        for table, column in (("zone", layout.ITEM_ZONE), ("prefix", layout.ITEM_PREFIX))
    )
    yield Node("origin", f"{event.a_number}: {f'zone {zone} by {prefix}' if zone else 'no zone that the rules name'}")
    yield Node("class", catalogue.name("class", int(legs.call_class[0]) - 1) or OTHER_CLASS)


def _quantity(event: Event, legs: Legs, runs: Ints, catalogue: Catalogue) -> Node:
    """The runs of increments, each with its exact price."""
    shown = tuple(_run(row, catalogue) for row in runs)
    note = NOTES[legs.note[0]]
    because = f" ({note})" if note in {"zero_usage", "free_under", "allowance"} else ""
    return Node("quantity", f"usage {event.usage} {event.unit}, billed {int(legs.prices.billed[0])}{because}", shown)


def _run(row: Ints, catalogue: Catalogue) -> Node:
    step = catalogue.steps[row[RUN_STEP]]
    count, units = int(row[RUN_COUNT]), int(row[RUN_UNITS])
    price, per = int(step[layout.STEP_SHOWN_PRICE]), int(step[layout.STEP_SHOWN_PER])
    exact = Fraction(price * units, per * NANO)
    rate = catalogue.name("rate", int(catalogue.rates[row[RUN_RATE], layout.RATE_NAME]))
    label = f"from {int(row[RUN_FROM])}, band {catalogue.name('band', int(row[RUN_BAND]))}, rate {rate}"
    return Node(label, f"{count} x {units // count} = {units} units x {money(price)} / {per} = {exact}")


def _amount(legs: Legs, runs: Ints, catalogue: Catalogue) -> Node:
    """From the exact sum to the amount: fee, limits, rounding."""
    rate = catalogue.rates[_terms(legs, runs, catalogue)]
    fee = int(rate[layout.RATE_SETUP]) if len(runs) or legs.prices.amount[0] else 0
    steps = catalogue.steps[runs[:, RUN_STEP]]
    exact = sum(
        (
            Fraction(int(units) * int(step[layout.STEP_SHOWN_PRICE]), int(step[layout.STEP_SHOWN_PER]))
            for units, step in zip(runs[:, RUN_UNITS], steps, strict=True)
        ),
        Fraction(fee),
    )
    stage, mode = STAGES[rate[layout.RATE_STAGE]], MODES[rate[layout.RATE_MODE]]
    unit = int(rate[layout.RATE_UNIT])
    terms = f"boundary {BOUNDARIES[rate[layout.RATE_BOUNDARY]]}, step counter {COUNTERS[rate[layout.RATE_COUNTER]]}"
    limits = [f"{name} {money(int(rate[at]))}" for name, at in _LIMITS if rate[at] != NONE]
    told = (
        Node("rate", f"{catalogue.name('rate', int(rate[layout.RATE_NAME]))}: {terms}"),
        Node("setup fee", money(fee)),
        Node("exact sum", f"{exact / NANO} (before rounding)"),
        Node("limits", ", ".join(limits) or "none"),
        Node("rounding", f"{mode} to {money(unit)} at stage {stage}"),
        Node("note", NOTES[legs.note[0]] or "none"),
    )
    return Node("amount", f"{money(int(legs.prices.amount[0]))} {_currency(legs, catalogue)}", told)


def _beside(legs: Legs, catalogue: Catalogue) -> Iterator[Node]:
    """The tax, and the amount in the currency of the bill."""
    row = int(catalogue.items[legs.item[0], layout.ITEM_TAX])
    if row != NONE:
        numerator, per, unit, mode, inclusive = (int(value) for value in catalogue.taxes[row, :5])
        amount, tax = int(legs.prices.amount[0]), int(legs.prices.tax[0])
        price = amount + tax if inclusive else amount
        how = f"{'held in' if inclusive else 'added to'} the price {money(price)}"
        exact = Fraction(price * numerator, per * NANO)
        steps = (Node("exact", f"{Fraction(numerator, per)} of it = {exact}"), _rounding(unit, mode))
        yield Node("tax", f"{catalogue.name('tax', row)} {money(tax)}, {how}", steps)
    row = int(legs.conversion[0]) if len(catalogue.bills) else NONE
    if row != NONE:
        rate, date, source = (int(v) for v in catalogue.conversions[row, layout.CONVERSION_RATE :][:3])
        bill = catalogue.bills[catalogue.cells[legs.cell[0], layout.CELL_BILL]]
        currency = catalogue.name("currency", int(bill[layout.BILL_CURRENCY]))
        where = Node("rate", f"{money(rate)} from {catalogue.name('date', date)} ({catalogue.name('source', source)})")
        steps = (where, _rounding(int(bill[layout.BILL_UNIT]), int(bill[layout.BILL_MODE])))
        yield Node("on the bill", f"{money(int(legs.prices.converted[0]))} {currency}", steps)


def _rounding(unit: int, mode: int) -> Node:
    return Node("rounding", f"{MODES[mode]} to {money(unit)}")


_LIMITS: Final = (("min_charge", layout.RATE_MIN), ("max_charge", layout.RATE_MAX))


def _terms(legs: Legs, runs: Ints, catalogue: Catalogue) -> int:
    """The rate whose fees, limits and rounding held: that of the first run, else of the item at the start."""
    return int(runs[0, RUN_RATE]) if len(runs) else int(catalogue.items[legs.item[0], layout.ITEM_RATE])


def _currency(legs: Legs, catalogue: Catalogue) -> str:
    return catalogue.name("currency", int(catalogue.cells[legs.cell[0], layout.CELL_CURRENCY]))
