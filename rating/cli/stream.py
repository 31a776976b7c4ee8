"""toll stream: rate what comes over Kafka, as a service; or show how far it is.

Enters: a topic, layouts, a tariff folder, a lake, librdkafka's settings. Leaves: committed batches, until it is stopped
(SIGTERM, SIGINT) or cannot go on. Always holds: stopped in any way, the same command goes on where the lake is.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rating.cli.broker import broker_arguments, client, message_arguments, reading_of, stopped_by_signals
from rating.cli.faults import CommandError
from rating.cli.job import job_arguments, job_of
from rating.cli.shared import json_argument, opened, print_json, show, tariffs_argument, whole_number

if TYPE_CHECKING:
    from rating.streaming.service import Service


def arguments(part: argparse.ArgumentParser) -> None:
    """The arguments of ``toll stream``."""
    part.add_argument("action", nargs="?", choices=("run", "status"), default="run", help="default: %(default)s")
    job_arguments(part)
    part.add_argument("--topic", metavar="T", help="the topic of raw records")
    part.add_argument("--group", metavar="G", default="tollstream", help="consumer group (default: %(default)s)")
    part.add_argument(
        "--layout",
        metavar="L",
        action="append",
        default=[],
        help="shipped layout or .toml file; repeat for those that messages may name, the first is the default",
    )
    tariffs_argument(part, required=False)
    part.add_argument(
        "--batch-messages", type=whole_number(1, 1_000_000), default=400_000, metavar="N", help="default: %(default)s"
    )
    part.add_argument(
        "--batch-mib", type=whole_number(1, 4_096), default=64, metavar="N", help="of all values (default: %(default)s)"
    )
    part.add_argument("--batch-ms", type=whole_number(1, 60_000), default=500, metavar="N", help="default: %(default)s")
    part.add_argument(
        "--message-mib", type=whole_number(1, 256), default=16, metavar="N", help="longest message (default: 16)"
    )
    part.add_argument("--rated-topic", metavar="T", default="", help="publish rated events there")
    part.add_argument("--suspense-topic", metavar="T", default="", help="publish a notice per suspended record there")
    part.add_argument("--alert-topic", metavar="T", default="", help="publish alerts there")
    part.add_argument("--http", metavar="HOST:PORT", default="127.0.0.1:9464", help="metrics and health; off: none")
    message_arguments(part)
    broker_arguments(part)
    json_argument(part)


def run(args: argparse.Namespace) -> int:
    """Serve, or show the state."""
    return _status(args) if args.action == "status" else _serve(args)


def _status(args: argparse.Namespace) -> int:
    from rating.answers import json_rows, rich_table
    from rating.streaming.status import status

    with opened(args) as lake:
        rows = status(lake)
    if args.json:
        print_json(json_rows(rows))
    else:
        show(rich_table(rows, "Streams"))
    return 0


def _serve(args: argparse.Namespace) -> int:
    missing = [f"--{name}" for name in ("topic", "layout", "tariffs") if not getattr(args, name)]
    if missing:
        raise CommandError(f"give {', '.join(missing)}", 2)
    _check_outputs(args)
    from rating.cli.memory import keep_pages, rest_collector

    keep_pages(large=True)
    from rating.balances.snapshot_keeper import snapshots_ended
    from rating.streaming.logs import log_json

    log_json(quiet=args.quiet)
    settings = client(args)
    service = _service(args, settings)
    rest_collector()
    with service.landing.job.lake, _endpoints(args, service), stopped_by_signals(service.stop):
        service.landing.job.lake.delete_orphans()
        with snapshots_ended(service.landing.job.keepers, finish=False):
            service.run(args.exit_when_idle)
    return 0


def _check_outputs(args: argparse.Namespace) -> None:
    """Refuse what would be read as records again, without end, and what nothing would ever come of."""
    for name in ("rated", "suspense", "alert"):
        if getattr(args, f"{name}_topic") == args.topic:
            raise CommandError(f"--{name}-topic {args.topic}: the raw records come from there", 2)
    if args.alert_topic and not args.alerts:
        raise CommandError("--alert-topic needs --alerts, the file of rules", 2)


def _service(args: argparse.Namespace, settings: dict[str, str]) -> Service:
    from rating.streaming.kafka import KafkaSink, KafkaSource
    from rating.streaming.landing import Landing
    from rating.streaming.outbox import Outbox, Topics
    from rating.streaming.service import Limits, Service

    reading = reading_of(args)
    job = job_of(args, reading.layouts[reading.layout])
    topics = Topics(args.rated_topic, args.suspense_topic, args.alert_topic)
    sink = KafkaSink(settings) if topics.named() else None
    for topic in topics.named():
        if sink:
            sink.partitions(topic)
    return Service(
        source=KafkaSource({**settings, "group.id": args.group}, args.topic),
        landing=Landing(job),
        reading=replace(reading, most_bytes=args.message_mib << 20),
        outbox=Outbox(topics, sink),
        limits=Limits(args.batch_messages, args.batch_mib << 20, args.batch_ms),
    )


def _endpoints(args: argparse.Namespace, service: Service) -> Any:  # noqa: ANN401 - a context, whatever it gives
    from contextlib import nullcontext

    from rating.streaming.health import served

    if args.http == "none":
        return nullcontext()
    host, _, port = args.http.rpartition(":")
    if not host or not port.isdecimal():
        raise CommandError(f"--http {args.http}: expected HOST:PORT or none", 2)
    return served(service.metrics, host, int(port))
