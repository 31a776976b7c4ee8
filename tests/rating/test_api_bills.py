"""Bills over HTTP: those that the bill run made, to those who may see them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from rating.answers import json_rows
from rating.api.tokens import new_token
from rating.billing.shown import documents, items, numbered, shown
from rating.lake import open_lake
from tests.rating.api_client import Client, serving
from tests.rating.bills import billed, folder, landed, ordered, tried

CUSTOMERS = "customer,name\nalice,Alice\nbob,Bob\n"
SERVICES = "account,customer,cost_centre\nalice-2,alice,sales\n"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Alice has two accounts, and bills of October; those of November are drafts."""
    place = tmp_path_factory.mktemp("bills")
    customers = folder(place / "customers", customers_csv=CUSTOMERS, services_csv=SERVICES)
    with open_lake(place / "lake", create=True) as lake:
        calls = [{"account": who, "amount": f"0.{n}"} for n, who in enumerate(["alice", "alice-2", "bob"] * 3, 1)]
        landed(lake, "october", *calls)
        billed(lake, ordered(customers))
        tried(lake, ordered(customers, "2026-11"))
    with serving(place, place / "lake") as made:
        second = {"role": "account", "account": "alice-2"}
        made.tokens["alice-2"] = new_token(made.desk.settings.tokens, second)
        yield made


@pytest.fixture(scope="module")
def numbers(client: Client) -> dict[str, str]:
    """The number of each customer's only bill."""
    (found,) = zip(*(client.get(f"/v1/accounts/{who}/bills").json()["items"] for who in ("alice", "bob")), strict=True)
    return {str(document["customer"]): str(document["number"]) for document in found}


def test_a_customers_final_bills(client: Client) -> None:
    with open_lake(client.desk.settings.lake, read_only=True) as lake:
        for who in ("alice", "alice-2", "bob"):
            told = client.get(f"/v1/accounts/{who}/bills").json()
            assert told == {"account": who, "items": json_rows(documents(lake, who)), "next": None}
            assert len(told["items"]) == 1
    assert client.get("/v1/accounts/carol/bills").json()["items"] == []
    assert client.get("/v1/accounts/alice/bills", month="2026-09").json()["items"] == []


def test_a_bill_with_its_lines(client: Client, numbers: dict[str, str]) -> None:
    number = numbers["alice"]
    told = client.get(f"/v1/accounts/alice/bills/{number}").json()
    with open_lake(client.desk.settings.lake, read_only=True) as lake:
        made = shown(lake, numbered(lake, number))
    assert told["lines"] == json_rows(made.lines)
    assert Decimal(told["document"]["charges"]) == made.document["charges"] == Decimal("2.7")


@pytest.mark.parametrize("limit", [4, 6])
def test_its_calls_page_by_page(client: Client, numbers: dict[str, str], limit: int) -> None:
    number = numbers["alice"]
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = client.get(f"/v1/accounts/alice/bills/{number}/items", limit=limit, **after).json()
        found += page["items"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    with open_lake(client.desk.settings.lake, read_only=True) as lake:
        stored = items(lake, numbered(lake, number))["event_id"].to_pylist()
    assert [row["event_id"] for row in found] == [str(event) for event in stored]
    assert len(found) == 6


@pytest.mark.parametrize(
    ("role", "account", "of", "status"),
    [
        ("alice", "alice", "alice", 200),
        ("alice", "alice", "bob", 404),
        ("reader", "alice", "bob", 404),
        ("reader", "bob", "bob", 200),
        ("reader", "alice-2", "alice", 200),
        ("care", "alice-2", "alice", 200),
        ("alice-2", "alice-2", "alice", 404),
    ],
)
def test_whose_bill_is_shown(
    client: Client, numbers: dict[str, str], role: str, account: str, of: str, status: int
) -> None:
    for path in ("", "/items"):
        assert client.get(f"/v1/accounts/{account}/bills/{numbers[of]}{path}", role).status_code == status


def test_an_account_among_several_sees_no_bill_of_all(client: Client) -> None:
    assert client.get("/v1/accounts/alice-2/bills", "alice-2").json()["items"] == []


def test_care_sees_no_name_or_address(client: Client) -> None:
    (document,) = client.get("/v1/accounts/alice/bills", "care").json()["items"]
    assert (document["customer"], document["name"]) == ("alice", "**ice")
