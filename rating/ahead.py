"""Doing the next piece of work while the last one is written.

Enters: an iterator. Leaves: its items, made in one thread ahead of their use. Always holds: at most
``depth`` items wait, so memory is bounded; an exception of the iterator comes out where its item would;
a consumer that stops early stops the thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class _End(Generic[T]):
    """The last item of the queue: why there are no more."""

    def __init__(self, fault: BaseException | None) -> None:
        self.fault = fault


def ahead(items: Iterable[T], depth: int = 1) -> Iterator[T]:
    """The ``items`` in order; up to ``depth`` of them are ready before they are asked for."""
    queue: Queue[T | _End[T]] = Queue(depth)
    stopped = Event()

    def offer(item: T | _End[T]) -> None:
        while not stopped.is_set():
            try:
                queue.put(item, timeout=0.1)
            except Full:
                continue
            return

    def produce() -> None:
        fault: BaseException | None = None
        try:
            for item in items:
                offer(item)
                if stopped.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - handed to the consumer, who raises it
            fault = error
        offer(_End(fault))

    thread = Thread(target=produce, daemon=True, name="ahead")
    thread.start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
        if item.fault:
            raise item.fault
    finally:
        stopped.set()
        thread.join()
