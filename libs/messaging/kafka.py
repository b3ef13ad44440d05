"""The bus on Kafka, through FastStream."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, TopicPartition
from prometheus_client import Metric

from libs.contracts.topics import GATEWAY_REPLIES, Topic
from libs.messaging.bus import Ack, OnBatch, Outgoing
from libs.messaging.feed import Feed
from libs.messaging.metrics import PUBLISHED, consumer_metrics
from libs.messaging.offsets import Offsets
from libs.messaging.pace import Pace
from libs.messaging.records import undecoded, unparsed
from libs.messaging.rewind import rewind
from libs.messaging.settings import KafkaSettings
from libs.messaging.turn import POLL_INTERVAL_S

log = structlog.get_logger()

REQUEST_TIMEOUT_MS = 40_000
"""Must exceed a group join, or a consumer never starts."""


METADATA_AGE_MS = 5_000
"""How long partitions that a topic got meanwhile may stay unread, as after the embedded broker has
come back empty and a client that asked first had it make the topic."""
SESSION_TIMEOUT_MS = 6_000
"""How long a dead consumer keeps its partitions from the others."""
FETCH_WAIT_MS = 500
"""Longest wait of a fetch on Apache Kafka, which answers it as soon as there is a message."""
POSITION_TIMEOUT_S = 5.0
HANDLERS_S = 5.0
"""How long a stop waits for batches under way."""
DISCONNECT_S = 2.0
LOOP_PAUSE_S = 1.0
"""How long a loop rests that failed."""
LOOK_EVERY_S = 1.0
"""How often it is measured what waits for the consumers."""


class KafkaBus:
    """Publishes, and feeds batches to the subscriptions that were added before `start`."""

    def __init__(self, settings: KafkaSettings, client_id: str) -> None:
        self._settings = settings
        self._broker = KafkaBroker(
            settings.bootstrap.split(","),
            client_id=client_id,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            metadata_max_age_ms=METADATA_AGE_MS,
            acks="all",
            max_request_size=settings.max_message_bytes,
            ack_policy=AckPolicy.NACK_ON_ERROR,
            graceful_timeout=HANDLERS_S,
            apply_types=False,
            logger=logging.getLogger("faststream"),
            log_level=logging.DEBUG,
        )
        self._pace = Pace(settings) if settings.embedded else None
        self._first_wait_ms = settings.idle_wait_ms if settings.embedded else FETCH_WAIT_MS
        self._replies: Any = None
        self._offsets: list[Offsets] = []
        self._feeds: list[Feed] = []
        self._loops: list[asyncio.Task[None]] = []
        self._stopped_consuming = False

    def subscribe(
        self, topics: Sequence[Topic], group: str, on_batch: OnBatch, most: int | None = None
    ) -> None:
        """Consumes topics as a member of a consumer group: at least once, in the order of keys."""
        offsets = Offsets(group)
        self._offsets.append(offsets)
        subscriber = self._broker.subscriber(
            *(topic.name for topic in topics),
            group_id=group,
            max_poll_interval_ms=int(POLL_INTERVAL_S * 1000),
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=SESSION_TIMEOUT_MS // 4,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            listener=offsets,
            parser=unparsed,
            decoder=undecoded,
            fetch_max_wait_ms=self._first_wait_ms,
        )
        self._feed(subscriber, group, on_batch, most or self._settings.max_batch, offsets)

    def subscribe_replies(self, partition: int, on_batch: OnBatch) -> None:
        """Consumes one partition of the replies, from now on and without a group."""
        subscriber = self._broker.subscriber(
            partitions=[TopicPartition(GATEWAY_REPLIES.name, partition)],
            auto_offset_reset="latest",
            # Without a group there are no offsets to commit; any other policy tries to.
            ack_policy=AckPolicy.ACK_FIRST,
            parser=unparsed,
            decoder=undecoded,
            fetch_max_wait_ms=self._first_wait_ms,
        )
        self._feed(subscriber, "replies", on_batch, self._settings.max_batch)
        self._replies = subscriber

    def _feed(
        self,
        subscriber: Any,
        name: str,
        on_batch: OnBatch,
        most: int,
        offsets: Offsets | None = None,
    ) -> None:
        pace = self._pace.follow(subscriber) if self._pace else None
        self._feeds.append(Feed(subscriber, name, on_batch, most, offsets, pace))

    async def start(self) -> None:
        """Connects and joins the consumer groups."""
        await self._broker.start()
        loops: list[Callable[[], Awaitable[None]]] = [self._look]
        loops += [offsets.run for offsets in self._offsets]
        if self._settings.embedded:
            loops += [partial(rewind, feed.consumer) for feed in self._feeds]
        self._loops = [asyncio.create_task(kept_going(loop)) for loop in loops]
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

    async def _look(self) -> None:
        while True:
            for feed in self._feeds:
                await feed.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def stop_consuming(self) -> None:
        """Lets the batches under way finish and commits what was handled; can still publish."""
        self._stopped_consuming = True
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._pace:
            await self._pace.stop()
        await asyncio.gather(*(feed.stop() for feed in self._feeds))

    async def stop(self) -> None:
        """Stops consuming, if it has not been stopped yet, and disconnects."""
        if not self._stopped_consuming:
            await self.stop_consuming()
        # A producer waits for acknowledgements far longer than anybody who was told of them.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DISCONNECT_S):
                await self._broker.stop()

    async def metrics(self) -> list[Metric]:
        """What waits for the consumers, as it was measured last."""
        return consumer_metrics([feed.progress for feed in self._feeds])

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
        fates = Counter((message.topic, ack) for message, ack in zip(messages, acks, strict=True))
        for (topic, ack), count in fates.items():
            PUBLISHED.labels(topic, ack.value).inc(count)
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
        except MessageSizeTooLargeError:
            log.warning("publish refused: too large", topic=message.topic, type=message.type)
            return Ack.TOO_LARGE
        except (AssertionError, KafkaError) as error:
            # aiokafka asserts that the partition exists.
            log.warning("publish refused", topic=message.topic, error=repr(error))
            return Ack.REFUSED


async def kept_going(loop: Callable[[], Awaitable[None]]) -> None:
    """Runs what never ends by itself, until cancelled; starts it again whenever it fails."""
    while True:
        try:
            await loop()
        except Exception:
            log.exception("a loop of the consumers failed, starting it again")
        await asyncio.sleep(LOOP_PAUSE_S)


def _ack(sent: "asyncio.Future[Any] | Ack") -> Ack:
    if isinstance(sent, Ack):
        return sent
    if not sent.done():
        # Nobody will look at it again; without this its late failure would be logged as lost.
        sent.add_done_callback(lambda future: future.cancelled() or future.exception())
        return Ack.UNKNOWN
    if sent.cancelled():
        return Ack.UNKNOWN
    match sent.exception():
        case None:
            return Ack.ACKNOWLEDGED
        case MessageSizeTooLargeError() | RecordListTooLargeError():
            return Ack.TOO_LARGE  # the broker's limit is lower than ours
    return Ack.UNKNOWN


def _assignment(subscriber: Any) -> bool:
    consumer: AIOKafkaConsumer | None = subscriber.consumer
    return consumer is not None and bool(consumer.assignment())
