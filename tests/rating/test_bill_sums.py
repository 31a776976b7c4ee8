"""Bills of some months, whatever becomes known between them: their lines are charges, fees, discounts and taxes."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rating.lake import Lake, MemoryLake
from tariffs.load import load
from tariffs.model import Tariff
from tests.oracle import fees_and_discounts as oracle
from tests.oracle.fees_and_discounts import Row
from tests.rating.bills import balanced, billed, folder, landed, ordered_by
from tests.rating.test_period_charges_oracle import PLANS, fee_tables, holdings

MONTHS = range(1, 5)
ACCOUNTS = ("ann", "ben")
PEOPLE = "customer,name\nann,Ann\nben,Ben\n"
WORLDS = int(os.environ.get("TOLL_BILL_WORLDS", "3"))
PLAN = {"currency": "EUR", "tax": "vat", "rule": [{"rate": "x"}]}
SAID = {
    "tax": {"vat": {"percent": "20"}},
    "plan": dict.fromkeys(PLANS, PLAN),
    "rate": {"x": {"currency": "EUR", "price": "1"}},
    "discount": {"tenth": {"plan": PLANS, "lines": "usage", "percent": "10", "currency": "EUR"}},
}


def tariff(fee: dict[str, Any], rows: list[Row]) -> Tariff:
    head = "kind,key,account,plan,valid_from,valid_to"
    held = [f"{r.kind},{r.key},{r.account},{r.plan},{r.begin or ''},{r.end or ''}" for r in rows]
    with TemporaryDirectory() as place:
        (Path(place) / "t.toml").write_text(tomli_w.dumps(SAID | {"fee": {"f": fee}}))
        (Path(place) / "subscriptions.csv").write_text("\n".join([head, *held]))
        made, problems = load(Path(place))
    assert not problems
    return made


def sums(lake: Lake) -> dict[str, Decimal]:
    """The amounts of all lines by kind, and all taxes."""
    found = lake.query("SELECT kind, sum(amount) AS amount, sum(tax) AS tax FROM bill_line GROUP BY kind").to_pylist()
    return {row["kind"]: row["amount"] for row in found} | {"tax": sum((row["tax"] for row in found), Decimal(0))}


@settings(max_examples=WORLDS, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    fee=fee_tables(),
    known=st.lists(holdings(), min_size=len(MONTHS), max_size=len(MONTHS)),
    cents=st.lists(st.integers(1, 10**6), min_size=len(MONTHS), max_size=len(MONTHS)),
)
def test_lines_are_charges_fees_discounts_and_taxes(
    fee: dict[str, Any], known: list[list[Row]], cents: list[int]
) -> None:
    """What each month's subscriptions say is all anew: in the end, fees are those of what was known last."""
    known = [[replace(row, begin=row.begin or datetime(2026, 1, 19, tzinfo=UTC)) for row in rows] for rows in known]
    with TemporaryDirectory() as place, MemoryLake() as lake:
        customers = folder(Path(place), customers_csv=PEOPLE)
        for month, rows, amount in zip(MONTHS, known, cents, strict=True):
            charge = {"amount": Decimal(amount) / 20, "tax_amount": Decimal(amount) / 100, "tax_code": "vat"}
            at = {"start_utc": datetime(2026, month, 10, tzinfo=UTC), "plan": "p", "currency": "EUR"}
            landed(lake, f"m{month}", *({"account": account, **charge, **at} for account in ACCOUNTS))
            billed(lake, ordered_by(tariff(fee, rows), customers, f"2026-{month:02}"))
        balanced(lake)
        found, bills = sums(lake), lake.query("SELECT total FROM bill")["total"].to_pylist()
        due = oracle.fees(fee, known[-1], date(2026, 1, 1), date(2026, 4, 30))
        fees = sum((Decimal(each.amount.numerator) / each.amount.denominator for each in due), Decimal(0))
        usage = Decimal(sum(cents)) / 10
        assert found["usage"] == usage
        assert found["discount"] == -usage / 10
        assert found.get("fee", 0) + found.get("fee_adjustment", 0) == fees
        net = usage * 9 / 10 + fees
        assert sum(bills) == net + found.get("rounding", 0) + found["tax"]
        assert abs(found.get("rounding", 0)) <= Decimal("0.005") * len(bills)
        assert abs(found["tax"] - net / 5) <= Decimal("0.005") * len(bills)
