"""toll rekey: read a topic that has the wrong key, and produce its records with the right one.

Enters: two topics, layouts, a key. Leaves: keyed messages until it is stopped, and a ledger of how far it is. Always
holds: every record is sent; one that is sent again after a crash is a duplicate to ``toll stream``.
"""

from __future__ import annotations

import argparse

from rating.cli.broker import broker_arguments, client, message_arguments, reading_of, stopped_by_signals
from rating.cli.shared import json_argument, print_json, whole_number


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll rekey``."""
    part.add_argument("--from", dest="source", required=True, metavar="T", help="the topic to read")
    part.add_argument("--topic", required=True, metavar="T", help="the topic to produce to")
    part.add_argument("--key", required=True, metavar="FIELD", help="usage field that chooses the partition")
    part.add_argument("--layout", required=True, action="append", metavar="L", help="as for toll stream")
    part.add_argument("--pack", type=whole_number(1, 10_000), default=1, metavar="N", help="records a message")
    part.add_argument("--group", metavar="G", default="tollstream-rekey", help="consumer group (default: %(default)s)")
    part.add_argument("--ledger", metavar="FILE", default="rekey.sqlite", help="how far it is (default: %(default)s)")
    message_arguments(part)
    broker_arguments(part)
    json_argument(part)


def run(args: argparse.Namespace) -> int:
    """Re-key until stopped."""
    from pathlib import Path

    from rating.streaming.kafka import KafkaSink, KafkaSource
    from rating.streaming.ledger import Ledger
    from rating.streaming.logs import log_json
    from rating.streaming.rekey import Rekey
    from rating.streaming.shipping import Route

    log_json(quiet=args.quiet)
    settings = client(args)
    reading = reading_of(args)
    sink = KafkaSink(settings)
    route = Route(args.topic, sink.partitions(args.topic), args.key, args.pack)
    source = KafkaSource({**settings, "group.id": args.group}, args.source)
    with Ledger(Path(args.ledger)) as ledger:
        stage = Rekey(source, sink, ledger, reading, route)
        with stopped_by_signals(stage.stopping.set):
            sent = stage.run(args.exit_when_idle)
    if args.json:
        print_json({"messages": sent})
    else:
        print(f"{sent:,} messages sent")
    return 0
