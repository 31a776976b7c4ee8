"""The re-key stage: a topic with the wrong key into one with the right key.

Enters: messages of a source. Leaves: the same records, keyed, in another topic. Always holds: the ledger notes a
partition's offset only after what came before it was acknowledged, so nothing is lost; what is sent again after a crash
has the same key, so it meets its copy.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from threading import Event
from typing import Final

from rating.streaming.coordinates import Partition
from rating.streaming.intake import take_in
from rating.streaming.ledger import Ledger, Shipped
from rating.streaming.shipping import Route, messages
from rating.streaming.source import Messages, Sink, Source
from rating.streaming.unpack import Reading

_LOG: Final = logging.getLogger("toll.rekey")
_TAKE: Final = 1_000
_WAIT_S: Final = 1
_TOLD_S: Final = 10.0


@dataclass(slots=True)
class Rekey:
    """One member of the group that re-keys."""

    source: Source
    sink: Sink
    ledger: Ledger
    reading: Reading
    route: Route
    stopping: Event = field(default_factory=Event)
    _next: dict[Partition, int] = field(default_factory=dict)
    _told: float = 0.0

    def run(self, idle_rounds: int | None = None) -> int:
        """Re-key until stopped, or until ``idle_rounds`` seconds brought nothing; how many messages were sent.

        Raises :class:`StreamError` and :class:`PublishError`.
        """
        sent = quiet = 0
        self.source.open(self)
        try:
            while not self.stopping.is_set() and (idle_rounds is None or quiet < idle_rounds):
                taken = self.source.take(_TAKE, _WAIT_S)
                sent += sum(self._ship(partition, taken[partition]) for partition in taken)
                quiet = 0 if taken or not self._next else quiet + 1
                if taken:
                    self._tell(sent)
        finally:
            self.source.close()
        return sent

    def _tell(self, sent: int) -> None:
        """Log how far it is, every ten seconds while messages come."""
        if time.monotonic() - self._told > _TOLD_S:
            self._told = time.monotonic()
            offsets = {partition.source: offset for partition, offset in self._next.items()}
            _LOG.info("sent", extra={"messages": sent, "offsets": offsets})

    def _ship(self, partition: Partition, taken: Messages) -> int:
        sent = 0
        while taken and partition in self._next:
            intake, taken = take_in(partition, self._next[partition], taken, self.reading)
            sent += self.sink.send(self.route.topic, messages(intake.mediated, partition.source, self.route))
            self._next[partition] = intake.next_offset
            self.ledger.note(partition.source, self.route.topic, partition.topic, Shipped(intake.next_offset))
            self.source.note({partition: intake.next_offset})
        return sent

    def assigned(self, partitions: list[Partition]) -> dict[Partition, int | None]:
        """Begin where the ledger is."""
        self._next |= {p: self.ledger.shipped(p.source, self.route.topic).next_offset for p in partitions}
        return {p: self._next[p] or None for p in partitions}

    def revoked(self, partitions: list[Partition]) -> None:
        """Nothing is under way between two takes."""
        for partition in partitions:
            self._next.pop(partition, None)

    def lost(self, partitions: list[Partition]) -> None:
        """As :meth:`revoked`."""
        self.revoked(partitions)
