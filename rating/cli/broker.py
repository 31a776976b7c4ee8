"""What commands that talk to Kafka share: its settings, and how they are stopped."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rating.cli.faults import CommandError
from rating.cli.shared import whole_number

if TYPE_CHECKING:
    from mediation.layout import Layout
    from rating.streaming.unpack import Reading


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
    part.add_argument(
        "--config", metavar="FILE", help="TOML file with these arguments, a table [kafka] for --kafka; may be repeated"
    )
    part.add_argument("--quiet", action="store_true", help="log warnings only")


def message_arguments(part: argparse.ArgumentParser) -> None:
    """``--packing`` and ``--exit-when-idle`` of those that read messages."""
    part.add_argument("--packing", choices=("raw", "arrow"), default="raw", help="of messages that do not say it")
    part.add_argument("--exit-when-idle", type=whole_number(1, 86_400), metavar="S", help="stop after S quiet seconds")


def reading_of(args: argparse.Namespace) -> Reading:
    """How to read messages: by the layouts that ``args`` name, of which the first is the default.

    Raises :class:`CommandError` if two that differ have one name: a message could not say which it means;
    :class:`mediation.layout_file.LayoutError` if one goes by the header of each file alone.
    """
    from mediation.layout_file import read_layout
    from rating.stored import layout_of_stream
    from rating.streaming.unpack import Reading

    layouts: dict[str, Layout] = {}
    for given in args.layout:
        layout = read_layout(given)
        layout_of_stream(layout)
        if layouts.setdefault(layout.name, layout).version != layout.version:
            raise CommandError(f"--layout {given}: another layout is named {layout.name}, too", 2)
    return Reading(layouts, next(iter(layouts)), args.packing)


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
