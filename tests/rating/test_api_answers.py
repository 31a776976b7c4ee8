"""What the API answers is what the lake says: page by page, summed, at any moment."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rating.answers import json_rows
from rating.api import far as far_questions
from rating.api.far import Far
from rating.api.threads import BusyError, Threads, TooSlowError
from rating.balances.statement import statement
from rating.lake import Lake, LakeError, open_lake
from rating.period import Period
from rating.settlement import settle
from tests.rating.api_client import Client, serving
from tests.rating.deltas import START, charge_rows, delta, rows, usage_row
from tests.rating.past import in_order, land_in_batches, world_and_usage

OCTOBER = {"from_": "2026-10-01T00:00:00Z", "to": "2026-11-01T00:00:00Z"}
YEARS = [(f"{year}-01-01T00:00:00Z", f"{year + 1}-01-01T00:00:00Z") for year in (2023, 2024)]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Over the lake of a random world with allowances: its usage in batches of every size."""
    folder = tmp_path_factory.mktemp("world")
    _, catalogue, usage = world_and_usage(104, 400, folder / "tariffs")
    with open_lake(folder / "lake", create=True) as lake:
        land_in_batches(lake, catalogue, usage, in_order(usage), [3, 40, 41, 160, 300])
    with serving(folder, folder / "lake") as made:
        yield made


@pytest.fixture(scope="module")
def lake(client: Client) -> Iterator[Lake]:
    with open_lake(client.desk.settings.lake, read_only=True) as opened:
        yield opened


def accounts(lake: Lake) -> list[str]:
    """The accounts of charges, those with most first; and one that nobody has."""
    found = lake.query("SELECT account FROM charge GROUP BY account ORDER BY count(*) DESC, account")
    return [*found["account"].to_pylist(), "nobody"]


def walked(client: Client, path: str, **params: str | int) -> list[dict[str, Any]]:
    """All items of all pages."""
    items, after = [], {}
    while True:
        answer = client.get(path, **params, **after).json()
        assert answer["next"] is None or len(answer["items"]) == params["limit"]
        items += answer["items"]
        if answer["next"] is None:
            return items
        after = {"after": answer["next"]}


def charged(lake: Lake, account: str, first: str, end: str, more: str = "") -> list[dict[str, Any]]:
    """An account's charges as the lake has them, in the order of pages."""
    sql = f"""SELECT * FROM rated_usage WHERE account = $account AND start_utc >= $first::TIMESTAMPTZ
    AND start_utc < $end::TIMESTAMPTZ {more} ORDER BY start_utc, event_id, rating_run, leg, kind"""  # noqa: S608 - ours
    return json_rows(lake.query(sql, {"account": account, "first": first, "end": end}))


def same(items: list[dict[str, Any]], rows_: list[dict[str, Any]]) -> bool:
    """Whether items are these rows, in the columns that both have; instants may be written otherwise."""
    plain = [
        {name: _plain(name, value) for name, value in item.items() if name in row} for item, row in _pairs(items, rows_)
    ]
    return plain == [{name: _plain(name, row[name]) for name in item} for item, row in zip(plain, rows_, strict=True)]


def _pairs(items: list[dict[str, Any]], rows_: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    return zip(items, rows_, strict=True)


def _plain(name: str, value: object) -> object:
    return datetime.fromisoformat(str(value)) if name.endswith("_utc") and value else value


@pytest.mark.parametrize("limit", [5, 1000])
def test_pages_are_the_accounts_charges_each_once_and_in_order(client: Client, lake: Lake, limit: int) -> None:
    for account in [*accounts(lake)[:2], "nobody"]:
        for first, end in YEARS:
            items = walked(client, f"/v1/accounts/{account}/usage", from_=first, to=end, limit=limit)
            assert same(items, charged(lake, account, first, end))


def test_pages_of_a_leg_or_service(client: Client, lake: Lake) -> None:
    for account in accounts(lake)[:3]:
        for first, end in YEARS:
            given = {"from_": first, "to": end, "limit": 5}
            items = walked(client, f"/v1/accounts/{account}/usage", **given, leg="wholesale_in", service="voice")
            assert same(items, charged(lake, account, first, end, "AND leg = 'wholesale_in' AND service = 'voice'"))


def test_pages_where_many_start_at_once(tmp_path: Path) -> None:
    with open_lake(tmp_path / "lake", create=True) as lake:
        events = [usage_row("a", n, start_utc=START + timedelta(seconds=n // 9)) for n in range(1, 21)]
        charges = [charge for event in events for charge in charge_rows(event, account="alice")]
        whole = delta("a", ["rated"] * 20)
        lake.commit(dataclasses.replace(whole, usage=rows("usage", events), charges=rows("charge", charges)))
        stored = charged(lake, "alice", "2026-10-01", "2026-11-01")
    with serving(tmp_path, tmp_path / "lake") as own:
        for limit in (1, 2, 3, 5, len(stored), len(stored) + 1):
            assert same(walked(own, "/v1/accounts/alice/usage", **OCTOBER, limit=limit), stored)


def test_sums_are_those_of_the_lake(client: Client, lake: Lake) -> None:
    sql = """SELECT leg, currency, sum(amount) AS amount FROM rated_usage WHERE account = $account
    AND start_utc >= $first::TIMESTAMPTZ AND start_utc < $end::TIMESTAMPTZ GROUP BY ALL ORDER BY ALL"""
    for account in [*accounts(lake)[:3], "nobody"]:
        for first, end in YEARS:
            told = client.get(f"/v1/accounts/{account}/charges", from_=first, to=end).json()
            stored = json_rows(lake.query(sql, {"account": account, "first": first, "end": end}))
            assert [{n: t[n] for n in ("leg", "currency", "amount")} for t in told["totals"]] == stored


def test_balances_are_those_of_the_statement(client: Client, lake: Lake) -> None:
    holders = lake.query("SELECT holder AS h FROM balance_movement UNION SELECT account FROM balance_movement")["h"]
    moments = lake.query("SELECT start_utc FROM balance_movement ORDER BY 1")["start_utc"].to_pylist()
    assert moments
    for holder in [*sorted(filter(None, holders.to_pylist()))[:3], "nobody"]:
        for at in (None, moments[len(moments) // 2]):
            given = {"at": at.isoformat()} if at else {}
            told = client.get(f"/v1/accounts/{holder}/balances", **given).json()
            stored = statement(lake, holder, at).to_json()
            assert all(same(told[name], stored[name]) for name in ("lots", "money", "totals"))


def test_settlements_are_those_of_the_command(client: Client, lake: Lake) -> None:
    for carrier in accounts(lake)[:4]:
        for year in range(2023, 2025):
            days = f"{year}-01-01/{year}-12-31"
            told = client.get(f"/v1/carriers/{carrier}/settlement", period=days, zone="Asia/Kathmandu").json()
            assert told == settle(lake, carrier, Period.parse(days, "Asia/Kathmandu")).to_json()


def test_an_event_is_explained(client: Client) -> None:
    unknown = client.get("/v1/events/00000000-0000-0000-0000-000000000001/explanation")
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "no such event")


def test_the_same_snapshot_is_not_sent_again(tmp_path: Path) -> None:
    with open_lake(tmp_path / "lake", create=True) as lake, serving(tmp_path, tmp_path / "lake") as own:
        lake.commit(delta("a", ["rated"]))
        own.caught_up()
        path = "/v1/accounts/alice/charges"
        first = own.get(path, **OCTOBER)
        again = own.get(path, headers={"If-None-Match": first.headers["etag"]}, **OCTOBER)
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
        lake.commit(delta("b", ["rated"]))
        own.caught_up()
        changed = own.get(path, headers={"If-None-Match": first.headers["etag"]}, **OCTOBER)
        assert (changed.status_code, changed.json()["totals"][0]["amount"]) == (200, "0.200000000")


def test_a_page_goes_on_after_its_last_row_whatever_is_added(tmp_path: Path) -> None:
    with open_lake(tmp_path / "lake", create=True) as lake, serving(tmp_path, tmp_path / "lake") as own:
        lake.commit(delta("m", ["rated"] * 4))
        own.caught_up()
        path, given = "/v1/accounts/alice/usage", {**OCTOBER, "limit": 2}
        first = own.get(path, **given).json()
        lake.commit(delta("a", ["rated"] * 9))  # as many before and between as after
        own.caught_up()
        rest = own.get(path, **given, after=first["next"]).json()
        starts = [item["start_utc"] for item in (*first["items"], *rest["items"])]
        assert starts == sorted(starts)
        assert not {i["event_id"] for i in first["items"]} & {i["event_id"] for i in rest["items"]}


def test_a_lake_that_is_gone_is_told(tmp_path: Path) -> None:
    open_lake(tmp_path / "lake", create=True).close()
    with serving(tmp_path, tmp_path / "lake") as own:
        (tmp_path / "lake").rename(tmp_path / "elsewhere")
        answer = own.get("/v1/accounts/alice/bills")
        assert (answer.status_code, answer.json()["detail"]) == (503, "the lake cannot be read now: ask again later")


def test_a_slow_question_is_interrupted_and_the_next_is_answered(tmp_path: Path) -> None:
    with open_lake(tmp_path / "lake", create=True) as lake:
        lake.commit(delta("a", ["rated"]))

    async def asked() -> int:
        far = Far(tmp_path / "lake", 1, 1)
        slow = "SELECT count(*) FROM range(10_000_000) a, range(10_000_000) b WHERE a.range % 7 = b.range % 11"
        began = time.monotonic()
        with pytest.raises(TooSlowError):
            await far.ask(lambda lake: [lake.query(slow) for _ in range(3)])
        assert time.monotonic() - began < 8
        found = await far.ask(lambda lake: lake.query("SELECT count(*) AS n FROM usage")["n"][0].as_py())
        far.close()
        return int(found)

    assert asyncio.run(asked()) == 1


def test_interrupts_that_come_late_close_no_lake_for_good(tmp_path: Path) -> None:
    open_lake(tmp_path / "lake", create=True).close()
    with open_lake(tmp_path / "lake", read_only=True) as lake, ThreadPoolExecutor(1) as other:
        done = threading.Event()

        def interrupt() -> None:
            while not done.wait(0.0002):
                lake.interrupt()

        late = other.submit(interrupt)
        for _ in range(300):
            with suppress(LakeError), lake.one_snapshot():
                lake.query("SELECT count(*) FROM usage JOIN charge USING (event_id)")
        done.set()
        late.result()
        with lake.one_snapshot():
            assert lake.query("SELECT count(*) AS n FROM usage")["n"].to_pylist() == [0]


def test_a_question_sees_one_snapshot(tmp_path: Path) -> None:
    with open_lake(tmp_path / "lake", create=True) as lake:
        lake.commit(delta("a", ["rated"]))

        async def asked() -> list[int]:
            far = Far(tmp_path / "lake", 1, 10)

            def twice(other: Lake) -> list[int]:
                counts = []
                for name in ("b", "c"):
                    counts.append(other.query("SELECT count(*) AS n FROM usage")["n"][0].as_py())
                    lake.commit(delta(name, ["rated"]))
                return counts

            found = await far.ask(twice)
            found += await far.ask(lambda other: other.query("SELECT count(*) AS n FROM usage")["n"].to_pylist())
            far.close()
            return found

        assert asyncio.run(asked()) == [1, 1, 3]


def test_connections_are_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far_questions, "_RENEW", 2)
    open_lake(tmp_path / "lake", create=True).close()

    async def asked() -> int:
        far = Far(tmp_path / "lake", 1, 10)
        seen = {id(await far.ask(lambda lake: lake)) for _ in range(6)}
        far.close()
        return len(seen)

    assert asyncio.run(asked()) >= 2


def test_no_more_wait_than_may() -> None:
    async def asked() -> list[object]:
        threads, go = Threads("t", 1, 1), threading.Event()
        works = [asyncio.ensure_future(threads.run(lambda: go.wait(5))) for _ in range(3)]
        await asyncio.sleep(0.05)
        go.set()
        ended = await asyncio.gather(*works, return_exceptions=True)
        threads.close()
        return [type(e) for e in ended]

    assert asyncio.run(asked()) == [bool, bool, BusyError]
