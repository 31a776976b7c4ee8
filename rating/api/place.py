"""A private folder that goes with its process.

Enters: where folders may be made. Leaves: a folder of mode 0700, locked as long as the process lives. Always holds: a
folder that nobody locks is one that a killed process left behind, and is removed by the next one that makes its own;
the operating system gives up a lock with the process, so none is removed from under a living one.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

_NAME: Final = "toll-serve-"
_UNLOCKED: Final = "toll-new-"
"""A folder has this name until it is locked, so that nobody takes it for one left behind."""


class Place:
    """A folder below ``cache`` (None: the system's folder for temporary files), until :meth:`close`."""

    def __init__(self, cache: Path | None = None) -> None:
        above = Path(cache or tempfile.gettempdir())
        for left in above.glob(f"{_NAME}*"):
            _remove_if_left(left)
        made = Path(tempfile.mkdtemp(prefix=_UNLOCKED, dir=above))
        self._lock = _opened(made)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = made.rename(above / f"{_NAME}{secrets.token_hex(4)}")

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


def _remove_if_left(folder: Path) -> None:
    """Remove ``folder`` if it is ours and nobody locks it."""
    with suppress(OSError):  # another's, or gone, or locked: not ours to remove
        lock = _opened(folder)
        try:
            if os.fstat(lock).st_uid == os.geteuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
        finally:
            os.close(lock)
