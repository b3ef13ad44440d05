"""One credits process for tests that only look, and one of its own for a test that breaks it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.local.broker import Broker
from deploy.local.ports import free_ports
from deploy.local.postgres import Postgres
from libs.messaging.settings import KafkaSettings
from tests.integration.runtime.credits_process import CreditsProcess, credits_process


def kafka_of(broker: Broker) -> KafkaSettings:
    return KafkaSettings(bootstrap=broker.bootstrap, embedded=True, partitions=2)


@pytest_asyncio.fixture(scope="module")
async def process(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[CreditsProcess]:
    """A credits process that no test breaks."""
    folder = tmp_path_factory.mktemp("credits")
    broker = Broker(folder / "broker", free_ports(1)[0])
    broker.start()
    url = postgres.ensure_database(f"metrics_{folder.name}".replace("-", "_"), "secret")
    try:
        async with credits_process(url, kafka_of(broker), folder) as process:
            yield process
    finally:
        broker.stop()


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that a test may freeze and kill."""
    broker = Broker(tmp_path / "broker", free_ports(1)[0])
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A PostgreSQL that a test may stop."""
    server = Postgres(tmp_path / "postgres", free_ports(1)[0], durable=False)
    server.start()
    yield server
    server.stop()
