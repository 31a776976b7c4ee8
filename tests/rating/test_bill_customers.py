"""Customer folders: what is read, and every problem with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from rating.billing.customers import CustomerError, read_customers
from rating.billing.settings import Settings, from_json
from tests.rating.bills import ALICE, folder

SERVICES = "account,customer\n"
PAYMENTS = "customer,date,amount,currency,reference\n"

# file, text, what is told
WRONG = [
    ("customers.csv", "customer\nalice\n", "customers.csv:1: name: this column is missing"),
    ("customers.csv", "customer,name,nam\na,A,B\n", "customers.csv:1: nam: is unknown; expected one of customer, name"),
    ("customers.csv", "customer,name\nalice,\n", "customers.csv:2: name: is empty"),
    ("customers.csv", f"{ALICE}alice,B\n", "customers.csv:3: customer: 'alice' stands in line 2 already"),
    ("customers.csv", "customer,name,language\na,A,xx\n", "customers.csv:2: language: expected one of en, zh"),
    ("customers.csv", "customer,name,cycle\na,A,x\n", "customers.csv:2: cycle: expected one of monthly, not 'x'"),
    ("customers.csv", "customer,name,tax_exempt\na,A,y\n", "customers.csv:2: tax_exempt: expected yes or no, not 'y'"),
    ("customers.csv", "customer,name,currency\na,A,eur\n", "customers.csv:2: currency: expected a currency"),
    ("customers.csv", "customer,name,region\na,A,isle\n", "customers.csv:2: region: expected one of , not 'isle'"),
    ("services.csv", f"{SERVICES}a1,bob\n", "services.csv:2: customer: no row of customers.csv has 'bob'"),
    ("services.csv", f"{SERVICES}a1,alice\na1,alice\n", "services.csv:3: account: 'a1' stands in line 2 already"),
    ("payments.csv", f"{PAYMENTS}alice,1.2.26,1,EUR,p\n", "payments.csv:2: date: expected a date like 2024-12-25"),
    ("payments.csv", f"{PAYMENTS}alice,2026-01-01,1e3,EUR,p\n", "payments.csv:2: amount: expected a decimal string"),
    ("payments.csv", f"{PAYMENTS}alice,2026-01-01,1,EUR,p\nalice,2026-01-02,1,EUR,p\n",
     "payments.csv:3: reference: 'p' stands in line 2 already"),
    ("billing.toml", "[issuer]\nname = 1\n", "billing.toml:2: issuer.name: expected a string, not 1"),
    ("billing.toml", "[issuer]\nnam = 'x'\n", "billing.toml:2: issuer.nam: is unknown"),
    ("billing.toml", "[cycle.a]\nday = 29\n", "billing.toml:2: cycle.a.day: expected 1 to 28, not 29"),
    ("billing.toml", "[cycle.a]\nzone = 'Mars'\n", "billing.toml:2: cycle.a.zone: expected an IANA time zone"),
    ("billing.toml", "[numbers]\ninvoice = 'CN-{year}-'\n", "numbers.credit_note: is the prefix of invoices, too"),
    ("billing.toml", "[text.xx]\nvoice = 'x'\n", "billing.toml:1: text.xx: expected one of en, zh"),
    ("billing.toml", "[region.r]\nvat = 5\n", "billing.toml:2: region.r.vat: expected a percentage"),
    ("billing.toml", "[[\n", "billing.toml:0: : cannot be read"),
    ("customers.csv", "", "customers.csv:0: file: cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "text", "told"), WRONG)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, file: str, text: str, told: str) -> None:
    (tmp_path / "customers.csv").write_text(ALICE)
    (tmp_path / file).write_text(text)
    with pytest.raises(CustomerError) as error:
        read_customers(tmp_path)
    assert told in str(error.value)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    files = {"customers_csv": "customer,name\n,A\nb,\n", "billing_toml": "[terms]\ndue_days = 999\nx = 1\n"}
    with pytest.raises(CustomerError) as error:
        folder(tmp_path, **files)
    assert len(str(error.value).splitlines()) == 4


def test_a_folder_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(CustomerError, match="no such customer folder"):
        read_customers(tmp_path / "none")


def test_accounts_are_those_of_services_and_customers_themselves(tmp_path: Path) -> None:
    services = "account,customer,cost_centre\na2,bob,x\nalice,bob,\n"
    made = folder(tmp_path, customers_csv=f"{ALICE}bob,Bob\n", services_csv=services)
    assert made.accounts().rows() == [("a2", "bob", "x"), ("alice", "bob", ""), ("bob", "bob", "")]


def test_the_version_is_that_of_the_content(tmp_path: Path) -> None:
    versions = [
        folder(tmp_path / str(place), customers_csv=text).version
        for place, text in enumerate((ALICE, ALICE, f"{ALICE}b,B\n"))
    ]
    assert versions[0] == versions[1] != versions[2]


def test_settings_are_json_and_back(tmp_path: Path) -> None:
    text = '[issuer]\naddress = ["a", "b"]\n[cycle.c]\nday = 5\nzone = "Asia/Shanghai"\n[region.r]\nvat = "7.5"\n'
    made = folder(tmp_path, customers_csv=ALICE, billing_toml=text).settings
    assert from_json(made.to_json()) == made
    assert made.cycles["c"].period("2026-10").start_utc.isoformat() == "2026-10-04T16:00:00+00:00"
    assert from_json(Settings().to_json()) == Settings()
