"""Quotes: what hypothetical events would cost, by the code that prices real ones.

Enters: JSON lines (see rating/hypothetical.py). Leaves: one answer for each line, in order. Always holds: a
line that cannot be read or priced gives an answer with ``error``; nothing is guessed and nothing raises; no line
changes what another finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from rating.direct import guide_events
from rating.explain_price import explain_event
from rating.guide import LEGS
from rating.hypothetical import Event, parse_event, parse_object, usage_batch
from rating.price import Priced, price
from tariffs.catalogue import Catalogue

if TYPE_CHECKING:
    from rating.balances.quoted import Held

Answer = dict[str, object]

BLOCK: Final = 10_000
"""Lines priced together."""

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


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is no event."""

    id: object
    error: str


def quote_lines(
    catalogue: Catalogue, lines: Iterable[str], *, explain: bool = False, held: Held | None = None
) -> Iterator[Answer]:
    """An answer ``{"id", "charges", "error"}`` for each line; ``error`` is null or ``reason: detail``.

    With ``explain`` it has the story of every leg, too, as ``explanation``. With ``held`` each line, for itself,
    draws on balances; its ``balances`` tell what that takes.
    """
    rest = iter(lines)
    while block := list(islice(rest, BLOCK)):
        read = [_read(catalogue, line) for line in block]
        for one, answer in zip(read, _answers(catalogue, read, held), strict=True):
            yield answer | {"explanation": _explanation(catalogue, one, answer)} if explain else answer


def _explanation(catalogue: Catalogue, one: Event | Refused, answer: Answer) -> list[dict[str, object]]:
    """The story of each leg that was charged; of the leg that was asked for, where none was."""
    if isinstance(one, Refused):
        return []
    charges = answer["charges"]
    assert isinstance(charges, list)  # noqa: S101 (the form of an answer)
    return [explain_event(one, catalogue, leg).as_dict() for leg in [each["leg"] for each in charges] or [one.leg]]


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
    return event


def _answers(catalogue: Catalogue, read: list[Event | Refused], held: Held | None) -> list[Answer]:
    """Guided events and those that name their plan are priced apart, by the same code, then put in order."""
    answers: dict[int, Answer] = {
        place: {"id": one.id, "charges": [], "error": one.error}
        for place, one in enumerate(read)
        if isinstance(one, Refused)
    }
    events = [(place, one) for place, one in enumerate(read) if isinstance(one, Event)]
    for direct in (False, True):
        chosen = [(place, event) for place, event in events if bool(event.plan) == direct]
        found = _found(catalogue, [event for _, event in chosen], None if direct else held) if chosen else []
        answers.update(zip((place for place, _ in chosen), found, strict=True))
    return [answers[place] for place in range(len(read))]


def _found(catalogue: Catalogue, events: list[Event], held: Held | None) -> list[Answer]:
    if held is None:
        return priced_events(catalogue, events)
    return [_drawing(catalogue, event, held) for event in events]


def _drawing(catalogue: Catalogue, event: Event, held: Held) -> Answer:
    """The answer to ``event`` as if it came now, and what it would draw."""
    guided, astray = guide_events(usage_batch([event]), [event], catalogue)
    outcome = held.priced(guided, catalogue)
    (answer,) = _told([event], outcome.priced, (astray, outcome.rejected), (*SHOWN, "free_usage", "covered_amount"))
    lots = [
        {name: plain(value) if isinstance(value, Decimal) else value for name, value in lot.items()}
        for lot in held.touched(outcome.drawn, catalogue)
    ]
    return answer | {"balances": lots}


def priced_events(catalogue: Catalogue, events: list[Event]) -> list[Answer]:
    """The answers to ``events``, either all with a plan of their own or none."""
    usage = usage_batch(events)
    guided, astray = guide_events(usage, events, catalogue)
    priced, unpriced = price(guided, catalogue)
    return _told(events, priced, (astray, unpriced), SHOWN)


def _told(
    events: list[Event], priced: Priced, rejected: Iterable[pa.RecordBatch], shown: tuple[str, ...]
) -> list[Answer]:
    answers: list[Answer] = [{"id": event.id, "charges": [], "error": None} for event in events]
    for row in (row for part in rejected for row in part.to_pylist()):
        answers[row["record_no"] - 1]["error"] = f"{row['reason']}: {row['field']} {row['value']}".rstrip()
    for row in priced.charges.to_pylist():
        told = {name: plain(row[name]) if isinstance(row[name], Decimal) else row[name] for name in shown}
        charges = answers[int(row["event_id"])]["charges"]
        assert isinstance(charges, list)  # noqa: S101 (made so above)
        charges.append(told)
    return answers


def plain(amount: Decimal) -> str:
    """A decimal string without an exponent and without zeros at its end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
