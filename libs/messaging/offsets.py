"""Committing what was handled: off the path of the messages, a few times a second.

A commit after every batch would cost a round trip each. What a crash leaves
uncommitted is delivered again, and the inbox knows it.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

log = structlog.get_logger()

COMMIT_EVERY_S = 0.5
COMMIT_TIMEOUT_S = 3.0


class Offsets(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """How far one consumer has handled each of its partitions."""

    def __init__(self) -> None:
        self._handled: dict[TopicPartition, int] = {}
        self._consumer: AIOKafkaConsumer | None = None

    def handled(self, consumer: AIOKafkaConsumer, records: Sequence[Any]) -> None:
        """Notes that records were handled."""
        self._consumer = consumer
        for record in records:
            partition = TopicPartition(record.topic, record.partition)
            self._handled[partition] = max(record.offset + 1, self._handled.get(partition, 0))

    async def commit(self) -> None:
        """Commits what was noted since the last time."""
        handled, self._handled = self._handled, {}
        if self._consumer is None:
            return
        own = self._consumer.assignment()
        offsets = {partition: at for partition, at in handled.items() if partition in own}
        if not offsets:
            return
        try:
            # Without a bound a broker that is away would hold up shutdowns and rebalances.
            async with asyncio.timeout(COMMIT_TIMEOUT_S):
                await self._consumer.commit(offsets)
        except (KafkaError, IllegalStateError, TimeoutError) as error:
            # Taken away or unreachable: whoever reads the partition next gets the messages again.
            log.info("offsets not committed", error=repr(error))

    async def run(self) -> None:
        """Commits until cancelled."""
        while True:
            await asyncio.sleep(COMMIT_EVERY_S)
            await self.commit()

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Before partitions go to another consumer, it learns how far this one got."""
        await self.commit()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Nothing was handled of these yet."""
