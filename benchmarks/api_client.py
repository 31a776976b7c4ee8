"""A client of the API that costs little: raw requests over connections that stay open.

Enters: what to ask, and when. Leaves: how long each answer took, and the client's own CPU time. Always holds: requests
leave at fixed times, whatever came of those before, and latency counts from those times, so that a server that stalls
is not spared; every answer is checked.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import cast

import uvloop

SPAN = "from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z"
MIX = (
    (60, "usage", f"/v1/accounts/%s/usage?{SPAN}&limit=50"),
    (25, "charges", f"/v1/accounts/%s/charges?{SPAN}"),
    (15, "balances", "/v1/accounts/%s/balances"),
)
"""How many of a hundred requests ask what."""
CONNECTIONS = 32
_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Question:
    """A request: when it is due (seconds), what it asks, and for whom."""

    due_s: float
    what: str
    path: str
    account: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was answered, and how long after it was due."""

    question: Question
    took_s: float


@dataclass(frozen=True, slots=True)
class Told:
    """What came of all questions, and the CPU seconds that the client took."""

    asked: list[Asked]
    cpu_s: float


def questions(accounts: Sequence[str], seconds: int, rate: int) -> list[Question]:
    """``rate`` questions a second for ``seconds``, by :data:`MIX`, each for a random one of ``accounts``."""
    random = Random(1)
    kinds = random.choices([kind for _, *kind in MIX], [share for share, *_ in MIX], k=seconds * rate)
    return [Question(number / rate, *kind, random.choice(accounts)) for number, kind in enumerate(kinds)]


def asking(port: int, token: str, due: Sequence[Question]) -> Told:
    """Ask them all, over :data:`CONNECTIONS` connections of the loopback."""
    before = time.process_time()
    asked = uvloop.run(_asked(port, token, due))
    return Told(asked, time.process_time() - before)


@dataclass
class _Desk:
    """Questions that wait for a connection, and connections that wait for a question."""

    token: str
    wanted: int
    ended: asyncio.Event
    begin: float = 0.0
    free: deque[_Connection] = field(default_factory=deque)
    waiting: deque[Question] = field(default_factory=deque)
    done: list[Asked] = field(default_factory=list)

    def ask(self, question: Question) -> None:
        if self.free:
            self.free.popleft().ask(question)
        else:
            self.waiting.append(question)

    def answered(self, connection: _Connection, question: Question) -> None:
        self.done.append(Asked(question, time.perf_counter() - self.begin - question.due_s))
        if self.waiting:
            connection.ask(self.waiting.popleft())
        else:
            self.free.append(connection)
        if len(self.done) == self.wanted:
            self.ended.set()


class _Connection(asyncio.Protocol):
    def __init__(self, desk: _Desk) -> None:
        self._desk, self._got = desk, b""
        self._question: Question | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._desk.free.append(self)

    def ask(self, question: Question) -> None:
        self._question, self._got = question, b""
        lines = f"GET {question.path % question.account} HTTP/1.1\r\nHost: toll\r\nAuthorization: Bearer "
        self._transport.write(lines.encode() + self._desk.token.encode() + _HEAD)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, body = self._got.partition(_HEAD)
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length or self._question is None:
            return
        if not head.startswith(b"HTTP/1.1 200 ") or self._question.account.encode() not in body:
            raise RuntimeError(self._got.decode())
        self._desk.answered(self, self._question)


async def _asked(port: int, token: str, due: Sequence[Question]) -> list[Asked]:
    desk, loop = _Desk(token, len(due), asyncio.Event()), asyncio.get_running_loop()
    faults: list[str] = []

    def fails(_: asyncio.AbstractEventLoop, told: dict[str, object]) -> None:
        faults.append(str(told.get("exception", told["message"])))
        desk.ended.set()

    loop.set_exception_handler(fails)
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: _Connection(desk), "127.0.0.1", port)
    desk.begin = time.perf_counter() + 0.1
    for question in due:
        await asyncio.sleep(max(desk.begin + question.due_s - time.perf_counter(), 0))
        desk.ask(question)
    await desk.ended.wait()
    if faults:
        raise RuntimeError(faults[0])
    return desk.done
