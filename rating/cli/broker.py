"""What commands that talk to Kafka share: its settings, and how they are stopped."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def broker_arguments(part: argparse.ArgumentParser) -> None:
    """``--kafka``, ``--allow-plaintext``, ``--config``, ``--quiet``."""
    part.add_argument(
        "--kafka",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a setting of librdkafka; secrets as env:NAME or file:PATH",
    )
    part.add_argument("--allow-plaintext", action="store_true", help="let records leave the machine unencrypted")
    part.add_argument("--config", metavar="FILE", help="TOML file with these arguments; a table [kafka] for --kafka")
    part.add_argument("--quiet", action="store_true", help="log warnings only")


def client(args: argparse.Namespace) -> dict[str, str]:
    """The settings of librdkafka. Raises :class:`rating.streaming.source.StreamError` where they are refused."""
    from rating.streaming.settings import client_settings

    return client_settings(args.kafka, allow_plaintext=args.allow_plaintext)


@contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` on SIGTERM and SIGINT."""
    before = {number: signal.signal(number, lambda *_: stop()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
