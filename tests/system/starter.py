"""Commands in processes of their own that start quickly: forked from one that has imported everything.

Enters: arguments. Leaves: a running process, which may be killed by its id. Always holds: nothing of a
lake is open in the process that is forked.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from pathlib import Path

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        *("rating.cli.main", "rating.job", "rating.recycle", "rating.lake", "tariffs.load", "tariffs.compile"),
        *("rating.streaming.kafka", "rating.streaming.service"),
    ]
)


def _run(arguments: list[str], told: str) -> None:
    from rating.cli.main import main

    with open(told, "wb") as file:  # noqa: PTH123 - the descriptor is what counts
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.exit(main(arguments))


def started(arguments: list[str], told: Path) -> BaseProcess:
    """``toll`` with ``arguments``, running; what it says goes to the file ``told``."""
    child = _SERVER.Process(target=_run, args=(arguments, str(told)))
    child.start()
    return child
