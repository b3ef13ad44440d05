"""The bus on Kafka, through FastStream."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as ConsumedPartition
from aiokafka.errors import IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, TopicPartition

from libs.contracts.topics import GATEWAY_REPLIES, Topic
from libs.messaging.bus import Ack, Incoming, NotConsumed, OnBatch, Outgoing
from libs.messaging.offsets import Offsets
from libs.messaging.pace import Pace
from libs.messaging.rewind import rewind
from libs.messaging.settings import KafkaSettings

log = structlog.get_logger()

REQUEST_TIMEOUT_MS = 40_000
"""Must exceed a group join, or a consumer never starts."""


SESSION_TIMEOUT_MS = 6_000
"""How long a dead consumer keeps its partitions from the others."""
FETCH_WAIT_MS = 500
"""Longest wait of a fetch on Apache Kafka, which answers it as soon as there is a message."""
POSITION_TIMEOUT_S = 5.0
NOT_CONSUMED_PAUSE_S = 0.2


async def _undecoded(message: Any) -> Any:
    """A FastStream decoder that leaves the record alone: the router parses what it routes."""
    return message.raw_message


def _incoming(record: Any) -> Incoming:
    return Incoming(
        topic=record.topic,
        # What is no UTF-8 must reach the router, which knows what to do with poison.
        key=(record.key or b"").decode(errors="replace"),
        headers={name: value.decode(errors="replace") for name, value in record.headers},
        value=record.value or b"",
        partition=record.partition,
        offset=record.offset,
    )


class KafkaBus:
    """Publishes, and feeds batches to the subscriptions that were added before `start`."""

    def __init__(self, settings: KafkaSettings, client_id: str) -> None:
        self._settings = settings
        self._broker = KafkaBroker(
            settings.bootstrap.split(","),
            client_id=client_id,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            acks="all",
            max_request_size=settings.max_message_bytes,
            ack_policy=AckPolicy.NACK_ON_ERROR,
            apply_types=False,
            logger=logging.getLogger("faststream"),
            log_level=logging.DEBUG,
        )
        self._pace = Pace(settings) if settings.embedded else None
        self._first_wait_ms = settings.idle_wait_ms if settings.embedded else FETCH_WAIT_MS
        self._replies: Any = None
        self._offsets: list[Offsets] = []
        self._loops: list[asyncio.Task[None]] = []

    def subscribe(
        self, topics: Sequence[Topic], group: str, on_batch: OnBatch, most: int | None = None
    ) -> None:
        """Consumes topics as a member of a consumer group: at least once, in the order of keys."""
        offsets = Offsets()
        self._offsets.append(offsets)
        subscriber = self._broker.subscriber(
            *(topic.name for topic in topics),
            group_id=group,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=SESSION_TIMEOUT_MS // 4,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            listener=offsets,
            decoder=_undecoded,
            fetch_max_wait_ms=self._first_wait_ms,
        )
        self._feed(subscriber, on_batch, most or self._settings.max_batch, offsets)

    def subscribe_replies(self, partition: int, on_batch: OnBatch) -> None:
        """Consumes one partition of the replies, from now on and without a group."""
        subscriber = self._broker.subscriber(
            partitions=[TopicPartition(GATEWAY_REPLIES.name, partition)],
            auto_offset_reset="latest",
            # Without a group there are no offsets to commit; any other policy tries to.
            ack_policy=AckPolicy.ACK_FIRST,
            decoder=_undecoded,
            fetch_max_wait_ms=self._first_wait_ms,
        )
        self._feed(subscriber, on_batch, self._settings.max_batch)
        self._replies = subscriber

    def _feed(
        self, subscriber: Any, on_batch: OnBatch, most: int, offsets: Offsets | None = None
    ) -> None:
        """Has a subscriber hand over batches.

        FastStream's own batches sleep, deaf, whenever nothing has come for a while. So it
        is asked for single records, which wake it at once, and each takes along whatever
        else has arrived. What was not handled is delivered again.
        """
        pace = self._pace.follow(subscriber) if self._pace else None

        async def handle(first: Any) -> None:
            if pace:
                pace.busy()
            records = [first]
            if most > 1:
                more = await subscriber.consumer.getmany(timeout_ms=0, max_records=most - 1)
                records += [record for partition in more.values() for record in partition]
            try:
                await on_batch([_incoming(record) for record in records])
            except NotConsumed:
                _put_back(subscriber.consumer, records)
                await asyncio.sleep(NOT_CONSUMED_PAUSE_S)
            except BaseException:
                _put_back(subscriber.consumer, records)
                raise
            else:
                if offsets:
                    offsets.handled(subscriber.consumer, records)

        subscriber(handle)

    async def start(self) -> None:
        """Connects and joins the consumer groups."""
        await self._broker.start()
        self._loops = [asyncio.create_task(offsets.run()) for offsets in self._offsets]
        if self._pace:
            self._pace.start()
        if self._replies is not None:
            await self._begin_replies(self._replies.consumer)

    async def _begin_replies(self, consumer: AIOKafkaConsumer) -> None:
        # Settles where "from now on" begins, else replies that come at once are missed.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POSITION_TIMEOUT_S):
                for partition in consumer.assignment():
                    await consumer.position(partition)
        if self._settings.embedded:
            self._loops.append(asyncio.create_task(rewind(consumer)))

    async def stop(self) -> None:
        """Commits what was handled, lets the batches under way finish, and disconnects."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        for offsets in self._offsets:
            await offsets.commit()
        if self._pace:
            await self._pace.stop()
        await self._broker.stop()

    async def reachable(self) -> bool:
        """Whether the broker answers within half a second."""
        return await self._broker.ping(timeout=0.5)

    def assigned(self) -> bool:
        """Whether every consumer has partitions to read."""
        return all(_assignment(s) for s in self._broker.subscribers)

    async def publish(self, messages: Sequence[Outgoing]) -> list[Ack]:
        """Sends messages and waits for all acknowledgements, at most `ack_timeout_s`.

        Messages of one topic are sent in their order; a topic that cannot be sent to
        does not hold the others up.
        """
        deadline = asyncio.get_running_loop().time() + self._settings.ack_timeout_s
        by_topic: dict[str, list[int]] = {}
        for index, message in enumerate(messages):
            by_topic.setdefault(message.topic, []).append(index)
        acks = [Ack.UNKNOWN] * len(messages)

        async def send(indices: list[int]) -> None:
            sent = [await self._send(messages[index], deadline) for index in indices]
            waiting = [future for future in sent if isinstance(future, asyncio.Future)]
            if waiting:
                remaining = max(0.0, deadline - asyncio.get_running_loop().time())
                await asyncio.wait(waiting, timeout=remaining)
            for index, future in zip(indices, sent, strict=True):
                acks[index] = _ack(future)

        await asyncio.gather(*(send(indices) for indices in by_topic.values()))
        return acks

    async def _send(self, message: Outgoing, deadline: float) -> "asyncio.Future[Any] | Ack":
        try:
            async with asyncio.timeout_at(deadline):
                return await self._broker.publish(
                    message.value,
                    message.topic,
                    key=message.key.encode(),
                    partition=message.partition,
                    headers=message.headers,
                    no_confirm=True,
                )
        except TimeoutError:
            # No metadata of the topic, or no room in the buffer: it never left this process.
            return Ack.REFUSED
        except (AssertionError, KafkaError) as error:
            # aiokafka asserts that the partition exists; too large a message is a KafkaError.
            log.warning("publish refused", topic=message.topic, error=repr(error))
            return Ack.REFUSED


def _put_back(consumer: AIOKafkaConsumer, records: Sequence[Any]) -> None:
    """Puts a consumer back to before a batch, so that nothing of it counts as consumed."""
    first: dict[ConsumedPartition, int] = {}
    for record in records:
        partition = ConsumedPartition(record.topic, record.partition)
        first[partition] = min(record.offset, first.get(partition, record.offset))
    for partition, offset in first.items():
        # A partition that was taken away meanwhile is its new consumer's to read.
        with contextlib.suppress(IllegalStateError):
            consumer.seek(partition, offset)


def _ack(sent: "asyncio.Future[Any] | Ack") -> Ack:
    if isinstance(sent, Ack):
        return sent
    if not sent.done():
        # Nobody will look at it again; without this its late failure would be logged as lost.
        sent.add_done_callback(lambda future: future.cancelled() or future.exception())
        return Ack.UNKNOWN
    if sent.cancelled() or sent.exception() is not None:
        return Ack.UNKNOWN
    return Ack.ACKNOWLEDGED


def _assignment(subscriber: Any) -> bool:
    consumer: AIOKafkaConsumer | None = subscriber.consumer
    return consumer is not None and bool(consumer.assignment())
