"""Why a leg of an event costs what it costs: the pricing half of explain.

Enters: a usage row (as a dict of the field table's names) and the catalogue that priced it. Leaves: a tree
of ``Node``s, as text or as plain dicts. Always holds: the figures come from the kernels that price, which
write down each run of increments as they go; the amount told is the amount charged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

import numpy as np
import pyarrow as pa

from mediation.reasons import BY_CODE, REASONS
from rating.columns import text_buffers
from rating.guide import LEGS, Guided, guide
from rating.guide_kernels import EXPIRED, NO_KEY, find_subscriptions, find_versions, number_keys
from rating.hypothetical import Event, usage_batch
from rating.kernels import (
    RUN_BAND,
    RUN_COLUMNS,
    RUN_COUNT,
    RUN_FROM,
    RUN_STEP,
    RUN_UNITS,
    band_change,
)
from rating.price import Legs, price_all
from rating.rules import NOTES
from tariffs import catalogue as layout
from tariffs.catalogue import NONE, Catalogue, Ints
from tariffs.model import BOUNDARIES, COUNTERS, EVER_FROM, EVER_TO, MODES, NANO, STAGES
from tariffs.prefixes import END, FIRST

RUNS_SHOWN: Final = 1_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Node:
    """One fact of the story, and what it rests on."""

    label: str
    value: str = ""
    children: tuple[Node, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """The tree as plain values, for JSON."""
        return {"label": self.label, "value": self.value, "children": [child.as_dict() for child in self.children]}

    def lines(self, depth: int = 0) -> Iterator[str]:
        """The tree as indented lines of text."""
        yield f"{'  ' * depth}{self.label}{': ' if self.value else ''}{self.value}"
        for child in self.children:
            yield from child.lines(depth + 1)


def explain_charge(usage_row: Mapping[str, object], catalogue: Catalogue, leg: str = "retail") -> Node:
    """The story of one leg of a usage event; it ends with the amount, or with the reason why there is none."""
    return explain_event(_event(usage_row), catalogue, leg)


def explain_event(event: Event, catalogue: Catalogue, leg: str) -> Node:
    """The same for a hypothetical event, guided by its keys."""
    usage = usage_batch([event])
    guided, astray = guide(usage, catalogue)
    title = f"{leg} charge"
    guiding = _guiding(event, leg, catalogue)
    if astray.num_rows:
        return Node(title, _failed(astray), (guiding,))
    only = np.where(np.arange(len(LEGS))[:, None] == LEGS.index(leg), guided.versions, NONE).astype(np.int32)
    if only.max() == NONE:
        return Node(title, "does not apply", (guiding,))
    runs = np.full((RUNS_SHOWN, RUN_COLUMNS), NONE, np.int64)
    legs = price_all(Guided(usage, guided.accounts, only), catalogue, runs)
    prefixes = _prefixes(event, legs, catalogue)
    if legs.reason[0]:
        reason = REASONS[legs.reason[0] - 1]
        return Node(title, f"{reason.code}: {reason.meaning}", (guiding, prefixes))
    told = runs[runs[:, RUN_UNITS] > 0]
    parts = (guiding, prefixes, _rule(event, legs, catalogue), _quantity(event, legs, told, catalogue))
    return Node(
        title, f"{_money(int(legs.amount[0]))} {_currency(legs, catalogue)}", (*parts, _amount(legs, told, catalogue))
    )


def _event(row: Mapping[str, object]) -> Event:
    texts = {
        name: str(row.get(name) or "")
        for name in ("service", "unit", "a_number", "b_number", "direction", "imsi", "trunk_in", "trunk_out")
    }
    start = row["start_utc"]
    assert isinstance(start, datetime)  # noqa: S101 (the field table's type)
    return Event(
        id=str(row.get("event_id", "")),
        usage=int(str(row["usage"])),
        start_us=(start - _EPOCH) // timedelta(microseconds=1),
        account=str(row.get("account_key") or ""),
        **texts,
    )


def _failed(rejected: pa.RecordBatch) -> str:
    row = rejected.to_pylist()[0]
    return f"{row['reason']}: {BY_CODE[row['reason']].meaning} ({row['field']} {row['value']})"


def _guiding(event: Event, leg: str, catalogue: Catalogue) -> Node:
    candidates = _retail(event, catalogue) if leg == "retail" else _wholesale(event, leg, catalogue)
    return Node("guiding", "who pays, and by which plan", tuple(candidates))


def _retail(event: Event, catalogue: Catalogue) -> Iterator[Node]:
    """Each key that could name the payer, in order, and why it did or did not."""
    served = {"originated": "a_number", "forwarded": "a_number", "terminated": "b_number"}.get(event.direction, "")
    kinds = ((served, "number"), ("imsi", "imsi"), ("account", "account"), ("trunk_in", "trunk"))
    found = False
    for column, kind in kinds:
        value = str(getattr(event, column)) if column else ""
        label = f"{column or 'served party'} {value}".strip()
        if found:
            yield Node(label, "not asked: found already")
            continue
        account, plan = _subscription(value, kind, event, catalogue)
        found = plan >= 0
        if not found:
            yield Node(label, "known, but no subscription is in force" if plan == EXPIRED else "no subscription")
            continue
        yield Node(label, f"account {catalogue.name('account', account)}", (_plan(plan, event, catalogue),))


def _subscription(value: str, kind: str, event: Event, catalogue: Catalogue) -> tuple[int, int]:
    """(account, plan) of the subscription to one key; the plan is EXPIRED or NONE where none is in force."""
    key = np.full(1, NO_KEY, np.int64)
    if kind in {"number", "imsi"}:
        number_keys(np.ones(1, np.bool_), *text_buffers(pa.array([value])), int(kind == "imsi"), key)
    elif (code := catalogue.codes["key_names"].get(f"{kind}:{value}")) is not None:
        key[0] = -1 - code
    account, plan = np.full((2, 1), NONE, np.int32)
    table = (catalogue.keys, catalogue.key_starts, int(catalogue.key_shift[0]))
    find_subscriptions(key, 0, np.array([event.start_us]), *table, account, plan, np.zeros(1, np.uint8))
    return int(account[0]), int(plan[0])


def _plan(plan: int, event: Event, catalogue: Catalogue) -> Node:
    found = np.zeros(1, np.int32)
    plans, start = np.array([plan], np.int32), np.array([event.start_us])
    find_versions(plans, start, catalogue.versions, catalogue.plan_versions, found)
    if found[0] < 0:
        return Node("plan", f"{catalogue.name('plan', plan) or 'none'}: no version in force")
    first, last = catalogue.versions[found[0], [layout.VERSION_FROM, layout.VERSION_TO]].tolist()
    return Node("plan", f"{catalogue.name('plan', plan)}, version in force {_period(first, last)}")


def _wholesale(event: Event, leg: str, catalogue: Catalogue) -> Iterator[Node]:
    into = leg == "wholesale_in"
    trunk = event.trunk_in if into else event.trunk_out
    code = catalogue.codes["trunk_names"].get(trunk, NONE)
    if code == NONE:
        yield Node(f"trunk {trunk}".strip(), "not listed" if trunk else "the event names none")
        return
    side, plan = (layout.TRUNK_IN, layout.TRUNK_PLAN_IN) if into else (layout.TRUNK_OUT, layout.TRUNK_PLAN_OUT)
    for row in catalogue.trunks[catalogue.trunk_rows[code] : catalogue.trunk_rows[code + 1]]:
        period = _period(int(row[layout.TRUNK_FROM]), int(row[layout.TRUNK_TO]))
        if not row[side] or not row[layout.TRUNK_FROM] <= event.start_us < row[layout.TRUNK_TO]:
            yield Node(f"trunk {trunk}", f"lost: for the other direction or not in force ({period})")
        elif row[layout.TRUNK_CARRIER] == NONE:
            yield Node(f"trunk {trunk}", "our own trunk: nobody pays")
        else:
            carrier = catalogue.name("account", int(row[layout.TRUNK_CARRIER]))
            yield Node(f"trunk {trunk}", f"carrier {carrier}", (_plan(int(row[plan]), event, catalogue),))


def _prefixes(event: Event, legs: Legs, catalogue: Catalogue) -> Node:
    """Every prefix of the B-number that the plan knows, the longest first, and why each lost."""
    label = f"destination of {event.b_number or 'no number'}"
    if legs.reason[0] and legs.cell[0] == NONE:
        return Node(label, "the plan has no rule for this service and direction")
    cell = catalogue.cells[legs.cell[0]]
    plus = event.b_number.startswith("+")
    nodes = _path(
        int(cell[layout.CELL_E164 if plus else layout.CELL_LOCAL]), event.b_number.removeprefix("+"), catalogue
    )
    found, won = [], False
    for first, end in reversed(nodes):
        for item in catalogue.items[first:end]:
            exists = item[layout.ITEM_FROM] <= event.start_us < item[layout.ITEM_TO]
            verdict = _verdict(bool(exists), won, int(item[layout.ITEM_BAND]), legs, catalogue)
            zone = catalogue.name("zone", int(item[layout.ITEM_ZONE]))
            prefix = catalogue.name("prefix", int(item[layout.ITEM_PREFIX]))
            period = _period(int(item[layout.ITEM_FROM]), int(item[layout.ITEM_TO]))
            found.append(Node(f"prefix {prefix}", f"{zone}, {period}: {verdict}"))
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


def _path(root: int, digits: str, catalogue: Catalogue) -> list[tuple[int, int]]:
    """The items of each node on the path of ``digits`` that has any."""
    node, found = root, []
    for digit in ["", *digits]:
        if digit and not digit.isdecimal():
            break
        node = int(catalogue.nodes[node, int(digit)]) if digit else root
        if node == 0:
            break
        if catalogue.nodes[node, END]:
            found.append((int(catalogue.nodes[node, FIRST]), int(catalogue.nodes[node, END])))
    return found


def _rule(event: Event, legs: Legs, catalogue: Catalogue) -> Node:
    item = catalogue.items[legs.item[0]]
    calendar = int(catalogue.cells[legs.cell[0], layout.CELL_CALENDAR])
    first, end = (int(place) for place in catalogue.calendar_changes[calendar : calendar + 2])
    change = band_change(catalogue.instants, first, end, event.start_us // 1_000_000)
    since = _instant(int(catalogue.instants[change]) * 1_000_000) if change > first else "ever"
    until = _instant(int(catalogue.instants[change + 1]) * 1_000_000) if change + 1 < end else "ever"
    band = Node("band at the start", f"{catalogue.name('band', int(legs.band[0]))} (from {since} to {until})")
    return Node("rule", catalogue.name("rule", int(item[layout.ITEM_RULE])), (band,))


def _quantity(event: Event, legs: Legs, runs: Ints, catalogue: Catalogue) -> Node:
    """The runs of increments, each with its exact price."""
    shown = tuple(_run(row, catalogue) for row in runs)
    note = NOTES[legs.note[0]]
    because = f" ({note})" if note in {"zero_usage", "free_under"} else ""
    return Node("quantity", f"usage {event.usage} {event.unit}, billed {int(legs.billed[0])}{because}", shown)


def _run(row: Ints, catalogue: Catalogue) -> Node:
    step = catalogue.steps[row[RUN_STEP]]
    count, units = int(row[RUN_COUNT]), int(row[RUN_UNITS])
    price, per = int(step[layout.STEP_SHOWN_PRICE]), int(step[layout.STEP_SHOWN_PER])
    exact = Fraction(price * units, per * NANO)
    label = f"from {int(row[RUN_FROM])}, band {catalogue.name('band', int(row[RUN_BAND]))}"
    return Node(label, f"{count} x {units // count} = {units} units x {_money(price)} / {per} = {exact}")


def _amount(legs: Legs, runs: Ints, catalogue: Catalogue) -> Node:
    """From the exact sum to the amount: fee, limits, rounding."""
    rate = catalogue.rates[_terms(legs, runs, catalogue)]
    fee = int(rate[layout.RATE_SETUP]) if len(runs) else 0
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
    limits = [f"{name} {_money(int(rate[at]))}" for name, at in _LIMITS if rate[at] != NONE]
    told = (
        Node("rate", f"{catalogue.name('rate', int(rate[layout.RATE_NAME]))}: {terms}"),
        Node("setup fee", _money(fee)),
        Node("exact sum", f"{exact / NANO} (before rounding)"),
        Node("limits", ", ".join(limits) or "none"),
        Node("rounding", f"{mode} to {_money(unit)} at stage {stage}"),
        Node("note", NOTES[legs.note[0]] or "none"),
    )
    return Node("amount", f"{_money(int(legs.amount[0]))} {_currency(legs, catalogue)}", told)


_LIMITS: Final = (("min_charge", layout.RATE_MIN), ("max_charge", layout.RATE_MAX))


def _terms(legs: Legs, runs: Ints, catalogue: Catalogue) -> int:
    """The rate whose fees, limits and rounding held: that of the first run, else of the item at the start."""
    return int(runs[0, 1]) if len(runs) else int(catalogue.items[legs.item[0], layout.ITEM_RATE])


def _currency(legs: Legs, catalogue: Catalogue) -> str:
    return catalogue.name("currency", int(catalogue.cells[legs.cell[0], layout.CELL_CURRENCY]))


def _money(nano: int) -> str:
    whole, part = divmod(nano, NANO)
    return f"{whole}.{part:09d}"


def _instant(micros: int) -> str:
    return (_EPOCH + timedelta(microseconds=micros)).isoformat(sep=" ")


def _period(first: int, last: int) -> str:
    if first <= EVER_FROM and last >= EVER_TO:
        return "always"
    since = "ever" if first <= EVER_FROM else _instant(first)
    return f"from {since} to {'ever' if last >= EVER_TO else _instant(last)}"
