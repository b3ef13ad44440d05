"""Starting over when the embedded broker has come back empty.

It answers a fetch beyond the end of a log with nothing, where Apache Kafka says
that the offset is out of range. Members of a group are told to join again, and
so begin at the start; a consumer without a group would wait until the new log
has grown past what it read of the old one.
"""

import asyncio

from aiokafka import AIOKafkaConsumer

LOOK_EVERY_S = 0.5


async def rewind(consumer: AIOKafkaConsumer) -> None:
    """Until cancelled, moves a consumer without a group to the start of a log that is new."""
    while True:
        for partition in consumer.assignment():
            # Of the same log, the highwater of a fetch is never below what was read from it.
            highwater = consumer.highwater(partition)
            if highwater is not None and highwater < await consumer.position(partition):
                await consumer.seek_to_beginning(partition)
        await asyncio.sleep(LOOK_EVERY_S)
