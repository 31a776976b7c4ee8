"""The collector: spool files into a topic, each content once.

Enters: files, a layout, a route. Leaves: acknowledged messages and a summary per file. Always holds: a file is known by
its content; a block is noted in the ledger after its messages were acknowledged, so after a crash at most one block
is sent again, and the service drops its copies by their event ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Final

from mediation.layout import Layout
from mediation.pickup import Block, InputError, SourceFile, blocks, bound, pick_up, readable
from mediation.records import Chunk
from rating.pipeline import mediate
from rating.streaming.ledger import Ledger, Shipped
from rating.streaming.shipping import Route, messages, shippable
from rating.streaming.source import Sink

BLOCK_BYTES: Final = 4 << 20


@dataclass(slots=True)
class Collected:
    """What became of one file: ``records`` in ``messages`` were shipped now, or its fault."""

    name: str
    records: int = 0
    messages: int = 0
    already: bool = False
    error: str = ""


@dataclass(slots=True, eq=False)
class Collector:
    """Ships files of ``layout`` by ``route`` until ``stopping``; tells ``watch`` how many bytes of them are done."""

    layout: Layout
    route: Route
    sink: Sink
    ledger: Ledger
    stopping: Event = field(default_factory=Event)
    watch: Callable[[int], None] = lambda _: None
    _done_bytes: int = field(default=0, init=False)

    def collect(self, paths: Iterable[str]) -> Iterator[Collected]:
        """Ship the files that the ledger does not have; one that cannot be read is told, the others go on.

        Raises :class:`PublishError` if the broker does not acknowledge.
        """
        self._done_bytes = 0
        for path in paths:
            found = Collected(readable(path))
            try:
                file = pick_up(path, self.layout)
                self._collect(file, found)
                self._done_bytes += file.size_bytes
            except InputError as fault:
                found.error = str(fault)
            yield found
            if self.stopping.is_set():
                return

    def _collect(self, file: SourceFile, found: Collected) -> None:
        at = self.ledger.shipped(file.source, self.route.topic)
        found.already = at.complete
        if at.complete:
            return
        layout, record_no = _alone(file, self.layout), at.next_record_no
        for block in blocks(file, layout.framing, at.next_offset, BLOCK_BYTES):
            record_no = self._ship(file, layout, block, record_no, found)
            self.watch(self._done_bytes + file.size_bytes * (block.offset + len(block.bytes)) // file.content_bytes)
            if self.stopping.is_set():
                return

    def _ship(self, file: SourceFile, layout: Layout, block: Block, record_no: int, found: Collected) -> int:
        """Ship ``block``, which begins with the record ``record_no``; the number of the record after it."""
        mediated = mediate(Chunk(file.source, block.offset, record_no, block.bytes, block.last), layout)
        found.messages += self.sink.send(self.route.topic, messages(mediated, file.source, self.route))
        found.records += shippable(mediated)
        reached = Shipped(block.offset + len(block.bytes), record_no + mediated.records, block.last)
        self.ledger.note(file.source, self.route.topic, file.name, reached)
        return reached.next_record_no


def _alone(file: SourceFile, layout: Layout) -> Layout:
    """``layout`` with what the header of ``file`` says, if its records can do without: messages have no header.

    Raises :class:`InputError` if they cannot.
    """
    if layout.framing.ber and layout.framing.ber.container == "nested":
        raise InputError(
            f"{file.path}: records of layout {layout.name} mean something only in their file: give it to `toll rate`"
        )
    found = bound(file, layout)
    if found.framing.columns != layout.framing.columns:
        raise InputError(
            f"{file.path}: its header names the columns in another order than layout {layout.name}: records of a "
            "stream have no header; declare the order in a layout of its own"
        )
    return found
