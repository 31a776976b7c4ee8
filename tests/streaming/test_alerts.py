"""Alerts of the keeper equal the oracle's, whatever the batches, restarts, late events and recycles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mediation.stage import empty
from rating.alerts.alert_file import AlertError, read_rules
from rating.alerts.flows import scope_of
from rating.alerts.keeper import Alerts
from rating.alerts.rule import Rule
from rating.alerts.windows import Window
from rating.lake import Delta, Lake
from rating.lake.memory import MemoryLake
from rating.pipeline import Rated
from tests.rating.deltas import event_id, rows
from tests.streaming.alert_oracle import Alert, Event, Oracle, window_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE_US = 60_000_000
MARCH_S = 1_774_746_000  # 2026-03-29 01:00 UTC: London's clocks go forward
RULES = (
    Rule(
        "credit",
        "spend",
        "account",
        Window(0, "month", "Europe/London"),
        (2_000_000_000, 5_000_000_000),
        currency="GBP",
    ),
    Rule("daily", "minutes", "account", Window(0, "day", "Europe/London"), (90, 600), keep_us=MINUTE_US),
    Rule(
        "hot", "events", "account", Window(10 * MINUTE_US), (3,), sliding=True, where=(("b_number", ("+252", "+53")),)
    ),
    Rule("burst", "events", "b_number", Window(MINUTE_US), (2, 4), sliding=True, longest_s=5, keep_us=MINUTE_US),
    Rule("lines", "simultaneous", "account", Window(60 * MINUTE_US), (2, 3), keep_us=MINUTE_US),
    Rule("fast", "spend", "b_number", Window(5 * MINUTE_US), (1_500_000_000,), currency="GBP", sliding=True),
)


def rated(events: Sequence[Event]) -> Rated:
    """``events`` as a batch."""
    places = [
        {
            "event_id": event_id(f"{e.source}:{e.record_no}"),
            "source": e.source,
            "record_no": e.record_no,
            "start_utc": EPOCH + timedelta(seconds=e.at_s),
        }
        for e in events
    ]
    usage = [p | {"duration_s": e.duration_s, "b_number": e.b_number} for p, e in zip(places, events, strict=True)]
    legs = [
        {k: v for k, v in p.items() if k != "record_no"}
        | {"leg": leg, "kind": "charge", "account": account, "amount": e.amount, "currency": e.currency}
        for p, e in zip(places, events, strict=True)
        for leg, account in (("retail", e.account), ("wholesale_out", "carrier"))
    ]
    whole = rows("usage", usage).combine_chunks()
    batch = whole.to_batches()[0] if events else empty("usage")
    return Rated(batch, rows("charge", legs), pa.Table.from_batches([empty("rejected")]), len(events))


def commit(lake: Lake, keeper: Alerts, source: str, events: Sequence[Event]) -> None:
    """Land ``events`` of ``source`` as the service does."""
    batch, at = rated(events), lake.offset(source)
    moved = keeper.weigh(batch)
    again = keeper.weigh(batch)
    assert moved == again, "weighing moves nothing"
    delta = Delta(
        source=source,
        first_offset=at.next_offset,
        next_offset=at.next_offset + len(events),
        next_record_no=at.next_record_no + len(events),
        complete=False,
        records=len(events),
        usage=batch.usage,
        charges=batch.charges,
        small=moved,
    )
    lake.commit(delta)
    keeper.landed(moved)


def stored(lake: Lake, rules: Sequence[Rule]) -> list[Alert]:
    """The alerts of ``lake`` in the oracle's words."""
    by_name = {rule.name: rule for rule in rules}
    found = lake.query("SELECT *, epoch_us(window_start) AS w, epoch_us(reached_utc) AS r FROM alert").to_pylist()
    assert len({row["alert_id"] for row in found}) == len(found)
    return sorted(
        Alert(
            row["alert"],
            scope_of(row["source"]),
            row["subject"],
            window_of(by_name[row["alert"]], row["w"] // 1_000_000),
            row["threshold"],
            row["measured"],
            row["r"] // 1_000_000,
            row["record_no"],
        )
        for row in found
    )


PHASES = [Phase.explicit, Phase.generate]
STARTS = st.one_of(
    st.integers(MARCH_S - 600, MARCH_S + 600),
    st.integers(MARCH_S, MARCH_S + 2 * 86_400),
    st.sampled_from([MARCH_S - 40 * 86_400, 1_775_000_000, 2_000_000_000, MARCH_S + 3_600]),
)
EVENTS = st.builds(
    Event,
    source=st.just(""),
    record_no=st.just(0),
    at_s=STARTS,
    duration_s=st.sampled_from([0, 1, 5, 6, 60, 90, 3_600, 100_000]),
    account=st.sampled_from(["alice", "bob"]),
    b_number=st.sampled_from(["+25261", "+5377", "+44201"]),
    amount=st.sampled_from([Decimal(0), Decimal("0.999999999"), Decimal("1.000000001"), Decimal(2)]),
    currency=st.sampled_from(["GBP", "GBP", "EUR"]),
)
BATCHES = st.lists(
    st.tuples(st.sampled_from("001f"), st.booleans(), st.lists(EVENTS, min_size=1, max_size=12)), max_size=8
)
SOURCES = {"0": "kafka:raw/0", "1": "kafka:raw/1", "f": "file:abc"}


@settings(max_examples=12, deadline=None, phases=PHASES)
@given(BATCHES)
def test_the_alerts_are_the_oracles(batches: list[tuple[str, bool, list[Event]]]) -> None:
    oracle = Oracle(RULES, {source: scope_of(source) for source in SOURCES.values()})
    with MemoryLake() as lake:
        keeper, number = Alerts(lake, RULES), 0
        for name, restart, events in batches:
            if restart:
                keeper = Alerts(lake, RULES)
            numbered = [e._replace(source=SOURCES[name], record_no=number + i) for i, e in enumerate(events)]
            number += len(events)
            for event in numbered:
                oracle.arrive(event)
            commit(lake, keeper, SOURCES[name], numbered)
        assert stored(lake, RULES) == sorted(oracle.alerts.values())


def rule_file(folder: Path, text: str) -> Path:
    path = folder / "alerts.toml"
    path.write_text(text)
    return path


SOUND = """
[alert.credit]
measure = "spend"
currency = "GBP"
window = "month"
zone = "Europe/London"
thresholds = ["49.99", 100]
[alert.wangiri]
measure = "events"
per = "a_number"
window = "15m"
sliding = true
thresholds = [10]
longest_s = 5
where.b_number = ["+252", "+53"]
where.service = "voice"
"""


def test_rules_are_read(tmp_path: Path) -> None:
    assert read_rules(rule_file(tmp_path, SOUND)) == (
        Rule(
            "credit", "spend", "account", Window(0, "month", "Europe/London"), (49_990_000_000, 10**11), currency="GBP"
        ),
        Rule(
            "wangiri",
            "events",
            "a_number",
            Window(15 * MINUTE_US),
            (10,),
            sliding=True,
            longest_s=5,
            where=(("b_number", ("+252", "+53")), ("service", ("voice",))),
        ),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"alerts.toml:1: alert: expected at least one"),
        ("[alert", r"alerts.toml: Expected"),
        ("[other]", r"alerts.toml:1: other: expected \[alert.NAME\] only"),
        ("alert.x = 1", r"alerts.toml:1: alert.x: expected a table"),
        ("\n[alert.x]\nmeasure = 'calls'", r"alerts.toml:2: alert.x.measure: expected one of spend, minutes"),
        ("[alert.x]", r"alert.x.measure: expected one of"),
        ("[alert.x]\nmeasure = 'events'\nwindow = '15'", r"alert.x.window: expected a length such as .* not '15'"),
        ("[alert.x]\nmeasure = 'events'\nwindow = '40d'", r"alert.x.window: expected a length"),
        ("[alert.x]\nmeasure = 'events'\nwindow = 'day'\nzone = 'Mars'", r"alert.x.zone: expected an IANA"),
        ("[alert.x]\nmeasure = 'events'\nwindow = '1h'\nzone = 'Asia/Tokyo'", r"alert.x.zone: expected no zone"),
        ("[alert.x]\nmeasure = 'events'\nwindow = 'day'\nsliding = true", r"alert.x.sliding: expected a window of"),
        ("[alert.x]\nmeasure = 'simultaneous'\nwindow = '1h'\nsliding = true", r"alert.x.sliding: expected no sliding"),
        (
            "[alert.x]\nmeasure = 'spend'\nwindow = '1h'\nthresholds = [1]",
            r"alert.x.currency: expected a string, which",
        ),
        ("[alert.x]\nmeasure = 'events'\nwindow = '1h'\ncurrency = 'GBP'", r"alert.x.currency: expected no currency"),
        ("[alert.x]\nmeasure = 'events'\nwindow = '1h'\nthresholds = [1.5]", r"alert.x.thresholds: expected a list"),
        ("[alert.x]\nmeasure = 'events'\nwindow = '1h'\nthresholds = ['1.5']", r"alert.x.thresholds: expected a list"),
        ("[alert.x]\nmeasure = 'events'\nwindow = '1h'\nthresholds = [2, 2]", r"alert.x.thresholds: expected a list"),
        ("[alert.x]\nmeasure = 'events'\nwindow = '1h'\nthresholds = [0]", r"alert.x.thresholds: expected a list"),
        ("[alert.x]\nmeasure = 'events'\nwindow = '1h'\nwhere.cell = ['a']", r"alert.x.where.cell: no such key"),
        ("[alert.x]\nmeasure = 'events'\nwindow = '1h'\nwhere.zone = []", r"alert.x.where.zone: expected at least one"),
        ("[alert.x]\nmeasure = 'events'\nwindow = '1h'\nfoo = 1", r"alert.x.foo: no such key"),
    ],
)
def test_wrong_rules_are_told_with_file_line_and_key(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(AlertError, match=says):
        read_rules(rule_file(tmp_path, text))


@pytest.mark.parametrize(
    ("window", "at", "start"),
    [
        (Window(15 * MINUTE_US), "2026-03-29T01:20:00+00:00", "2026-03-29T01:15:00+00:00"),
        (Window(0, "day", "Europe/London"), "2026-03-28T23:59:59+00:00", "2026-03-28T00:00:00+00:00"),
        (Window(0, "day", "Europe/London"), "2026-03-29T23:30:00+00:00", "2026-03-29T23:00:00+00:00"),
        (Window(0, "month", "Europe/London"), "2026-04-30T22:59:59+00:00", "2026-03-31T23:00:00+00:00"),
        (Window(0, "day", "Asia/Beirut"), "2024-03-31T10:00:00+00:00", "2024-03-30T22:00:00+00:00"),  # no midnight
        (
            Window(0, "day", "America/Havana"),
            "2024-11-03T10:00:00+00:00",
            "2024-11-03T04:00:00+00:00",
        ),  # midnight twice
        (
            Window(0, "day", "Asia/Beirut"),
            "2024-10-27T10:00:00+00:00",
            "2024-10-26T22:00:00+00:00",
        ),  # the second counts
    ],
)
def test_windows_begin_where_their_date_does(window: Window, at: str, start: str) -> None:
    at_us, start_us = (int((datetime.fromisoformat(t) - EPOCH).total_seconds()) * 1_000_000 for t in (at, start))
    number = window.number(at_us)
    assert (number, window.start_us(number)) == (window.number(start_us), start_us)
    assert window.number(start_us - 1) == number - 1


def test_sums_do_not_wrap() -> None:
    rule = Rule("much", "spend", "account", Window(0, "day"), (18 * 10**18,), currency="GBP")
    event = Event("kafka:raw/0", 0, MARCH_S, 60, "alice", "+44", Decimal("999999999.999999999"))
    with MemoryLake() as lake:
        keeper = Alerts(lake, [rule])
        commit(lake, keeper, "kafka:raw/0", [event._replace(record_no=i) for i in range(20)])
        assert [(a.record_no, str(a.measured)) for a in stored(lake, [rule])] == [(18, "18999999999.999999981")]
        commit(lake, keeper, "kafka:raw/0", [event._replace(record_no=20)])
        assert len(stored(lake, [rule])) == 1


def test_what_a_recycle_rated_meanwhile_counts() -> None:
    rule = Rule("three", "events", "account", Window(0, "day"), (3,))
    event = Event("kafka:raw/0", 0, MARCH_S, 60, "alice", "+44", Decimal(1))
    with MemoryLake() as lake:
        keeper = Alerts(lake, [rule])
        commit(lake, keeper, "kafka:raw/0", [event])
        commit(lake, Alerts(lake, []), "suspense", [event._replace(record_no=1)])
        commit(lake, keeper, "kafka:raw/0", [event._replace(record_no=2)])
        assert [a.record_no for a in stored(lake, [rule])] == [2]


def test_a_member_that_gets_a_partition_back_counts_what_others_landed() -> None:
    rule = Rule("three", "events", "account", Window(0, "day"), (3,))
    event = Event("kafka:raw/0", 0, MARCH_S, 60, "alice", "+44", Decimal(1))
    with MemoryLake() as lake:
        one, other = Alerts(lake, [rule]), Alerts(lake, [rule])
        commit(lake, one, "kafka:raw/0", [event])
        commit(lake, other, "kafka:raw/0", [event._replace(record_no=1)])
        one.restore(lake, ["kafka:raw/0"])
        commit(lake, one, "kafka:raw/0", [event._replace(record_no=2)])
        assert [a.record_no for a in stored(lake, [rule])] == [2]
