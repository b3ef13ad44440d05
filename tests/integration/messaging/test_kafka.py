"""The bus on a real broker: order, batches, redelivery, replies."""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient

from libs.contracts.topics import RESEARCH_TASKS
from libs.messaging.bus import Ack, Incoming
from libs.messaging.kafka import KafkaBus
from libs.messaging.pace import CALM_AFTER_S
from libs.messaging.settings import KafkaSettings
from tests.integration.messaging.kafka_kit import (
    Taken,
    fresh_group,
    numbered,
    reply_to,
    running,
    until,
)


async def test_messages_of_a_key_arrive_in_order_and_in_batches(kafka: KafkaSettings) -> None:
    mine = secrets.token_hex(4)
    taken = Taken(mine)
    bus = KafkaBus(kafka, "test")
    bus.subscribe([RESEARCH_TASKS], fresh_group(), taken)
    keys = [f"{mine}-{k}" for k in range(10)]
    async with running(bus):
        for start in range(0, 30, 10):
            batch = [numbered(key, n) for n in range(start, start + 10) for key in keys]
            assert set(await bus.publish(batch)) == {Ack.ACKNOWLEDGED}
        await until(lambda: len(taken.messages) >= 300)
    assert {key: taken.numbers(key) for key in keys} == {key: list(range(30)) for key in keys}
    assert max(taken.batches) > 10
    partitions = defaultdict(set)
    for message in taken.messages:
        partitions[message.key].add(message.partition)
    assert all(len(places) == 1 for places in partitions.values())


async def test_a_batch_is_no_larger_than_asked_for(kafka: KafkaSettings) -> None:
    mine = secrets.token_hex(4)
    taken = Taken(mine)
    bus = KafkaBus(kafka, "test")
    bus.subscribe([RESEARCH_TASKS], fresh_group(), taken, most=1)
    async with running(bus):
        await bus.publish([numbered(mine, n) for n in range(5)])
        await until(lambda: len(taken.messages) >= 5)
    assert max(taken.batches) == 1


async def test_a_batch_whose_handler_raised_comes_again(kafka: KafkaSettings) -> None:
    mine = secrets.token_hex(4)
    taken = Taken(mine)
    failures = 0

    def fails_twice(batch: Sequence[Incoming]) -> None:
        nonlocal failures
        if batch and failures < 2:
            failures += 1
            raise ValueError("not now")

    taken.fails = fails_twice
    bus = KafkaBus(kafka, "test")
    bus.subscribe([RESEARCH_TASKS], fresh_group(), taken)
    async with running(bus):
        await bus.publish([numbered(mine, n) for n in range(20)])
        await until(lambda: len(taken.messages) >= 20)
    assert failures == 2
    assert taken.numbers(mine) == list(range(20))


async def test_what_was_not_handled_comes_again_after_a_restart(kafka: KafkaSettings) -> None:
    mine, group = secrets.token_hex(4), fresh_group()
    taken = Taken(mine)
    refused = asyncio.Event()

    def refuses_the_second_half(batch: Sequence[Incoming]) -> None:
        if any(b'"step":"1' in message.value for message in batch):
            refused.set()
            raise ValueError("this process cannot")

    taken.fails = refuses_the_second_half
    bus = KafkaBus(kafka, "test")
    bus.subscribe([RESEARCH_TASKS], group, taken)
    async with running(bus):
        await bus.publish([numbered(mine, 0)])
        await until(lambda: taken.numbers(mine) == [0])
        await bus.publish([numbered(mine, n) for n in range(10, 15)])
        await refused.wait()

    again = Taken(mine)
    successor = KafkaBus(kafka, "test")
    successor.subscribe([RESEARCH_TASKS], group, again)
    async with running(successor):
        await until(lambda: len(again.messages) >= 5)
        await asyncio.sleep(0.5)
    assert again.numbers(mine) == list(range(10, 15))


async def test_too_large_a_message_is_refused_alone(kafka: KafkaSettings) -> None:
    mine = secrets.token_hex(4)
    async with running(KafkaBus(kafka, "test")) as bus:
        acks = await bus.publish(
            [
                numbered(mine, 0),
                numbered(mine, 1, size=kafka.max_message_bytes + 1),
                numbered(mine, 2),
            ]
        )
    assert acks == [Ack.ACKNOWLEDGED, Ack.TOO_LARGE, Ack.ACKNOWLEDGED]


async def test_a_large_message_that_fits_goes_through(kafka: KafkaSettings) -> None:
    mine = secrets.token_hex(4)
    async with running(KafkaBus(kafka, "test")) as bus:
        acks = await bus.publish([numbered(mine, 0, size=kafka.max_message_bytes - 2000)])
    assert acks == [Ack.ACKNOWLEDGED]


async def test_replies_arrive_at_their_partition_alone_and_only_new_ones(
    kafka: KafkaSettings,
) -> None:
    one, other = Taken(), Taken()
    first, second = KafkaBus(kafka, "test"), KafkaBus(kafka, "test")
    first.subscribe_replies(1, one)
    second.subscribe_replies(2, other)
    async with running(first):
        await asyncio.sleep(0.5)
        await first.publish([reply_to(1, "early"), reply_to(2, "missed")])
        await until(lambda: one.correlation_ids == ["early"])
        async with running(second):
            await asyncio.sleep(0.5)
            await first.publish([reply_to(2, "b"), reply_to(1, "a")])
            await until(lambda: bool(other.messages) and len(one.messages) == 2)
    assert one.correlation_ids == ["early", "a"]
    # The end that the embedded broker tells may lie a little back, never ahead.
    assert other.correlation_ids[-1] == "b"
    assert {message.partition for message in other.messages} == {2}


async def test_a_reply_right_after_the_start_arrives(kafka: KafkaSettings) -> None:
    for round_ in range(5):
        taken = Taken()
        bus = KafkaBus(kafka, "test")
        bus.subscribe_replies(3, taken)
        async with running(bus):
            await bus.publish([reply_to(3, f"at once {round_}")])
            await until(lambda taken=taken: bool(taken.messages), 3)  # type: ignore[misc]


async def test_a_partition_that_does_not_exist_is_refused_alone(kafka: KafkaSettings) -> None:
    async with running(KafkaBus(kafka, "test")) as bus:
        acks = await bus.publish([reply_to(0, "there"), reply_to(99, "nowhere")])
    assert acks == [Ack.ACKNOWLEDGED, Ack.REFUSED]


async def test_the_pace_follows_the_traffic(
    kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The waits that fetches really ask for: short after a message, long when it is quiet."""
    waits: list[int] = []
    send = AIOKafkaClient.send

    async def spy(self: Any, node_id: Any, request: Any, **kwargs: Any) -> Any:
        if type(request).__name__ == "FetchRequest":
            waits.append(request._max_wait_ms)
        return await send(self, node_id, request, **kwargs)

    monkeypatch.setattr(AIOKafkaClient, "send", spy)
    taken = Taken()
    paced = kafka.model_copy(update={"busy_wait_ms": 7, "idle_wait_ms": 123})
    bus = KafkaBus(paced, "test")
    bus.subscribe_replies(0, taken)
    async with running(bus):
        await until(lambda: 123 in waits)
        await asyncio.sleep(0.5)
        await bus.publish([reply_to(0, "wake")])
        await until(lambda: bool(taken.messages))
        waits.clear()
        await until(lambda: waits[-3:] == [7, 7, 7], 2)
        await asyncio.sleep(CALM_AFTER_S + 1)
        assert waits[-1] == 123


async def test_a_steady_hop_is_quick(kafka: KafkaSettings) -> None:
    taken = Taken()
    bus = KafkaBus(kafka, "test")
    bus.subscribe_replies(1, taken)
    async with running(bus):
        await asyncio.sleep(0.5)
        await bus.publish([reply_to(1, "wake")])
        await until(lambda: bool(taken.messages))
        hops = []
        for n in range(11):
            await bus.publish([reply_to(1, f"hop {n}")])
            hops.append(await until(lambda n=n: len(taken.messages) > n + 1))  # type: ignore[misc]
    assert sorted(hops)[5] < kafka.idle_wait_ms / 1000
