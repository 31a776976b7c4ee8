"""Quotes: what hypothetical events would cost, by the code that prices real ones.

Enters: JSON lines (see rating/hypothetical.py). Leaves: one answer for each line, in order. Always holds: a
line that cannot be read or priced gives an answer with ``error``; nothing is guessed and nothing raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from typing import Final

import numpy as np
import pyarrow as pa

from mediation.reasons import CODE
from mediation.stage import Fault, split
from rating.columns import integers
from rating.guide import LEGS, Guided, guide
from rating.guide_kernels import find_versions
from rating.hypothetical import Event, parse_event, parse_object, usage_batch
from rating.price import price
from tariffs.catalogue import NONE, Catalogue

Answer = dict[str, object]

BLOCK: Final = 10_000
"""Lines priced together."""

ANY_SUBJECT: Final = "*any"
"""The subject that stands for all that have no subscription of their own."""

SHOWN: Final = (
    "leg",
    "amount",
    "currency",
    "billed_usage",
    "tax_amount",
    "tax_code",
    "converted_amount",
    "converted_currency",
    "zone",
    "prefix",
    "plan",
    "rate",
    "band",
    "note",
    "account",
)

AMOUNTS: Final = ("amount", "tax_amount", "converted_amount")


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is no event."""

    id: object
    error: str


def quote_lines(catalogue: Catalogue, lines: Iterable[str]) -> Iterator[Answer]:
    """An answer ``{"id", "charges", "error"}`` for each line; ``error`` is null or ``reason: detail``."""
    rest = iter(lines)
    while block := list(islice(rest, BLOCK)):
        yield from _answers(catalogue, [_read(catalogue, line) for line in block])


def _read(catalogue: Catalogue, line: str) -> Event | Refused:
    key: object = None
    try:
        said = parse_object(line)
        key = said.get("id")
        event = parse_event(said)
    except ValueError as error:
        return Refused(key, f"bad_event: {error}")
    if event.leg not in LEGS:
        return Refused(event.id, f"bad_event: leg: expected one of {', '.join(LEGS)}, not {event.leg!r}")
    if event.plan and event.plan not in catalogue.codes["plan_names"]:
        return Refused(event.id, f"no_plan: plan {event.plan}")
    return _subscribed(catalogue, event)


def _subscribed(catalogue: Catalogue, event: Event) -> Event:
    """The event, under ``tenant/category/*any`` where that is subscribed and its own subject is not."""
    known = catalogue.codes["key_names"]
    default = f"{event.account.rpartition('/')[0]}/{ANY_SUBJECT}"
    if f"account:{event.account}" in known or f"account:{default}" not in known:
        return event
    return replace(event, account=default)


def _answers(catalogue: Catalogue, read: list[Event | Refused]) -> list[Answer]:
    """Guided events and those that name their plan are priced apart, by the same code, then put in order."""
    answers: dict[int, Answer] = {
        place: {"id": one.id, "charges": [], "error": one.error}
        for place, one in enumerate(read)
        if isinstance(one, Refused)
    }
    events = [(place, one) for place, one in enumerate(read) if isinstance(one, Event)]
    for direct in (False, True):
        chosen = [(place, event) for place, event in events if bool(event.plan) == direct]
        found = priced_events(catalogue, [event for _, event in chosen]) if chosen else []
        answers.update(zip((place for place, _ in chosen), found, strict=True))
    return [answers[place] for place in range(len(read))]


def priced_events(catalogue: Catalogue, events: list[Event]) -> list[Answer]:
    """The answers to ``events``, either all with a plan of their own or none."""
    usage = usage_batch(events)
    guided, astray = _direct(usage, events, catalogue) if events[0].plan else guide(usage, catalogue)
    priced, unpriced = price(guided, catalogue)
    answers: list[Answer] = [{"id": event.id, "charges": [], "error": None} for event in events]
    for row in (*astray.to_pylist(), *unpriced.to_pylist()):
        answers[row["record_no"] - 1]["error"] = f"{row['reason']}: {row['field']} {row['value']}".rstrip()
    for row in priced.charges.to_pylist():
        shown = {name: row[name] for name in SHOWN} | {name: plain(row[name]) for name in AMOUNTS}
        charges = answers[int(row["event_id"])]["charges"]
        assert isinstance(charges, list)  # noqa: S101 (made so above)
        charges.append(shown)
    return answers


def _direct(usage: pa.RecordBatch, events: list[Event], catalogue: Catalogue) -> tuple[Guided, pa.RecordBatch]:
    """Events guided by the plan that they name."""
    versions = np.full((len(LEGS), len(events)), NONE, np.int32)
    found = np.zeros(len(events), np.int32)
    plans = np.array([catalogue.codes["plan_names"][event.plan] for event in events], np.int32)
    find_versions(plans, integers(usage["start_utc"]), catalogue.versions, catalogue.plan_versions, found)
    versions[[LEGS.index(event.leg) for event in events], np.arange(len(events))] = found
    reason = np.where(found >= 0, 0, CODE["no_plan"]).astype(np.uint8)
    accepted, rejected = split(usage, Fault(reason, lambda _: "plan", lambda row: events[row].plan))
    good = reason == 0
    nobody = np.full((len(LEGS), int(good.sum())), len(catalogue.account_names) - 1, np.int32)
    return Guided(accepted, nobody, versions[:, good]), rejected


def plain(amount: Decimal) -> str:
    """A decimal string without an exponent and without zeros at its end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
