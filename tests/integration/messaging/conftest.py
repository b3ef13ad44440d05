"""Brokers with our topics on them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.local.broker import Broker
from deploy.local.ports import free_ports
from libs.messaging.admin import ensure_topics
from libs.messaging.settings import KafkaSettings
from tests.integration.messaging.kafka_kit import settings_of


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
