"""The embedded broker carries messages and comes back empty after a kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy.local.broker import Broker, answers
from deploy.local.ports import free_ports


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    one = Broker(tmp_path / "broker", free_ports(1)[0])
    one.start()
    yield one
    one.stop()


async def carry(bootstrap: str, topic: str) -> bytes | None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await producer.start()
    await producer.send_and_wait(topic, b"hello")
    await producer.stop()
    await consumer.start()
    message = await consumer.getone()
    await consumer.stop()
    value: bytes | None = message.value
    return value


async def test_a_message_is_carried(own_broker: Broker) -> None:
    assert await carry(own_broker.bootstrap, "one") == b"hello"


async def test_it_comes_back_on_the_same_port_after_a_kill(own_broker: Broker) -> None:
    assert own_broker.process is not None
    own_broker.process.kill()
    own_broker.process.wait()
    assert not answers(own_broker.port)
    own_broker.start()
    assert await carry(own_broker.bootstrap, "two") == b"hello"


def test_a_stopped_broker_leaves_no_process(own_broker: Broker) -> None:
    own_broker.stop()
    assert own_broker.process is not None
    assert own_broker.process.poll() is not None
    assert not answers(own_broker.port)
