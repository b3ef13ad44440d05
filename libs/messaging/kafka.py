"""The bus on Kafka, through FastStream."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, TopicPartition

from libs.contracts.topics import GATEWAY_REPLIES, Topic
from libs.messaging.bus import Ack, Incoming, OnBatch, Outgoing
from libs.messaging.pace import Pace
from libs.messaging.settings import KafkaSettings

log = structlog.get_logger()

REQUEST_TIMEOUT_MS = 40_000
"""Must exceed a group join, or a consumer never starts."""
BATCH_WAIT_MS = 50
"""How long an idle consumer waits before it looks again (real Kafka wakes it at once)."""


async def _records(message: Any) -> list[Incoming]:
    """A FastStream decoder that leaves the bodies alone: the router parses what it routes."""
    return [
        Incoming(
            topic=record.topic,
            key=(record.key or b"").decode(),
            headers={name: value.decode() for name, value in record.headers},
            value=record.value or b"",
            partition=record.partition,
            offset=record.offset,
        )
        for record in message.raw_message
    ]


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

    def subscribe(
        self, topics: Sequence[Topic], group: str, on_batch: OnBatch, most: int | None = None
    ) -> None:
        """Consumes topics as a member of a consumer group: at least once, in the order of keys."""
        subscriber = self._broker.subscriber(
            *(topic.name for topic in topics),
            batch=True,
            group_id=group,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,
            max_records=most or self._settings.max_batch,
            decoder=_records,
            **self._waits(),
        )
        self._feed(subscriber, on_batch)

    def subscribe_replies(self, partition: int, on_batch: OnBatch) -> None:
        """Consumes one partition of the replies, from now on and without a group."""
        subscriber = self._broker.subscriber(
            partitions=[TopicPartition(GATEWAY_REPLIES.name, partition)],
            batch=True,
            auto_offset_reset="latest",
            # Without a group there are no offsets to commit; any other policy tries to.
            ack_policy=AckPolicy.ACK_FIRST,
            max_records=self._settings.max_batch,
            decoder=_records,
            **self._waits(),
        )
        self._feed(subscriber, on_batch)

    def _waits(self) -> dict[str, Any]:
        wait = self._settings.idle_wait_ms if self._settings.embedded else 500
        return {"fetch_max_wait_ms": wait, "batch_timeout_ms": BATCH_WAIT_MS}

    def _feed(self, subscriber: Any, on_batch: OnBatch) -> None:
        pace = self._pace.follow(subscriber) if self._pace else None

        async def handle(batch: list[Incoming]) -> None:
            if pace:
                pace.busy()
            await on_batch(batch)

        subscriber(handle)

    async def start(self) -> None:
        """Connects and joins the consumer groups."""
        await self._broker.start()
        if self._pace:
            self._pace.start()

    async def stop(self) -> None:
        """Finishes the batches under way, commits their offsets and disconnects."""
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
        """Sends messages in order and waits for all acknowledgements, at most `ack_timeout_s`."""
        deadline = asyncio.get_running_loop().time() + self._settings.ack_timeout_s
        futures = [await self._send(message, deadline) for message in messages]
        waiting = [future for future in futures if isinstance(future, asyncio.Future)]
        if waiting:
            remaining = max(0.0, deadline - asyncio.get_running_loop().time())
            await asyncio.wait(waiting, timeout=remaining)
        return [_ack(future) for future in futures]

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
        except (MessageSizeTooLargeError, KafkaError) as error:
            log.warning("publish refused", topic=message.topic, error=repr(error))
            return Ack.REFUSED


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
