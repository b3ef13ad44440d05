"""Starting over when the embedded broker has come back empty.

It answers a fetch beyond the end of a log with nothing, where Apache Kafka says
that the offset is out of range: a consumer would wait until the new log has grown
past what it read of the old one. Members of a group are told to join again, and so
begin at the start, unless a commit that was under way has carried offsets of the
old log over.
"""

import asyncio
import contextlib

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

LOOK_EVERY_S = 0.5


async def rewind(consumer: AIOKafkaConsumer) -> None:
    """Until cancelled, moves a consumer to the start of each log that is new."""
    while True:
        for partition in consumer.assignment():
            with contextlib.suppress(KafkaError):  # taken away meanwhile, or the broker is away
                await _rewind(consumer, partition)
        await asyncio.sleep(LOOK_EVERY_S)


async def _rewind(consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
    position = await consumer.position(partition)
    # Of the same log, the highwater of a fetch is never below what was read from it.
    highwater = consumer.highwater(partition)
    if highwater is not None and highwater < position:
        await consumer.seek_to_beginning(partition)
