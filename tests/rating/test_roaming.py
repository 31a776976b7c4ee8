"""Roaming legs: whose visitor an event is, what its network may bill, and where given and expected amounts differ."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mediation.fields import schema
from rating.explain_given import explain_given
from rating.guide import guide
from rating.lake import Lake
from rating.period import Period
from rating.price import Priced, price
from rating.quote import quote_lines
from rating.settlement import settle
from tariffs.catalogue import Catalogue
from tariffs.load import load
from tests.rating.deltas import delta, rows, usage_row
from tests.tariff_folder import compiled, written

TARIFF = """
[rate.abroad]
currency = "XDR"
price = "0.10"
per = 60
[rate.free]
currency = "XDR"
price = "0"
[plan.visitors]
currency = "XDR"
[[plan.visitors.version]]
valid_from = "2026-01-01"
[[plan.visitors.version.rule]]
service = "voice"
rate = "abroad"
[plan.bills]
currency = "XDR"
[[plan.bills.rule]]
service = "voice"
rate = "abroad"
[plan.local]
currency = "XDR"
bill_currency = "EUR"
[[plan.local.rule]]
rate = "abroad"
[plan.retail]
currency = "XDR"
[[plan.retail.rule]]
rate = "free"
"""
FILES = {
    "a.toml": TARIFF,
    "subscriptions.csv": (
        "kind,key,account,plan,valid_from,valid_to\nimsi,234150000000001,ann,retail,,\nimsi,262019999999999,eve,retail,,\n"
        "number,+447700900009,bob,retail,,2026-02-01\n"
    ),
    "partners.csv": (
        "partner,tadig,networks,plan_in,plan_out,valid_from,valid_to\n"
        "acme,DEUAC,262-01,bills,visitors,2025-01-01,\n"
        "beta,USABT,310-260 310-26,local,visitors,,2026-10-01\n"
        "gamma,USAGA,310-261,,visitors,,\n"
        "delta,FRADE,208-01,local,,,\n"
    ),
    "conversions.csv": "from,to,rate,date,source\nXDR,EUR,1.25,2026-01-01,IMF\n",
}
MAY, OCTOBER = "2026-05-01T10:00:00Z", "2026-10-05T10:00:00Z"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return compiled(tmp_path_factory.mktemp("tariff"), FILES)


# a_number, imsi, start, service; who pays on which leg, or the reason
VISITORS = [
    ("", "262010000000001", MAY, "voice", ["roaming_out acme 0.1"]),
    ("", "310260000000001", MAY, "voice", ["roaming_out beta 0.1"]),
    ("", "310261000000001", MAY, "voice", ["roaming_out gamma 0.1"]),  # six digits before five
    ("", "310269000000001", MAY, "voice", ["roaming_out beta 0.1"]),
    ("", "310261000000001", OCTOBER, "voice", ["roaming_out gamma 0.1"]),
    ("", "310260000000001", OCTOBER, "voice", "no_plan: imsi 310260000000001"),
    ("", "208010000000001", MAY, "voice", "no_account: a_number"),  # it may bill us; its visitors have no plan
    ("", "262010000000001", "2024-06-01T00:00:00Z", "voice", "no_plan: imsi 262010000000001"),
    ("", "262010000000001", "2025-06-01T00:00:00Z", "voice", "no_plan: imsi 262010000000001"),  # the plan begins later
    ("", "262010000000001", MAY, "sms", "no_rate: roaming_out"),
    ("", "262019999999999", MAY, "voice", ["retail eve 0"]),  # a subscriber of ours is nobody's visitor
    ("+447700900009", "262010000000001", MAY, "voice", ["roaming_out acme 0.1"]),  # left us, and came back
    ("+447700900009", "", MAY, "voice", "no_plan: a_number +447700900009"),
    ("", "26201", MAY, "voice", ["roaming_out acme 0.1"]),
    ("", "2620", MAY, "voice", "no_account: a_number"),
    ("", "26201x", MAY, "voice", ["roaming_out acme 0.1"]),
]


@pytest.mark.parametrize(("a_number", "imsi", "start", "service", "expected"), VISITORS)
def test_visitors(
    catalogue: Catalogue, a_number: str, imsi: str, start: str, service: str, expected: list[str] | str
) -> None:
    line = {"a_number": a_number, "b_number": "+4912345", "start": start, "usage": 60, "service": service}
    event = str({**line, "keys": {"imsi": imsi}}).replace("'", '"')
    (answer,) = quote_lines(catalogue, [event], explain=True)
    charges = answer["charges"]
    assert isinstance(charges, list)
    if isinstance(expected, str):
        assert str(answer["error"]).startswith(expected)
    else:
        assert [f"{each['leg']} {each['account']} {each['amount']}" for each in charges] == expected
        assert isinstance(answer["explanation"], list)
        told = [each["value"].split()[0] for each in answer["explanation"]]
        assert told == [f"{Decimal(each['amount']):.9f}" for each in charges]


def roamed(catalogue: Catalogue, **given: object) -> tuple[dict[str, Any], Priced]:
    """A call of a subscriber of ours abroad, 60 s for 0.11 XDR: the usage row, and what it costs."""
    row = usage_row("a", 1, imsi="234150000000001", direction="originated", trunk_in="", trunk_out="", raw=b"x")
    row |= {"given_amount": Decimal("0.11"), "given_tax": None, "given_currency": "XDR"} | given
    usage = rows("usage", [row]).to_batches()[0]
    guided, astray = guide(pa.RecordBatch.from_arrays(usage.columns, schema=schema("usage")), catalogue)
    assert astray.num_rows == 0
    priced, unpriced = price(guided, catalogue)
    assert unpriced.num_rows == 0
    return priced.usage.to_pylist()[0], priced


# network, service, rate to local currency: account, expected amount and currency; verdict and difference
EXPECTED = [
    ("DEUAC", "voice", None, ("acme", "0.1", "XDR"), ("differs", "0.01")),
    ("262-01", "voice", None, ("acme", "0.1", "XDR"), ("differs", "0.01")),
    ("DEUAC", "sms", None, ("acme", None, ""), ("not comparable", None)),
    ("FRADE", "voice", None, ("delta", "0.125", "EUR"), ("not comparable", None)),
    ("FRADE", "voice", "1.2", ("delta", "0.125", "EUR"), ("differs", "0.007")),
    ("USABT", "voice", "1.2", ("USABT", None, None), None),  # no longer in force
    ("USAGA", "voice", None, ("gamma", None, None), None),  # no plan_in
    ("ITAXX", "voice", None, ("ITAXX", None, None), None),
]


@pytest.mark.parametrize(("network", "service", "rate", "charged", "verdict"), EXPECTED)
def test_given_and_expected(
    catalogue: Catalogue,
    lake: Lake,
    network: str,
    service: str,
    rate: str | None,
    charged: tuple[str, str | None, str | None],
    verdict: tuple[str, str | None] | None,
) -> None:
    local = {"given_rate": Decimal(rate), "given_local_currency": "EUR"} if rate else {}
    row, priced = roamed(catalogue, network=network, service=service, **local)
    own, given = priced.charges.to_pylist()
    account, amount, currency = charged
    assert (own["leg"], own["account"], own["expected_amount"]) == ("retail", "ann", None)
    assert (given["leg"], given["amount"], given["note"]) == ("roaming_in", Decimal("0.11"), "given")
    assert (given["account"], given["expected_currency"]) == (account, currency)
    assert given["expected_amount"] == (Decimal(amount) if amount else None)
    story = "\n".join(explain_given(row, catalogue).lines())
    assert story.startswith("roaming_in charge: 0.110000000 XDR\n")
    assert ("our own price by" in story) == (currency is not None)
    landed = dataclasses.replace(delta("a", ["rated"]), usage=priced.usage, charges=priced.charges)
    lake.commit(landed)
    found = lake.query("SELECT verdict, difference FROM roaming_difference").to_pylist()
    difference = Decimal(verdict[1]) if verdict and verdict[1] else None
    assert found == ([{"verdict": verdict[0], "difference": difference}] if verdict else [])
    nets = settle(lake, None, Period.parse("2026-10")).nets.to_pylist()
    assert [(each["carrier"], each["we_owe"]) for each in nets] == [(account, Decimal("0.11"))]


def test_equal_amounts_are_no_difference(catalogue: Catalogue, lake: Lake) -> None:
    _, priced = roamed(catalogue, network="DEUAC", given_amount=Decimal("0.1"))
    lake.commit(dataclasses.replace(delta("a", ["rated"]), usage=priced.usage, charges=priced.charges))
    assert lake.query("FROM roaming_difference").num_rows == 0


def test_without_partners_there_are_no_roaming_legs(tmp_path: Path) -> None:
    alone = compiled(tmp_path, {name: text for name, text in FILES.items() if name != "partners.csv"})
    usage = rows("usage", [usage_row("a", 1, imsi="234150000000001", trunk_in="", trunk_out="")]).to_batches()[0]
    guided, _ = guide(usage, alone)
    assert len(guided.versions) == 3


PROBLEMS = [
    (",DEUAC,262-01,,", "partners.csv:2: partner: expected the partner's account"),
    ("acme,deuac,262-01,,", "partners.csv:2: tadig: expected a TADIG code of 5 capitals or digits, not 'deuac'"),
    ("acme,DEUAC,26201,,", "partners.csv:2: networks: expected networks like 262-01, parted by blanks, not '26201'"),
    ("acme,DEUAC,262-01,none,", "partners.csv:2: plan_in: expected one of , "),
    ("acme,DEUAC,,,visitors", "partners.csv:2: networks: plan_out needs the networks whose subscribers it prices"),
    ("acme,DEUAC,262-01,,\nbeta,DEUAC,262-02,,", "partners.csv:3: tadig: DEUAC is already in force then by line 2"),
    ("acme,DEUAC,262-01,,\nbeta,DEUBE,262-01,,", "partners.csv:3: networks: 262-01 is already in force then by line 2"),
]


@pytest.mark.parametrize(("lines", "expected"), PROBLEMS)
def test_partners_are_judged(tmp_path: Path, lines: str, expected: str) -> None:
    files = {name: FILES[name] for name in ("a.toml", "conversions.csv")}
    partners = f"partner,tadig,networks,plan_in,plan_out\n{lines}\n"
    _, problems = load(written(tmp_path, {**files, "partners.csv": partners}))
    assert [str(each)[: len(expected)] for each in problems] == [expected]
