"""Serving: the application on an address, until it is told to stop.

Enters: settings and an address. Leaves: answers over HTTP. Always holds: SIGTERM and SIGINT end it when the requests
under way are answered, at the latest after ten seconds; threads, connections and files of its own go with it.
"""

from __future__ import annotations

import logging
import socket
import sys
from typing import Final

import uvicorn

from rating.api.app import application
from rating.api.desk import Desk
from rating.api.settings import Address, ServeError, Settings

LOG: Final = logging.getLogger("toll.serve")
_GRACE_S: Final = 10
_BACKLOG: Final = 512
_SWITCH_S: Final = 0.001
"""How long a thread keeps the interpreter from others: the follower's work must not add up to a long wait."""


def serve(settings: Settings, address: Address) -> None:
    """Serve until stopped; the log says where when it listens.

    Raises :class:`ServeError` if the address cannot be listened on, :class:`rating.api.tokens.TokenError` for tokens.
    """
    sys.setswitchinterval(_SWITCH_S)
    with Desk(settings) as desk, _listening(address) as listening:
        config = uvicorn.Config(
            application(desk),
            ssl_certfile=address.certificate,
            ssl_keyfile=address.key,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_graceful_shutdown=_GRACE_S,
        )
        LOG.info("listening", extra={"host": address.host, "port": listening.getsockname()[1]})
        uvicorn.Server(config).run([listening])
    LOG.info("stopped")


def _listening(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=_BACKLOG)
    except OSError as fault:
        raise ServeError(f"cannot listen on {address.host}:{address.port}: {fault.strerror}") from None
