"""What librdkafka says, to the log: seldom enough that a broker that is away does not fill the disk.

Enters: log lines and errors of a client. Leaves: one record of a kind a minute at most, with the number of those that
were left out before it. Always holds: a record's event is the fixed text ``client``; librdkafka speaks of brokers,
topics and groups, never of what a message holds.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaError

_LOG: Final = logging.getLogger("toll.kafka")
_AGAIN_S: Final = 60.0
"""A client that cannot connect says so twenty times a second, for as long as it lasts."""


class ClientLog:
    """Takes the place of a logger in librdkafka's settings; ``clock`` tells seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[str, float] = {}
        self._left_out: Counter[str] = Counter()

    def log(self, level: int, _form: str, kind: str, _client: str, text: str) -> None:
        """Tell a log line of librdkafka, as its Python client calls a logger: its ``kind`` is a word such as FAIL."""
        self._tell(level, kind, text)

    def error(self, error: KafkaError) -> None:
        """Tell an error that the client gets over by itself."""
        self._tell(logging.WARNING, error.name(), error.str())

    def _tell(self, level: int, kind: str, text: str) -> None:
        now = self._clock()
        if now - self._said.get(kind, -_AGAIN_S) < _AGAIN_S:
            self._left_out[kind] += 1
            return
        self._said[kind] = now
        left_out = self._left_out.pop(kind, 0)
        _LOG.log(level, "client", extra={"code": kind, "says": text, "left_out": left_out})
