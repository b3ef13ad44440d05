"""Feeds one subscription: batches to its handler, and back what was not handled."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from libs.messaging.bus import NotConsumed, OnBatch
from libs.messaging.offsets import Offsets
from libs.messaging.pace import Follower
from libs.messaging.progress import Progress
from libs.messaging.records import incoming

NOT_CONSUMED_PAUSE_S = 0.2
FAILED_PAUSE_S = 1.0
"""How long a batch waits whose handler raised, which a router never does."""


class Feed:
    """Hands a FastStream subscriber's records to `on_batch`, at most `most` at a time.

    FastStream's own batches sleep, deaf, whenever nothing has come for a while. So it
    is asked for single records, which wake it at once, and each takes along whatever
    else has arrived. What was not handled is delivered again.
    """

    def __init__(
        self,
        subscriber: Any,
        name: str,
        on_batch: OnBatch,
        most: int,
        offsets: Offsets | None = None,
        pace: Follower | None = None,
    ) -> None:
        self.progress = Progress(name)
        self._subscriber = subscriber
        self._on_batch = on_batch
        self._most = most
        self._offsets = offsets
        self._pace = pace
        self._stopping = False
        subscriber(self._handle)

    @property
    def consumer(self) -> AIOKafkaConsumer:
        """The consumer, once the broker was started."""
        return self._subscriber.consumer

    async def _handle(self, first: Any) -> None:
        consumer = self.consumer
        if self._pace:
            self._pace.busy()
        records = [first]
        if self._most > 1:
            more = await consumer.getmany(timeout_ms=0, max_records=self._most - 1)
            records += [record for partition in more.values() for record in partition]
        assignment = self._offsets.assignment if self._offsets else 0
        self.progress.begun(records)
        try:
            await self._on_batch([incoming(record) for record in records])
        except NotConsumed:
            _put_back(consumer, records)
            await asyncio.sleep(NOT_CONSUMED_PAUSE_S)
            return
        except Exception:
            _put_back(consumer, records)
            await asyncio.sleep(FAILED_PAUSE_S)
            raise
        except BaseException:
            _put_back(consumer, records)
            raise
        self.progress.handled(records)
        if self._offsets:
            self._offsets.handled(consumer, records, assignment)
            if self._stopping:
                await self._offsets.commit()

    async def look(self) -> None:
        """Measures what waits for this subscription."""
        with contextlib.suppress(KafkaError):  # a partition is just being taken away
            await self.progress.look(self.consumer)

    async def stop(self) -> None:
        """Lets a batch under way finish, commits what was handled, and reads no more."""
        self._stopping = True  # from now on a batch commits its own offsets
        if self._offsets:
            await self._offsets.commit()
        await self._subscriber.stop()


def _put_back(consumer: AIOKafkaConsumer, records: Sequence[Any]) -> None:
    """Puts a consumer back to before a batch, so that nothing of it counts as consumed."""
    first: dict[TopicPartition, int] = {}
    for record in records:
        partition = TopicPartition(record.topic, record.partition)
        first[partition] = min(record.offset, first.get(partition, record.offset))
    for partition, offset in first.items():
        # A partition that was taken away meanwhile is its new consumer's to read.
        with contextlib.suppress(IllegalStateError):
            consumer.seek(partition, offset)
