"""Rate limits: a bucket of requests per token, which all processes of a server share.

Enters: a token's name and a moment. Leaves: how long to wait, 0 if the request may pass. Always holds: over any time
a token passes at most its burst plus its rate times that time, by whichever processes it is asked.

Of a bucket it suffices to know when it will be full again. That stands in a file at the place that the token's name
gives, a number of 32 bits; the file is sparse, so it takes room for tokens in use alone.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rating.api.tokens import Grant

_SECOND: Final = 1_000_000_000
_BYTES: Final = 8


class Buckets:
    """The buckets of all tokens, in the file at ``path``. For one thread of each process: its event loop.

    ``clock`` gives nanoseconds, the same ones in all processes.
    """

    def __init__(self, path: Path, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def wait_s(self, name: str, grant: Grant) -> int:
        """Take one request of the token ``name``: 0, or after how many whole seconds there is one to take."""
        place = int(name, 16) * _BYTES
        fcntl.lockf(self._file, fcntl.LOCK_EX, _BYTES, place)
        try:
            now, each = self._clock(), -(-_SECOND // grant.per_second)
            full = max(int.from_bytes(os.pread(self._file, _BYTES, place), "little"), now) + each
            wait = full - now - grant.burst * each
            if wait <= 0:
                os.pwrite(self._file, full.to_bytes(_BYTES, "little"), place)
            return max(-(-wait // _SECOND), 0)
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, _BYTES, place)
