"""A second program for alerts: plain Python over events in the order of their arrival, from docs/alerts.md alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rating.alerts.rule import Rule

DAY_S = 86_400


class Event(NamedTuple):
    """A rated call; ``at_s`` since the epoch."""

    source: str
    record_no: int
    at_s: int
    duration_s: int
    account: str
    b_number: str
    amount: Decimal
    currency: str = "GBP"


class Alert(NamedTuple):
    """An alert, without its id."""

    name: str
    scope: str
    subject: str
    window: str
    threshold: Decimal
    measured: Decimal
    at_s: int
    record_no: int


def window_of(rule: Rule, at_s: int) -> str:
    if rule.window.length_us:
        length_s = rule.window.length_us // 1_000_000
        return str(at_s // length_s * length_s)
    local: date = datetime.fromtimestamp(at_s, UTC).astimezone(ZoneInfo(rule.window.zone)).date()
    return str(local) if rule.window.civil == "day" else str(local)[:7]


@dataclass
class Oracle:
    """All that arrived, and every alert there was."""

    rules: tuple[Rule, ...]
    scope_of: dict[str, str]
    arrived: list[Event] = field(default_factory=list)
    alerts: dict[tuple[str, str, str, str, Decimal], Alert] = field(default_factory=dict)

    def arrive(self, event: Event) -> None:
        self.arrived.append(event)
        for rule in self.rules:
            if self.counts(rule, event):
                (self.level if rule.is_level else self.total)(rule, event)

    def counts(self, rule: Rule, event: Event) -> bool:
        begins = dict(rule.where).get("b_number", ("",))
        fits = rule.longest_s is None or event.duration_s <= rule.longest_s
        paid = rule.measure != "spend" or event.currency == rule.currency
        return fits and paid and event.b_number.startswith(begins) and event.duration_s >= rule.shortest_s

    def alike(self, rule: Rule, event: Event) -> list[Event]:
        """What arrived, of the same subject and partition."""
        subject, scope = getattr(event, rule.per), self.scope_of[event.source]
        return [
            e
            for e in self.arrived
            if getattr(e, rule.per) == subject and self.scope_of[e.source] == scope and self.counts(rule, e)
        ]

    def weight(self, rule: Rule, event: Event) -> Decimal:
        return {"spend": event.amount, "minutes": Decimal(event.duration_s)}.get(rule.measure, Decimal(1))

    def total(self, rule: Rule, event: Event) -> None:
        window = window_of(rule, event.at_s)
        total = sum(
            (self.weight(rule, e) for e in self.alike(rule, event) if window_of(rule, e.at_s) == window), Decimal(0)
        )
        self.tell(rule, event, window, total, event.at_s)

    def level(self, rule: Rule, event: Event) -> None:
        events = [e for e in self.alike(rule, event) if self.weight(rule, e) > 0]
        for instant in sorted({e.at_s for e in events if self.ends_s(rule, e) > e.at_s}):
            there = (self.weight(rule, e) for e in events if e.at_s <= instant < self.ends_s(rule, e))
            self.tell(rule, event, window_of(rule, instant), sum(there, Decimal(0)), instant)

    def ends_s(self, rule: Rule, event: Event) -> int:
        if rule.measure == "simultaneous":
            return event.at_s + min(event.duration_s, DAY_S)
        return event.at_s + rule.window.length_us // 1_000_000

    def tell(self, rule: Rule, event: Event, window: str, measured: Decimal, at_s: int) -> None:
        for threshold in map(rule.told, rule.thresholds):
            subject, scope = getattr(event, rule.per), self.scope_of[event.source]
            if measured >= threshold:
                alert = Alert(rule.name, scope, subject, window, threshold, measured, at_s, event.record_no)
                self.alerts.setdefault((rule.name, scope, subject, window, threshold), alert)
