"""The collector: spool files into a topic, each content once.

Enters: files, a layout, a route. Leaves: acknowledged messages and a summary per file. Always holds: a file is known by
its content; a block is noted in the ledger after its messages were acknowledged, so after a crash at most one block
is sent again, and the service drops its copies by their event ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from threading import Event

from mediation.layout import Layout
from mediation.pickup import InputError, SourceFile, blocks, bound, pick_up, readable
from mediation.records import Chunk
from rating.pipeline import mediate
from rating.streaming.ledger import Ledger, Shipped
from rating.streaming.shipping import Route, messages
from rating.streaming.source import Sink

BLOCK_BYTES = 4 << 20


@dataclass(slots=True)
class Collected:
    """What became of one file."""

    name: str
    records: int = 0
    messages: int = 0
    already: bool = False
    error: str = ""


def collect(
    paths: Iterable[str], layout: Layout, route: Route, sink: Sink, ledger: Ledger, stopping: Event
) -> Iterator[Collected]:
    """Ship the files that the ledger does not have; one that cannot be read is told, the others go on.

    Raises :class:`PublishError` if the broker does not acknowledge.
    """
    for path in paths:
        found = Collected(readable(path))
        try:
            file = pick_up(path, layout)
            at = ledger.shipped(file.source, route.topic)
            found.already = at.complete
            if not at.complete:
                _ship(file, _as_declared(file, layout), route, sink, ledger, at, found, stopping)
        except InputError as fault:
            found.error = str(fault)
        yield found
        if stopping.is_set():
            return


def _ship(
    file: SourceFile,
    layout: Layout,
    route: Route,
    sink: Sink,
    ledger: Ledger,
    at: Shipped,
    found: Collected,
    stopping: Event,
) -> None:
    record_no = at.next_record_no
    for block in blocks(file, layout.framing, at.next_offset, BLOCK_BYTES):
        chunk = Chunk(file.source, block.offset, record_no, block.bytes, block.last)
        mediated = mediate(chunk, layout)
        found.messages += sink.send(route.topic, messages(mediated, file.source, route))
        found.records += mediated.records
        record_no += mediated.records
        reached = Shipped(block.offset + len(block.bytes), record_no, block.last)
        ledger.note(file.source, route.topic, file.name, reached)
        if stopping.is_set():
            return


def _as_declared(file: SourceFile, layout: Layout) -> Layout:
    """``layout``, if the file has its columns in the declared order: messages carry no header line.

    Raises :class:`InputError` if it has another.
    """
    if bound(file, layout).framing.columns != layout.framing.columns:
        raise InputError(
            f"{file.path}: its header names the columns in another order than layout {layout.name}: records of a "
            "stream have no header; declare the order in a layout of its own"
        )
    return layout
