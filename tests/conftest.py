"""What every tier may ask for: a real PostgreSQL and a real broker, started once when needed."""

import secrets
from collections.abc import Callable, Iterator

import pytest

from deploy.local.broker import Broker
from deploy.local.ports import free_ports
from deploy.local.postgres import Postgres


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """An embedded PostgreSQL of this test session."""
    server = Postgres(tmp_path_factory.mktemp("postgres"), free_ports(1)[0], durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """An embedded broker of this test session; its topics outlive a test."""
    server = Broker(tmp_path_factory.mktemp("broker"), free_ports(1)[0])
    server.start()
    yield server
    server.stop()


@pytest.fixture
def database_url(postgres: Postgres) -> Callable[[str], str]:
    """Makes fresh, empty databases: `database_url("credits")` answers the URL of a new one."""

    def fresh(service: str) -> str:
        return postgres.ensure_database(f"{service}_{secrets.token_hex(6)}", secrets.token_hex(8))

    return fresh
