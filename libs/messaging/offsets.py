"""Committing what was handled: off the path of the messages, a few times a second.

A commit after every batch would cost a round trip each. What a crash leaves
uncommitted is delivered again, and the inbox knows it.

The embedded broker may come back empty, and would take offsets of the old log for
those of the new: what was read under one assignment is never committed under another.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from libs.messaging.metrics import COMMIT_FAILURES

log = structlog.get_logger()

COMMIT_EVERY_S = 0.5
COMMIT_TIMEOUT_S = 3.0


class Offsets(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """How far the consumer `name` has handled each of its partitions."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._failures = COMMIT_FAILURES.labels(name)
        self._handled: dict[TopicPartition, int] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self.assignment = 0
        """Counts the times that partitions were assigned."""

    def handled(self, consumer: AIOKafkaConsumer, records: Sequence[Any], assignment: int) -> None:
        """Notes that records were handled that were read under an assignment."""
        if assignment != self.assignment:
            return
        self._consumer = consumer
        for record in records:
            self._handled[TopicPartition(record.topic, record.partition)] = record.offset + 1

    async def commit(self) -> None:
        """Commits what was noted; what cannot be committed now is tried again the next time."""
        if self._consumer is None or not self._handled:
            return
        if not _is_member(self._consumer):
            self._failed("no member of the group any more")
            return
        own = self._consumer.assignment()
        offsets = {partition: at for partition, at in self._handled.items() if partition in own}
        if not offsets:
            return
        try:
            # Without a bound a broker that is away would hold up shutdowns and rebalances.
            async with asyncio.timeout(COMMIT_TIMEOUT_S):
                await self._consumer.commit(offsets)
        except (KafkaError, IllegalStateError, TimeoutError) as error:
            # Taken away or unreachable: whoever reads the partition next gets the messages again.
            self._failed(repr(error))
        else:
            # More may have been handled meanwhile.
            self._handled = {p: at for p, at in self._handled.items() if offsets.get(p) != at}

    def _failed(self, why: str) -> None:
        self._failures.inc()
        log.warning("offsets not committed", consumer=self._name, error=why)

    async def run(self) -> None:
        """Commits until cancelled."""
        while True:
            await asyncio.sleep(COMMIT_EVERY_S)
            await self.commit()

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Before partitions go to another consumer, it learns how far this one got."""
        await self.commit()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """All are read anew from what was committed; what was not is delivered again."""
        self.assignment += 1
        self._handled.clear()


def _is_member(consumer: AIOKafkaConsumer) -> bool:
    """Whether the group still knows the consumer, which would else commit as nobody's member."""
    return bool(consumer._coordinator.generation >= 0)
