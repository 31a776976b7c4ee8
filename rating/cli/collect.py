"""toll collect: ship spool files into a Kafka topic, each content once.

Enters: files or folders, a layout, a topic, librdkafka's settings. Leaves: acknowledged messages, and a ledger of what
was shipped. Always holds: the same command again ships nothing twice, but for at most one block of 4 MiB that was
under way when it was killed; its copies are duplicates to ``toll stream``.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from rating.cli.broker import broker_arguments, client, stopped_by_signals
from rating.cli.shared import json_argument, layout_argument, print_json, whole_number

if TYPE_CHECKING:
    from rating.streaming.collect import Collected


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll collect``."""
    part.add_argument("inputs", nargs="+", metavar="INPUT", help="CDR files, or folders of them")
    part.add_argument("--topic", required=True, metavar="T", help="the topic of raw records")
    layout_argument(part)
    part.add_argument(
        "--key", metavar="FIELD", default="", help="usage field that chooses the partition: a_number, ..."
    )
    part.add_argument("--pack", type=whole_number(1, 10_000), default=1, metavar="N", help="records a message")
    part.add_argument(
        "--ledger", metavar="FILE", default="collect.sqlite", help="what was shipped (default: %(default)s)"
    )
    broker_arguments(part)
    json_argument(part)


def run(args: argparse.Namespace) -> int:
    """Ship the inputs; 1 if a file was refused. What was shipped is told even if the broker then goes away."""
    from pathlib import Path
    from threading import Event

    from mediation.layout_file import read_layout
    from mediation.pickup import input_files
    from rating.cli.progress import reading
    from rating.streaming.collect import Collector
    from rating.streaming.kafka import KafkaSink
    from rating.streaming.ledger import Ledger
    from rating.streaming.logs import log_json
    from rating.streaming.shipping import Route

    log_json(quiet=args.quiet)
    settings, layout, paths = client(args), read_layout(args.layout), input_files(args.inputs)
    sink = KafkaSink(settings)
    route = Route(args.topic, sink.partitions(args.topic), args.key, args.pack)
    stopping = Event()
    files: list[Collected] = []
    size = sum(path.stat().st_size for path in map(Path, paths) if path.is_file())
    try:
        with (
            Ledger(Path(args.ledger)) as ledger,
            stopped_by_signals(stopping.set),
            reading("collecting", size, quiet=args.quiet) as watch,
        ):
            files.extend(Collector(layout, route, sink, ledger, stopping, watch).collect(paths))
    finally:
        _tell(files, as_json=args.json)
    return int(any(file.error for file in files) or stopping.is_set())


def _tell(files: list[Collected], *, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        print_json({"files": [asdict(file) for file in files]})
    for file in files:
        if file.error:
            print(f"toll collect: {file.error}", file=sys.stderr)
        elif not as_json:
            told = "shipped before" if file.already else f"{file.records:,} records in {file.messages:,} messages"
            print(f"{file.name}: {told}")
