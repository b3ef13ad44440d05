"""What the bus does while the broker is away, silent, or back without its memory."""

import asyncio
import secrets
import signal
import time
from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.broker import Broker
from libs.contracts.topics import RESEARCH_TASKS
from libs.messaging.admin import ensure_topics
from libs.messaging.bus import Ack, Incoming
from libs.messaging.kafka import KafkaBus
from tests.integration.messaging.kafka_kit import (
    JOIN_S,
    Taken,
    fresh_group,
    numbered,
    reply_to,
    running,
    settings_of,
    until,
)

MARGIN_S = 0.7


def kill(broker: Broker) -> None:
    assert broker.process is not None
    broker.process.kill()
    broker.process.wait()


async def come_back_empty(broker: Broker) -> None:
    """As the local stack does it: on the same port, and with the topics made again."""
    await asyncio.to_thread(broker.start)
    await ensure_topics(settings_of(broker))


@pytest.mark.parametrize("fault", ["killed", "stopped"])
async def test_a_publish_ends_in_time_without_a_broker(own_broker: Broker, fault: str) -> None:
    settings = settings_of(own_broker)
    await ensure_topics(settings)
    bus = KafkaBus(settings, "test")
    await bus.start()
    assert own_broker.process is not None
    try:
        assert await bus.publish([numbered("a", 0)]) == [Ack.ACKNOWLEDGED]
        assert await bus.reachable()
        if fault == "killed":
            kill(own_broker)
        else:
            own_broker.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        acks = await bus.publish([numbered(str(key), 1) for key in range(20)])
        assert time.monotonic() - began < settings.ack_timeout_s + MARGIN_S
        assert set(acks) <= {Ack.REFUSED, Ack.UNKNOWN}
        began = time.monotonic()
        assert not await bus.reachable()
        assert time.monotonic() - began < 0.5 + MARGIN_S
    finally:
        if fault == "stopped":
            own_broker.process.send_signal(signal.SIGCONT)
        else:
            await come_back_empty(own_broker)
        await bus.stop()


async def test_a_message_to_a_topic_unknown_so_far_is_refused_without_a_broker(
    own_broker: Broker,
) -> None:
    """No topics yet, so the message never left: the caller may be told that nothing happened."""
    settings = settings_of(own_broker)
    bus = KafkaBus(settings, "test")
    await bus.start()
    kill(own_broker)
    try:
        began = time.monotonic()
        assert await bus.publish([numbered("a", 0), numbered("b", 1)]) == [Ack.REFUSED] * 2
        assert time.monotonic() - began < settings.ack_timeout_s + MARGIN_S
    finally:
        await come_back_empty(own_broker)
        await bus.stop()


async def test_a_group_and_a_producer_survive_a_broker_that_comes_back_empty(
    own_broker: Broker,
) -> None:
    settings = settings_of(own_broker)
    await ensure_topics(settings)
    taken = Taken()
    bus = KafkaBus(settings, "test")
    bus.subscribe([RESEARCH_TASKS], fresh_group(), taken)
    async with running(bus):
        await bus.publish([numbered(f"k{n}", n) for n in range(40)])
        await until(lambda: len(taken.messages) == 40)
        kill(own_broker)
        await asyncio.sleep(1)
        await come_back_empty(own_broker)
        # Fewer than before: positions in the old log lie beyond the end of the new one.
        acks = [(await bus.publish([numbered(f"k{n}", 100 + n)]))[0] for n in range(12)]
        assert acks[1:] == [Ack.ACKNOWLEDGED] * 11
        expected = {100 + n for n, ack in enumerate(acks) if ack is Ack.ACKNOWLEDGED}

        def numbers() -> set[int]:
            return {number for n in range(12) for number in taken.numbers(f"k{n}")}

        # The group notices with its next heartbeat (3 s) and joins again (5 s).
        await until(lambda: expected <= numbers(), 25)


async def test_replies_arrive_again_after_a_broker_came_back_empty(own_broker: Broker) -> None:
    """Without a group, nobody tells the consumer that the log is a new one."""
    settings = settings_of(own_broker)
    await ensure_topics(settings)
    taken = Taken()
    bus = KafkaBus(settings, "test")
    bus.subscribe_replies(2, taken)
    async with running(bus):
        await asyncio.sleep(0.5)
        await bus.publish([reply_to(2, f"old {n}") for n in range(50)])
        await until(lambda: len(taken.messages) == 50)
        kill(own_broker)
        await asyncio.sleep(1)
        await come_back_empty(own_broker)
        acknowledged: list[str] = []
        for n in range(5):
            [ack] = await bus.publish([reply_to(2, f"new {n}")])
            if ack is Ack.ACKNOWLEDGED:
                acknowledged.append(f"new {n}")
            await asyncio.sleep(0.2)
        assert len(acknowledged) >= 4
        await until(lambda: set(acknowledged) <= set(taken.correlation_ids), 5)


async def test_topics_that_come_back_with_more_partitions_are_read_whole(
    own_broker: Broker,
) -> None:
    """Whoever asks the empty broker first has it make a topic, with more partitions than ours."""
    settings = settings_of(own_broker, partitions=1)
    await ensure_topics(settings)
    mine = secrets.token_hex(4)
    heard: set[str] = set()

    async def on_batch(batch: Sequence[Incoming]) -> None:
        heard.update(message.key for message in batch if message.key.startswith(mine))

    bus = KafkaBus(settings, "test")
    bus.subscribe([RESEARCH_TASKS], fresh_group(), on_batch)
    async with running(bus):
        await bus.publish([numbered(f"{mine}-first", 0)])
        await until(lambda: len(heard) == 1)
        kill(own_broker)
        await asyncio.to_thread(own_broker.start)
        stranger = AIOKafkaProducer(bootstrap_servers=own_broker.bootstrap)
        await stranger.start()
        assert len(await stranger.partitions_for(RESEARCH_TASKS.name)) > 1
        await stranger.stop()
        await ensure_topics(settings)
        keys = {f"{mine}-{number}" for number in range(20)}
        async with asyncio.timeout(JOIN_S):
            while not keys <= heard:
                await bus.publish([numbered(key, 0) for key in sorted(keys - heard)])
                await asyncio.sleep(1)
