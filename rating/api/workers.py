"""Workers: processes that answer, kept alive.

Enters: what each of them is given. Leaves: as many processes as there are to be, until a signal says stop. Always
holds: one that dies is replaced, and takes nothing along but the requests that it had: the socket is everyone's, so
connections wait in it meanwhile; none outlives this process.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from multiprocessing import connection, get_context, parent_process
from multiprocessing.context import SpawnProcess
from pathlib import Path
from socket import socket
from threading import Thread
from typing import Final

from rating.api.published import Published, Views
from rating.api.settings import GRACE_S, Address, Settings
from rating.streaming.logs import log_json

LOG: Final = logging.getLogger("toll.serve")
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_LOOK_S: Final = 0.2
_PAUSE_S: Final = 1
"""Between two starts of a worker: one that dies at once must not take the machine."""
_LATEST_S: Final = GRACE_S + 5
"""A worker that has not ended by then is killed."""


def keep(settings: Settings, address: Address, listening: socket, views: Views) -> None:
    """Keep ``settings.workers`` workers answering from what is published of ``views``, until a signal says stop."""
    _Workers(settings, address, listening, views.folder).run()


class _Workers:
    def __init__(self, settings: Settings, address: Address, listening: socket, folder: Path) -> None:
        self._given = settings, address, listening, folder, not LOG.isEnabledFor(logging.INFO)
        self._metrics = folder / "metrics"
        self._running: dict[int, SpawnProcess] = {}
        self._started: dict[int, float] = {}
        self._stopped = False

    def run(self) -> None:
        """Keep the workers alive until SIGTERM or SIGINT; then end them."""
        from rating.api.metrics import SHARED

        self._metrics.mkdir()
        os.environ[SHARED] = str(self._metrics)
        before = {number: signal.signal(number, self._stop) for number in _SIGNALS}
        try:
            while not self._stopped:
                for place in range(self._given[0].workers):
                    self._keep(place)
                connection.wait([worker.sentinel for worker in self._running.values()], _LOOK_S)
        finally:
            self._end()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, *_: object) -> None:
        self._stopped = True

    def _keep(self, place: int) -> None:
        """See that the worker at ``place`` runs."""
        worker = self._running.get(place)
        if worker and worker.is_alive():
            return
        if worker:
            self._bury(place, worker)
        if time.monotonic() >= self._started.get(place, 0) + _PAUSE_S:
            self._running[place] = get_context("spawn").Process(target=_work, args=self._given, name=f"worker-{place}")
            self._running[place].start()
            self._started[place] = time.monotonic()

    def _bury(self, place: int, worker: SpawnProcess) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        LOG.warning("a worker died", extra={"worker": place, "code": worker.exitcode})
        mark_process_dead(worker.pid, str(self._metrics))  # type: ignore[no-untyped-call] # of the library
        del self._running[place]

    def _end(self) -> None:
        for worker in self._running.values():
            worker.terminate()
        late = time.monotonic() + _LATEST_S
        for worker in self._running.values():
            worker.join(max(late - time.monotonic(), 0))
            worker.kill()
            worker.join()


def _work(settings: Settings, address: Address, listening: socket, folder: Path, quiet: bool) -> None:
    """What a worker process does: answer from the views published in ``folder``."""
    Thread(target=_end_with_parent, name="parent", daemon=True).start()
    for number in _SIGNALS:
        signal.signal(number, lambda *_: sys.exit(0))  # before the server sees to them, and after it has
    log_json(quiet=quiet)
    from rating.api.worker import answer

    answer(settings, address, listening, Published(folder))


def _end_with_parent() -> None:
    """End as if told to when the process that started this one has ended, however that was."""
    if started_by := parent_process():
        started_by.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_LATEST_S)
        os._exit(1)
