"""Every route times every role; what is hidden of persons; what is refused, and in which words."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from rating.lake import open_lake
from tests.rating.api_client import Client, serving
from tests.rating.deltas import charge_rows, delta, rows, usage_row

SPAN = "from=2026-10-01T00:00:00Z&to=2026-11-01T00:00:00Z"
EVENT = "00000000-0000-0000-0000-000000000001"
ROUTES = {
    "usage": f"/v1/accounts/{{account}}/usage?{SPAN}",
    "charges": f"/v1/accounts/{{account}}/charges?{SPAN}",
    "balances": "/v1/accounts/{account}/balances",
    "bills": "/v1/accounts/{account}/bills",
    "bill": "/v1/accounts/{account}/bills/none",
    "items": "/v1/accounts/{account}/bills/none/items",
    "settlement": "/v1/carriers/{account}/settlement?period=2026-10",
    "explanation": f"/v1/events/{EVENT}/explanation",
    "metrics": "/metrics",
    "alive": "/healthz",
    "ready": "/readyz",
    "description": "/openapi.json",
}
MAY = {
    #               no token, a wrong one, reader, care, of alice for alice, of alice for bob, metrics
    "usage": (401, 401, 200, 200, 200, 403, 403),
    "charges": (401, 401, 200, 200, 200, 403, 403),
    "balances": (401, 401, 200, 200, 200, 403, 403),
    "bills": (401, 401, 200, 200, 200, 403, 403),
    "bill": (401, 401, 404, 404, 404, 403, 403),
    "items": (401, 401, 404, 404, 404, 403, 403),
    "settlement": (401, 401, 200, 200, 200, 403, 403),
    "explanation": (401, 401, 404, 403, 403, 403, 403),
    "metrics": (401, 401, 200, 403, 403, 403, 200),
    "alive": (200, 200, 200, 200, 200, 200, 200),
    "ready": (200, 200, 200, 200, 200, 200, 200),
    "description": (200, 200, 200, 200, 200, 200, 200),
}
ASKERS = (
    *(("", "alice"), ("nobody", "alice"), ("reader", "alice"), ("care", "alice")),
    *(("alice", "alice"), ("alice", "bob"), ("metrics", "alice")),
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Over a lake of three calls of alice."""
    folder = tmp_path_factory.mktemp("api")
    with open_lake(folder / "lake", create=True) as lake:
        whole = delta("a", ["rated"] * 3)
        known = {"a_number": "+447700900123", "b_number": "2327", "imsi": "234150000000001", "cell": "c1"}
        events = [usage_row("a", n, **known) for n in range(1, 4)]
        charges = [charge for event in events for charge in charge_rows(event)]
        lake.commit(dataclasses.replace(whole, usage=rows("usage", events), charges=rows("charge", charges)))
    with serving(folder, folder / "lake") as made:
        yield made


def test_every_route_is_in_the_table(client: Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    shown = {
        route.partition("?")[0].replace("/none", "/{number}").replace(EVENT, "{event_id}") for route in ROUTES.values()
    }
    assert {path.replace("{carrier}", "{account}") for path in paths} == shown - {"/openapi.json"}
    assert MAY.keys() == ROUTES.keys()


@pytest.mark.parametrize("asker", range(len(ASKERS)), ids=[f"{role or 'nobody'} of {of}" for role, of in ASKERS])
@pytest.mark.parametrize("route", ROUTES)
def test_who_may_ask_what(client: Client, route: str, asker: int) -> None:
    role, account = ASKERS[asker]
    answer = client.get(ROUTES[route].format(account=account), role)
    assert answer.status_code == MAY[route][asker]
    if answer.status_code != 200:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert (problem["status"], problem["title"] != "") == (answer.status_code, True)
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("role", "a_number", "b_number", "imsi", "cell"),
    [
        ("reader", "+447700900123", "2327", "234150000000001", "c1"),
        ("alice", "+447700900123", "2327", "234150000000001", "c1"),
        ("trusted care", "+447700900123", "2327", "234150000000001", "c1"),
        ("care", "**********123", "*327", "************001", "**"),
    ],
)
def test_personal_data(client: Client, role: str, a_number: str, b_number: str, imsi: str, cell: str) -> None:
    item = client.get(ROUTES["usage"].format(account="alice"), role).json()["items"][0]
    assert [item[name] for name in ("a_number", "b_number", "imsi", "cell")] == [a_number, b_number, imsi, cell]


@pytest.mark.parametrize(
    ("path", "status", "fault"),
    [
        (f"/v1/accounts/alice/usage?{SPAN}&colour=red", 422, "colour: Extra inputs are not permitted"),
        ("/v1/accounts/alice/usage", 422, "from: Field required"),
        ("/v1/accounts/alice/usage?from=5&to=6", 422, "expected an instant"),
        ("/v1/accounts/alice/usage?from=2026-10-01T00:00:00&to=2026-10-02T00:00:00Z", 422, "with its offset"),
        ("/v1/accounts/alice/usage?from=2026-10-02T00:00:00Z&to=2026-10-02T00:00:00Z", 422, "must lie after"),
        ("/v1/accounts/alice/usage?from=2026-10-02T00:00:00Z&to=2027-10-04T00:00:00Z", 422, "at most 366 days"),
        (f"/v1/accounts/alice/usage?{SPAN}&limit=0", 422, "limit: "),
        (f"/v1/accounts/alice/usage?{SPAN}&limit=1001", 422, "limit: "),
        (f"/v1/accounts/alice/usage?{SPAN}&leg=any", 422, "leg: "),
        (f"/v1/accounts/alice/usage?{SPAN}&after=x", 422, "expected `next`"),
        (f"/v1/accounts/alice/usage?{SPAN}&after=WzEsMl0", 422, "expected `next`"),
        (f"/v1/accounts/alice/usage?{SPAN}&after={'A' * 500}", 422, "expected `next`"),
        (f"/v1/accounts/{'a' * 201}/usage?{SPAN}", 422, "account: "),
        ("/v1/accounts/alice/balances?at=now", 422, "expected an instant"),
        ("/v1/accounts/alice/bills?month=2026-13", 422, "month"),
        ("/v1/accounts/alice/bills?after=e30", 422, "expected `next`"),
        ("/v1/carriers/a/settlement?period=2026-02-30", 422, "is no period"),
        ("/v1/carriers/a/settlement?period=2026-10&zone=Nowhere/At", 422, "is no time zone"),
        ("/v1/carriers/a/settlement?period=2026-10-01/2028-10-05", 422, "more than 366 days"),
        ("/v1/events/5/explanation", 422, "event_id: "),
        ("/v1/nothing", 404, ""),
    ],
)
def test_what_is_refused(client: Client, path: str, status: int, fault: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert fault in " ".join(answer.json()["faults"])


def test_logs_tell_the_route_and_neither_account_nor_number(
    client: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("toll"), "propagate", True)  # a command may have set it otherwise
    with caplog.at_level(logging.INFO, "toll.serve.access"):
        client.get(ROUTES["usage"].format(account="alice"))
        client.get("/v1/nothing/alice", "")
    known, unknown = (
        {k: v for k, v in r.__dict__.items() if k in {"route", "status", "token"}} for r in caplog.records
    )
    assert known == {
        "route": "/v1/accounts/{account}/usage",
        "status": 200,
        "token": client.tokens["reader"].split("_")[1],
    }
    assert unknown == {"route": "none", "status": 404, "token": ""}
    assert "alice" not in json.dumps([r.__dict__ for r in caplog.records], default=str).replace("tests/", "")


def test_metrics_count_by_route_and_role(client: Client) -> None:
    client.get(ROUTES["usage"].format(account="alice"), "care")
    told = client.get("/metrics", "metrics").text
    assert 'toll_api_requests_total{role="care",route="/v1/accounts/{account}/usage",status="200"}' in told
    assert "toll_api_snapshot " in told
    assert "alice" not in told


def test_a_token_that_asks_too_often_waits(tmp_path: Path, client: Client) -> None:
    with serving(tmp_path, client.desk.settings.lake) as own:
        from rating.api.tokens import new_token

        own.tokens["slow"] = new_token(own.desk.settings.tokens, {"role": "reader", "per_second": 1, "burst": 2})
        answers = [own.get(ROUTES["balances"].format(account="alice"), "slow") for _ in range(3)]
        assert [a.status_code for a in answers] == [200, 200, 429]
        assert answers[2].headers["retry-after"] == "1"
        assert own.get(ROUTES["balances"].format(account="alice")).status_code == 200


def test_changed_tokens_hold_at_once_and_a_wrong_file_changes_nothing(tmp_path: Path, client: Client) -> None:
    from rating.api.tokens import revoke

    with serving(tmp_path, client.desk.settings.lake) as own:
        path = own.desk.settings.tokens
        assert own.get("/v1/accounts/a/balances").status_code == 200
        revoke(path, own.tokens["reader"].split("_")[1])
        assert own.get("/v1/accounts/a/balances").status_code == 401
        path.write_text("wrong")
        assert own.get("/v1/accounts/a/balances", "care").status_code == 200


def test_too_many_requests_at_once_are_turned_away(tmp_path: Path, client: Client) -> None:
    with serving(tmp_path, client.desk.settings.lake, open_requests=0) as own:
        answer = own.get("/healthz")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_the_description_is_of_openapi_3_1(client: Client) -> None:
    told = client.get("/openapi.json").json()
    assert told["openapi"].startswith("3.1")
    assert (
        "application/problem+json"
        in told["paths"]["/v1/accounts/{account}/usage"]["get"]["responses"]["401"]["content"]
    )
