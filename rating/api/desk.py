"""The desk: what the routes answer from, and whom they answer.

Enters: settings, views. Leaves: the latest view, the threads, the tokens. Always holds: nobody is answered without a
token that grants it; a changed file of tokens holds from the next request on, and one that is wrong changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self, TypeVar

from starlette.exceptions import HTTPException

from rating.api.far import Far
from rating.api.limits import Buckets
from rating.api.metrics import Metrics
from rating.api.published import Views
from rating.api.settings import Settings
from rating.api.shelves import View, WideError
from rating.api.threads import Threads
from rating.api.tokens import Grant, Grants, Right, TokenError, granted, read_tokens

T = TypeVar("T")
LOG: Final = logging.getLogger("toll.serve")
_NEAR_WAITING: Final = 256
_WIDE_WAITING: Final = 8


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: the name of the token, and what it grants."""

    name: str
    grant: Grant

    def known(self, *values: str) -> tuple[str, ...] | None:
        """What need not be masked, since it was in the question; None: nothing is masked."""
        return None if self.grant.unmasked else values


class Desk:
    """What a process of the server has while it runs; a context manager. Raises :class:`TokenError`."""

    def __init__(self, settings: Settings, views: Views) -> None:
        self.settings, self.views, self.metrics = settings, views, Metrics()
        self._grants: Grants = read_tokens(settings.tokens)
        self.far = Far(settings.lake, settings.far_connections, settings.far_s)
        self._near = Threads("near", settings.near_threads, _NEAR_WAITING)
        self._wide = Threads("wide", settings.wide_threads, _WIDE_WAITING)
        self._stamp = self._written()
        self._buckets = Buckets(views.folder / "limits")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for part in (self._near, self._wide, self.far, self._buckets):
            part.close()

    @property
    def ready(self) -> bool:
        """Whether the shelves are filled and go with the lake."""
        return self.views.view is not None and self.views.healthy

    def view(self) -> View:
        """The lake as of its latest snapshot. Raises 503 until it was read once."""
        view = self.views.view
        if view is None:
            raise HTTPException(503, "the lake is being read: ask again soon", {"Retry-After": "2"})
        return view

    async def near(self, view: View, question: Callable[[View], T], *, by_sql: bool = False) -> T:
        """The answer of ``question``: at once if it is about few rows, else by a thread; ``by_sql``: never at once."""
        if not by_sql:
            with suppress(WideError):
                return question(view.up_to(self.settings.at_once_rows))
        with suppress(WideError):
            return await self._near.run(lambda: question(view.up_to(self.settings.wide_rows)))
        return await self._wide.run(lambda: question(view))

    def asker(self, token: str) -> Asker:
        """Whose ``token`` it is. Raises 401 if it is nobody's, 429 if it asks too often."""
        found = granted(self._tokens(), token)
        if found is None:
            raise HTTPException(401, "give a token: `Authorization: Bearer toll_...`", {"WWW-Authenticate": "Bearer"})
        wait_s = self._buckets.wait_s(*found)
        if wait_s:
            raise HTTPException(429, f"this token asks too often: wait {wait_s} s", {"Retry-After": str(wait_s)})
        return Asker(*found)

    def _tokens(self) -> Grants:
        if self._written() != self._stamp:
            self._stamp = self._written()
            try:
                self._grants = read_tokens(self.settings.tokens)
            except TokenError as fault:
                LOG.warning("the file of tokens is wrong: what was read before holds", extra={"fault": str(fault)})
        return self._grants

    def _written(self) -> tuple[int, int]:
        try:
            found = self.settings.tokens.stat()
        except OSError:
            return (0, 0)
        return found.st_mtime_ns, found.st_ino


def allowed(asker: Asker, right: Right, account: str | None = None) -> Asker:
    """``asker``, who may do that. Raises 403 if not."""
    if not asker.grant.may(right, account):
        raise HTTPException(403, f"a token of the role {asker.grant.role} may not ask this")
    return asker
