"""A consumer that dies in the middle of a batch has not consumed it: on a real broker."""

import asyncio
import secrets
from collections.abc import Sequence

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from libs.contracts.topics import RESEARCH_TASKS
from libs.messaging.bus import Incoming
from libs.messaging.kafka import KafkaBus
from libs.messaging.offsets import COMMIT_EVERY_S
from libs.messaging.settings import KafkaSettings
from tests.integration.messaging.kafka_kit import Taken, fresh_group, numbered, running, until


async def committed(kafka: KafkaSettings, group: str, of: Incoming) -> int:
    """Where a successor would begin to read the partition of a message."""
    place = TopicPartition(of.topic, of.partition)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group, partitions=[place])
        return offsets[place].offset if place in offsets else 0
    finally:
        await admin.close()


async def until_committed(kafka: KafkaSettings, group: str, of: Incoming) -> None:
    async with asyncio.timeout(10):
        while await committed(kafka, group, of) <= of.offset:
            await asyncio.sleep(0.1)


async def test_nothing_is_committed_of_a_batch_under_way(kafka: KafkaSettings) -> None:
    """A kill at any point of it leaves the whole batch to the next consumer."""
    mine, group = secrets.token_hex(4), fresh_group()
    taken, begun, finish = Taken(mine), asyncio.Event(), asyncio.Event()
    under_way: list[Incoming] = []

    async def hangs_at_the_second(batch: Sequence[Incoming]) -> None:
        second = [m for m in batch if m.key == mine and b'"step":"1"' in m.value]
        if second:
            under_way.extend(second)
            begun.set()
            await finish.wait()
        await taken(batch)

    bus = KafkaBus(kafka, "test")
    bus.subscribe([RESEARCH_TASKS], group, hangs_at_the_second)
    async with running(bus):
        try:
            await bus.publish([numbered(mine, 0)])
            await until(lambda: taken.numbers(mine) == [0])
            await until_committed(kafka, group, taken.messages[0])
            await bus.publish([numbered(mine, 1), numbered(mine, 2)])
            await begun.wait()
            await asyncio.sleep(3 * COMMIT_EVERY_S)
            [second] = under_way
            assert await committed(kafka, group, second) <= second.offset
        finally:
            finish.set()
        await until(lambda: taken.numbers(mine) == [0, 1, 2])
        await until_committed(kafka, group, taken.messages[2])
