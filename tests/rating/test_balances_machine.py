"""Balances as a state machine: grant, use, expire, roll over, share, crash, rate late what waited, close.

Whatever is done, the engine's charges and movements are those of the oracle's book, and what the lake holds is all
that there is to know. After a close they are those of a new book in which all events came in order, and of lots that
ended nothing is left.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from rating.balances.live import Balances
from rating.balances.restore import live_balances, reach
from rating.lake import MemoryLake
from rating.rerating.scope import CLOSE, Scope
from tariffs.catalogue import Catalogue
from tests.oracle import folder
from tests.oracle.allowances import Book, Lot, midnight, period, rollovers_of, zone
from tests.oracle.rating import charges
from tests.oracle.words import Event
from tests.rating.past import again, whole_file
from tests.rating.test_balances_oracle import left_by, rated, told_by, usage_of
from tests.tariff_folder import compiled

TARIFF = """
[calendar.uk]
zone = "Europe/London"
default = "day"
bands = { night = ["mon-sun 19:00-07:00"] }
[tax.vat]
percent = "20"
rounding = { scale = 2 }
[rate.voice]
currency = "GBP"
setup_fee = "0.03"
accumulator = "talked"
steps = [{ price = "0.10", per = 60, increment = 60 }, { from = 900, price = "0.04", per = 60, increment = 6 }]
[rate.data]
currency = "GBP"
price = "0.02"
per = 1000
boundary = "end"
[rate.sms]
currency = "GBP"
accumulator = "sent"
steps = [{ price = "0.20" }, { from = 5, price = "0.07" }]
[plan.p]
currency = "GBP"
calendar = "uk"
tax = "vat"
[[plan.p.rule]]
service = "voice"
rate = "voice"
[[plan.p.rule]]
service = "data"
rate = "data"
[[plan.p.rule]]
service = "sms"
rate = "sms"
[allowance.minutes]
plan = "p"
unit = "s"
amount = 600
increment = 60
proration = "down"
rollover = { limit = 200, periods = 2 }
[allowance.shared]
plan = "p"
unit = "byte"
amount = 50000
period = "week"
pool = true
member_cap = 30000
split = true
[allowance.credit]
plan = "p"
currency = "GBP"
amount = "1.50"
rollover = { limit = "0.40" }
[accumulator.talked]
plan = "p"
unit = "s"
count_free = false
[accumulator.sent]
plan = "p"
unit = "event"
period = "week"
pool = true
[accumulator.spent]
plan = "p"
currency = "GBP"
period = "week"
cap = "2.75"
"""
PEOPLE = """kind,key,account,plan,valid_from,pool
number,+441,ann,p,2024-02-01,fam
number,+442,ben,p,2024-03-16 12:00,fam
number,+443,eve,p,,
"""
BEGIN = int(datetime(2024, 3, 25, 18, tzinfo=UTC).timestamp())
USED = {"voice": ("s", 1500), "data": ("byte", 90_000), "sms": ("event", 4)}


@cache
def tariff() -> tuple[Catalogue, folder.Tariff]:
    """The tariff, for the engine and for the oracle."""
    made = Path(mkdtemp())
    catalogue = compiled(made, {"tariff.toml": TARIFF, "subscriptions.csv": PEOPLE})
    return catalogue, folder.read(made)


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, str, int, int, int]:
    """Who, the service, how much, seconds after the last call, and the session's usage before it."""
    service = draw(st.sampled_from(sorted(USED)))
    used = draw(st.integers(0, USED[service][1]))
    later = draw(st.sampled_from((0, 1, 3_000, 40_000, 400_000, 2_500_000)))
    offset = draw(st.sampled_from((0, 0, 0, 1, 700)))
    return draw(st.sampled_from(("+441", "+442", "+443"))), service, used, later, offset


class Machine(RuleBasedStateMachine):
    """Balances over a lake in memory, beside the oracle's book."""

    waiting = Bundle("waiting")

    @initialize()
    def begin(self) -> None:
        self.catalogue, self.tariff = tariff()
        self.lake, self.book, self.came = MemoryLake(), Book(self.tariff), list[Event]()
        self.now = BEGIN
        self.live = self.restored()

    def teardown(self) -> None:
        if hasattr(self, "lake"):
            self.lake.close()

    def restored(self) -> Balances:
        found = live_balances(self.lake, self.catalogue)
        assert found is not None
        return found

    def event(self, call: tuple[str, str, int, int, int]) -> Event:
        who, service, used, later, offset = call
        self.now += later
        start = self.now * 10**6
        return Event(service, "originated", USED[service][0], used, start, who, "+4479", usage_offset=offset)

    @rule(batch=st.lists(calls(), min_size=1, max_size=5))
    def use(self, batch: list[tuple[str, str, int, int, int]]) -> None:
        self.rate([self.event(call) for call in batch])

    @rule(target=waiting, call=calls())
    def set_aside(self, call: tuple[str, str, int, int, int]) -> Event:
        return self.event(call)

    @rule(event=waiting)
    def recycle(self, event: Event) -> None:
        self.rate([event])

    @rule(days=st.sampled_from((7, 31, 92)))
    def let_pass(self, days: int) -> None:
        self.now += int(timedelta(days=days).total_seconds())

    @rule(call=calls())
    def crash_before_the_commit(self, call: tuple[str, str, int, int, int]) -> None:
        rated([self.event(call)], self.catalogue, self.live.copy())
        self.live = self.restored()

    @rule()
    def crash(self) -> None:
        before, since = self.live.lots.digest(), self.live.since
        self.live = self.restored()
        assert self.live.lots.digest() == before or self.live.since > since  # it had read what is closed

    @rule()
    def close(self) -> None:
        again(self.lake, Scope(CLOSE, end_utc=datetime.fromtimestamp(self.now, UTC)))
        self.book = Book(self.tariff)
        for number in sorted(range(len(self.came)), key=lambda at: (self.came[at].start_us, at)):
            charges(self.tariff, self.came[number], self.book)
        self.book.over |= {lot for lot in self.book.left if end_us(self.tariff, lot) <= self.now * 10**6}
        self.live = self.restored()

    @invariant()
    def the_movements_are_the_book(self) -> None:
        if hasattr(self, "book"):
            assert left_by([self.lake.query("FROM balance_movement")]) == told_by(self.book)

    def rate(self, events: list[Event]) -> None:
        first = len(self.came)
        reach(self.live, self.lake, self.catalogue, usage_of(events))
        told, outcome = rated(events, self.catalogue, self.live, first)
        for number in sorted(range(len(events)), key=lambda at: (events[at].start_us, at)):
            assert told[number] == charges(self.tariff, events[number], self.book), events[number]
        self.came += events
        self.lake.commit(whole_file(outcome, self.catalogue, str(first)))


def end_us(tariff: folder.Tariff, lot: Lot) -> int:
    """When ``lot`` ends."""
    _, name, first, rolled = lot
    end = period(tariff, name, midnight(zone(tariff, name), first))[2]
    for _ in range(rollovers_of(tariff.allowances[name]) if rolled else 0):
        end = period(tariff, name, end)[2]
    return end


Machine.TestCase.settings = settings(
    max_examples=int(os.environ.get("TOLL_BALANCE_MACHINES", "8")),
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestMachine = Machine.TestCase
