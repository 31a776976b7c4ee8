"""What a source and a sink promise, shown for the twin in memory and for a real broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from rating.streaming.coordinates import Partition
from rating.streaming.keys import murmur2, partition_for
from rating.streaming.memory import MemoryBroker
from rating.streaming.source import Messages, Outgoing, Source, StreamError
from tests.streaming.brokers import Broker, Memory


@dataclass
class Told:
    """A listener that writes down what it is told."""

    starts: dict[int, int | None] = field(default_factory=dict)
    owned: set[Partition] = field(default_factory=set)
    events: list[str] = field(default_factory=list)

    def assigned(self, partitions: list[Partition]) -> dict[Partition, int | None]:
        self.events.append("assigned")
        self.owned |= set(partitions)
        return {p: self.starts.get(p.number) for p in partitions}

    def revoked(self, partitions: list[Partition]) -> None:
        self.events.append("revoked")
        self.owned -= set(partitions)

    def lost(self, partitions: list[Partition]) -> None:
        self.events.append("lost")
        self.owned -= set(partitions)


def taken(*sources: Source, until: Callable[[dict[Partition, Messages]], bool]) -> dict[Partition, Messages]:
    found: dict[Partition, Messages] = {}
    late = time.monotonic() + 30
    while not until(found):
        assert time.monotonic() < late, "nothing came"
        for source in sources:
            for partition, messages in source.take(100, 0.05).items():
                found.setdefault(partition, Messages()).extend(messages)
    return found


def count(found: dict[Partition, Messages]) -> int:
    return sum(map(len, found.values()))


def opened(broker: Broker, topic: str, told: Told | None = None) -> tuple[Source, Told]:
    source, told = broker.source(topic), told or Told()
    source.open(told)
    return source, told


def test_messages_come_whole_and_in_order(broker: Broker) -> None:
    topic = broker.create("raw", 2)
    headers = [("toll-layout", b"x"), ("toll-packing", b"raw")]
    given = [Outgoing(b"%d" % n, b"key", headers, n % 2) for n in range(10)]
    assert broker.sink().send(topic, given) == 10
    source, told = opened(broker, topic)
    found = taken(source, until=lambda f: count(f) == 10)
    for number in (0, 1):
        messages = found[Partition(topic, number)]
        assert messages.offsets == list(range(5))
        assert messages.values == [b"%d" % n for n in range(number, 10, 2)]
        assert [list(h or ()) for h in messages.headers] == [headers] * 5
        assert min(messages.stamps_ms) > 1_600_000_000_000
    source.close()
    assert told.events[-1] == "revoked"
    assert told.owned == set()


def test_it_begins_where_the_listener_says_and_seeks(broker: Broker) -> None:
    topic = broker.create("raw", 1)
    broker.sink().send(topic, [Outgoing(b"%d" % n, partition=0) for n in range(10)])
    source, _ = opened(broker, topic, Told({0: 7}))
    only = Partition(topic, 0)
    assert taken(source, until=lambda f: count(f) == 3)[only].offsets == [7, 8, 9]
    source.pause([only])
    source.seek(only, 4)
    assert source.take(100, 0.2) == {}
    source.resume([only])
    assert taken(source, until=lambda f: count(f) == 6)[only].offsets[:2] == [4, 5]
    assert source.ends([only]) == {only: 10}
    source.note({only: 10})
    source.close()


def test_members_share_the_partitions_and_take_over(broker: Broker) -> None:
    topic = broker.create("raw", 4)
    one, first = opened(broker, topic)
    taken(one, until=lambda _: len(first.owned) == 4)
    two, second = opened(broker, topic)
    taken(one, two, until=lambda _: len(first.owned) == len(second.owned) == 2)
    assert not first.owned & second.owned
    two.close()
    taken(one, until=lambda _: len(first.owned) == 4)
    one.close()


def test_a_topic_has_its_partitions_or_is_not_there(broker: Broker) -> None:
    topic = broker.create("raw", 3)
    assert broker.sink().partitions(topic) == 3
    for _ in range(2):  # the first time must not make it
        with pytest.raises(StreamError, match="there is no topic 'nowhere'"):
            broker.sink().partitions("nowhere")
        with pytest.raises(StreamError, match="there is no topic 'nowhere'"):
            broker.source("nowhere").open(Told())


@pytest.mark.parametrize(
    ("key", "hashed"),
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536), (b"abc", 479470107)],
)
def test_keys_choose_partitions_as_the_java_client_does(key: bytes, hashed: int) -> None:
    assert murmur2(key) == hashed & 0xFFFFFFFF
    assert partition_for(key, 7) == (hashed & 0x7FFFFFFF) % 7


def test_a_key_goes_where_the_client_would_send_it(broker: Broker) -> None:
    topic = broker.create("raw", 5)
    keys = [b"+44755%07d" % n for n in range(40)]
    broker.sink().send(topic, [Outgoing(key, key) for key in keys])
    source, _ = opened(broker, topic)
    for partition, messages in taken(source, until=lambda f: count(f) == 40).items():
        assert {partition_for(key, 5) for key in messages.values} == {partition.number}
    source.close()


def test_an_offset_that_the_log_does_not_have_is_loud(memory: MemoryBroker) -> None:
    broker = Memory(memory)
    topic = broker.create("raw", 1)
    broker.sink().send(topic, [Outgoing(b"x", partition=0)] * 5)
    memory.trim(Partition(topic, 0), 3)
    for start in (2, 6):
        source, _ = opened(broker, topic, Told({0: start}))
        with pytest.raises(StreamError, match=f"offset {start} is not in the log"):
            source.take(10, 0)
        source.close()
