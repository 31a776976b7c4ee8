"""Serving: the application on an address, until it is told to stop.

Enters: settings and an address. Leaves: answers over HTTP. Always holds: SIGTERM and SIGINT end it when the requests
under way are answered, at the latest after ten seconds; threads, processes, connections and files of its own go with
it. One worker serves beside the follower in this process; several are processes of their own (:mod:`.workers`).
"""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Callable
from typing import Final

from rating.api.follow import Follower
from rating.api.published import Views
from rating.api.settings import Address, ServeError, Settings
from rating.api.tokens import read_tokens

LOG: Final = logging.getLogger("toll.serve")
_BACKLOG: Final = 512
_SWITCH_S: Final = 0.001
"""How long a thread keeps the interpreter from others: the follower's work must not add up to a long wait."""


def serve(settings: Settings, address: Address) -> None:
    """Serve until stopped; the log says where when it listens.

    Raises :class:`ServeError` if the address cannot be listened on, :class:`rating.api.tokens.TokenError` for tokens.
    """
    sys.setswitchinterval(_SWITCH_S)
    read_tokens(settings.tokens)  # what is wrong with them is told before anything is begun
    answer = _answering(settings)
    with _listening(address) as listening, Follower(settings.lake, settings.refresh_ms, settings.cache) as follower:
        LOG.info("listening", extra={"host": address.host, "port": listening.getsockname()[1]})
        try:
            answer(settings, address, listening, follower)
        finally:
            LOG.info("stopped")


def _answering(settings: Settings) -> Callable[[Settings, Address, socket.socket, Views], None]:
    """What answers; imported before anyone can ask, and only where it is used: it is large."""
    if settings.workers > 1:
        from rating.api.workers import keep

        return keep
    from rating.api.worker import answer

    return answer


def _listening(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=_BACKLOG)
    except OSError as fault:
        raise ServeError(f"cannot listen on {address.host}:{address.port}: {fault.strerror}") from None
