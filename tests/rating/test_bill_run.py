"""Bill runs: what bills sum to, what corrects what, and that charges are billed once, whatever crashes."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rating.audit import audit
from rating.billing import run
from rating.billing.exact import NANO, split
from rating.billing.final import finish
from rating.billing.run import Order
from rating.billing.shown import BillKey, Place, documents, items, numbered, shown
from rating.billing.steps import APPROVED, TRIAL, WITHDRAWN, BillRunError, run_of, take
from rating.lake import Lake, MemoryLake
from tests.rating.bills import (
    ALICE,
    SIGNED,
    Killed,
    Killer,
    again,
    balanced,
    billed,
    bills,
    folder,
    landed,
    lines_of,
    ordered,
    tariff,
    tried,
)

D = Decimal
WORLDS = int(os.environ.get("TOLL_BILL_WORLDS", "3"))
NOV = datetime(2026, 11, 3, 12, tzinfo=UTC)
OCT = datetime(2026, 10, 20, 12, tzinfo=UTC)
VAT = {"tax_code": "vat"}
EUROS = {"converted_amount": D("1.25"), "converted_currency": "EUR", "conversion_rate": D("1.25")}


@pytest.fixture
def memory() -> Iterator[Lake]:
    with MemoryLake() as opened:
        yield opened


# charges to alice; what further columns of customers.csv say; currency: net, rounding, tax, total
SUMS: list[tuple[list[dict[str, Any]], str, dict[str, tuple[str, str, str, str]]]] = [
    ([{"amount": "1.2"}], "", {"GBP": ("1.2", "0", "0", "1.20")}),
    ([{"amount": "1.234"}, {"amount": "0.001"}], "", {"GBP": ("1.235", "0.005", "0", "1.24")}),
    ([{"amount": "1.2349"}], "", {"GBP": ("1.2349", "-0.0049", "0", "1.23")}),
    ([{"amount": "0.004"}], "", {"GBP": ("0.004", "-0.004", "0", "0")}),
    ([{"amount": "10", "tax_amount": D("2"), **VAT}], "", {"GBP": ("10", "0", "2", "12")}),
    # two taxes of 0.005 are one of 0.01 where they have a code, and two of 0.01 where they have two
    ([{"amount": "1", "tax_amount": D("0.005"), **VAT}] * 2, "", {"GBP": ("2", "0", "0.01", "2.01")}),
    ([{"amount": "1", "tax_amount": D("0.005"), "tax_code": code} for code in ("vat", "levy")], "",
     {"GBP": ("2", "0", "0.02", "2.02")}),
    # a bill for each currency; amounts in another one are billed as converted, and so is their tax
    ([{"amount": "1"}, {"amount": "7.6", "currency": "JPY"}], "",
     {"GBP": ("1", "0", "0", "1"), "JPY": ("7.6", "0.4", "0", "8")}),
    ([{"amount": "1", "currency": "XDR", "tax_amount": D("0.2"), **VAT, **EUROS}], "",
     {"EUR": ("1.25", "0", "0.25", "1.5")}),
    # the exempt pay none; a region has percentages of its own
    ([{"amount": "10", "tax_amount": D("2"), **VAT}], "tax_exempt=yes", {"GBP": ("10", "0", "0", "10")}),
    ([{"amount": "10", "tax_amount": D("2"), **VAT}], "region=isle", {"GBP": ("10", "0", "0.5", "10.5")}),
    # what was reversed is not billed
    ([{"amount": "3"}, {"amount": "-3", "kind": "reversal"}], "", {"GBP": ("0", "0", "0", "0")}),
    # money that the plan includes pays amount and tax; of the exempt, the amount alone
    ([{"amount": "3", "tax_amount": D("0.6"), **VAT, "covered_amount": D("2.5")}], "",
     {"GBP": ("3", "0", "0.6", "1.1")}),
    ([{"amount": "3", "tax_amount": D("0.6"), **VAT, "covered_amount": D("3.6")}], "tax_exempt=yes",
     {"GBP": ("3", "0", "0", "0")}),
    # other legs are no bill's
    ([{"amount": "3", "leg": "wholesale_out"}], "", {}),
    ([], "", {}),
]  # fmt: skip


@pytest.mark.parametrize(("charges", "more", "expected"), SUMS)
def test_sums(
    memory: Lake, tmp_path: Path, charges: list[dict[str, Any]], more: str, expected: dict[str, tuple[str, ...]]
) -> None:
    column, _, value = more.partition("=")
    people = f"customer,name{',' * bool(more)}{column}\nalice,Alice{',' * bool(more)}{value}\n"
    landed(memory, "a", *charges)
    number = billed(memory, ordered(folder(tmp_path, customers_csv=people, billing_toml='[region.isle]\nvat = "5"\n')))
    told = {b["currency"]: (b["charges"], b["rounding"], b["tax"], b["total"]) for b in bills(memory, number)}
    assert told == {currency: tuple(map(D, sums)) for currency, sums in expected.items()}
    balanced(memory)


RENT = """
[tax.vat]
percent = "20"
[rate.flat]
currency = "GBP"
price = "0.06"
[plan.p]
currency = "GBP"
tax = "vat"
[[plan.p.rule]]
service = "voice"
rate = "flat"
[fee.rent]
plan = "p"
amount = "31"
currency = "GBP"
due = "arrears"
proration = "half_up"
scale = 2
text = "Rental"
"""
TENTH = """
[discount.tenth]
plan = "p"
lines = "usage"
percent = "10"
currency = "GBP"
text = "A tenth"
"""


def test_fees_and_discounts_are_lines_with_their_taxes(memory: Lake, tmp_path: Path) -> None:
    """Worked by hand: 21 of 31 days of 31.00 are 21.00; 10 % off 8.00 of usage is 0.80; 20 % of each is tax."""
    held = "kind,key,account,plan,valid_from,valid_to\nnumber,+44,alice,p,2026-10-11,\n"
    made = tariff(tmp_path / "tariff", RENT + TENTH, held)
    customers = folder(tmp_path / "customers", customers_csv=ALICE)
    for amount, name in (("5", "a"), ("3", "b")):
        landed(memory, name, {"amount": amount, "tax_amount": D(amount) / 5, **VAT, "zone": name})
    number = billed(memory, ordered(customers, made=made))
    told = [(x["kind"], x["category"], x["text"], x["amount"], x["tax"]) for x in lines_of(memory, number)]
    assert told == [
        ("usage", "voice", "", D("5"), D("1")),
        ("usage", "voice", "", D("3"), D("0.6")),
        ("fee", "rent", "Rental", D("21"), D("4.2")),
        ("discount", "tenth", "A tenth", D("-0.8"), D("-0.16")),
    ]
    (bill,) = bills(memory, number)
    assert [bill[name] for name in ("charges", "fees", "discounts", "tax", "total")] == list(
        map(D, ("8", "21", "-0.8", "5.64", "33.84"))
    )
    fee = lines_of(memory, number)[2]
    assert (fee["first_day"], fee["last_day"]) == (date(2026, 10, 11), date(2026, 10, 31))
    later = billed(memory, ordered(customers, "2026-10", made))  # the same month again: nothing of it twice
    assert [b["total"] for b in bills(memory, later)] == [D(0)]
    balanced(memory)


def test_fees_are_billed_once_also_without_usage(memory: Lake, tmp_path: Path) -> None:
    held = "kind,key,account,plan,valid_from,valid_to\nnumber,+44,alice,p,2026-10-01,2026-12-01\n"
    made = tariff(tmp_path / "tariff", RENT, held)
    customers = folder(tmp_path / "customers", customers_csv=ALICE)
    runs = [billed(memory, ordered(customers, f"2026-{month}", made)) for month in (10, 10, 11, 12)]
    assert [[b["fees"] for b in bills(memory, number)] for number in runs] == [[D(31)], [D(0)], [D(31)], [D(0)]]
    balanced(memory)


# what becomes of the first charge, of 5.00 in October, after its bill; documents of November's run: kind, total, due
CORRECTIONS: list[tuple[str, str | None, list[tuple[str, str, str]]]] = [
    ("cheaper", "3.5", [("credit_note", "-1.5", "0"), ("invoice", "2", "5.5")]),
    ("dearer", "6.25", [("invoice", "3.25", "8.25")]),
    ("the same", "5", [("invoice", "2", "7")]),
    ("taken back", None, [("credit_note", "-5", "0"), ("invoice", "2", "2")]),
]


@pytest.mark.parametrize(("name", "becomes", "expected"), CORRECTIONS, ids=[row[0] for row in CORRECTIONS])
def test_corrections(
    memory: Lake, tmp_path: Path, name: str, becomes: str | None, expected: list[tuple[str, str, str]]
) -> None:
    customers = folder(tmp_path, customers_csv=ALICE)
    landed(memory, "oct", {"amount": "5", "start_utc": OCT})
    first = billed(memory, ordered(customers))
    again(memory, "oct", 1, 1, {"amount": "5", "start_utc": OCT}, None if becomes is None else {"amount": becomes})
    landed(memory, "nov", {"amount": "2", "start_utc": NOV})
    second = billed(memory, ordered(customers, "2026-11"))
    told = [(b["kind"], b["total"], b["due"]) for b in bills(memory, second)]
    assert told == [(kind, D(total), D(due)) for kind, total, due in expected], name
    for bill in bills(memory, second):
        whole = shown(memory, BillKey(second, bill["bill_no"]))
        assert whole.corrected == ("INV-2026-000001" if bill["kind"] == "credit_note" else "")
        calls = items(memory, BillKey(second, bill["bill_no"]))
        assert sum(calls["amount"].to_pylist(), D(0)) == bill["charges"]
    assert items(memory, BillKey(first, 1)).num_rows == 1
    balanced(memory)


def test_late_usage_is_billed_once_and_later_usage_later(memory: Lake, tmp_path: Path) -> None:
    customers = folder(tmp_path, customers_csv=ALICE)
    landed(memory, "a", {"amount": "1", "start_utc": OCT}, {"amount": "2", "start_utc": NOV})
    first = billed(memory, ordered(customers))
    landed(memory, "late", {"amount": "4", "start_utc": OCT})
    assert sum(memory.query("SELECT amount FROM charge_unbilled")["amount"].to_pylist()) == D(6)
    second = billed(memory, ordered(customers, "2026-11"))
    assert [b["total"] for b in (*bills(memory, first), *bills(memory, second))] == [D(1), D(6)]
    kinds = {line["kind"]: (line["amount"], line["corrects_run"]) for line in lines_of(memory, second)}
    assert kinds == {"usage": (D(2), 0), "adjustment": (D(4), first)}
    assert memory.query("FROM charge_unbilled").num_rows == 0
    balanced(memory)


def test_an_enterprise_has_one_bill_with_its_cost_centres(memory: Lake, tmp_path: Path) -> None:
    services = "account,customer,cost_centre\na1,acme,Sales\na2,acme,Depot\na3,acme,Sales\n"
    customers = folder(tmp_path, customers_csv="customer,name\nacme,Acme\n", services_csv=services)
    landed(memory, "a", *({"account": account, "amount": "1"} for account in ("a1", "a2", "a3", "a1", "acme")))
    number = billed(memory, ordered(customers))
    told = [(line["cost_centre"], line["account"], line["amount"], line["events"]) for line in lines_of(memory, number)]
    assert told == [
        ("", "acme", D(1), 1), ("Depot", "a2", D(1), 1), ("Sales", "a1", D(2), 2), ("Sales", "a3", D(1), 1)
    ]  # fmt: skip
    assert documents(memory, "a2")["number"].to_pylist() == documents(memory, "acme")["number"].to_pylist()
    balanced(memory)


def test_a_balance_is_carried_on_and_payments_count_once(memory: Lake, tmp_path: Path) -> None:
    paid = "customer,date,amount,currency,reference\nalice,2026-10-20,3,GBP,p1\nalice,2026-11-15,4,GBP,p2\n"
    customers = folder(tmp_path, customers_csv=ALICE, payments_csv=paid)
    landed(memory, "a", {"amount": "10", "start_utc": OCT}, {"amount": "2", "start_utc": NOV})
    runs = [billed(memory, ordered(customers, month)) for month in ("2026-10", "2026-11", "2026-12")]
    told = [[b[n] for n in ("previous_balance", "payments", "total", "due")] for r in runs for b in bills(memory, r)]
    assert told == [[D(0), D(3), D(10), D(7)], [D(7), D(4), D(2), D(5)], [D(5), D(0), D(0), D(5)]]
    balanced(memory)


def test_findings(memory: Lake, tmp_path: Path) -> None:
    people = "customer,name,currency\nalice,A,\nbob,B,EUR\ncarl,C,\ndora,D,\n"
    customers = folder(tmp_path, customers_csv=people, billing_toml='[outlier]\npercent = 100\nleast = "5"\n')
    landed(memory, "a", {"amount": "10"}, {"amount": "0", "account": "carl"}, {"amount": "8", "account": "dora"})
    billed(memory, ordered(customers))
    nov = {"start_utc": NOV}
    landed(
        memory, "b", {"amount": "30", **nov}, {"amount": "1", "account": "bob", **nov},
        {"amount": "2", "account": "zed", **nov}, {"amount": "17", "account": "dora", **nov},
        {"amount": "-1", "account": "carl", "kind": "adjustment", **nov},
    )  # fmt: skip
    number = tried(memory, ordered(customers, "2026-11"))
    found = memory.query("FROM bill_finding WHERE run = $run ORDER BY ALL", {"run": number}).to_pylist()
    told = [(f["finding"], f["customer"], f["account"], f["currency"], f["expected"], f["found"]) for f in found]
    assert told == [
        ("negative", "carl", "", "GBP", D(0), D(-1)),
        ("no_customer", "", "zed", "GBP", D(0), D(2)),
        ("other_currency", "bob", "", "GBP", D(0), D(1)),
        ("outlier", "alice", "", "GBP", D(10), D(30)),
        ("outlier", "dora", "", "GBP", D(8), D(17)),
    ]


def test_steps_are_taken_in_their_order(memory: Lake, tmp_path: Path) -> None:
    customers = folder(tmp_path, customers_csv=ALICE)
    landed(memory, "a", {"amount": "1"})
    first = tried(memory, ordered(customers))
    assert documents(memory, "alice").num_rows == 0  # a trial is nobody's bill yet
    assert documents(memory, "alice", drafts=True).num_rows == 1
    assert tried(memory, ordered(customers)) == first  # made of the same, it is the same
    landed(memory, "b", {"amount": "1"})
    second = tried(memory, ordered(customers))  # a new trial takes the place of the old one
    assert [run_of(memory, number)["state"] for number in (first, second)] == [WITHDRAWN, TRIAL]
    with pytest.raises(BillRunError, match=f"run {second} is trial: it cannot become final"):
        finish(memory, second, SIGNED)
    take(memory, second, APPROVED, SIGNED)
    with pytest.raises(BillRunError, match="is approved: make it final or withdraw it first"):
        tried(memory, ordered(customers))
    assert finish(memory, second, SIGNED) == finish(memory, second, SIGNED) == 1
    with pytest.raises(BillRunError, match="is numbered: it cannot become withdrawn"):
        take(memory, second, WITHDRAWN, SIGNED)
    with pytest.raises(BillRunError, match="no bill run 9"):
        take(memory, 9, APPROVED, SIGNED)
    assert numbered(memory, "INV-2026-000001") == BillKey(second, 1)


def test_a_run_that_another_overtook_is_refused(memory: Lake, tmp_path: Path) -> None:
    """Two cycles in trial at a time: a customer who is moved between them is billed by the first that is final."""
    toml = "[cycle.first]\nday = 1\n[cycle.second]\nday = 1\n"
    people = "customer,name,cycle\nalice,A,{}\nbob,B,second\n"
    one, two = (folder(tmp_path / c, customers_csv=people.format(c), billing_toml=toml) for c in ("first", "second"))
    landed(memory, "a", {"amount": "1"}, {"amount": "2", "account": "bob"})
    first = tried(memory, ordered(one))
    period = two.settings.cycles["second"].period("2026-10")
    second = tried(memory, Order(two, ordered(two).tariff, "", "second", period))
    for number in (first, second):
        take(memory, number, APPROVED, SIGNED)
    finish(memory, first, SIGNED)
    with pytest.raises(BillRunError, match=f"bill run {first} became final after run {second} had begun"):
        finish(memory, second, SIGNED)
    balanced(memory)


def test_a_run_goes_on_with_what_it_began_with_only(
    memory: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed(memory, "a", {"amount": "1"})
    with monkeypatch.context() as broken:
        broken.setattr(run, "draft", Killer(0))
        with pytest.raises(Killed):
            tried(memory, ordered(folder(tmp_path, customers_csv=ALICE)))
    with pytest.raises(BillRunError, match="began with other customers_version"):
        tried(memory, ordered(folder(tmp_path, customers_csv=f"{ALICE}bob,B\n")))
    assert tried(memory, ordered(folder(tmp_path, customers_csv=ALICE))) == 1


def test_cycles_begin_on_their_day(memory: Lake, tmp_path: Path) -> None:
    toml = '[cycle.mid]\nday = 15\nzone = "Europe/London"\n'
    customers = folder(tmp_path, customers_csv=ALICE, billing_toml=toml)
    edge = datetime(2026, 10, 14, 23, tzinfo=UTC)  # midnight in London
    landed(memory, "a", {"amount": "1", "start_utc": edge}, {"amount": "2", "start_utc": edge.replace(day=13)})
    september, october = (billed(memory, ordered(customers, month)) for month in ("2026-09", "2026-10"))
    assert [b["total"] for b in (*bills(memory, september), *bills(memory, october))] == [D(2), D(1)]
    told = bills(memory, october)[0]
    assert (told["first_day"], told["last_day"], told["issued_on"]) == (
        date(2026, 10, 15), date(2026, 11, 14), date(2026, 11, 15)
    )  # fmt: skip


# splits and sums of anything

AMOUNTS = st.integers(-(10**15), 10**15)


@given(st.lists(st.tuples(st.integers(0, 3), AMOUNTS), max_size=30), st.sampled_from([1, 10**7, 10**9]))
def test_splits_sum_to_the_rounded_sum(rows: list[tuple[int, int]], unit: int) -> None:
    frame = pl.DataFrame(rows, {"by": pl.Int64, "exact": NANO}, orient="row").with_columns(unit=pl.lit(unit, NANO))
    parts = frame.with_columns(split(frame, ["by"], "exact", "unit").alias("part")).rows(named=True)
    assert all(abs(row["part"] - row["exact"]) < unit and row["part"] % unit == 0 for row in parts)
    for _, group in itertools.groupby(sorted(parts, key=lambda row: int(row["by"])), key=lambda row: int(row["by"])):
        own = list(group)
        whole = sum(row["exact"] for row in own)
        rounded = (abs(whole) * 2 + unit) // (2 * unit) * unit * (1 if whole >= 0 else -1)
        assert sum(row["part"] for row in own) == rounded


CHARGE = st.fixed_dictionaries(
    {
        "account": st.sampled_from(["alice", "a1", "a2", "zed"]),
        "amount": st.integers(0, 10**12).map(lambda nano: str(D(nano).scaleb(-9))),
        "currency": st.sampled_from(["GBP", "JPY"]),
        "tax_code": st.sampled_from(["", "vat", "levy"]),
        "zone": st.sampled_from(["near", "far"]),
        "start_utc": st.sampled_from([OCT, NOV, datetime(2026, 12, 5, tzinfo=UTC)]),
    }
)


@settings(max_examples=WORLDS, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(months=st.lists(st.lists(CHARGE, max_size=6), min_size=3, max_size=3), data=st.data())
def test_bills_and_unbilled_are_the_charges(
    months: list[list[dict[str, Any]]], data: st.DataObject, tmp_path: Path
) -> None:
    """Three months, with usage that comes late, and charges that are taken back or re-rated between the runs."""
    people = "customer,name\nalice,A\nacme,B\n"
    services = "account,customer,cost_centre\na1,acme,x\na2,acme,y\n"
    paid = "customer,date,amount,currency,reference\nacme,2026-11-11,1.5,JPY,p\n"
    customers = folder(tmp_path, customers_csv=people, services_csv=services, payments_csv=paid)
    with MemoryLake() as lake:
        for place, charges in enumerate(months):
            taxed = [c | {"tax_amount": D(c["amount"]) / 8 if c["tax_code"] else D(0)} for c in charges]
            rows = [c | {"tax_amount": round(c["tax_amount"], 9)} for c in taxed]
            landed(lake, f"f{place}", *rows)
            for number in data.draw(st.sets(st.integers(1, len(rows)))) if rows else ():
                new = data.draw(st.none() | st.integers(0, 10**12))
                to = None if new is None else {"amount": D(new).scaleb(-9)}
                again(lake, f"f{place}", number, 10 * place + number, rows[number - 1], to)
            billed(lake, ordered(customers, f"2026-1{place}"))
        balanced(lake)
        last = lake.query("SELECT * FROM bill_document")
        for row in last.to_pylist():
            unit = D("0.01") if row["currency"] == "GBP" else D(1)
            assert row["total"] % unit == 0
            calls = items(lake, BillKey(row["run"], row["bill_no"]))
            assert sum(calls["amount"].to_pylist(), D(0)) == row["charges"]


def test_calls_come_page_by_page(memory: Lake, tmp_path: Path) -> None:
    landed(memory, "a", *({"amount": str(n), "start_utc": OCT} for n in range(7)))
    number = billed(memory, ordered(folder(tmp_path, customers_csv=ALICE)))
    whole = items(memory, BillKey(number, 1))
    pages, after = [], None
    while (page := items(memory, BillKey(number, 1), after=after, limit=3)).num_rows:
        pages += page["charge_no"].to_pylist()
        after = Place(page["start_utc"][-1].as_py(), page["charge_no"][-1].as_py())
    assert pages == whole["charge_no"].to_pylist()
    assert sum(whole["amount"].to_pylist()) == D(21)


# what somebody does to bills past the commit protocol, and which checks of the audit find it
TAMPERED = [
    ("UPDATE bill_line SET charge_amount = charge_amount + 0.000000001 WHERE charges > 0", {"billed"}),
    ("UPDATE bill_line SET amount = amount + 0.01 WHERE charges > 0", {"bills"}),
    ("DELETE FROM bill_line WHERE charges > 0", {"bills"}),
    ("UPDATE bill_run SET charge_limit = 0", {"billed"}),
    ("UPDATE bill SET total = total + 0.01, due = due + 0.01", {"bills"}),
    ("UPDATE bill SET due = due + 0.01", {"bills"}),
    ("INSERT INTO bill_payment FROM bill_payment", {"bills"}),
    ("DELETE FROM bill_number", {"numbers"}),
    ("UPDATE bill_number SET sequence_no = 2", {"numbers"}),
    ("UPDATE bill_step SET step = 'trial' WHERE step IN ('approved', 'final', 'numbered')", {"numbers"}),
]


def test_the_audit_finds_what_was_done_to_bills(tmp_path: Path) -> None:
    paid = "customer,date,amount,currency,reference\nalice,2026-10-20,3,GBP,p1\n"
    with MemoryLake() as lake:
        landed(lake, "a", {"amount": "1.25"})
        billed(lake, ordered(folder(tmp_path, customers_csv=ALICE, payments_csv=paid)))
        for sql, expected in TAMPERED:
            lake.query("BEGIN")
            lake.query(sql)
            found = {check.name for check in audit(lake, content=False).checks if check.count}
            assert found & {"billed", "bills", "numbers"} == expected, sql
            lake.query("ROLLBACK")
        balanced(lake)
