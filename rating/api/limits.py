"""Rate limits: a bucket of requests per token.

Enters: a token's name and a moment. Leaves: how long to wait, 0 if the request may pass. Always holds: over any time
a token passes at most its burst plus its rate times that time; buckets are as many as tokens.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from rating.api.tokens import Grant


class Buckets:
    """The buckets of all tokens. For one thread: the server's event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def wait_s(self, name: str, grant: Grant) -> int:
        """Take one request of the token ``name``: 0, or after how many whole seconds there is one to take."""
        now = self._clock()
        left, at = self._left.get(name, (float(grant.burst), now))
        left = min(grant.burst, left + (now - at) * grant.per_second)
        passes = left >= 1
        self._left[name] = (left - passes, now)
        return 0 if passes else math.ceil((1 - left) / grant.per_second)

    def keep(self, names: frozenset[str]) -> None:
        """Forget the buckets of all other tokens."""
        self._left = {name: bucket for name, bucket in self._left.items() if name in names}
