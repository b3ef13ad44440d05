"""Feeds one subscription: batches to its handler, and back what was not handled."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError

from libs.messaging.bus import NotConsumed, OnBatch, PartlyConsumed
from libs.messaging.offsets import Offsets
from libs.messaging.pace import Follower
from libs.messaging.progress import Progress
from libs.messaging.records import incoming

log = structlog.get_logger()

NOT_CONSUMED_PAUSE_S = 0.2
FAILED_PAUSE_S = 1.0
"""How long a batch waits whose handler raised, which a router never does."""
LOOK_TIMEOUT_S = 5.0


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
        assignment = self._assignment()
        try:
            if self._most > 1:
                more = await consumer.getmany(timeout_ms=0, max_records=self._most - 1)
                records += [record for partition in more.values() for record in partition]
            self.progress.begun(records)
            await self._on_batch([incoming(record) for record in records])
        except PartlyConsumed as error:
            rest = _firsts(error.rest)
            await self._consumed([r for r in records if _is_before(r, rest)], assignment)
            self._put_back(error.rest, assignment)
            await asyncio.sleep(NOT_CONSUMED_PAUSE_S)
        except NotConsumed:
            self._put_back(records, assignment)
            await asyncio.sleep(NOT_CONSUMED_PAUSE_S)
        except Exception:
            self._put_back(records, assignment)
            await asyncio.sleep(FAILED_PAUSE_S)
            raise
        except BaseException:
            self._put_back(records, assignment)
            raise
        else:
            await self._consumed(records, assignment)

    def _assignment(self) -> int:
        return self._offsets.assignment if self._offsets else 0

    async def _consumed(self, records: Sequence[Any], assignment: int) -> None:
        """Notes that records count as consumed that were read under an assignment."""
        if not records:
            return
        self.progress.handled(records)
        if self._offsets:
            self._offsets.handled(self.consumer, records, assignment)
            if self._stopping:
                await self._offsets.commit()

    def _put_back(self, records: Sequence[Any], assignment: int) -> None:
        """Puts the consumer back to before records, so that none of them counts as consumed."""
        if assignment != self._assignment():
            return  # it reads from what was committed, perhaps another log
        for partition, offset in _firsts(records).items():
            # A partition that was taken away meanwhile is its new consumer's to read.
            with contextlib.suppress(IllegalStateError):
                self.consumer.seek(partition, offset)

    async def look(self) -> None:
        """Measures what waits for this subscription, if that can be told now."""
        try:
            # A position that is not known yet is waited for, as long as a request may take.
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                await self.progress.look(self.consumer)
        except Exception as error:  # mostly a partition that is just being taken away
            log.info("lag not measured", consumer=self.progress.name, error=repr(error))

    async def stop(self) -> None:
        """Lets a batch under way finish, commits what was handled, and reads no more."""
        self._stopping = True  # from now on a batch commits its own offsets
        if self._offsets:
            await self._offsets.commit()
        await self._subscriber.stop()


def _firsts(records: Sequence[Any]) -> Mapping[TopicPartition, int]:
    """The first offset of each partition among records, or messages."""
    first: dict[TopicPartition, int] = {}
    for record in records:
        partition = TopicPartition(record.topic, record.partition)
        first[partition] = min(record.offset, first.get(partition, record.offset))
    return first


def _is_before(record: Any, firsts: Mapping[TopicPartition, int]) -> bool:
    first = firsts.get(TopicPartition(record.topic, record.partition))
    return first is None or bool(record.offset < first)
