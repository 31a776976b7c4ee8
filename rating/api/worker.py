"""A worker: answers what arrives at a listening socket.

Enters: settings, the socket, views. Leaves: answers over HTTP. Always holds: SIGTERM and SIGINT end it when the
requests under way are answered, at the latest after ten seconds.
"""

from __future__ import annotations

import gc
from socket import socket

import uvicorn

from rating.api.app import application
from rating.api.desk import Desk
from rating.api.published import Views
from rating.api.settings import GRACE_S, Address, Settings


def answer(settings: Settings, address: Address, listening: socket, views: Views) -> None:
    """Answer from ``views`` until a signal says stop."""
    with Desk(settings, views) as desk:
        config = uvicorn.Config(
            application(desk),
            ssl_certfile=address.certificate,
            ssl_keyfile=address.key,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_graceful_shutdown=GRACE_S,
        )
        gc.freeze()  # what is there for good is not to be looked through again while someone waits
        uvicorn.Server(config).run([listening])
