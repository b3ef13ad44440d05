"""One world for each test, on databases that are migrated once."""

from collections.abc import AsyncIterator

import pytest

from deploy.local.postgres import Postgres
from libs.messaging.testing import ControlledBus
from tests.saga.crashes import Databases
from tests.saga.invariants import check_all
from tests.saga.world import World


@pytest.fixture(scope="session")
async def databases(postgres: Postgres) -> AsyncIterator[Databases]:
    def url(service: str) -> str:
        return postgres.ensure_database(f"saga_{service}", "saga")

    databases = await Databases.create(url)
    yield databases
    await databases.close()


@pytest.fixture
async def world(databases: Databases) -> AsyncIterator[World]:
    """The system; after the test, what must always hold is checked on whatever it left."""
    await databases.clear()
    world = World(databases, ControlledBus())
    yield world
    await check_all(world)
