"""Control totals against sums by hand: hours near and far apart, starts that are not known, sums beyond 64 bits."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from rating.lake import Delta, control_totals
from tests.rating.deltas import rows

HOUR = st.sampled_from(
    [datetime(2026, 10, 5, hour, tzinfo=UTC) for hour in (0, 1, 5)] + [datetime(1999, 1, 1, tzinfo=UTC)]
)
SOURCE = st.sampled_from(["file:a", "file:b"])
SECONDS = st.integers(0, 1 << 40)
NANO = st.integers(-(10**18) + 1, 10**18 - 1)
LANDED = {"source": "file:a", "first_offset": 0, "next_offset": 1, "next_record_no": 2, "complete": True, "records": 1}


@given(st.lists(st.tuples(SOURCE, HOUR | st.none(), st.sampled_from(["no_rate", "duplicate"]), SECONDS), max_size=12))
def test_records(aside: list[tuple[str, datetime | None, str, int]]) -> None:
    expected: dict[tuple[str, datetime | None, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    given_rows = []
    for source, hour, reason, seconds in aside:
        start, raw = hour and hour + timedelta(minutes=59), b"x" * (seconds % 7)
        given_rows.append({"source": source, "start_utc": start, "reason": reason, "duration_s": seconds, "raw": raw})
        sums = expected[source, hour, reason]
        expected[source, hour, reason] = [n + more for n, more in zip(sums, (1, seconds, len(raw)), strict=True)]
    told = control_totals(Delta(**LANDED, rejected=rows("rejected", given_rows)))[0].to_pylist()
    assert len(told) == len(expected)
    for row in told:
        key = row["source"], row["hour_utc"], row["reason"]
        assert [row["records"], row["duration_s"], row["raw_bytes"]] == expected[key]


@given(st.lists(st.tuples(SOURCE, HOUR, st.sampled_from(["GBP", "JPY"]), NANO), max_size=30), st.integers(0, 3))
def test_charges(made: list[tuple[str, datetime, str, int]], skipped: int) -> None:
    given_rows = [
        {"source": source, "start_utc": hour, "currency": currency, "leg": "retail", "amount": Decimal(nano) / 10**9}
        | {"event_id": bytes(16)}
        for source, hour, currency, nano in made
    ]
    charges = rows("charge", given_rows).slice(skipped)
    expected: dict[tuple[str, datetime, str], list[int]] = defaultdict(list)
    for source, hour, currency, nano in made[skipped:]:
        expected[source, hour, currency].append(nano)
    told = control_totals(Delta(**LANDED, charges=pa.table(charges)))[1].to_pylist()
    found = {(row["source"], row["hour_utc"], row["currency"]): (row["charges"], row["amount"]) for row in told}
    assert found == {key: (len(nano), Decimal(sum(nano)) / 10**9) for key, nano in expected.items()}
