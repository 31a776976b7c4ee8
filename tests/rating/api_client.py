"""A client of the API within the process: requests go through the whole application, and no network."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from rating.api.app import application
from rating.api.desk import Desk
from rating.api.follow import Follower
from rating.api.settings import Settings
from rating.api.tokens import new_token
from rating.lake import open_lake

ROLES = {
    "reader": {"role": "reader"},
    "care": {"role": "care"},
    "trusted care": {"role": "care", "personal_data": True},
    "alice": {"role": "account", "account": "alice"},
    "metrics": {"role": "metrics"},
}


class Client:
    """Asks as who has the token of a role; roles of :data:`ROLES` have one."""

    def __init__(self, desk: Desk, tokens: dict[str, str]) -> None:
        self.desk, self.tokens = desk, tokens
        self._loop = asyncio.new_event_loop()
        transport = httpx.ASGITransport(application(desk))
        self._http = httpx.AsyncClient(transport=transport, base_url="http://test")

    def get(
        self, path: str, role: str = "reader", headers: dict[str, str] | None = None, **params: str | int
    ) -> httpx.Response:
        """The answer to GET ``path``; a ``from_`` stands for ``from``."""
        named = {name.rstrip("_"): value for name, value in params.items()}
        token = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
        asked = self._http.get(path, params=named or None, headers={**token, **(headers or {})})
        return self._loop.run_until_complete(asked)

    def caught_up(self) -> None:
        """Wait until the shelves have what the lake has."""
        with open_lake(self.desk.settings.lake, read_only=True) as lake:
            now = lake.query("SELECT id FROM ducklake_current_snapshot('lake')")["id"][0].as_py()
        self.shows(now)

    def shows(self, snapshot: int) -> None:
        """Wait until the shelves are as of ``snapshot``, or a later one."""
        late = time.monotonic() + 20
        while not (self.desk.views.view and self.desk.views.view.snapshot >= snapshot):
            assert time.monotonic() < late, "the shelves do not follow"
            time.sleep(0.01)

    def close(self) -> None:
        self._loop.run_until_complete(self._http.aclose())
        self._loop.close()


@contextmanager
def serving(folder: Path, lake: Path, **settings: Any) -> Iterator[Client]:  # noqa: ANN401 - of Settings
    """A client of ``lake``; its tokens are in ``folder``."""
    path = folder / "tokens.toml"
    tokens = {name: new_token(path, {"burst": 10_000, **grant}) for name, grant in ROLES.items()}
    tokens["nobody"] = f"toll_{'0' * 8}_{'A' * 43}"
    with Follower(lake, 50, folder) as follower, Desk(Settings(lake, path, **settings), follower) as desk:
        client = Client(desk, tokens)
        try:
            client.shows(0)  # any snapshot: the first one that is looked for is the newest
            yield client
        finally:
            client.close()
