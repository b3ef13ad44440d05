"""Brokers with our topics on them."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.local.broker import Broker
from deploy.local.ports import free_ports
from libs.messaging.admin import ensure_topics
from libs.messaging.settings import KafkaSettings
from tests.integration.messaging.kafka_kit import settings_of
from tests.integration.messaging.letters_kit import Ledger, ledger_at


@pytest_asyncio.fixture(scope="session")
async def kafka(broker: Broker) -> KafkaSettings:
    """Settings for the broker of this session, which has our topics."""
    settings = settings_of(broker)
    await ensure_topics(settings)
    return settings


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that a test may stop and kill."""
    one = Broker(tmp_path / "broker", free_ports(1)[0])
    one.start()
    yield one
    if one.process is not None:
        one.process.kill()
        one.process.wait()


@pytest.fixture(scope="module")
def lone_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that has seen no other test's messages."""
    one = Broker(tmp_path_factory.mktemp("broker"), free_ports(1)[0])
    one.start()
    yield one
    one.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lone(lone_broker: Broker) -> KafkaSettings:
    settings = settings_of(lone_broker, partitions=2)
    await ensure_topics(settings)
    return settings


@pytest_asyncio.fixture
async def ledger(database_url: Callable[[str], str]) -> AsyncIterator[Ledger]:
    async with ledger_at(database_url("credits")) as ledger:
        yield ledger
