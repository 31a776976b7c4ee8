"""Kafka, by confluent-kafka: the one place that knows the client.

Enters: librdkafka's settings. Leaves: a :class:`Source` and a :class:`Sink`. Always holds: offsets are never taken
from the group nor stored by the client; an offset that the log does not have is an error, never a silent jump.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from rating.streaming.client_log import ClientLog
from rating.streaming.coordinates import MOST_OFFSET, Partition
from rating.streaming.source import Headers, Listener, Messages, Outgoing, PublishError, StreamError
from rating.streaming.unpack import LAYOUT_HEADER

Settings = Mapping[str, str | int | bool]
Client = TypeVar("Client", Consumer, Producer)

CONSUMER: Final[Settings] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "partition.assignment.strategy": "cooperative-sticky",
}
"""What the service's guarantees rest on; not open to change."""
PRODUCER: Final[Settings] = {"enable.idempotence": True, "partitioner": "murmur2_random"}
_OF_CONSUMERS: Final = ("group.", "session.", "heartbeat.", "max.poll.", "fetch.", "queued.", "auto.", "check.crcs")
_LOST_PLACE: Final = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)  # noqa: SLF001 - the public name of a code
_REFUSED: Final = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 - the public name of a code
    KafkaError._FATAL,  # noqa: SLF001 - the public name of a code
)
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
"""What Kafka takes as a topic's name; to librdkafka one that begins with ^ is a pattern."""
_UNREADABLE: Final = (SystemError, UnicodeDecodeError)
"""What the client raises for headers of which one has a name that is no UTF-8."""
_METADATA_S: Final = 10
_DELIVERY_S: Final = 60


def _made(client: Callable[..., Client], settings: Settings, told: ClientLog) -> Client:
    """A client with ``settings`` that tells ``told`` what goes wrong."""
    try:
        return client({**settings, "error_cb": told.error}, logger=told)
    except KafkaException as error:
        raise StreamError(f"[kafka] {error.args[0].str()}") from None


def _size(client: Consumer | Producer, topic: str) -> int:
    """How many partitions ``topic`` has, as the broker tells it."""
    if not _TOPIC.fullmatch(topic):
        raise StreamError(f"{topic!r} is no name of a topic: letters, digits, '.', '_' and '-', at most 249")
    try:
        found = client.list_topics(timeout=_METADATA_S).topics.get(topic)  # to ask for one by name may make it
    except KafkaException as error:
        client.poll(0)  # what the client has to say of it goes to the log
        raise StreamError(f"no broker answers: {error.args[0].str()}") from error
    if not found or found.error or not found.partitions:
        raise StreamError(f"there is no topic {topic!r}: create it first, see docs/streaming.md")
    return len(found.partitions)


class KafkaSource:
    """A :class:`rating.streaming.source.Source` over one topic."""

    def __init__(self, settings: Settings, topic: str) -> None:
        fixed = dict(CONSUMER)
        if settings.get("group.protocol") == "consumer":  # KIP-848: the broker assigns, cooperatively
            del fixed["partition.assignment.strategy"]
        self._told = ClientLog()
        self._consumer = _made(Consumer, {**settings, **fixed}, self._told)
        self._topic = topic

    def open(self, listener: Listener) -> None:
        """As :meth:`Source.open`."""
        _size(self._consumer, self._topic)

        def assigned(consumer: Consumer, parts: list[TopicPartition]) -> None:
            starts = listener.assigned([_named(p) for p in parts])
            placed = [_placed(p, offset) for p, offset in starts.items()]
            consumer.incremental_assign(placed)
            consumer.resume(placed)  # the client keeps a pause from before the partition went away

        def revoked(consumer: Consumer, parts: list[TopicPartition]) -> None:
            listener.revoked([_named(p) for p in parts])
            consumer.incremental_unassign(parts)

        def lost(consumer: Consumer, parts: list[TopicPartition]) -> None:
            listener.lost([_named(p) for p in parts])
            consumer.incremental_unassign(parts)

        self._consumer.subscribe([self._topic], on_assign=assigned, on_revoke=revoked, on_lost=lost)

    def take(self, most: int, wait_s: float) -> dict[Partition, Messages]:
        """As :meth:`Source.take`."""
        taken: dict[int, list[Any]] = {}  # the client's types allow what only a message with an error has
        for message in self._consumer.consume(most, wait_s):
            if error := message.error():
                self._refuse(error, f"kafka:{message.topic()}/{message.partition()}")
            else:
                taken.setdefault(message.partition() or 0, []).append(message)
        return {
            (partition := Partition(self._topic, number)): messages_of(partition, messages)
            for number, messages in taken.items()
        }

    def _refuse(self, error: KafkaError, where: str) -> None:
        """Raise what cannot pass by itself; log the rest: the client tries again."""
        if error.code() in _LOST_PLACE:
            raise StreamError(
                f"{where}: the log does not hold the offset where the lake stopped ({error.str()}): records expired "
                "unread, or the broker lost data; see docs/operations.md, 'An offset that the log does not have'"
            )
        if error.code() in _REFUSED or error.fatal():
            raise StreamError(f"{where}: {error.str()}")
        if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - the public name of a code
            self._told.error(error)

    def seek(self, partition: Partition, offset: int | None) -> None:
        """As :meth:`Source.seek`."""
        self._consumer.seek(_placed(partition, offset))

    def pause(self, partitions: Iterable[Partition]) -> None:
        """As :meth:`Source.pause`."""
        self._consumer.pause([TopicPartition(*p) for p in partitions])

    def resume(self, partitions: Iterable[Partition]) -> None:
        """As :meth:`Source.resume`."""
        self._consumer.resume([TopicPartition(*p) for p in partitions])

    def note(self, offsets: Mapping[Partition, int]) -> None:
        """As :meth:`Source.note`; a refusal changes nothing."""
        try:
            self._consumer.commit(offsets=[_placed(p, offset) for p, offset in offsets.items()], asynchronous=True)
        except KafkaException as error:
            self._told.error(error.args[0])

    def ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """As :meth:`Source.ends`: as the last fetch told it."""
        found = {}
        for partition in partitions:
            marks = self._consumer.get_watermark_offsets(TopicPartition(*partition), cached=True)
            if marks and marks[1] >= 0:
                found[partition] = marks[1]
        return found

    def close(self) -> None:
        """As :meth:`Source.close`."""
        self._consumer.close()


def messages_of(partition: Partition, messages: list[Any]) -> Messages:
    """``messages`` of ``partition`` as columns, one by one: that costs least."""
    offsets: list[int] = [message.offset() for message in messages]
    if offsets[-1] > MOST_OFFSET:
        raise StreamError(f"{partition.source}: offset {offsets[-1]} has no coordinates: use a new topic")
    values: list[bytes] = [message.value() or b"" for message in messages]
    headers = _headers(messages)
    stamps_ms = [message.timestamp()[1] for message in messages]
    return Messages(offsets, values, headers, stamps_ms, sum(map(len, values)))


def _headers(messages: list[Any]) -> list[Headers | None]:
    """The headers of each; of a message with a name that is no UTF-8, those of one whose layout nobody knows.

    They are asked for once: asked again, such a message ends the process.
    """
    found: list[Headers | None] = []
    for message in messages:
        try:
            found.append(message.headers())
        except _UNREADABLE:
            found.append([(LAYOUT_HEADER, b"\xff")])
    return found


def _named(part: TopicPartition) -> Partition:
    return Partition(part.topic, part.partition)


def _placed(partition: Partition, offset: int | None) -> TopicPartition:
    return TopicPartition(*partition, OFFSET_BEGINNING if offset is None else offset)


class KafkaSink:
    """A :class:`rating.streaming.source.Sink`."""

    def __init__(self, settings: Settings) -> None:
        ours = {k: v for k, v in settings.items() if not k.startswith(_OF_CONSUMERS)}
        self._producer = _made(Producer, {"linger.ms": 5, **ours, **PRODUCER}, ClientLog())
        self._acknowledged = 0

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        self._acknowledged += error is None

    def send(self, topic: str, messages: Iterable[Outgoing]) -> int:
        """As :meth:`Sink.send`."""
        self._acknowledged, sent = 0, 0
        for message in messages:
            self._enqueue(topic, message)
            sent += 1
        self._producer.flush(_DELIVERY_S)
        if self._acknowledged != sent:
            self._producer.purge()
            self._producer.flush(1)
            raise PublishError(f"{topic}: {sent - self._acknowledged} of {sent} messages were not acknowledged")
        return sent

    def _enqueue(self, topic: str, message: Outgoing) -> None:
        value, key, headers, partition = message
        placed: dict[str, Any] = {} if partition is None else {"partition": partition}
        for _ in range(_DELIVERY_S):
            try:
                self._producer.produce(
                    topic, value=value, key=key, headers=list(headers or []), on_delivery=self._delivered, **placed
                )
            except BufferError:  # the queue is full: wait until some of it is delivered
                self._producer.poll(1)
            except KafkaException as error:
                raise PublishError(f"{topic}: {error.args[0].str()}") from error
            else:
                return
        raise PublishError(f"{topic}: the broker took nothing for {_DELIVERY_S} s")

    def partitions(self, topic: str) -> int:
        """As :meth:`Sink.partitions`."""
        return _size(self._producer, topic)

    def close(self) -> None:
        """As :meth:`Sink.close`."""
        self._producer.flush(1)
